"""Is the treatment taken? To be answered before resistance to it is believed.

A patient who does not take the inhaled steroid looks resistant and looks Th2-high. The gate never
changes a prediction: it says what to check first.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from asthma_ml.wording import text_of_patterns

LOWEST_GOOD_ADHERENCE = 0.80
"""Share of prescribed doses, below which intake is poor (ADH006, 10.1136/thoraxjnl-2011-201096)."""

FENO_FALL_OF_UNTAKEN_STEROID_PCT = 42.0
"""Fall of FeNO [% of baseline] after a week of observed steroid, from which on the steroid was probably
not taken before (10.1164/rccm.201204-0587OC; cut-off recalled, between the 53 % of ADH007 and the 21 % of ADH008)."""

LOWEST_FENO_OF_A_SUPPRESSION_TEST_PPB = 45.0
"""Baseline FeNO [ppb] that the suppression test was studied above (population of ADH007 to ADH009)."""

POOR_TECHNIQUE = "poor"
"""Level of inhaler technique that delivers too little (ADH014, 10.1016/j.chest.2016.03.041)."""

GATES = ("clear", "check_first", "unknown")


def adherence_gate(patients: pd.DataFrame) -> pd.DataFrame:
    """Judge from what is on record whether the inhaled steroid reaches the airway.

    Parameters
    ----------
    patients : DataFrame of shape (n_patients, n_columns)
        Uses ``ics_adherence_fraction``, ``inhaler_technique``, ``feno_suppression_pct`` with its baseline
        ``feno_ppb``, and ``asthma_education``; columns may be missing.

    Returns
    -------
    DataFrame of shape (n_patients, 2)
        ``gate``: ``check_first`` where any record speaks against delivery; ``clear`` where a record of
        intake and the technique speak for it, or a suppression test, which observes both; else
        ``unknown``. ``reason``: why, in a few words.

    References
    ----------
    ADH006 to ADH009, ADH014 of the evidence table.

    Examples
    --------
    >>> visit = pd.DataFrame({"ics_adherence_fraction": [0.45, 0.95], "inhaler_technique": ["correct", "correct"]})
    >>> adherence_gate(visit)["gate"].tolist()
    ['check_first', 'clear']
    """
    adherence = _numbers(patients, "ics_adherence_fraction")
    fall = _suppression_where_it_counts(patients)
    technique = _text(patients, "inhaler_technique")
    against = {
        f"fewer than {LOWEST_GOOD_ADHERENCE:.0%} of the prescribed doses are on record as taken": (
            adherence < LOWEST_GOOD_ADHERENCE
        ),
        f"FeNO fell by {FENO_FALL_OF_UNTAKEN_STEROID_PCT:g}% or more in a week of observed treatment": (
            fall >= FENO_FALL_OF_UNTAKEN_STEROID_PCT
        ),
        "inhaler technique is poor": technique == POOR_TECHNIQUE,
    }
    missing = {
        "no record of doses taken": np.isnan(adherence) & np.isnan(fall),
        "inhaler technique not observed": (technique == "") & np.isnan(fall),
    }
    check, unknown = np.any(list(against.values()), axis=0), np.any(list(missing.values()), axis=0)
    uneducated = {"no structured asthma education": _numbers(patients, "asthma_education") == 0}
    reason = np.select(
        [check, unknown],
        [_joined(against | uneducated), _joined(missing | uneducated)],
        "what is on record speaks for a treatment that is taken",
    )
    gate = np.select([check, unknown], ["check_first", "unknown"], "clear")
    return pd.DataFrame({"gate": gate, "reason": reason}, index=patients.index)


def _suppression_where_it_counts(patients: pd.DataFrame) -> np.ndarray:
    """Fall of FeNO, NaN where the baseline was too low for the test."""
    baseline = _numbers(patients, "feno_ppb")
    fall = _numbers(patients, "feno_suppression_pct")
    return np.where(baseline < LOWEST_FENO_OF_A_SUPPRESSION_TEST_PPB, np.nan, fall)


def _joined(findings: dict[str, np.ndarray]) -> np.ndarray:
    """The findings that hold for each patient, joined in words."""
    texts = np.array(list(findings), dtype=object)
    return text_of_patterns(np.column_stack(list(findings.values())), lambda holds: ", ".join(texts[holds]))


def _numbers(patients: pd.DataFrame, name: str) -> np.ndarray:
    if name not in patients:
        return np.full(len(patients), np.nan)
    return patients[name].to_numpy(dtype=float, na_value=np.nan)


def _text(patients: pd.DataFrame, name: str) -> np.ndarray:
    if name not in patients:
        return np.full(len(patients), "", dtype=object)
    return patients[name].astype(object).where(patients[name].notna(), "").to_numpy()
