"""The patients of a generated cohort, and the same people under an intervention, joined by their identifier."""

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
    """Patients whose twins can be asked for.

    Attributes
    ----------
    n_patients, seed, preset, where
        As in `generate_cohort`.
    ids : collection of str or None
        Only these patients of it; all by default.
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
        """What a clinic sees of them, by identifier; twins who no longer meet the condition are not there."""
        table = self.under(do).observed.set_index(ID)
        return self.asked_for(table) if not do else table

    def asked_for(self, table: pd.DataFrame) -> pd.DataFrame:
        """Those of a table by identifier who are asked for, refused where they are not all there."""
        if self.ids is None:
            return table
        chosen = table[table.index.isin(list(self.ids))]
        if len(chosen) < len(set(self.ids)):
            raise UnusableInputError(
                f"{len(set(self.ids)) - len(chosen)} of {len(set(self.ids))} patients are not among the first "
                f"{len(table)} of this cohort; put its schema beside the file, which says how many there are"
            )
        return chosen


def twins_of_file(patients: PatientTable, origin: Origin) -> TwinCohort:
    """The patients of a generated file, with their twins.

    Parameters
    ----------
    patients : PatientTable
        A generated cohort, or some patients of it.
    origin : Origin
        How it was generated.

    Returns
    -------
    TwinCohort
        Of these patients.

    Raises
    ------
    UnusableInputError
        The seed is not known, or these are not the patients of that seed.
    """
    if origin.seed is None or ID not in patients.values:
        raise UnusableInputError(f"{patients.source}: twins need the column {ID} and the seed; give --seed")
    refuse_other_patients(patients.values, origin)
    ids = patients.values[ID].tolist()
    return TwinCohort(origin.n_patients or len(ids), origin.seed, origin.preset, origin.where, ids)
