"""Patients in a stream: block after block of the population, on several threads, in order.

What comes out depends on neither threads nor the number of blocks taken at once.
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
from asthma_ml.cohort.working_memory import keep_freed_memory
from asthma_ml.errors import UnusableInputError
from asthma_ml.files import with_text
from asthma_ml.variables import ID, TRUTH_PREFIX, data_dictionary

PATIENCE = 64
"""Blocks of the population without a single patient after which the search is given up."""
MOST_BLOCKS_AT_ONCE = 32
PATIENTS_AT_ONCE, PATIENTS_AT_ONCE_OF_THREADS = 2 * BLOCK_SIZE, 4 * BLOCK_SIZE
"""About as many as are computed together. Fewer spend their time between the calls of numpy, where
threads have to wait for each other; more do not fit into the caches."""

_Task = TypeVar("_Task")
_Result = TypeVar("_Result")


@dataclass(frozen=True)
class _Found:
    """What some blocks of the population hold: the tables of those who enrolled."""

    blocks: range
    observed: pd.DataFrame
    truth: pd.DataFrame


class PatientStream:
    """The first patients of a population who enrol and meet a condition, a table at a time, texts as categories.

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
    select_anew : bool
        Let the intervention change who enrols.
    jobs : int
        Threads.
    with_truth : bool
        Whether the truth is wanted; its twins take time. Without it the truth table holds `patient_id` alone.

    Attributes
    ----------
    accepted, examined : int
        Patients given out so far, and those examined for them: all who enrolled up to the last one given out.

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
        select_anew: bool = False,
        jobs: int = 1,
        with_truth: bool = True,
    ) -> None:
        _refuse_outside_limits(do or {})
        self.n_patients, self.seed, self.preset, self.do = n_patients, seed, preset, do
        self.select_anew, self.jobs = select_anew, jobs
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
                self._refuse_vain_search()

    def _search(self, blocks: range) -> _Found:
        patients = enrol(
            self.model,
            self.seed,
            blocks,
            self.preset,
            self.do,
            select_anew=self.select_anew,
            first=self._first_needed(blocks),
            wanted=None if self.with_truth else visible_variables(),
        )
        if patients is None:
            return _Found(blocks, pd.DataFrame(), pd.DataFrame())
        observed = observed_table(self.seed, patients)
        truth = truth_table(self.model, observed[ID], patients) if self.with_truth else observed[[ID]]
        return _Found(blocks, observed, truth)

    def _meeting_condition(self, found: _Found) -> NDArray[np.int64]:
        """Row numbers. Only the reading thread asks: pandas does not promise that `eval` is thread-safe."""
        if self.where is None or found.observed.empty:
            return np.arange(len(found.observed))
        columns = {name: (found.observed if name in found.observed else found.truth)[name] for name in self.where.names}
        return np.flatnonzero(self.where.met_by(with_text(pd.DataFrame(columns))))

    def _first_needed(self, blocks: range) -> int:
        """How many people of a block are looked at: all, unless the last one needed is known beforehand."""
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
        """As many blocks as are still needed, at most about those of the patients to be computed together."""
        if not self._blocks:
            return 1
        per_block = max(self.accepted, 1) / self._blocks
        needed = ceil((self.n_patients - per_block * start) / per_block / self.jobs)
        few = self.jobs == 1 or self.with_truth  # twins need memory too
        at_once = PATIENTS_AT_ONCE if few else PATIENTS_AT_ONCE_OF_THREADS
        most = min(at_once * self._blocks // max(self._enrolled, 1), MOST_BLOCKS_AT_ONCE)
        until_giving_up = PATIENCE - start if start < PATIENCE else most
        return max(min(needed, most, until_giving_up), 1)

    def _refuse_vain_search(self) -> None:
        if self.accepted or self._blocks < PATIENCE:
            return
        who = f"enrols in {self.preset.name}"
        if self.where is not None:
            who = f"of {self._enrolled:,} in {self.preset.name} meets {self.where.text!r}"
        raise UnusableInputError(f"nobody {who}: none in {PATIENCE * BLOCK_SIZE:,} people, where the search ends")


@cache
def visible_variables() -> tuple[str, ...]:
    """Variables of the model that the observed table is made from.

    Examples
    --------
    >>> "feno_ppb" in visible_variables(), "type2_drive" in visible_variables()
    (True, False)
    """
    return (*data_dictionary().keys() - {ID}, *(equation.name for equation in equations_in(clinic)))


def _refuse_outside_limits(do: Interventions) -> None:
    """Refuse to hold an observed variable at a value that its hard limits exclude."""
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


def in_order(work: Callable[[_Task], _Result], tasks: Iterator[_Task], jobs: int) -> Generator[_Result, None, None]:
    """Results in the order of the tasks, the next ones being worked on meanwhile.

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
