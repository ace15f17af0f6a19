"""Values that the narrator puts into words: of all predictions, and of one patient's findings."""

from __future__ import annotations

from typing import TYPE_CHECKING, get_args

import numpy as np
import pandas as pd

from asthma_ml.decisions import adherence_gate, masking_hints, unmodelled_classes_clause
from asthma_ml.errors import UnusableInputError
from asthma_ml.explanation.unusual import proportions_below
from asthma_ml.wording import Account, Finding, Length, narrate_patient

if TYPE_CHECKING:
    from asthma_ml.decisions import Calls
    from asthma_ml.explanation.contributions import Contributions

_FINDINGS = {"short": 3, "medium": 3, "long": 5}


def account_of_predictions(
    calls: Calls,
    patients: pd.DataFrame,
    gate: pd.DataFrame | None = None,
    contributions: Contributions | None = None,
) -> Account:
    """Gather what the narrator says about predictions.

    Parameters
    ----------
    calls : Calls
        Of n_patients patients.
    patients : DataFrame of shape (n_patients, n_columns)
        Their table.
    gate : DataFrame, default=None
        From `adherence_gate`; computed if left out.
    contributions : Contributions, default=None
        Of the same patients; left out where predictions are not explained.

    Returns
    -------
    Account
        For `narrate_table` and `narrate_patient`.
    """
    checked = adherence_gate(patients) if gate is None else gate
    none = np.zeros(len(calls.probability), dtype=bool)
    return Account(
        predicted=calls.most_probable,
        probability=calls.probability.max(axis=1, initial=0.0),
        no_call=calls.no_call,
        unmodelled=unmodelled_classes_clause(calls.classes),
        masking=masking_hints(patients, calls.called),
        check_first=np.where(checked["gate"] == "check_first", checked["reason"], "").astype(object),
        explained=calls.most_probable if contributions is None else contributions.explained_class,
        factors=[] if contributions is None else contributions.factors.columns.tolist(),
        contributions=np.empty((len(none), 0)) if contributions is None else contributions.factors.to_numpy(),
        prior_decides=none if contributions is None else contributions.prior_decides(),
        unstable=none if contributions is None else contributions.unstable(),
    )


def narrate(contributions: Contributions, account: Account, i: int, length: Length = "medium") -> str:
    """Explanation of one patient in words; raises UnusableInputError for an unknown length."""
    if length not in get_args(Length):
        raise UnusableInputError(f"length={length!r}: allowed are {', '.join(get_args(Length))}")
    values, strongest = contributions.findings(i), contributions.strongest_features(i, _FINDINGS[length])
    below = proportions_below(contributions.game.model.linear_.scores, contributions.encoded.iloc[[i]])
    findings = [
        Finding(name, values[name], float(size), float(below[name][0]) if name in below else np.nan)
        for name, size in ((str(name), size) for name, size in strongest.items())
    ]
    return narrate_patient(account, i, findings, length)
