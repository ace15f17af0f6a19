"""Counterfactual twins: the patients of a generated cohort under an intervention, joined by identifier."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pandas as pd

from asthma_ml.cohort import Cohort, Interventions, Preset, generate_cohort
from asthma_ml.errors import UnusableInputError
from asthma_ml.evaluation.causal.origin import Origin, refuse_other_patients
from asthma_ml.variables import ID

if TYPE_CHECKING:
    from asthma_ml.patients import PatientTable


@dataclass(frozen=True)
class TwinCohort:
    """Generated patients whose counterfactual twins can be generated.

    Attributes
    ----------
    n_patients, seed, preset, where
        As in `generate_cohort`.
    ids : collection of str or None
        Restricts the cohort to these patients; all by default.
    """

    n_patients: int
    seed: int
    preset: str | Preset = "severe_clinic"
    where: str | None = None
    ids: Collection[str] | None = None

    def under(self, do: Interventions | None = None) -> Cohort:
        """Generate the whole cohort under an intervention."""
        return generate_cohort(self.n_patients, self.seed, self.preset, do, where=self.where)

    def observed(self, do: Interventions | None = None) -> pd.DataFrame:
        """Observed table by identifier; twins who no longer meet the condition are absent."""
        table = self.under(do).observed.set_index(ID)
        return self.restrict(table) if not do else table

    def restrict(self, table: pd.DataFrame) -> pd.DataFrame:
        """Rows of the wanted patients of a table by identifier; refused where some are absent."""
        if self.ids is None:
            return table
        chosen = table[table.index.isin(list(self.ids))]
        if len(chosen) < len(set(self.ids)):
            raise UnusableInputError(
                f"{len(set(self.ids)) - len(chosen)} of {len(set(self.ids))} patients are not among the first "
                f"{len(table)} of this cohort; put its schema, which holds the size of the cohort, next to the file"
            )
        return chosen


def twins_of_file(patients: PatientTable, origin: Origin) -> TwinCohort:
    """The patients of a generated file as a cohort with counterfactual twins.

    Parameters
    ----------
    patients : PatientTable
        A generated cohort, or part of one.
    origin : Origin
        How the file was generated.

    Returns
    -------
    TwinCohort
        Of these patients.

    Raises
    ------
    UnusableInputError
        The seed is unknown, or the patients are not those of the seed.
    """
    if origin.seed is None or ID not in patients.values:
        raise UnusableInputError(f"{patients.source}: twins need the column {ID} and the seed; give --seed")
    refuse_other_patients(patients.values, origin)
    ids = patients.values[ID].tolist()
    return TwinCohort(origin.n_patients or len(ids), origin.seed, origin.preset, origin.where, ids)
