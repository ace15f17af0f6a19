"""Counterfactual explanations: the smallest plausible change of a record that changes the call.

It is a what-if of the model: some columns of the record change and all others stay the same. In a patient the
markers would change as well; the counterfactual twins of the causal model show by how much.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import combinations, product
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from asthma_ml.classifier import without_scale_checks
from asthma_ml.decisions import decide_calls
from asthma_ml.variables import data_dictionary
from asthma_ml.wording import phrase, what_if_sentence

if TYPE_CHECKING:
    from asthma_ml.classifier import Classifier

BETTER: Mapping[str, tuple[Any, ...]] = {
    "ics_adherence_fraction": (0.8, 1.0),
    "inhaler_technique": ("correct",),
    "asthma_education": (1,),
    "smoking_status": ("former",),
    "occupational_exposure": ("none",),
    "pm25_ug_m3": (5.0,),
    "no2_ug_m3": (10.0,),
}
"""Plausible values of behaviour and exposure, improvements only; PM2.5 and NO2 as in the WHO guideline (2021)."""

PRESCRIBED: Mapping[str, tuple[Any, ...]] = {
    "ics_dose_ug_day": (500.0, 1000.0, 2000.0),
    "ocs_dose_mg_day": (0.0, 5.0, 10.0, 20.0),
    "biologic": ("none", "anti_ige", "anti_il5", "anti_il4r", "anti_tslp"),
}
"""Plausible values of prescriptions, higher or lower."""

MOST_COLUMNS = 3


@dataclass(frozen=True)
class WhatIf:
    """Change of a record and the prediction for the changed record.

    Attributes
    ----------
    change : dict of str to value
        Changed columns and their new values.
    called : str or None
        Class that would be called, None for no call.
    probability : float
        Probability of `predicted`.
    predicted : str
        Most probable class.
    """

    change: Mapping[str, Any]
    called: str | None
    probability: float
    predicted: str

    def sentence(self) -> str:
        """The change and its prediction in words."""
        return what_if_sentence(self.change, self.called, self.predicted, self.probability)


def no_change() -> str:
    """No plausible change leads to another call, in words."""
    return phrase("what_if_none", columns=str(MOST_COLUMNS))


def smallest_change(model: Classifier, patient: pd.DataFrame, most_columns: int = MOST_COLUMNS) -> WhatIf | None:
    """Smallest plausible change of a record that changes the call.

    Parameters
    ----------
    model : Classifier
        Fitted on a table with column names.
    patient : DataFrame of one row
        Record.
    most_columns : int, default=3
        Largest number of changed columns.

    Returns
    -------
    WhatIf or None
        Among the changes with the fewest columns that lead to another call, or to or from no call, the one with the
        smallest distance in normal scores; None if there is none. Missing columns stay missing.
    """
    before = decide_calls(model, model.encode(patient)).called[0]
    for n_columns in range(1, most_columns + 1):
        changes = list(_changes(patient.iloc[0], list(map(str, model.feature_names_in_)), n_columns))
        if found := _nearest(model, patient, changes, before):
            return found
    return None


def _changes(record: pd.Series[Any], features: list[str], n_columns: int) -> Iterator[dict[str, Any]]:
    options = {name: values for name in features if (values := _plausible(name, record.get(name)))}
    for names in combinations(options, n_columns):
        yield from (dict(zip(names, chosen, strict=True)) for chosen in product(*(options[name] for name in names)))


def _plausible(name: str, now: Any) -> list[Any]:
    """Plausible new values of a recorded value."""
    if pd.isna(now):
        return []
    if name in BETTER:
        return [value for value in BETTER[name] if _is_better(name, value, now)]
    return [value for value in PRESCRIBED.get(name, ()) if value != now]


def _is_better(name: str, value: Any, now: Any) -> bool:
    if name == "smoking_status":
        return bool(now == "current")
    if isinstance(value, str):
        return bool(value != now)
    return bool(value < now if data_dictionary()[name].factor == "environment" else value > now)


def _nearest(model: Classifier, patient: pd.DataFrame, changes: list[dict[str, Any]], before: Any) -> WhatIf | None:
    if not changes:
        return None
    table = pd.concat([patient] * len(changes), ignore_index=True)
    for name in {name for change in changes for name in change}:
        now = table[name].iloc[0]
        table[name] = [change.get(name, now) for change in changes]
    with without_scale_checks():
        encoded = model.encode(table)
    calls = decide_calls(model, encoded)
    others = np.flatnonzero([call != before for call in calls.called])
    if not len(others):
        return None
    place = others[np.argmin(_distances(model, patient, encoded)[others])]
    return WhatIf(
        changes[place],
        calls.called[place],
        float(calls.probability[place].max()),
        str(calls.most_probable[place]),
    )


def _distances(model: Classifier, patient: pd.DataFrame, encoded: pd.DataFrame) -> np.ndarray:
    """Distance of each record from that of the patient, in normal scores."""
    scores = model.linear_.scores.transform
    moved = scores(encoded.to_numpy()) - scores(model.encode(patient).to_numpy())
    return np.asarray(np.nansum(np.abs(moved), axis=1))
