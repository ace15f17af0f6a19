"""Stream of patients: blocks of the population are computed on several threads and delivered in order.

The patients depend neither on the number of threads nor on the number of blocks computed at once.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from functools import cache
from itertools import islice
from math import ceil
from typing import TypeVar

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from asthma_ml.cohort import clinic
from asthma_ml.cohort.engine.causal_model import Interventions
from asthma_ml.cohort.engine.conditions import Condition
from asthma_ml.cohort.engine.noise import BLOCK_SIZE
from asthma_ml.cohort.engine.structural_equations import equations_in
from asthma_ml.cohort.enrolment import enrol, preset_model
from asthma_ml.cohort.patient_tables import observed_table, truth_columns, truth_table
from asthma_ml.cohort.presets import Preset
from asthma_ml.errors import UnusableInputError
from asthma_ml.files import categories_to_text
from asthma_ml.jobs import usable_jobs
from asthma_ml.variables import ID, TRUTH_PREFIX, data_dictionary

PATIENCE = 64
"""Number of blocks without a single patient after which the search stops."""
MOST_BLOCKS_AT_ONCE = 32
PATIENTS_AT_ONCE, PATIENTS_AT_ONCE_OF_THREADS = 2 * BLOCK_SIZE, 4 * BLOCK_SIZE
"""Approximate number of patients computed together. With fewer, the overhead of numpy calls dominates, during which
threads wait for each other; more do not fit into the processor's caches."""
_ALMOST_32_MIB = 2**25 - 2**16

_Task = TypeVar("_Task")
_Result = TypeVar("_Result")


@dataclass(frozen=True)
class _Found:
    """Tables of the people of some blocks who enrolled."""

    blocks: range
    observed: pd.DataFrame
    truth: pd.DataFrame


class PatientStream:
    """The first patients of a population who enrol and meet a condition, as a sequence of tables.

    Parameters
    ----------
    n_patients : int
        Patients in the stream.
    seed : int
        Seed of the population.
    preset : Preset
        Who enrols.
    do : mapping of str to value, optional
        Interventions.
    where : str, optional
        Condition on the observed and the true columns.
    reselect : bool
        Let the intervention change who enrols.
    jobs : int
        Threads.
    with_truth : bool
        Whether to compute the truth, whose counterfactual twins take time. Without it the truth table holds
        `patient_id` only.

    Attributes
    ----------
    accepted, examined : int
        Number of patients delivered so far, and of enrolled people examined up to the last one delivered.

    Notes
    -----
    Iterating yields pairs of tables (observed, truth) with texts as categories.

    Examples
    --------
    >>> from asthma_ml.cohort.presets import PRESETS
    >>> stream = PatientStream(30, 1, PRESETS["severe_clinic"], where="smoking_status == 'never'")
    >>> sum(len(observed) for observed, truth in stream)
    30
    >>> stream.examined > 30
    True
    """

    def __init__(
        self,
        n_patients: int,
        seed: int,
        preset: Preset,
        do: Interventions | None = None,
        *,
        where: str | None = None,
        reselect: bool = False,
        jobs: int = 1,
        with_truth: bool = True,
    ) -> None:
        _refuse_outside_limits(do or {})
        self.n_patients, self.seed, self.preset, self.do = n_patients, seed, preset, do
        self.reselect, self.jobs = reselect, usable_jobs(jobs)
        self.model = preset_model(preset)
        columns = [*data_dictionary(), *truth_columns(self.model)]
        self.where = None if where is None else Condition(where, columns)
        self.with_truth = with_truth or any(name.startswith(TRUTH_PREFIX) for name in self._asked_for())
        self.accepted = self.examined = 0
        self._blocks = self._enrolled = 0

    def _asked_for(self) -> tuple[str, ...]:
        return self.where.names if self.where is not None else ()

    def __iter__(self) -> Iterator[tuple[pd.DataFrame, pd.DataFrame]]:
        keep_freed_memory()
        self.accepted = self.examined = self._blocks = self._enrolled = 0
        with closing(in_order(self._search, self._block_ranges(), self.jobs)) as results:
            while self.accepted < self.n_patients:
                found = next(results)
                taken = self._meeting_condition(found)[: self.n_patients - self.accepted]
                if len(taken):
                    self.accepted += len(taken)
                    self.examined = self._enrolled + int(taken[-1]) + 1
                    yield _rows(found.observed, taken), _rows(found.truth, taken)
                self._blocks, self._enrolled = found.blocks.stop, self._enrolled + len(found.observed)
                self._refuse_endless_search()

    def _search(self, blocks: range) -> _Found:
        patients = enrol(
            self.model,
            self.seed,
            blocks,
            self.preset,
            self.do,
            reselect=self.reselect,
            first=self._first_needed(blocks),
            wanted=None if self.with_truth else variables_of_observed_table(),
        )
        if patients is None:
            return _Found(blocks, pd.DataFrame(), pd.DataFrame())
        observed = observed_table(self.seed, patients)
        truth = truth_table(self.model, observed[ID], patients) if self.with_truth else observed[[ID]]
        return _Found(blocks, observed, truth)

    def _meeting_condition(self, found: _Found) -> NDArray[np.int64]:
        """Rows that meet the condition, evaluated on the reading thread, as `eval` of pandas may not be thread-safe."""
        if self.where is None or found.observed.empty:
            return np.arange(len(found.observed))
        columns = {name: (found.observed if name in found.observed else found.truth)[name] for name in self.where.names}
        return np.flatnonzero(self.where.met_by(categories_to_text(pd.DataFrame(columns))))

    def _first_needed(self, blocks: range) -> int:
        """Number of people to examine in each block: all, unless everybody in the block becomes a patient."""
        if self.preset.selects or self.where is not None:
            return BLOCK_SIZE
        return min(self.n_patients - blocks.start * BLOCK_SIZE, BLOCK_SIZE)

    def _block_ranges(self) -> Iterator[range]:
        start = 0
        while True:
            stop = start + self._blocks_at_once(start)
            yield range(start, stop)
            start = stop

    def _blocks_at_once(self, start: int) -> int:
        """Number of blocks that are still needed, limited by the number of patients to compute together."""
        if not self._blocks:
            return 1
        per_block = max(self.accepted, 1) / self._blocks
        needed = ceil((self.n_patients - per_block * start) / per_block / self.jobs)
        few = self.jobs == 1 or self.with_truth  # twins need memory too
        at_once = PATIENTS_AT_ONCE if few else PATIENTS_AT_ONCE_OF_THREADS
        most = min(at_once * self._blocks // max(self._enrolled, 1), MOST_BLOCKS_AT_ONCE)
        until_search_stops = PATIENCE - start if start < PATIENCE else most
        return max(min(needed, most, until_search_stops), 1)

    def _refuse_endless_search(self) -> None:
        if self.accepted or self._blocks < PATIENCE:
            return
        people = f"the first {PATIENCE * BLOCK_SIZE:,} people"
        if self.where is None:
            raise UnusableInputError(f"preset {self.preset.name}: none of {people} enrols")
        raise UnusableInputError(
            f"where {self.where.text!r}: none of {self._enrolled:,} patients enrolled in {self.preset.name} meets the "
            f"condition ({people} searched)"
        )


@cache
def variables_of_observed_table() -> tuple[str, ...]:
    """Names of the variables of the model that determine the observed table.

    Examples
    --------
    >>> "feno_ppb" in variables_of_observed_table(), "type2_drive" in variables_of_observed_table()
    (True, False)
    """
    return (*data_dictionary().keys() - {ID}, *(equation.name for equation in equations_in(clinic)))


def _refuse_outside_limits(do: Interventions) -> None:
    """Refuse interventions outside the hard limits of an observed variable."""
    for name, value in do.items():
        variable = data_dictionary().get(name)
        if variable is None or variable.limits is None:
            continue
        low, high = variable.limits
        numbers = np.asarray(pd.to_numeric(np.ravel(np.asarray(value, dtype=object)), errors="coerce"), dtype=float)
        if not ((numbers >= low) & (numbers <= high)).all():
            raise UnusableInputError(f"do {name}={value}: must be a number from {low:g} to {high:g} {variable.unit}")


def _rows(table: pd.DataFrame, taken: NDArray[np.int64]) -> pd.DataFrame:
    return table if len(taken) == len(table) else table.iloc[taken]


def keep_freed_memory() -> None:
    """Let the C library keep up to 64 MiB of freed memory for this process.

    A block of patients needs some hundred arrays. Without this, memory returns to the system between blocks, and
    clearing it again takes up to a tenth of the time. glibc keeps twice the size of the largest memory-mapped
    allocation freed so far, up to this size (``M_TRIM_THRESHOLD`` in mallopt(3)). The allocation here is never
    written to and costs nothing. Other C libraries ignore it.

    Examples
    --------
    >>> keep_freed_memory()
    """
    np.empty(_ALMOST_32_MIB, dtype=np.uint8)


def in_order(work: Callable[[_Task], _Result], tasks: Iterator[_Task], jobs: int) -> Generator[_Result, None, None]:
    """Results of the tasks in their order, computed on `jobs` threads.

    Examples
    --------
    >>> list(in_order(abs, iter([-3, 2]), jobs=2))
    [3, 2]
    """
    if jobs == 1:
        yield from map(work, tasks)
        return
    with ThreadPoolExecutor(jobs) as pool:
        waiting = deque(pool.submit(work, task) for task in islice(tasks, jobs + 1))
        try:
            while waiting:
                yield waiting.popleft().result()
                waiting.extend(pool.submit(work, task) for task in islice(tasks, 1))
        finally:
            pool.shutdown(wait=False, cancel_futures=True)
