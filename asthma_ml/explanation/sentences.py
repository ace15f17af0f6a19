"""All the words in which a prediction is told.

A sentence says what speaks for a prediction in the eyes of the model. It never says what causes what.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import pandas as pd

from asthma_ml.classifier.adherence_gate import LOWEST_GOOD_ADHERENCE
from asthma_ml.variables import data_dictionary

HIGH_ICS_DOSE_UG_DAY = 1000.0
"""BDP-equivalent dose [ug/day] above which an inhaled steroid is high-dose (GINA 2024, standard particle)."""

EXPLAINS_THE_MODEL = "SHAP explains the model, not the disease."

_NAMES = {
    "th2_high": "Th2-high",
    "neutrophilic_th2_low": "neutrophilic Th2-low",
    "mixed_granulocytic": "mixed granulocytic",
    "paucigranulocytic": "paucigranulocytic",
    "immune_profile": "immune profile",
    "airway_remodeling": "airway remodeling",
    "patient_context": "patient context",
}
_UNITS_LEFT_UNSAID = ("", "ratio", "fraction", "score")
_SAID_OF_BIOLOGICS = {
    "anti_il5": "anti-IL-5 treatment takes eosinophils away",
    "anti_il4r": "anti-IL-4R treatment lowers FeNO and IgE and can raise eosinophils",
    "anti_tslp": "anti-TSLP treatment lowers eosinophils and FeNO",
}


def plain_name(name: object) -> str:
    """Return how a class or a factor is called in a sentence.

    Examples
    --------
    >>> plain_name("neutrophilic_th2_low")
    'neutrophilic Th2-low'
    """
    return _NAMES.get(str(name), str(name))


def listed(words: Sequence[str]) -> str:
    """Join words as a sentence does.

    Examples
    --------
    >>> listed(["FeNO", "age", "sex"])
    'FeNO, age and sex'
    """
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)


def finding(name: str, value: Any) -> str:
    """Say what was measured, with its unit.

    Parameters
    ----------
    name : str
        Column of the data dictionary, or any other.
    value : float, str or missing
        A number, the text of a level, or nothing.

    Returns
    -------
    str
        A few words.

    Examples
    --------
    >>> finding("blood_eosinophils_cells_ul", 450.0)
    'blood eosinophils 450 cells/uL'
    >>> finding("nasal_polyps", 1.0)
    'nasal polyps, present or past: yes'
    >>> finding("sputum_eosinophils_pct", float("nan"))
    'sputum eosinophils not measured'
    """
    variable = data_dictionary().get(name)
    label = variable.label if variable else name
    if pd.isna(value):
        return f"{label} not measured"
    if isinstance(value, str):
        return f"{label}: {value.replace('_', ' ')}"
    number = float(value)
    if variable is None:
        return f"{label} {number:g}"
    if variable.kind == "flag":
        return f"{label}: {'yes' if number else 'no'}"
    if variable.kind == "category" and number in range(len(variable.levels)):
        return f"{label}: {variable.levels[int(number)].replace('_', ' ')}"
    unit = f" {variable.unit}" if variable.unit not in _UNITS_LEFT_UNSAID else ""
    return f"{label} {number:.6g}{unit}"


def patient_sentence(
    predicted: object, probability: float, pushes: Iterable[tuple[str, float]], masking: str = ""
) -> str:
    """Tell one prediction in words.

    Parameters
    ----------
    predicted : object
        Predicted class.
    probability : float
        Its probability.
    pushes : iterable of (str, float)
        Findings in words and how far each moves the log-odds of the predicted class.
    masking : str, default=""
        What could hide the inflammation, from `masking_hints`.

    Returns
    -------
    str
        A few plain sentences that end with what they explain.

    Examples
    --------
    >>> print(patient_sentence("th2_high", 0.91, [("FeNO 62 ppb", 1.2), ("age 71 years", -0.3)]))
    The model calls this patient Th2-high with probability 0.91. FeNO 62 ppb (+1.20) speaks for it;
    age 71 years (-0.30) speaks against it. SHAP explains the model, not the disease.
    """
    pushes = list(pushes)
    sides = [
        _side([f"{words} ({push:+.2f})" for words, push in pushes if push > 0], "for"),
        _side([f"{words} ({push:+.2f})" for words, push in pushes if push < 0], "against"),
    ]
    told = "; ".join(filter(None, sides)) or "no finding moves it either way"
    parts = [
        f"The model calls this patient {plain_name(predicted)} with probability {probability:.2f}",
        _capitalised(told),
        *([_capitalised(masking)] if masking else []),
    ]
    return ". ".join([*parts, EXPLAINS_THE_MODEL])


def factor_phrase(predicted: object, probability: float, pushes: Iterable[tuple[str, float]]) -> str:
    """Tell one prediction in a clause, by documented factors.

    Parameters
    ----------
    predicted : object
        Predicted class.
    probability : float
        Its probability.
    pushes : iterable of (str, float)
        Factors and how far each moves the log-odds of the predicted class.

    Returns
    -------
    str
        A clause without a full stop.

    Examples
    --------
    >>> factor_phrase("th2_high", 0.91, [("immune_profile", 1.2), ("patient_context", -0.3)])
    'Th2-high with probability 0.91, for it immune profile (+1.20), against it patient context (-0.30)'
    """
    told = [f"{plain_name(predicted)} with probability {probability:.2f}"]
    pushes = list(pushes)
    for side, sign in (("for it", 1), ("against it", -1)):
        named = [f"{plain_name(factor)} ({push:+.2f})" for factor, push in pushes if push * sign > 0]
        told += [f"{side} {listed(named)}"] if named else []
    return ", ".join(told)


def masking_hints(patients: pd.DataFrame) -> np.ndarray:
    """Say what could hide or feign Th2 inflammation in each patient.

    Parameters
    ----------
    patients : DataFrame of shape (n_patients, n_columns)
        Uses ``ocs_dose_mg_day``, ``ics_dose_ug_day``, ``ics_adherence_fraction`` and ``biologic`` where there.

    Returns
    -------
    ndarray of str of shape (n_patients,)
        A clause, empty where nothing on record does.

    References
    ----------
    Oral steroid IMM067, IMM068; inhaled steroid IMM028, IMM029; adherence ADH006.

    Examples
    --------
    >>> masking_hints(pd.DataFrame({"ocs_dose_mg_day": [10.0, 0.0]})).tolist()
    ['a maintenance oral steroid can hide eosinophils and FeNO', '']
    """
    hints = [
        _where(patients, "ocs_dose_mg_day", 0, "a maintenance oral steroid can hide eosinophils and FeNO"),
        _where(
            patients,
            "ics_dose_ug_day",
            HIGH_ICS_DOSE_UG_DAY,
            "a high inhaled steroid dose can hide FeNO and eosinophils",
        ),
        _where(
            patients, "ics_adherence_fraction", -LOWEST_GOOD_ADHERENCE, "poor adherence raises FeNO and eosinophils", -1
        ),
        _of_biologics(patients),
    ]
    return np.array([", ".join(filter(None, row)) for row in zip(*hints, strict=True)], dtype=object)


def _where(patients: pd.DataFrame, name: str, above: float, hint: str, sign: int = 1) -> np.ndarray:
    """The hint for patients whose value, times its sign, is above a limit."""
    if name not in patients:
        return np.full(len(patients), "", dtype=object)
    values = sign * patients[name].to_numpy(dtype=float, na_value=np.nan)
    return np.where(values > above, hint, "").astype(object)


def _of_biologics(patients: pd.DataFrame) -> np.ndarray:
    if "biologic" not in patients:
        return np.full(len(patients), "", dtype=object)
    return np.array([_SAID_OF_BIOLOGICS.get(str(level), "") for level in patients["biologic"]], dtype=object)


def _side(findings: list[str], side: str) -> str:
    return f"{listed(findings)} speak{'s' * (len(findings) == 1)} {side} it" if findings else ""


def _capitalised(text: str) -> str:
    return text[:1].upper() + text[1:]
