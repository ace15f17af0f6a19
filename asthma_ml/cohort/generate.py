"""Generation of cohorts, in memory or into files: observed table, truth table and schema.

A cohort consists of the first n people of an unlimited population who enrol. The first 1,000 patients of a large
cohort therefore equal the cohort of 1,000, whatever the number of jobs.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd
from tqdm import tqdm

from asthma_ml.cohort.engine.causal_model import CausalModel, Interventions
from asthma_ml.cohort.engine.noise import BLOCK_SIZE
from asthma_ml.cohort.enrolment import enrolled_people, preset_model
from asthma_ml.cohort.patient_stream import PatientStream, in_order, keep_freed_memory
from asthma_ml.cohort.patient_tables import person_numbers, truth_columns, truth_table, whole_columns
from asthma_ml.cohort.presets import DEFAULT_PRESET, Preset, preset_named
from asthma_ml.cohort.table_columns import GrowingTable
from asthma_ml.errors import UnusableInputError
from asthma_ml.files import open_atomically, table_file
from asthma_ml.html import html_summary
from asthma_ml.jobs import usable_jobs
from asthma_ml.variables import ID, LABEL, TWO_CLASSES, data_dictionary

NOTICE = "Synthetic patients from a causal model. Research software, not a medical device."


@dataclass(frozen=True, eq=False)
class HiddenTruth:
    """Recipe of a truth table, which is expensive and computed only on demand.

    The seed and the person's number determine all variables, so nothing else has to be kept.

    Attributes
    ----------
    ids : Series of str of shape (n_patients,)
        Identifiers of the patients.
    seed : int
        Seed of the cohort.
    preset : Preset
        Preset of the cohort.
    do : mapping of str to value
        Interventions.
    reselect : bool
        Whether the patients enrolled under the interventions.
    jobs : int
        Threads.
    """

    ids: pd.Series[str]
    seed: int
    preset: Preset
    do: Interventions
    reselect: bool = False
    jobs: int = 1

    def table(self) -> pd.DataFrame:
        """Compute the truth table, in the order of the identifiers."""
        keep_freed_memory()
        model, table = preset_model(self.preset), GrowingTable(len(self.ids))
        starts = iter(range(0, len(self.ids), BLOCK_SIZE))
        with closing(in_order(lambda start: self._part(model, start), starts, usable_jobs(self.jobs))) as parts:
            for part in parts:
                table.append(part)
        return table.frame()

    def _part(self, model: CausalModel, start: int) -> pd.DataFrame:
        ids = self.ids.iloc[start : start + BLOCK_SIZE]
        patients = enrolled_people(model, self.seed, person_numbers(ids), self.do, reselect=self.reselect)
        return truth_table(model, ids.reset_index(drop=True), patients)


@dataclass(frozen=True, eq=False, repr=False)
class Cohort:
    """Synthetic patients: observed table, truth table and schema.

    Attributes
    ----------
    observed : DataFrame
        Data as a clinic records them, one patient per row; numbers and text levels, NaN where not measured.
    truth : DataFrame
        Latent variables and potential outcomes, joined by `patient_id`; every other column begins with ``true_``.
        Computed at the first access.
    schema : dict
        Data dictionary and settings of the cohort.
    """

    observed: pd.DataFrame
    schema: dict[str, Any]
    hidden: HiddenTruth = field(repr=False)

    def __repr__(self) -> str:
        preset, seed = self.schema["preset"], self.schema["seed"]
        return f"<Cohort of {len(self.observed)} synthetic patients, preset {preset}, seed {seed}>"

    def _repr_html_(self) -> str:
        """Settings and first patients, for notebooks."""
        facts = {name: self.schema[name] for name in ("preset_description", "acceptance_rate", "where", "made_by")}
        labels = ", ".join(f"{n} {label}" for label, n in self.observed[LABEL].value_counts().items())
        return html_summary(repr(self), {LABEL: labels, **facts}, self.observed)

    @cached_property
    def truth(self) -> pd.DataFrame:
        """Latent variables and potential outcomes."""
        return self.hidden.table()

    def training_data(self, classes: tuple[str, ...] = TWO_CLASSES) -> tuple[pd.DataFrame, pd.Series]:
        """Features and label of the patients whose label is one of `classes`.

        Examples
        --------
        >>> X, y = generate_cohort(n_patients=100, seed=1).training_data()
        >>> sorted(y.unique())
        ['neutrophilic_th2_low', 'th2_high']
        """
        rows = self.observed[self.observed[LABEL].isin(classes)]
        return rows[list(data_dictionary().features)].reset_index(drop=True), rows[LABEL].reset_index(drop=True)

    def write(self, path: str | Path, truth: str | Path | None = None) -> None:
        """Write the observed table, its schema beside it and, if `truth` is given, the truth table."""
        hidden = self.observed[[ID]] if truth is None else self.truth
        _write([(self.observed, hidden)], lambda: self.schema, path, truth, len(self.observed))


def schema_path(path: str | Path) -> Path:
    """Path of the schema of a cohort file: beside it, with the suffix ``.schema.json``."""
    return Path(path).with_suffix(".schema.json")


def generate_cohort(
    n_patients: int = 2000,
    seed: int = 1,
    preset: str | Preset = DEFAULT_PRESET,
    do: Interventions | None = None,
    *,
    where: str | None = None,
    reselect: bool = False,
    jobs: int = 1,
    progress: bool = False,
) -> Cohort:
    """Generate a synthetic cohort of severe asthma.

    Parameters
    ----------
    n_patients : int
        Patients in the cohort.
    seed : int
        The seed determines the patients, whatever `jobs`.
    preset : str or Preset
        Named preset, or path of a TOML file that derives one.
    do : mapping of str to value, optional
        Interventions. The patients are those without interventions, unless `reselect`.
    where : str, optional
        Condition that enrolled patients must meet, such as
        ``"phenotype == 'neutrophilic_th2_low' and smoking_status == 'never'"``. It is evaluated after `do`
        and may name observed and truth columns. The schema states the acceptance rate.
    reselect : bool
        Select the patients under the intervention.
    jobs : int
        Threads.
    progress : bool
        Show a progress bar on stderr.

    Returns
    -------
    Cohort
        Observed table, truth and schema.

    Raises
    ------
    UnusableInputError
        Fewer than one patient, a negative seed, an unknown preset, an impossible intervention, or
        a condition that is invalid or that nobody meets.

    See Also
    --------
    write_cohort : Writes the same cohort to files in constant memory.

    Examples
    --------
    >>> cohort = generate_cohort(n_patients=50, seed=1)
    >>> treated = generate_cohort(n_patients=50, seed=1, do={"smoking_status": "never"})
    >>> bool((treated.observed["age_years"] == cohort.observed["age_years"]).all())
    True
    >>> old = generate_cohort(n_patients=50, seed=1, where="age_years >= 65")
    >>> bool(old.observed["age_years"].min() >= 65), old.schema["acceptance_rate"] < 1
    (True, True)
    """
    stream = _stream(n_patients, seed, preset, do, where=where, reselect=reselect, jobs=jobs, with_truth=False)
    table = GrowingTable(n_patients)
    for part, _ in _with_progress(stream, progress):
        table.append(part)
    observed = table.frame()
    hidden = HiddenTruth(observed[ID], seed, stream.preset, stream.do or {}, reselect, jobs)
    return Cohort(observed, _schema(stream), hidden)


def write_cohort(
    path: str | Path,
    n_patients: int = 2000,
    seed: int = 1,
    preset: str | Preset = DEFAULT_PRESET,
    do: Interventions | None = None,
    *,
    truth: str | Path | None = None,
    where: str | None = None,
    reselect: bool = False,
    jobs: int = 1,
    progress: bool = False,
) -> dict[str, Any]:
    """Generate a cohort and write it to files, in constant memory.

    The files equal those of ``generate_cohort(...).write(path, truth)``, byte for byte. They appear when
    they are complete; after an error or an interruption none is left.

    Parameters
    ----------
    path : path or "-"
        ``.csv``, ``.tsv`` (also ``.gz``) or ``.parquet``; ``-`` is standard output. The schema is
        written beside the file.
    n_patients, seed, preset, do, where, reselect, jobs, progress
        As in `generate_cohort`.
    truth : path, optional
        Path of the truth table.

    Returns
    -------
    dict
        The schema.

    Raises
    ------
    UnusableInputError
        As `generate_cohort`; also if a file cannot be written.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     schema = write_cohort(Path(folder, "cohort.parquet"), n_patients=20)
    ...     len(pd.read_parquet(Path(folder, "cohort.parquet")))
    20
    """
    options = {"where": where, "reselect": reselect, "jobs": jobs, "with_truth": truth is not None}
    stream = _stream(n_patients, seed, preset, do, **options)
    _write(_with_progress(stream, progress), lambda: _schema(stream), path, truth, n_patients)
    return _schema(stream)


def _stream(
    n_patients: int, seed: int, preset: str | Preset, do: Interventions | None, **options: Any
) -> PatientStream:
    for name, number, least in (("patients", n_patients, 1), ("seed", seed, 0), ("jobs", options["jobs"], 1)):
        if number < least:
            raise UnusableInputError(f"{name}: {number} is too small; give a whole number of at least {least}")
    return PatientStream(n_patients, seed, preset_named(preset) if isinstance(preset, str) else preset, do, **options)


def _with_progress(stream: PatientStream, progress: bool) -> Iterator[tuple[pd.DataFrame, pd.DataFrame]]:
    """The stream, with a progress bar."""
    with tqdm(total=stream.n_patients, unit="patient", unit_scale=True, disable=not progress, desc="generate") as bar:
        for observed, truth in stream:
            yield observed, truth
            bar.update(len(observed))


def _write(
    tables: Iterable[tuple[pd.DataFrame, pd.DataFrame]],
    schema: Callable[[], dict[str, Any]],
    path: str | Path,
    truth: str | Path | None,
    n_rows: int,
) -> None:
    if truth is not None and Path(truth).resolve() == Path(path).resolve():
        raise UnusableInputError(f"{path}: the truth table needs a different file")
    others = [] if str(path) == "-" else [schema_path(path), *([] if truth is None else [truth])]
    with ExitStack() as files:
        # Files appear in the reverse order: after a kill the table may lie there alone, never beside another schema.
        described = files.enter_context(open_atomically(schema_path(path))) if str(path) != "-" else None
        append_truth = files.enter_context(table_file(truth, n_rows=n_rows)) if truth is not None else None
        append_observed = files.enter_context(table_file(path, whole=whole_columns(), n_rows=n_rows, companions=others))
        for observed, hidden in tables:
            append_observed(observed)
            if append_truth is not None:
                append_truth(hidden)
        if described is not None:
            described.write((json.dumps(schema(), indent=2) + "\n").encode())


def _schema(stream: PatientStream) -> dict[str, Any]:
    from asthma_ml.version import __version__

    return {
        "notice": NOTICE,
        "made_by": f"asthma_ml {__version__}",
        "patients": stream.n_patients,
        "seed": stream.seed,
        "preset": stream.preset.name,
        "preset_description": stream.preset.description,
        "overrides": dict(stream.preset.overrides),
        "do": dict(stream.do or {}),
        "reselect": stream.reselect,
        "where": stream.where.text if stream.where else None,
        "patients_examined": stream.examined,
        "acceptance_rate": round(stream.accepted / stream.examined, 6),
        "truth_columns": list(truth_columns(stream.model)),
        **json.loads(data_dictionary().to_json()),
    }
