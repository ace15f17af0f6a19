"""Cohorts in memory and on disk, each with its observed table, its truth and its schema.

A cohort is the first n enrolled people of an endless population, so the first 1,000 patients of
a large cohort are the cohort of 1,000, whatever the number of jobs.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd
from tqdm import tqdm

from asthma_ml.cohort.engine.causal_model import Interventions
from asthma_ml.cohort.enrolment import severe_asthma_model
from asthma_ml.cohort.hidden_truth import HiddenTruth
from asthma_ml.cohort.patient_stream import PatientStream
from asthma_ml.cohort.patient_tables import truth_columns, whole_columns
from asthma_ml.cohort.presets import DEFAULT_PRESET, Preset, preset_named
from asthma_ml.cohort.screening import ENROLLED
from asthma_ml.cohort.table_columns import GrowingTable
from asthma_ml.errors import UnusableInputError
from asthma_ml.files import table_file, write_text
from asthma_ml.variables import ID, LABEL, TWO_CLASSES, data_dictionary

__all__ = ["ENROLLED", "Cohort", "generate_cohort", "schema_path", "severe_asthma_model", "write_cohort"]

NOTICE = "Synthetic patients from a causal model. Research software, no medical device."


@dataclass(frozen=True, eq=False)
class Cohort:
    """A table of synthetic patients with its hidden truth.

    Attributes
    ----------
    observed : DataFrame
        What a clinic would see, one patient a row; numbers, text levels, NaN where not measured.
    truth : DataFrame
        What it cannot see, joined by `patient_id`; every other column begins with ``true_``. It is
        computed when it is first asked for.
    schema : dict
        The data dictionary and how the cohort was made.
    """

    observed: pd.DataFrame
    schema: dict[str, Any]
    hidden: HiddenTruth = field(repr=False)

    @cached_property
    def truth(self) -> pd.DataFrame:
        """What the clinic cannot see."""
        return self.hidden.table()

    def training_data(self, classes: tuple[str, ...] = TWO_CLASSES) -> tuple[pd.DataFrame, pd.Series]:
        """Feature columns and label of the patients whose label is one of `classes`.

        Examples
        --------
        >>> X, y = generate_cohort(n_patients=100, seed=1).training_data()
        >>> sorted(y.unique())
        ['neutrophilic_th2_low', 'th2_high']
        """
        rows = self.observed[self.observed[LABEL].isin(classes)]
        return rows[list(data_dictionary().features)].reset_index(drop=True), rows[LABEL].reset_index(drop=True)

    def write(self, path: str | Path, truth: str | Path | None = None) -> None:
        """Write the observed table, its schema beside it and, where asked, the truth."""
        hidden = self.observed[[ID]] if truth is None else self.truth
        _write([(self.observed, hidden)], lambda: self.schema, path, truth, len(self.observed))


def schema_path(path: str | Path) -> Path:
    """Where the schema of a cohort file lies: beside it, ``.schema.json``."""
    return Path(path).with_suffix(".schema.json")


def generate_cohort(
    n_patients: int = 2000,
    seed: int = 1,
    preset: str | Preset = DEFAULT_PRESET,
    do: Interventions | None = None,
    *,
    where: str | None = None,
    select_anew: bool = False,
    jobs: int = 1,
    progress: bool = False,
) -> Cohort:
    """Generate a synthetic cohort of severe asthma.

    Parameters
    ----------
    n_patients : int
        Patients in the cohort.
    seed : int
        Same seed, same patients, whatever `jobs`.
    preset : str or Preset
        Named cohort, or the path of a TOML file that derives one.
    do : mapping of str to value, optional
        Interventions. The same people as without them, unless `select_anew`.
    where : str, optional
        Keep only enrolled patients of whom this is true, such as
        ``"phenotype == 'neutrophilic_th2_low' and smoking_status == 'never'"``. It is asked of the
        table as it will be (after `do`), and may name observed columns and those of the truth.
        The schema states the acceptance rate.
    select_anew : bool
        Let the intervention change who enrols.
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
        a condition that cannot be used or that nobody meets.

    See Also
    --------
    write_cohort : The same cohort straight into a file, in constant memory.

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
    stream = _stream(n_patients, seed, preset, do, where=where, select_anew=select_anew, jobs=jobs, with_truth=False)
    table = GrowingTable(n_patients)
    for seen, _ in _shown(stream, progress):
        table.append(seen)
    observed = table.frame()
    hidden = HiddenTruth(observed[ID], seed, stream.preset, stream.do or {}, select_anew, jobs)
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
    select_anew: bool = False,
    jobs: int = 1,
    progress: bool = False,
) -> dict[str, Any]:
    """Generate a cohort straight into files, in constant memory.

    The files are those of ``generate_cohort(...).write(path, truth)``, byte for byte. They appear
    when all is written; a failure or an interruption leaves nothing.

    Parameters
    ----------
    path : path or "-"
        ``.csv``, ``.tsv`` (also ``.gz``) or ``.parquet``; ``-`` is standard output. The schema is written beside it.
    n_patients, seed, preset, do, where, select_anew, jobs, progress
        As in `generate_cohort`.
    truth : path, optional
        Where the truth goes.

    Returns
    -------
    dict
        The schema.

    Raises
    ------
    UnusableInputError
        As `generate_cohort`; also a file that cannot be written.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     schema = write_cohort(Path(folder, "cohort.parquet"), n_patients=20)
    ...     len(pd.read_parquet(Path(folder, "cohort.parquet")))
    20
    """
    how = {"where": where, "select_anew": select_anew, "jobs": jobs, "with_truth": truth is not None}
    stream = _stream(n_patients, seed, preset, do, **how)
    _write(_shown(stream, progress), lambda: _schema(stream), path, truth, n_patients)
    return _schema(stream)


def _stream(n_patients: int, seed: int, preset: str | Preset, do: Interventions | None, **how: Any) -> PatientStream:
    for name, number, least in (("patients", n_patients, 1), ("seed", seed, 0), ("jobs", how["jobs"], 1)):
        if number < least:
            raise UnusableInputError(f"{name}: {number} is too small; give a whole number of at least {least}")
    return PatientStream(n_patients, seed, preset_named(preset) if isinstance(preset, str) else preset, do, **how)


def _shown(stream: PatientStream, progress: bool) -> Iterator[tuple[pd.DataFrame, pd.DataFrame]]:
    """The stream, with a bar that shows rate and time left."""
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
        raise UnusableInputError(f"{path}: the truth needs a file of its own")
    with ExitStack() as files:
        append_observed = files.enter_context(table_file(path, whole=whole_columns(), n_rows=n_rows))
        append_truth = files.enter_context(table_file(truth, n_rows=n_rows)) if truth is not None else None
        for observed, hidden in tables:
            append_observed(observed)
            if append_truth is not None:
                append_truth(hidden)
        if str(path) != "-":
            write_text(json.dumps(schema(), indent=2) + "\n", schema_path(path))


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
        "select_anew": stream.select_anew,
        "where": stream.where.text if stream.where else None,
        "patients_examined": stream.examined,
        "acceptance_rate": round(stream.accepted / stream.examined, 6),
        "truth_columns": list(truth_columns(stream.model)),
        **json.loads(data_dictionary().to_json()),
    }
