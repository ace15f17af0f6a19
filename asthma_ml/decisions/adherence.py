"""Adherence gate: whether the prescribed inhaled steroid reaches the airway.

A patient who does not take the inhaled steroid resembles steroid resistance and Th2-high disease. The gate
never changes a prediction; it says what to check before resistance is assumed.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from asthma_ml.columns import Patients, Texts, numbers, texts
from asthma_ml.wording import percent, phrase, text_of_patterns

if TYPE_CHECKING:
    import pandas as pd

LOWEST_GOOD_ADHERENCE = 0.80
"""Fraction of prescribed doses taken, below which adherence is poor (ADH006, 10.1136/thoraxjnl-2011-201096)."""

FENO_FALL_OF_UNTAKEN_STEROID_PCT = 42.0
"""Smallest fall of FeNO [% of baseline] in a week of directly observed treatment that indicates earlier non-adherence
(10.1164/rccm.201204-0587OC; cut-off recalled, between the 53 % of ADH007 and the 21 % of ADH008)."""

LOWEST_FENO_OF_A_SUPPRESSION_TEST_PPB = 45.0
"""Smallest baseline FeNO [ppb] for which the suppression test was studied (population of ADH007 to ADH009)."""

POOR_TECHNIQUE = "poor"
"""Level of inhaler technique with insufficient delivery (ADH014, 10.1016/j.chest.2016.03.041)."""

GATES = ("clear", "check_first", "unknown")
_CLEAR, _CHECK_FIRST, _UNKNOWN = range(3)


class AdherenceGate(NamedTuple):
    """Whether the prescribed inhaled steroid reaches the airway of each patient, and why.

    Attributes
    ----------
    gate : ndarray of int32 of shape (n_patients,)
        Position in `GATES`.
    reason : Texts
        Why, in a few words.
    """

    gate: NDArray[np.int32]
    reason: Texts


def adherence_gate(patients: pd.DataFrame) -> pd.DataFrame:
    """Whether the prescribed inhaled steroid reaches the airway, and why.

    Parameters
    ----------
    patients : DataFrame of shape (n_patients, n_columns)
        Uses ``ics_adherence_fraction``, ``inhaler_technique``, ``feno_suppression_pct`` with its baseline
        ``feno_ppb``, and ``asthma_education``; columns may be missing.

    Returns
    -------
    DataFrame of shape (n_patients, 2)
        ``gate``: ``check_first`` where any record indicates poor delivery; ``clear`` where recorded doses and
        technique are good, or a suppression test, which observes both, shows no large fall; else ``unknown``.
        ``reason``: why, in a few words.

    References
    ----------
    ADH006 to ADH009, ADH014 of the evidence table.

    Examples
    --------
    >>> import pandas as pd
    >>> visit = pd.DataFrame({"ics_adherence_fraction": [0.45, 0.95], "inhaler_technique": ["correct", "correct"]})
    >>> adherence_gate(visit)["gate"].tolist()
    ['check_first', 'clear']
    """
    import pandas as pd

    gate, reason = judge_adherence(patients)
    return pd.DataFrame({"gate": np.array(GATES)[gate], "reason": reason.strings()}, index=patients.index)


def judge_adherence(patients: Patients) -> AdherenceGate:
    """Adherence gate of a table of patients, by column.

    Parameters
    ----------
    patients : DataFrame or ColumnTable of n_patients rows
        As for `adherence_gate`.

    Returns
    -------
    AdherenceGate
        As from `adherence_gate`.

    Examples
    --------
    >>> from asthma_ml.columns import ColumnTable
    >>> GATES[judge_adherence(ColumnTable({"ics_adherence_fraction": np.array([0.45])}, 1)).gate[0]]
    'check_first'
    """
    adherence, technique = numbers(patients, "ics_adherence_fraction"), texts(patients, "inhaler_technique")
    fall = _valid_suppression(patients)
    untested = np.isnan(fall)
    against = {
        phrase("low_adherence", percent=percent(LOWEST_GOOD_ADHERENCE)): adherence < LOWEST_GOOD_ADHERENCE,
        phrase("feno_fell", percent=f"{FENO_FALL_OF_UNTAKEN_STEROID_PCT:g} %"): (
            fall >= FENO_FALL_OF_UNTAKEN_STEROID_PCT
        ),
        phrase("poor_technique"): technique.equal(POOR_TECHNIQUE),
    }
    missing = {
        phrase("no_adherence_record"): np.isnan(adherence) & untested,
        phrase("no_technique_record"): (technique.missing | technique.equal("")) & untested,
    }
    uneducated = {phrase("no_education"): numbers(patients, "asthma_education") == 0}
    check, unknown = np.any(list(against.values()), axis=0), np.any(list(missing.values()), axis=0)
    gate = np.select([check, unknown], [_CHECK_FIRST, _UNKNOWN], _CLEAR).astype(np.int32)
    return AdherenceGate(gate, _reason(against, missing, uneducated))


def _reason(*findings: Mapping[str, NDArray[np.bool_]]) -> Texts:
    """Findings against good delivery, else missing records, each with the lack of education; else a good record."""
    words = [np.array(list(each), dtype=object) for each in findings]
    ends = np.cumsum([len(each) for each in words])[:-1]

    def reason(holds: NDArray[np.bool_]) -> str:
        against, missing, uneducated = (each[held] for each, held in zip(words, np.split(holds, ends), strict=True))
        first = against if len(against) else missing
        return ", ".join([*first, *uneducated]) if len(first) else phrase("treatment_taken")

    return text_of_patterns(np.column_stack([held for each in findings for held in each.values()]), reason)


def _valid_suppression(patients: Patients) -> NDArray[np.float64]:
    """Fall of FeNO, NaN where the baseline is too low for the test."""
    fall = numbers(patients, "feno_suppression_pct")
    return np.where(numbers(patients, "feno_ppb") < LOWEST_FENO_OF_A_SUPPRESSION_TEST_PPB, np.nan, fall)
