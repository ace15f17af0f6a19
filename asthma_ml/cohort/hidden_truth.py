"""The truth of a cohort, which costs as much as its table and is computed when somebody asks for it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass

import pandas as pd

from asthma_ml.cohort.engine.causal_model import CausalModel, Interventions
from asthma_ml.cohort.engine.noise import BLOCK_SIZE
from asthma_ml.cohort.enrolment import enrolled_people, preset_model
from asthma_ml.cohort.patient_stream import in_order
from asthma_ml.cohort.patient_tables import people_of, truth_table
from asthma_ml.cohort.presets import Preset
from asthma_ml.cohort.table_columns import GrowingTable
from asthma_ml.cohort.working_memory import keep_freed_memory


@dataclass(frozen=True, eq=False)
class HiddenTruth:
    """Whose truth it is, and how they came to be.

    Everything follows from the seed and the person's number, so nothing else needs to be kept.

    Attributes
    ----------
    ids : Series of str of shape (n_patients,)
        Their identifiers.
    seed : int
        Seed of the cohort.
    preset : Preset
        Who enrolled.
    do : mapping of str to value
        Interventions.
    select_anew : bool
        Whether they enrolled under the interventions.
    jobs : int
        Threads.
    """

    ids: pd.Series[str]
    seed: int
    preset: Preset
    do: Interventions
    select_anew: bool = False
    jobs: int = 1

    def table(self) -> pd.DataFrame:
        """The truth table, in the order of the identifiers."""
        table = GrowingTable(len(self.ids))
        for part in self._parts():
            table.append(part)
        return table.frame()

    def _parts(self) -> Iterator[pd.DataFrame]:
        keep_freed_memory()
        model = preset_model(self.preset)
        blocks = iter(range(0, len(self.ids), BLOCK_SIZE))
        with closing(in_order(lambda start: self._part(model, start), blocks, self.jobs)) as parts:
            yield from parts

    def _part(self, model: CausalModel, start: int) -> pd.DataFrame:
        ids = self.ids.iloc[start : start + BLOCK_SIZE]
        patients = enrolled_people(model, self.seed, people_of(ids), self.do, select_anew=self.select_anew)
        return truth_table(model, ids.reset_index(drop=True), patients)
