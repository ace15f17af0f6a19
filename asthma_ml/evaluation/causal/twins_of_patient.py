"""TODO."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from asthma_ml.decisions import decide_calls
from asthma_ml.inference import TrueStates
from asthma_ml.wording import finding, framed, listed, plain_name

if TYPE_CHECKING:
    from asthma_ml.classifier import Classifier


DONE_BY: Mapping[str, str] = {"ics_adherence_fraction": "inhaled_adherence"}
"""What is changed in the patient where a record is to read otherwise, if it is not the column itself."""


def calls_of_twins(model: Classifier, states: TrueStates, change: Mapping[str, Any]) -> dict[str, Any]:
    """Ask a classifier about the twins of a patient under a change of what its record says.

    Parameters
    ----------
    model : Classifier
        Fitted on a table with column names.
    states : TrueStates
        From `abduct`.
    change : mapping of str to value
        Columns and what they shall become; of adherence, the doses really taken.

    Returns
    -------
    dict
        `n`, `effective`, `called` (how many twins are called each class; ``no call`` is one of the answers), and the
        quartiles of the probability of the second class (`probability`: lower, median and upper).
    """
    do: dict[str, Any] = {DONE_BY.get(name, name): value for name, value in change.items()}
    twins = states.observed(do)
    calls = decide_calls(model, model.encode(twins))
    named = Counter("no call" if call is None else str(call) for call in calls.called)
    return {
        "n": len(twins),
        "effective": states.effective,
        "called": dict(named.most_common()),
        "probability": np.percentile(calls.probability[:, -1], [25, 50, 75]).tolist(),
    }


def twins_sentence(found: Mapping[str, Any], change: Mapping[str, Any]) -> str:
    """Say what the twins of a patient would be called.

    Parameters
    ----------
    found : mapping
        From `calls_of_twins`.
    change : mapping of str to value
        What was changed.

    Returns
    -------
    str
        A sentence.

    Examples
    --------
    >>> print(twins_sentence({"n": 200, "called": {"th2_high": 150, "no call": 50}}, {"ocs_dose_mg_day": 0.0}))
    In the causal model the markers move as well: with oral steroid dose 0 mg/day, of 200 possible true states of
    this patient 150 would be called Th2-high and 50 would not be called.
    """
    changed = listed([finding(name, value, short=True) for name, value in change.items()])
    told = [
        framed("twin_not_called" if name == "no call" else "twin_called", n=str(n), **{"class": plain_name(name)})
        for name, n in found["called"].items()
    ]
    return framed("twin", changed=changed, n=str(found["n"]), called=listed(told))
