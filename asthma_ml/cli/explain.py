"""``asthma-ml explain``: why the model says what it says, as sentences and figures."""

from __future__ import annotations

import io
import re
import tempfile
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, cast

import click
import numpy as np

from asthma_ml.cli.options import (
    FIGURE_SUFFIXES,
    RESEARCH_NOTE,
    TABLE_SUFFIXES,
    columns_option,
    examples,
    model_option,
    patients_argument,
    refuse_overwriting,
    say,
    with_verbosity,
    writable,
)
from asthma_ml.errors import UnusableInputError
from asthma_ml.variables import ID

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure
    from numpy.typing import NDArray

    from asthma_ml.classifier import Players
    from asthma_ml.explanation import Explanation, Length
    from asthma_ml.patients import PatientTable

_OVERVIEW, _FINDINGS_DRAWN = "all_patients", 3


@click.command(
    "explain",
    epilog=examples(
        "explain patients.csv --patient P001",
        "explain patients.csv --patient P001 --length long",
        "explain patients.csv --patient P001 -o P001.png",
        "explain patients.csv --patient P001 --what-if",
        "explain visits.csv --patient P001 --line 86",
        "explain patients.csv --all -o explanations",
        "explain patients.csv --all --players factors --background stored --values factors.csv",
        "explain patients.csv --all --interactions interactions.csv",
    ),
)
@patients_argument
@click.option("--patient", metavar="ID", help="Explain this patient.")
@click.option(
    "--line",
    metavar="N",
    type=click.IntRange(min=1),
    help="Explain the row on this line of FILE, counted as by validate; with --patient, which visit.",
)
@click.option("--all", "everyone", is_flag=True, help="Explain every patient.")
@model_option
@columns_option
@click.option(
    "-o",
    "--output",
    metavar="FILE_OR_FOLDER",
    default="-",
    help="Figure (.png or .svg) of one patient, or a new folder; only sentences if left out.",
)
@click.option(
    "--players",
    type=click.Choice(["features", "factors"]),
    default="features",
    show_default=True,
    help="Whose Shapley values: a factor is the sum of its features, or has its own.",
)
@click.option(
    "--background",
    metavar="FILE|stored",
    help="Patients who stand in for what is not known: of a table, or those the model has stored.",
)
@click.option(
    "--values",
    metavar="FILE",
    callback=writable(TABLE_SUFFIXES, standard_output=False),
    help="Write base, factors and features of each patient to a table.",
)
@click.option(
    "--interactions",
    metavar="FILE",
    callback=writable(TABLE_SUFFIXES, standard_output=False),
    help="Write what factors do alone, and in pairs, to a table.",
)
@click.option(
    "--length",
    type=click.Choice(["short", "medium", "long"]),
    default="medium",
    show_default=True,
    help="Of each sentence; the long one names mechanisms.",
)
@click.option(
    "--what-if",
    "asks_what_if",
    is_flag=True,
    help="Also name the smallest change of conduct, exposure or prescription that changes the call.",
)
@with_verbosity
def explain_command(
    *,
    file: str,
    patient: str | None,
    line: int | None,
    everyone: bool,
    model: str | None,
    columns: str | None,
    output: str,
    players: Players,
    background: str | None,
    values: str | None,
    interactions: str | None,
    length: Length,
    asks_what_if: bool,
) -> None:
    """Explain predictions in documented factors.

    Prints some sentences per patient; with -o it draws figures too. Numbers are on the log-odds scale. A folder
    also gets, of all patients, figures of the factors and their interactions, and of each of the three findings
    that count most. A figure is named after the patient; where several rows would share that name, the line of
    FILE follows it: P001-86.png is the row of P001 on line 86.
    With --what-if the model is asked what would change its call, and the causal model what would become of such
    a patient then.
    """
    from asthma_ml.explanation import explain
    from asthma_ml.files import write_table
    from asthma_ml.model_files import load_predictor, shipped_model_path
    from asthma_ml.patients import read_patients
    from asthma_ml.prediction import refuse_table_without_features

    if (patient is None and line is None) != everyone:
        raise click.UsageError("name one patient with --patient ID, --line N or both, or all with --all.")
    _refuse_unwritable(output, everyone=everyone)
    model_path = model or shipped_model_path()
    wanted = {path: table for path, table in ((values, values_table), (interactions, interactions_table)) if path}
    if values is not None and values == interactions:
        raise click.UsageError("--values and --interactions name a file each.")
    refuse_overwriting([file, columns, model_path, background], [output, *wanted])
    classifier = load_predictor(model_path)
    patients = read_patients(file, columns)
    refuse_table_without_features(classifier, patients)
    rows = _all_valid(patients) if everyone else [_one_row(patients, patient, line)]
    stand_in = _background(background, columns)
    explanation = explain(classifier, patients.values.iloc[rows].reset_index(drop=True), players, stand_in)
    names = [str(patients.values[ID].iloc[row]) if ID in patients.values else str(patients.lines[row]) for row in rows]
    lines = [int(patients.lines[row]) for row in rows]
    told_as = _told_apart(names, lines)
    sentences = [f"{name}: {explanation.sentence(i, length)}" for i, name in enumerate(told_as)]
    if asks_what_if:
        sentences = [f"{told} {what_if(explanation, i)}" for i, told in enumerate(sentences)]
    tables = {path: table(explanation, names) for path, table in wanted.items()}
    if Path(output).suffix.lower() in FIGURE_SUFFIXES:
        write_figure(explanation.plot(0), output)
    elif output != "-":
        write_folder(explanation, _file_stems(names, lines), sentences, Path(output))
    for path, table in tables.items():
        write_table(table, path)
    click.echo("\n".join(sentences))
    say(RESEARCH_NOTE)


def values_table(explanation: Explanation, names: list[str]) -> pd.DataFrame:
    """Base, log-odds, factors and features of each patient."""
    import pandas as pd

    known = {ID: names, "explained_class": explanation.explained_class}
    ends = {"base": explanation.base, "log_odds": explanation.log_odds}
    factors, features = explanation.factors.add_prefix("factor_"), explanation.features.add_prefix("shap_")
    return pd.concat([pd.DataFrame(known | ends), factors, features], axis=1)


def interactions_table(explanation: Explanation, names: list[str]) -> pd.DataFrame:
    """One row for each patient: each factor alone, and each pair of factors once, both halves together."""
    import pandas as pd

    from asthma_ml.variables import FACTORS

    found = explanation.interactions()
    columns = {
        name if i == j else f"{name}*{other}": found[:, i, j] * (1 if i == j else 2)
        for i, name in enumerate(FACTORS)
        for j, other in enumerate(FACTORS[i:], start=i)
    }
    known = {ID: names, "explained_class": explanation.explained_class, "base": explanation.base}
    return pd.DataFrame(known | columns)


def _background(background: str | None, columns: str | None) -> pd.DataFrame | Literal["stored"] | None:
    """Who stands in for what is not known: the valid rows of a table."""
    from asthma_ml.patients import read_patients

    if background is None or background == "stored":
        return cast('Literal["stored"] | None', background)
    table = read_patients(background, columns)
    return table.values[~table.invalid]


def what_if(explanation: Explanation, i: int) -> str:
    """Say what would change the call of one patient: to the model, and through the patient's twins."""
    from asthma_ml.evaluation import calls_of_twins, twins_sentence
    from asthma_ml.explanation import no_change, smallest_change
    from asthma_ml.inference import abduct

    patient, model = explanation.patients.iloc[[i]], explanation.game.model
    found = smallest_change(model, patient)
    if found is None:
        return no_change()
    try:
        twins = calls_of_twins(model, abduct(patient), found.change)
    except UnusableInputError as error:
        return f"{found.sentence()} No twins: {error}."
    return f"{found.sentence()} {twins_sentence(twins, found.change)}"


def write_figure(figure: Figure, path: str | Path) -> None:
    """Write a figure as PNG or SVG, the same bytes each time."""
    import matplotlib as mpl

    from asthma_ml.files import write_bytes

    suffix = Path(path).suffix.lower().removeprefix(".")
    drawn = io.BytesIO()
    metadata: dict[str, Any] = {"Date": None} if suffix == "svg" else {}
    with mpl.rc_context({"svg.hashsalt": "asthma_ml"}):
        figure.savefig(drawn, format=suffix, metadata=metadata, dpi=150)
    write_bytes(drawn.getvalue(), path)


def write_folder(explanation: Explanation, stems: list[str], sentences: list[str], folder: Path) -> None:
    """Write one figure per patient, under these names, and all sentences, or nothing."""
    with tempfile.TemporaryDirectory(dir=folder.absolute().parent, prefix=".explanations-") as draft:
        finished = Path(draft, folder.name)
        finished.mkdir()
        for i, stem in enumerate(stems):
            write_figure(explanation.plot(i), finished / f"{stem}.png")
        if len(explanation) > 1:
            write_overview(explanation, finished / _OVERVIEW)
        (finished / "sentences.txt").write_text("\n".join(sentences) + "\n", encoding="utf-8")
        if folder.is_dir():
            folder.rmdir()
        finished.rename(folder)


def write_overview(explanation: Explanation, folder: Path) -> None:
    """Write figures of all patients: factors, their interactions, and how the findings that count most depend."""
    from asthma_ml.classifier import CompiledClassifier
    from asthma_ml.explanation import cohort_figure, dependence_figure, explained_classes_in_words, interaction_figure

    folder.mkdir()
    write_figure(cohort_figure(explanation), folder / "factors.png")
    if isinstance(explanation.game.model, CompiledClassifier):  # trees of more than three questions have none
        sizes = abs(explanation.interactions()).mean(axis=0)
        write_figure(interaction_figure(sizes, explained_classes_in_words(explanation)), folder / "interactions.png")
    for name in explanation.features.abs().mean().nlargest(_FINDINGS_DRAWN).index:
        write_figure(dependence_figure(explanation, str(name)), folder / f"{name}.png")


def _told_apart(names: list[str], lines: list[int]) -> list[str]:
    """Names for sentences; where several rows share one, their lines of the file follow."""
    n_rows = Counter(names)
    return [f"{name} (line {line})" if n_rows[name] > 1 else name for name, line in zip(names, lines, strict=True)]


def _file_stems(names: list[str], lines: list[int]) -> list[str]:
    """File names that any system accepts; where several rows would share one, their lines of the file follow."""
    plain = [re.sub(r"[^\w-]+", "_", name) or "patient" for name in names]
    with_line = [f"{stem}-{line}" for stem, line in zip(plain, lines, strict=True)]
    stems = plain
    # A name that a line was added to may be that of another patient, who then gets a line as well.
    while shared := {stem for stem, n in Counter(map(str.casefold, stems)).items() if n > 1}:
        stems = [full if stem.casefold() in shared else stem for stem, full in zip(stems, with_line, strict=True)]
    return stems


def _all_valid(patients: PatientTable) -> list[int]:
    """Rows that a model can be asked about."""
    rows = np.flatnonzero(~patients.invalid)
    if len(rows) < len(patients.invalid):
        say(f"left out: {len(patients.invalid) - len(rows)} rows with values outside hard limits")
    return [int(row) for row in rows]


def _one_row(patients: PatientTable, patient: str | None, line: int | None) -> int:
    """The row that was named by its patient, its line or both."""
    rows = np.arange(len(patients.lines)) if patient is None else _rows_of(patients, patient)
    if line is not None:
        row = _row_on_line(patients, rows, line, whose="" if patient is None else f" of {ID} {patient}")
    elif len(rows) == 1:
        row = int(rows[0])
    else:
        raise UnusableInputError(
            f"{patients.source}: {len(rows)} rows of {ID} {patient}, on {_their_lines(patients, rows)}; "
            "pick one with --line N"
        )
    if patients.invalid[row]:
        at = f"the row on line {patients.lines[row]}"
        raise UnusableInputError(f"{patients.source}: {at} breaks a hard limit; see: asthma-ml validate")
    return row


def _rows_of(patients: PatientTable, patient: str) -> NDArray[np.intp]:
    """Rows of a patient, one or more."""
    if ID not in patients.values:
        raise UnusableInputError(
            f"{patients.source}: no column {ID} to find a patient by; "
            "map one with --columns, or pick a row with --line N"
        )
    rows = np.flatnonzero(patients.values[ID] == patient)
    if not len(rows):
        raise UnusableInputError(
            f"{patients.source}: no row of {ID} {patient}; identifiers are compared as written, 7 is not 007"
        )
    return rows


def _row_on_line(patients: PatientTable, rows: NDArray[np.intp], line: int, whose: str) -> int:
    """The one of some rows that begins on a line of the file."""
    found = rows[patients.lines[rows] == line]
    if not len(found):
        raise UnusableInputError(
            f"{patients.source}: no row{whose} begins on line {line}; name one of {_their_lines(patients, rows)}"
        )
    return int(found[0])


def _their_lines(patients: PatientTable, rows: NDArray[np.intp]) -> str:
    from asthma_ml.patients import NAMED_LINES, counted_lines

    lines = patients.lines[rows].tolist()
    return counted_lines(lines[:NAMED_LINES], len(lines))


def _refuse_unwritable(output: str, *, everyone: bool) -> None:
    path = Path(output)
    if output == "-":
        return
    if not path.absolute().parent.is_dir():
        raise click.UsageError(f"the folder {path.parent} does not exist; make it first.")
    if path.suffix.lower() in FIGURE_SUFFIXES:
        if everyone:
            raise click.UsageError("--all writes a folder of figures; name a folder, not a figure.")
    elif path.suffix and not path.is_dir():
        raise click.UsageError(
            f"figures are not written as {path.suffix}; name a .png or .svg file, or a folder without a dot."
        )
    elif path.exists() and (not path.is_dir() or any(path.iterdir())):
        raise click.UsageError(f"{output} exists and is not an empty folder; name a new one, or a .png or .svg file.")
