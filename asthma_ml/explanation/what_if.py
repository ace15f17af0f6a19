"""What-ifs: what would a change that a clinician can advise do to the prediction for one patient.

The question goes to the causal model and never to the record. A record that is edited in one place means something
else: FeNO of 90 ppb beside full adherence is stronger evidence of Th2-high disease than beside missed doses, although
the patient who takes the missed doses has a lower FeNO. In the counterfactual twins of the patient the markers change
as well.

What is advised improves behaviour or exposure. A prescription is never advised in order to change a call: a treatment
that masks markers changes the call and leaves the disease. Whether markers are masked is asked instead, without advice:
what they would be without the oral steroid or the biologic. Fine particles are not advised on, since no advice gives
clean air, and neither is education, which acts through adherence and technique.

The interventions are those of `FACTOR_REFERENCES`, so that the change under full adherence is minus the effect of
adherence alone. The exception is smoking: a patient can stop, but not become a never-smoker.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from asthma_ml.classifier import class_log_odds, explained_classes, without_scale_checks
from asthma_ml.cohort import DEFAULT_PRESET, FACTOR_REFERENCES, PRESETS, Interventions
from asthma_ml.decisions import decide_calls
from asthma_ml.errors import UnusableInputError
from asthma_ml.inference import TrueStates, abduct
from asthma_ml.variables import data_dictionary
from asthma_ml.wording import phrase, what_if_sentence

if TYPE_CHECKING:
    from asthma_ml.classifier import Classifier
    from asthma_ml.decisions import Calls

ADVICE: Mapping[str, Interventions] = {
    "adherence": FACTOR_REFERENCES["adherence"],
    "smoking_status": {"smoking_status": "former"},
    "occupational_exposure": {"occupational_exposure": "none"},
}
"""Interventions on behaviour and exposure that a clinician can advise."""

TREATMENTS: Mapping[str, Interventions] = {
    name: {name: FACTOR_REFERENCES["patient_context"][name]} for name in ("ocs_dose_mg_day", "biologic")
}
"""Interventions that unmask markers. They are asked, not advised."""

_INTERVENTIONS = {**ADVICE, **TREATMENTS}
_KEPT: Mapping[str, tuple[str, ...]] = {"smoking_status": ("pack_years",)}
"""Variables that stay as they are under an intervention, although it would change them in another history."""

_ENDS = (5, 95)
_MARKERS = ("feno_ppb", "blood_eosinophils_cells_ul")


@dataclass(frozen=True)
class WhatIf:
    """Calls of the counterfactual twins of one patient under some interventions.

    Attributes
    ----------
    asked : tuple of str
        Names of the interventions, of `ADVICE` or of `TREATMENTS`.
    called : dict of str to int
        Number of twins by called class, ``no call`` included.
    changes_call : bool
        Whether most twins have another call than the patient.
    explained : str
        Class whose log-odds are compared.
    change, low, high : float
        Mean change of the log-odds from the patient to the twins, with the interval of 90 % of the twins.
    markers : dict of str to float
        Median of FeNO and blood eosinophils in the twins, as far as they are measured in the patient.
    """

    asked: tuple[str, ...]
    called: Mapping[str, int]
    changes_call: bool
    explained: str
    change: float
    low: float
    high: float
    markers: Mapping[str, float]

    def sentence(self) -> str:
        """The interventions and the calls of the twins in words."""
        kind = "what_if_advice" if set(self.asked) <= set(ADVICE) else "what_if_unmasked"
        outcome = "what_if_changes" if self.changes_call else "what_if_stays"
        change = (self.change, self.low, self.high)
        return what_if_sentence(kind, outcome, self.asked, self.called, self.explained, change, self.markers)


def what_if_text(model: Classifier, patient: pd.DataFrame, preset: str | None = None) -> str:
    """Answers of the causal model for one patient, in words.

    Parameters
    ----------
    model : Classifier
        Fitted on a table with column names.
    patient : DataFrame of one row
        Record.
    preset : str, default=None
        Clinic of the patient; by default that from which the model has its mechanism contributions, or the default.

    Returns
    -------
    str
        The smallest change that changes the call and, for a patient with an oral steroid or a biologic, the answer
        without it; or why the causal model has no answer.
    """
    clinic = preset or (model.mechanisms_.preset if model.mechanisms_ else DEFAULT_PRESET)
    if preset is None and clinic not in PRESETS:
        reason = f"the mechanisms of the model are of {clinic}, a preset of your own; name its file with --preset"
        return phrase("what_if_refused", reason=reason)
    try:
        states = abduct(patient, clinic)
    except UnusableInputError as error:
        return phrase("what_if_refused", reason=str(error))
    found = [smallest_change(model, patient, states), without_treatment(model, patient, states)]
    return " ".join(each.sentence() for each in found if each is not None)


def smallest_change(model: Classifier, patient: pd.DataFrame, states: TrueStates) -> WhatIf:
    """Smallest change that a clinician can advise and that changes the call.

    Parameters
    ----------
    model : Classifier
        Fitted on a table with column names.
    patient : DataFrame of one row
        Record.
    states : TrueStates
        Of the patient, from `abduct`.

    Returns
    -------
    WhatIf
        Among the fewest pieces of advice that change the call of most twins, those that change the call of the most
        twins; all pieces of advice that apply if none do.
    """
    twins = _Twins(model, patient, states)
    advice = [name for name in ADVICE if name == "adherence" or _applies(patient, name)]
    for n in range(1, len(advice) + 1):
        found = [twins.under(asked) for asked in combinations(advice, n)]
        if changing := [each for each in found if each.changes_call]:
            return min(changing, key=lambda each: each.called.get(twins.call, 0))
    return twins.under(tuple(advice))


def without_treatment(model: Classifier, patient: pd.DataFrame, states: TrueStates) -> WhatIf | None:
    """Calls of the twins without the recorded treatments that mask markers.

    Parameters
    ----------
    model, patient, states
        As in `smallest_change`.

    Returns
    -------
    WhatIf or None
        None for a patient without such a treatment.
    """
    given = tuple(name for name in TREATMENTS if _applies(patient, name))
    return _Twins(model, patient, states).under(given) if given else None


def _applies(patient: pd.DataFrame, name: str) -> bool:
    """Whether the record says that an intervention would change something."""
    recorded = patient[name].iloc[0] if name in patient else None
    return bool(pd.notna(recorded)) and recorded not in ("never", _INTERVENTIONS[name][name])


class _Twins:
    """Counterfactual twins of one patient, and the prediction for the patient."""

    def __init__(self, model: Classifier, patient: pd.DataFrame, states: TrueStates) -> None:
        self.model, self.states = model, states
        self.absent = set(data_dictionary().features).difference(patient.columns)
        self.markers = [name for name in _MARKERS if name in patient and pd.notna(patient[name].iloc[0])]
        calls = self._calls(patient)
        self.explained = explained_classes(calls.classes, calls.probability)[0]
        self.call, self.log_odds = _named(calls)[0], self._log_odds(calls)[0]

    def under(self, asked: tuple[str, ...]) -> WhatIf:
        """Prediction of the twins."""
        twins = self.states.observed(dict(self._interventions(asked)))
        calls = self._calls(twins.assign(**dict.fromkeys(self.absent, np.nan)))
        change, called = self._log_odds(calls) - self.log_odds, Counter(_named(calls))
        low, high = np.percentile(change, _ENDS).tolist()
        return WhatIf(
            asked,
            called=dict(called.most_common()),
            changes_call=2 * called[self.call] < len(twins),
            explained=str(calls.classes[self.explained]),
            change=float(change.mean()),
            low=low,
            high=high,
            markers={name: float(twins[name].median()) for name in self.markers},
        )

    def _interventions(self, asked: tuple[str, ...]) -> Iterator[tuple[str, object]]:
        for name in asked:
            yield from _INTERVENTIONS[name].items()
            yield from ((kept, self.states.values[kept]) for kept in _KEPT.get(name, ()))

    def _calls(self, table: pd.DataFrame) -> Calls:
        with without_scale_checks():
            return decide_calls(self.model, self.model.encode(table))

    def _log_odds(self, calls: Calls) -> np.ndarray:
        return class_log_odds(np.log(calls.probability), np.full(len(calls.probability), self.explained))


def _named(calls: Calls) -> list[str]:
    return ["no call" if call is None else str(call) for call in calls.called]
