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

from asthma_ml.cohort import Preset, generate_cohort
from asthma_ml.cohort.causal_model import Interventions
from asthma_ml.errors import UnusableInputError
from asthma_ml.evaluation.bayes_limit_beside_model import Origin, refuse_other_patients
from asthma_ml.evaluation.intervals import share
from asthma_ml.explanation import judge_calls
from asthma_ml.variables import ID, LABEL

if TYPE_CHECKING:
    from asthma_ml.classifier import PhenotypeClassifier
    from asthma_ml.patients import PatientTable

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
    >>> model = PhenotypeClassifier(n_trees=20).fit(*generate_cohort(400, seed=1).training_data())
    >>> found = steroid_masking(model, 200, seed=2)
    >>> sorted(found), found["never_prescribed"][0]["label"]
    (['never_prescribed', 'prescribed_and_not_taken'], 'all')
    """
    treated = _patients(n_patients, seed, preset, where, {})
    if ids is not None:
        treated = _only(treated, ids)
    treated = treated[treated["ocs_dose_mg_day"] > 0]
    if treated.empty:
        raise UnusableInputError("none of these patients takes oral steroids; nothing is masked")
    found = {}
    for name, do in TWINS.items():
        twins = _patients(n_patients, seed, preset, where, do)
        both = treated.index.intersection(twins.index, sort=False)
        found[name] = _changes(model, treated.loc[both], twins.loc[both])
    return found


def masking_of_file(model: PhenotypeClassifier, patients: PatientTable, origin: Origin) -> dict[str, Any]:
    """`steroid_masking` of the patients of a generated file.

    Parameters
    ----------
    model : PhenotypeClassifier
        Fitted on a table with column names.
    patients : PatientTable
        A generated cohort, or some patients of it.
    origin : Origin
        How it was generated.

    Returns
    -------
    dict
        As `steroid_masking`.

    Raises
    ------
    UnusableInputError
        The seed is not known, or these are not the patients of that seed; also as `steroid_masking`.
    """
    if origin.seed is None or ID not in patients.values:
        raise UnusableInputError(f"{patients.source}: twins need the column {ID} and the seed; give --seed")
    refuse_other_patients(patients.values, origin)
    ids = patients.values[ID].tolist()
    n_patients = origin.n_patients or len(ids)
    return steroid_masking(model, n_patients, origin.seed, origin.preset, where=origin.where, ids=ids)


def _patients(n_patients: int, seed: int, preset: str | Preset, where: str | None, do: Interventions) -> pd.DataFrame:
    return generate_cohort(n_patients, seed, preset, do, where=where).observed.set_index(ID)


def _only(patients: pd.DataFrame, ids: Collection[str]) -> pd.DataFrame:
    chosen = patients[patients.index.isin(list(ids))]
    if len(chosen) < len(set(ids)):
        raise UnusableInputError(
            f"{len(set(ids)) - len(chosen)} of {len(set(ids))} patients are not among the first {len(patients)} of "
            "this cohort; put its schema beside the file, which says how many there are"
        )
    return chosen


def _changes(model: PhenotypeClassifier, treated: pd.DataFrame, twins: pd.DataFrame) -> list[dict[str, Any]]:
    before, after = (judge_calls(model, model.encode(table)) for table in (treated, twins))
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
