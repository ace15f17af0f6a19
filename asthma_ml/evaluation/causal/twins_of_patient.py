"""Predictions of the counterfactual twins of one patient."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from asthma_ml.classifier import without_scale_checks
from asthma_ml.decisions import decide_calls
from asthma_ml.inference import TrueStates

if TYPE_CHECKING:
    from asthma_ml.classifier import Classifier


INTERVENED: Mapping[str, str] = {"ics_adherence_fraction": "inhaled_adherence"}
"""Variable to intervene on for a column that only records it."""


def calls_of_twins(model: Classifier, states: TrueStates, change: Mapping[str, Any]) -> dict[str, Any]:
    """Calls of the counterfactual twins of a patient under a change of recorded columns.

    Parameters
    ----------
    model : Classifier
        Fitted on a table with column names.
    states : TrueStates
        From `abduct`.
    change : mapping of str to value
        New value of each column; for adherence, of the doses taken.

    Returns
    -------
    dict
        `n`; `effective`, the effective sample size; `called`, the number of twins by class, ``no call`` included; and
        `probability`, the quartiles of the probability of the second class.
    """
    do: dict[str, Any] = {INTERVENED.get(name, name): value for name, value in change.items()}
    twins = states.observed(do)
    with without_scale_checks():
        calls = decide_calls(model, model.encode(twins))
    named = Counter("no call" if call is None else str(call) for call in calls.called)
    return {
        "n": len(twins),
        "effective": states.effective,
        "called": dict(named.most_common()),
        "probability": np.percentile(calls.probability[:, -1], [25, 50, 75]).tolist(),
    }
