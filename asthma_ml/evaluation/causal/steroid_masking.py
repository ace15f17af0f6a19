"""Does the model see through oral steroids? Patients beside their twins who take none.

Oral steroids lower blood eosinophils and FeNO and raise neutrophils, so a Th2-high patient may look
neutrophilic. The phenotype is that under standard treatment: it is the same in both twins, and a
prediction that changes between them was one about the treatment.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from asthma_ml.cohort import Interventions, Preset
from asthma_ml.decisions import decide_calls
from asthma_ml.errors import UnusableInputError
from asthma_ml.evaluation.causal.twins import TwinCohort
from asthma_ml.evaluation.intervals import share
from asthma_ml.variables import LABEL

if TYPE_CHECKING:
    from asthma_ml.classifier import PhenotypeClassifier

TWINS: Mapping[str, Interventions] = {
    "never_prescribed": {"ocs_dose_mg_day": 0.0},
    "prescribed_and_not_taken": {"oral_steroid_taken_mg_day": 0.0},
}
"""The model sees in the record that the first takes no oral steroid; of the second it is told the dose."""

FEWEST_OF_A_LABEL = 10


def steroid_masking(
    model: PhenotypeClassifier,
    n_patients: int = 2000,
    seed: int = 1,
    preset: str | Preset = "severe_clinic",
    *,
    where: str | None = None,
    ids: Collection[str] | None = None,
) -> dict[str, Any]:
    """Count the predictions that change when patients on oral steroids take none.

    Parameters
    ----------
    model : PhenotypeClassifier
        Fitted on a table with column names.
    n_patients, seed, preset, where
        The cohort, as in `generate_cohort`; its seed should be another than that of the training patients.
    ids : collection of str, optional
        Only these patients of it.

    Returns
    -------
    dict
        For each twin of `TWINS` a list, one row for all patients on oral steroids and one for each label of ten or
        more of them: `label`, `n`; the shares, with Wilson intervals, whose most probable class changes (`flips`)
        and whose call changes, also to or from no call (`calls_changed`); for labels the model knows the shares
        right as treated and right in the twin (`right_as_treated`, `right_in_twin`); and `flips_to`, how often the
        twin is predicted each class instead.

    Raises
    ------
    UnusableInputError
        As `generate_cohort`; also where nobody takes oral steroids, or `ids` are not all in the cohort.

    Examples
    --------
    >>> from asthma_ml.classifier import PhenotypeClassifier
    >>> from asthma_ml.cohort import generate_cohort
    >>> model = PhenotypeClassifier(n_trees=20).fit(*generate_cohort(400, seed=1).training_data())
    >>> found = steroid_masking(model, 200, seed=2)
    >>> sorted(found), found["never_prescribed"][0]["label"]
    (['never_prescribed', 'prescribed_and_not_taken'], 'all')
    """
    return evaluate_steroid_masking(model, TwinCohort(n_patients, seed, preset, where, ids))


def evaluate_steroid_masking(model: PhenotypeClassifier, cohort: TwinCohort) -> dict[str, Any]:
    """`steroid_masking` of patients whose twins can be asked for."""
    treated = cohort.observed()
    treated = treated[treated["ocs_dose_mg_day"] > 0]
    if treated.empty:
        raise UnusableInputError("none of these patients takes oral steroids; nothing is masked")
    found = {}
    for name, do in TWINS.items():
        twins = cohort.observed(do)
        both = treated.index.intersection(twins.index, sort=False)
        found[name] = _changes(model, treated.loc[both], twins.loc[both])
    return found


def _changes(model: PhenotypeClassifier, treated: pd.DataFrame, twins: pd.DataFrame) -> list[dict[str, Any]]:
    before, after = (decide_calls(model, model.encode(table)) for table in (treated, twins))
    classes = [str(name) for name in model.classes_]
    labels = treated[LABEL].astype(str).to_numpy()
    first, second = before.most_probable.astype(str), after.most_probable.astype(str)
    calls_changed = before.called != after.called
    rows = []
    for label, member in _groups(labels):
        one, other = first[member], second[member]
        row: dict[str, Any] = {
            "label": label,
            "n": int(member.sum()),
            "flips": share(one != other),
            "calls_changed": share(calls_changed[member]),
            "flips_to": {name: int(np.sum((one != other) & (other == name))) for name in classes},
        }
        if label in classes:
            row |= {"right_as_treated": share(one == label), "right_in_twin": share(other == label)}
        rows.append(row)
    return rows


def _groups(labels: NDArray[Any]) -> list[tuple[str, NDArray[np.bool_]]]:
    names, counts = np.unique(labels, return_counts=True)
    often = names[counts >= FEWEST_OF_A_LABEL]
    return [("all", np.ones(len(labels), dtype=bool)), *((str(name), labels == name) for name in often)]
