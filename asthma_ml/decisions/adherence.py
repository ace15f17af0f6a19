"""Adherence gate: whether the prescribed inhaled steroid reaches the airway.

A patient who does not take the inhaled steroid resembles steroid resistance and Th2-high disease. The gate
never changes a prediction; it says what to check before resistance is assumed.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from asthma_ml.wording import percent, phrase, text_of_patterns

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
    >>> visit = pd.DataFrame({"ics_adherence_fraction": [0.45, 0.95], "inhaler_technique": ["correct", "correct"]})
    >>> adherence_gate(visit)["gate"].tolist()
    ['check_first', 'clear']
    """
    adherence, technique = numbers(patients, "ics_adherence_fraction"), texts(patients, "inhaler_technique")
    fall = _valid_suppression(patients)
    against = {
        phrase("low_adherence", percent=percent(LOWEST_GOOD_ADHERENCE)): adherence < LOWEST_GOOD_ADHERENCE,
        phrase("feno_fell", percent=f"{FENO_FALL_OF_UNTAKEN_STEROID_PCT:g} %"): (
            fall >= FENO_FALL_OF_UNTAKEN_STEROID_PCT
        ),
        phrase("poor_technique"): technique == POOR_TECHNIQUE,
    }
    missing = {
        phrase("no_adherence_record"): np.isnan(adherence) & np.isnan(fall),
        phrase("no_technique_record"): (technique == "") & np.isnan(fall),
    }
    check, unknown = np.any(list(against.values()), axis=0), np.any(list(missing.values()), axis=0)
    uneducated = {phrase("no_education"): numbers(patients, "asthma_education") == 0}
    reason = np.select(
        [check, unknown], [_joined(against | uneducated), _joined(missing | uneducated)], phrase("treatment_taken")
    )
    gate = np.select([check, unknown], ["check_first", "unknown"], "clear")
    return pd.DataFrame({"gate": gate, "reason": reason}, index=patients.index)


def _valid_suppression(patients: pd.DataFrame) -> np.ndarray:
    """Fall of FeNO, NaN where the baseline is too low for the test."""
    fall = numbers(patients, "feno_suppression_pct")
    return np.where(numbers(patients, "feno_ppb") < LOWEST_FENO_OF_A_SUPPRESSION_TEST_PPB, np.nan, fall)


def _joined(findings: dict[str, np.ndarray]) -> np.ndarray:
    """Findings that hold for each patient, in words."""
    words = np.array(list(findings), dtype=object)
    return text_of_patterns(np.column_stack(list(findings.values())), lambda holds: ", ".join(words[holds]))


def numbers(patients: pd.DataFrame, name: str) -> np.ndarray:
    """Values of a numeric column, NaN where missing."""
    if name not in patients:
        return np.full(len(patients), np.nan)
    return patients[name].to_numpy(dtype=float, na_value=np.nan)


def texts(patients: pd.DataFrame, name: str) -> np.ndarray:
    """Levels of a text column, empty where missing."""
    if name not in patients:
        return np.full(len(patients), "", dtype=object)
    return patients[name].astype(object).where(patients[name].notna(), "").to_numpy()
