"""``asthma-ml explain``: explanations of predictions as sentences, figures and tables."""

from __future__ import annotations

import io
import re
import warnings
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, cast

import click
import numpy as np

from asthma_ml.cli.options import (
    FIGURE_SUFFIXES,
    TABLE_SUFFIXES,
    Choice,
    columns_option,
    examples,
    model_option,
    patients_argument,
    refuse_one_file_for_two,
    refuse_overwriting,
    say,
    with_verbosity,
    writable,
)
from asthma_ml.cli.terminal import show
from asthma_ml.errors import UnusableInputError
from asthma_ml.html import RESEARCH_NOTE
from asthma_ml.variables import ID

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure
    from numpy.typing import NDArray

    from asthma_ml.classifier import Level
    from asthma_ml.explanation import Explanation, Method
    from asthma_ml.patients import PatientTable
    from asthma_ml.wording import Length

# A file name has at most 255 bytes, and a character up to four.
_LONGEST_STEM = 50
_OVERVIEW, _FINDINGS_DRAWN = "all_patients", 3


@click.command(
    "explain",
    epilog=examples(
        "explain patients.csv --patient P001",
        "explain patients.csv --patient P001 --patient P002 -o explanations",
        "explain patients.csv --patient P001 --length long",
        "explain patients.csv --patient P001 -o P001.png",
        "explain patients.csv --patient P001 --what-if",
        "explain patients.csv --patient P001 --method mechanisms -o P001.png",
        "explain visits.csv --patient P001 --line 86",
        "explain patients.csv --all -o explanations",
        "explain patients.csv --all --level factors --background stored --values factors.csv",
        "explain patients.csv --all --interactions interactions.csv",
    ),
)
@patients_argument
@click.option("--patient", "named", metavar="ID", multiple=True, help="Explain this patient; may be repeated.")
@click.option(
    "--line",
    metavar="N",
    type=click.IntRange(min=1),
    multiple=True,
    callback=lambda _context, _option, lines: _only_line(lines),
    help="Explain the row on this line of FILE; with --patient, one of the rows of that patient.",
)
@click.option("--all", "everyone", is_flag=True, help="Explain every patient.")
@model_option
@columns_option
@click.option(
    "-o",
    "--output",
    metavar="FILE_OR_FOLDER",
    default="-",
    help="Figure of one patient (.png or .svg), or new folder of figures. Default: sentences only.",
)
@click.option(
    "--level",
    type=Choice(["features", "factors"]),
    default="features",
    show_default=True,
    help="Contribution of a factor: sum over its features, or Shapley value at the level of factors.",
)
@click.option(
    "--method",
    type=Choice(["shap", "mechanisms", "posterior"]),
    default="shap",
    show_default=True,
    help="shap: what in the record moved the model. mechanisms: also what the factors are expected to have contributed "
    "in the causal model. posterior: the same from posterior twins of each patient, in seconds a patient.",
)
@click.option(
    "--preset",
    metavar="NAME",
    help="Clinic of the patients for --method posterior and --what-if: a preset or a TOML file. Default: "
    "severe_clinic, and for --what-if that of the mechanisms of the model.",
)
@click.option(
    "--background",
    metavar="FILE|stored",
    help="Background patients for interventional Shapley values: a table, or those stored in the model.",
)
@click.option(
    "--values",
    metavar="FILE",
    callback=writable(TABLE_SUFFIXES, standard_output=False),
    help="Write base value and contributions of factors and features to a table.",
)
@click.option(
    "--interactions",
    metavar="FILE",
    callback=writable(TABLE_SUFFIXES, standard_output=False),
    help="Write main effects and pairwise interactions of factors to a table.",
)
@click.option(
    "--length",
    type=Choice(["short", "medium", "long"]),
    default="medium",
    show_default=True,
    help="Length of the text; the long one includes factors and mechanisms.",
)
@click.option(
    "--what-if",
    "asks_what_if",
    is_flag=True,
    help="Also ask the causal model which advice on adherence or exposure would change the call.",
)
@with_verbosity
def explain_command(
    *,
    file: str,
    named: tuple[str, ...],
    line: int | None,
    everyone: bool,
    model: str,
    columns: str | None,
    output: str,
    level: Level,
    method: Method,
    preset: str | None,
    background: str | None,
    values: str | None,
    interactions: str | None,
    length: Length,
    asks_what_if: bool,
) -> None:
    """Explain predictions by contributions of findings and factors.

    Prints an explanation of each patient; -o also draws figures. Contributions are on the log-odds
    scale, and a positive one is always towards Th2-high in the two-class task. The figure of a patient
    is named after the identifier. If several rows share the name, the line of FILE follows: P001-86.png
    is the row of P001 on line 86. With --all the folder also gets figures of all patients: the factors,
    their interactions, and the three findings with the largest contributions.

    --what-if asks the causal model what the counterfactual twins of the patient would be called if every
    dose were taken, smoking stopped or the exposure at work ended, and what without a treatment that
    masks markers.
    """
    from asthma_ml.cohort import DEFAULT_PRESET
    from asthma_ml.explanation import explain, what_if_text
    from asthma_ml.files import write_table
    from asthma_ml.model_files import load_model
    from asthma_ml.patients import read_patients
    from asthma_ml.prediction import refuse_table_without_features

    if preset is not None and method != "posterior" and not asks_what_if:
        raise click.UsageError(
            "--preset needs --method posterior or --what-if; a model keeps the preset of its mechanisms."
        )
    patient_ids = list(dict.fromkeys(named))
    _refuse_unclear_selection(patient_ids, line, everyone=everyone)
    _refuse_unwritable(output, several=everyone or len(patient_ids) > 1)
    refuse_one_file_for_two({"--values": values, "--interactions": interactions})
    wanted = {path: table for path, table in ((values, values_table), (interactions, interactions_table)) if path}
    refuse_overwriting([file, columns, model, background], [output, *wanted])
    classifier = load_model(model, compiled=True)
    patients = read_patients(file, columns)
    refuse_table_without_features(classifier, patients)
    rows = _all_valid(patients) if everyone else _selected_rows(patients, patient_ids, line)
    ids = [str(patients.values[ID].iloc[row]) if ID in patients.values else str(patients.lines[row]) for row in rows]
    lines = [int(patients.lines[row]) for row in rows]
    names = _names_in_text(patients, ids, lines)
    explanation = explain(
        classifier,
        patients.values.iloc[rows].reset_index(drop=True),
        level,
        _background(background, columns),
        method=method,
        preset=preset or DEFAULT_PRESET,
    )
    sentences = [f"{name}: {explanation.sentence(i, length)}" for i, name in enumerate(names)]
    if asks_what_if:
        sentences = [
            f"{sentence} {what_if_text(classifier, explanation.patients.iloc[[i]], preset)}"
            for i, sentence in enumerate(sentences)
        ]
    tables = {path: table(explanation, ids, lines) for path, table in wanted.items()}
    if Path(output).suffix.lower() in FIGURE_SUFFIXES:
        write_figure(explanation.plot(0, names[0]), output)
    elif output != "-":
        figures = dict(zip(_file_stems(ids, lines), names, strict=True))
        write_folder(explanation, figures, sentences, Path(output), overview=everyone and len(rows) > 1)
    for path, table in tables.items():
        write_table(table, path)
    show("\n".join(sentences))
    say(RESEARCH_NOTE)


def _only_line(lines: tuple[int, ...]) -> int | None:
    if len(lines) > 1:
        raise click.UsageError("--line selects one row; run explain once for each line, or use --all.")
    return lines[0] if lines else None


def values_table(explanation: Explanation, ids: list[str], lines: list[int]) -> pd.DataFrame:
    """Base value, log-odds and contributions of factors, features and any mechanisms of each explained row."""
    import pandas as pd

    known = {ID: ids, "line": lines, "explained_class": explanation.explained_class}
    ends = {"base": explanation.base, "log_odds": explanation.log_odds}
    factors, features = explanation.factors.add_prefix("factor_"), explanation.features.add_prefix("shap_")
    found = explanation.mechanisms
    mechanisms = [] if found is None else [found.to_frame().drop(columns="log_odds").add_prefix("mechanism_")]
    return pd.concat([pd.DataFrame(known | ends), factors, features, *mechanisms], axis=1)


def interactions_table(explanation: Explanation, ids: list[str], lines: list[int]) -> pd.DataFrame:
    """Main effect of each factor and interaction of each pair, both halves together, of each explained row."""
    import pandas as pd

    from asthma_ml.variables import FACTORS

    found = explanation.interactions()
    columns = {
        name if i == j else f"{name}*{other}": found[:, i, j] * (1 if i == j else 2)
        for i, name in enumerate(FACTORS)
        for j, other in enumerate(FACTORS[i:], start=i)
    }
    known = {ID: ids, "line": lines, "explained_class": explanation.explained_class, "base": explanation.base}
    return pd.DataFrame(known | columns)


def _background(background: str | None, columns: str | None) -> pd.DataFrame | Literal["stored"] | None:
    """Valid rows of the table of background patients."""
    from asthma_ml.patients import read_patients

    if background is None or background == "stored":
        return cast('Literal["stored"] | None', background)
    table = read_patients(background, columns)
    return table.values[~table.invalid]


def write_figure(figure: Figure, path: str | Path) -> None:
    """Write a figure as PNG or SVG, with reproducible bytes."""
    import matplotlib as mpl

    from asthma_ml.files import write_bytes

    suffix = Path(path).suffix.lower().removeprefix(".")
    drawn = io.BytesIO()
    metadata: dict[str, Any] = {"Date": None} if suffix == "svg" else {}
    with mpl.rc_context({"svg.hashsalt": "asthma_ml"}), warnings.catch_warnings():
        # The font lacks the letters of many scripts; the file name and the sentence have the identifier.
        warnings.filterwarnings("ignore", "Glyph")
        figure.savefig(drawn, format=suffix, metadata=metadata, dpi=150)
    write_bytes(drawn.getvalue(), path)


def write_folder(
    explanation: Explanation, figures: dict[str, str], sentences: list[str], folder: Path, *, overview: bool
) -> None:
    """Write a figure of each patient, by file stem and name in the title, and all sentences; all or nothing."""
    from asthma_ml.files import temporary_folder_beside

    with temporary_folder_beside(folder.absolute()) as draft:
        finished = Path(draft, folder.name)
        finished.mkdir()
        for i, (stem, name) in enumerate(figures.items()):
            write_figure(explanation.plot(i, name), finished / f"{stem}.png")
        if overview:
            write_overview(explanation, finished / _OVERVIEW)
        (finished / "sentences.txt").write_text("\n".join(sentences) + "\n", encoding="utf-8")
        if folder.is_dir():
            folder.rmdir()
        finished.rename(folder)


def write_overview(explanation: Explanation, folder: Path) -> None:
    """Write figures of all patients: factors, interactions and dependence plots of the strongest findings."""
    from asthma_ml.classifier import CompiledClassifier
    from asthma_ml.explanation import cohort_figure, dependence_figure, interaction_figure

    folder.mkdir()
    write_figure(cohort_figure(explanation), folder / "factors.png")
    if isinstance(explanation.game.model, CompiledClassifier):  # interactions need shallow trees
        sizes = abs(explanation.interactions()).mean(axis=0)
        write_figure(interaction_figure(sizes, explanation.explained_class_in_words()), folder / "interactions.png")
    for name in explanation.features.abs().mean().nlargest(_FINDINGS_DRAWN).index:
        write_figure(dependence_figure(explanation, str(name)), folder / f"{name}.png")


def _names_in_text(patients: PatientTable, ids: list[str], lines: list[int]) -> list[str]:
    """Names for sentences and titles: the identifier, with the line of the file if several rows share it."""
    n_rows = Counter(patients.values[ID].astype(str)) if ID in patients.values else Counter(ids)
    return [f"{name} (line {line})" if n_rows[name] > 1 else name for name, line in zip(ids, lines, strict=True)]


def _file_stems(ids: list[str], lines: list[int]) -> list[str]:
    """Portable file names: the identifier, shortened, with the line of the file if several rows would share it."""
    plain = [re.sub(r"[^\w-]+", "_", name)[:_LONGEST_STEM] or "patient" for name in ids]
    with_line = [f"{stem}-{line}" for stem, line in zip(plain, lines, strict=True)]
    stems = plain
    # A name with a line may equal the name of another patient, who then gets a line as well.
    while shared := {stem for stem, n in Counter(map(str.casefold, stems)).items() if n > 1}:
        stems = [full if stem.casefold() in shared else stem for stem, full in zip(stems, with_line, strict=True)]
    return stems


def _all_valid(patients: PatientTable) -> list[int]:
    """Rows that can be predicted."""
    rows = np.flatnonzero(~patients.invalid)
    if len(rows) < len(patients.invalid):
        say(f"excluded: {len(patients.invalid) - len(rows)} rows with values outside hard limits")
    return [int(row) for row in rows]


def _selected_rows(patients: PatientTable, patient_ids: list[str], line: int | None) -> list[int]:
    """Row of each selected patient, or the row on a line of the file."""
    if not patient_ids:
        rows = [_row_on_line(patients, np.arange(len(patients.lines)), cast("int", line), whose="")]
    else:
        _refuse_unknown(patients, patient_ids)
        rows = [_row_of(patients, patient, line) for patient in patient_ids]
    if invalid := [int(patients.lines[row]) for row in rows if patients.invalid[row]]:
        at = f"line{'s' * (len(invalid) > 1)} {', '.join(map(str, invalid))}"
        raise UnusableInputError(
            f"{patients.source}: {at}: a value is outside its hard limits; see: asthma-ml validate"
        )
    return rows


def _refuse_unknown(patients: PatientTable, patient_ids: list[str]) -> None:
    from asthma_ml.spelling import with_suggestion

    if ID not in patients.values:
        raise UnusableInputError(
            f"{patients.source}: there is no column {ID}; map one with --columns, or select a row with --line N"
        )
    known = dict.fromkeys(patients.values[ID].astype(str))
    if unknown := [with_suggestion(patient, known) for patient in patient_ids if patient not in known]:
        raise UnusableInputError(
            f"{patients.source}: no row with {ID} {', '.join(unknown)}; identifiers must match exactly, 7 is not 007"
        )


def _row_of(patients: PatientTable, patient: str, line: int | None) -> int:
    """Row of a patient, picked by its line if there are several."""
    rows = np.flatnonzero(patients.values[ID] == patient)
    if line is not None:
        return _row_on_line(patients, rows, line, whose=f" of {ID} {patient}")
    if len(rows) > 1:
        raise UnusableInputError(
            f"{patients.source}: {len(rows)} rows of {ID} {patient}, on {_lines_in_words(patients, rows)}; "
            "select one with --line N"
        )
    return int(rows[0])


def _row_on_line(patients: PatientTable, rows: NDArray[np.intp], line: int, whose: str) -> int:
    """Row that starts on a line of the file."""
    found = rows[patients.lines[rows] == line]
    if not len(found):
        raise UnusableInputError(
            f"{patients.source}: no row{whose} starts on line {line}; rows start on {_lines_in_words(patients, rows)}"
        )
    return int(found[0])


def _lines_in_words(patients: PatientTable, rows: NDArray[np.intp]) -> str:
    from asthma_ml.patients import NAMED_LINES, counted_lines

    lines = patients.lines[rows].tolist()
    return counted_lines(lines[:NAMED_LINES], len(lines))


def _refuse_unclear_selection(patient_ids: list[str], line: int | None, *, everyone: bool) -> None:
    if (not patient_ids and line is None) != everyone:
        raise click.UsageError("select patients with --patient ID, one row with --line N, or all with --all.")
    if len(patient_ids) > 1 and line is not None:
        raise click.UsageError("--line selects one row; give it with one --patient at most.")


def _refuse_unwritable(output: str, *, several: bool) -> None:
    path = Path(output)
    if output == "-":
        return
    if not path.absolute().parent.is_dir():
        raise click.UsageError(f"the folder {path.parent} does not exist; make it first.")
    if path.suffix.lower() in FIGURE_SUFFIXES:
        if several:
            raise click.UsageError("several patients have a figure each; name a folder, not a figure.")
    elif path.suffix and not path.is_dir():
        raise click.UsageError(
            f"figures are not written as {path.suffix}; name a .png or .svg file, or a folder without a dot."
        )
    elif path.exists() and (not path.is_dir() or any(path.iterdir())):
        raise click.UsageError(f"{output} exists and is not an empty folder; name a new one, or a .png or .svg file.")
