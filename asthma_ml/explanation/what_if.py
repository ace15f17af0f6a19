"""The smallest plausible change of what can be changed in a patient that changes the call.

It is a what-if of the model: the record reads otherwise and all else stays as it is. In a patient the markers
would move as well; what a change does to a patient, the twins of the causal model tell.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import combinations, product
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from asthma_ml.decisions import decide_calls
from asthma_ml.variables import data_dictionary
from asthma_ml.wording import finding, framed, listed, plain_name

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
"""What conduct and surroundings can become: never worse. The particles are those of the guideline of WHO (2021)."""

PRESCRIBED: Mapping[str, tuple[Any, ...]] = {
    "ics_dose_ug_day": (500.0, 1000.0, 2000.0),
    "ocs_dose_mg_day": (0.0, 5.0, 10.0, 20.0),
    "biologic": ("none", "anti_ige", "anti_il5", "anti_il4r", "anti_tslp"),
}
"""What a prescription can become, up or down."""

MOST_COLUMNS = 3


@dataclass(frozen=True)
class WhatIf:
    """A change of a record and what the model would say of it.

    Attributes
    ----------
    change : dict of str to value
        Columns and what they would read.
    called : str or None
        The class that would be called, None for no call.
    probability : float
        Of the most probable class, `predicted`.
    predicted : str
        Most probable class.
    """

    change: Mapping[str, Any]
    called: str | None
    probability: float
    predicted: str

    def sentence(self) -> str:
        """Say it in words, as what it is.

        Examples
        --------
        >>> print(WhatIf({"ocs_dose_mg_day": 0.0}, "th2_high", 0.81, "th2_high").sentence())
        As a what-if of the model, no forecast: if the record said oral steroid dose 0 mg/day and all else stayed as
        it is, it would call this patient Th2-high with probability 0.81. In a patient the markers would move as well.
        """
        changed = listed([finding(name, value, short=True) for name, value in self.change.items()])
        told = {"class": plain_name(self.predicted), "probability": f"{self.probability:.2f}"}
        outcome = framed("what_if_call" if self.called else "what_if_no_call", **told)
        return framed("what_if", changed=changed, outcome=outcome)


def no_change() -> str:
    """Say that nothing within reach changes the call."""
    return framed("what_if_none", columns=str(MOST_COLUMNS))


def smallest_change(model: Classifier, patient: pd.DataFrame, most_columns: int = MOST_COLUMNS) -> WhatIf | None:
    """Find the smallest plausible change of a record that changes the call.

    Parameters
    ----------
    model : Classifier
        Fitted on a table with column names.
    patient : DataFrame of one row
        The record.
    most_columns : int, default=3
        How many columns may change.

    Returns
    -------
    WhatIf or None
        Of the changes with the fewest columns that lead to another call, or from or to none, the one that goes the
        least way in normal scores, that is, in the spread of the training patients; None where there is none.
        Columns that are not recorded stay so.
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
    """What a recorded value can become."""
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
    encoded = model.encode(table)
    calls = decide_calls(model, encoded)
    others = np.flatnonzero([call != before for call in calls.called])
    if not len(others):
        return None
    place = others[np.argmin(_way(model, patient, encoded)[others])]
    return WhatIf(
        changes[place],
        calls.called[place],
        float(calls.probability[place].max()),
        str(calls.most_probable[place]),
    )


def _way(model: Classifier, patient: pd.DataFrame, encoded: pd.DataFrame) -> np.ndarray:
    """How far each record is from that of the patient, in normal scores."""
    scores = model.linear_margins.scores
    moved = scores(encoded.to_numpy()) - scores(model.encode(patient).to_numpy())
    return np.asarray(np.nansum(np.abs(moved), axis=1))
