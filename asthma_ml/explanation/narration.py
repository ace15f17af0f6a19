"""Values that the narrator puts into words: of all predictions, and of one patient's findings."""

from __future__ import annotations

from typing import TYPE_CHECKING, get_args

import numpy as np

from asthma_ml.decisions import GATES, judge_adherence, masking_hints, unmodelled_classes_clause
from asthma_ml.errors import UnusableInputError
from asthma_ml.explanation.unusual import proportions_below
from asthma_ml.variables import FACTORS
from asthma_ml.wording import Account, Finding, Length, Mechanisms, hidden, mechanism_texts, narrate_patient

if TYPE_CHECKING:
    from asthma_ml.columns import Patients
    from asthma_ml.decisions import AdherenceGate, Calls
    from asthma_ml.explanation.contributions import Contributions
    from asthma_ml.explanation.mechanisms import MechanismContributions
    from asthma_ml.explanation.patient_contributions import PatientContributions

_FINDINGS = {"short": 3, "medium": 3, "long": 5}


def account_of_predictions(
    calls: Calls,
    patients: Patients,
    gate: AdherenceGate | None = None,
    contributions: Contributions | None = None,
    mechanisms: MechanismContributions | None = None,
) -> Account:
    """Gather what the narrator says about predictions.

    Parameters
    ----------
    calls : Calls
        Of n_patients patients.
    patients : DataFrame or ColumnTable of n_patients rows
        Their table.
    gate : AdherenceGate, default=None
        From `judge_adherence`; computed if left out.
    contributions : Contributions, default=None
        Of the same patients; left out where predictions are not explained.
    mechanisms : MechanismContributions, default=None
        From `contributions`; left out where they are not computed.

    Returns
    -------
    Account
        For `narrate_table` and `narrate_patient`.
    """
    checked = judge_adherence(patients) if gate is None else gate
    none = np.zeros(len(calls.probability), dtype=bool)
    return Account(
        classes=calls.classes.tolist(),
        predicted=calls.predicted,
        probability=calls.probability.max(axis=1, initial=0.0),
        no_call=calls.no_call_texts,
        unmodelled=unmodelled_classes_clause(calls.classes),
        masking=masking_hints(patients, calls.called_texts),
        check_first=hidden(checked.reason, checked.gate != GATES.index("check_first")),
        explained=calls.predicted if contributions is None else contributions.explained,
        factors=[] if contributions is None else FACTORS,
        contributions=np.empty((len(none), 0)) if contributions is None else contributions.factor_values,
        prior_decides=none if contributions is None else contributions.prior_decides(),
        unstable=none if contributions is None else contributions.unstable(),
        mechanisms=None
        if contributions is None or mechanisms is None
        else mechanism_texts(mechanisms_in_arrays(contributions, mechanisms)),
    )


def mechanisms_in_arrays(contributions: Contributions, found: MechanismContributions) -> Mechanisms:
    """Mechanism contributions as `mechanism_texts` takes them."""
    return Mechanisms(
        preset=found.preset,
        values=found.values,
        low=found.low,
        high=found.high,
        outside=found.outside,
        features=contributions.game.model.feature_names_in_.tolist(),
        X=contributions.X,
        feature_range=found.feature_range,
        classes=contributions.calls.classes.tolist(),
        explained=contributions.explained,
    )


def narrate(contributions: PatientContributions, account: Account, i: int, length: Length = "medium") -> str:
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
