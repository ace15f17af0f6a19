"""Steroid masking: predictions of patients on oral steroids compared with their counterfactual twins without.

Oral steroids lower blood eosinophils and FeNO and raise neutrophils, so a Th2-high patient may look neutrophilic. The
phenotype is defined under standard treatment and is the same in both twins: a prediction that differs between them
depends on the treatment.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from asthma_ml.cohort import Interventions
from asthma_ml.decisions import decide_calls
from asthma_ml.errors import UnusableInputError
from asthma_ml.evaluation.causal.twins import TwinCohort
from asthma_ml.intervals import proportion
from asthma_ml.variables import LABEL

if TYPE_CHECKING:
    from asthma_ml.classifier import PhenotypeClassifier

TWINS: Mapping[str, Interventions] = {
    "never_prescribed": {"ocs_dose_mg_day": 0.0},
    "prescribed_and_not_taken": {"oral_steroid_taken_mg_day": 0.0},
}
"""Interventions of the two twins. The record of the first shows no oral steroid, the other the prescribed dose."""

FEWEST_OF_A_LABEL = 10


def evaluate_steroid_masking(model: PhenotypeClassifier, cohort: TwinCohort) -> dict[str, Any]:
    """Proportion of predictions that change when patients on oral steroids take none.

    Parameters
    ----------
    model : PhenotypeClassifier
        Fitted on a table with column names.
    cohort : TwinCohort
        Generated patients, not those of the training cohort.

    Returns
    -------
    dict
        For each twin of `TWINS` a list, one row for all patients on oral steroids and one for each label of ten or
        more of them: `label`, `n`; with Wilson intervals the proportions whose most probable class changes
        (`class_changes`) and whose call changes, no call included (`call_changes`); `changed_to`, the number of twins
        by new class; and for classes of the model `accuracy_as_treated` and `accuracy_in_twin`.

    Raises
    ------
    UnusableInputError
        As `TwinCohort.observed`; also where no patient takes oral steroids.

    Examples
    --------
    >>> from asthma_ml.classifier import PhenotypeClassifier
    >>> from asthma_ml.cohort import generate_cohort
    >>> model = PhenotypeClassifier(n_trees=20).fit(*generate_cohort(400, seed=1).training_data())
    >>> found = evaluate_steroid_masking(model, TwinCohort(200, seed=2))
    >>> sorted(found), found["never_prescribed"][0]["label"]
    (['never_prescribed', 'prescribed_and_not_taken'], 'all')
    """
    treated = cohort.observed()
    treated = treated[treated["ocs_dose_mg_day"] > 0]
    if treated.empty:
        raise UnusableInputError("none of these patients takes oral steroids: steroid masking cannot be evaluated")
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
    call_changes = before.called != after.called
    rows = []
    for label, member in _groups(labels):
        one, other = first[member], second[member]
        row: dict[str, Any] = {
            "label": label,
            "n": int(member.sum()),
            "class_changes": proportion(one != other),
            "call_changes": proportion(call_changes[member]),
            "changed_to": {name: int(np.sum((one != other) & (other == name))) for name in classes},
        }
        if label in classes:
            row |= {"accuracy_as_treated": proportion(one == label), "accuracy_in_twin": proportion(other == label)}
        rows.append(row)
    return rows


def _groups(labels: NDArray[Any]) -> list[tuple[str, NDArray[np.bool_]]]:
    names, counts = np.unique(labels, return_counts=True)
    often = names[counts >= FEWEST_OF_A_LABEL]
    return [("all", np.ones(len(labels), dtype=bool)), *((str(name), labels == name) for name in often)]
