"""TODO."""

from __future__ import annotations

import numpy as np
import pandas as pd

from asthma_ml.decisions.adherence import LOWEST_GOOD_ADHERENCE
from asthma_ml.wording import TH2_HIGH, joined, masking_text

HIGH_ICS_DOSE_UG_DAY = 1000.0
"""BDP-equivalent dose [ug/day] above which an inhaled steroid is high-dose (GINA 2024, standard particle)."""


LOW_FENO_PPB, LOW_EOSINOPHILS_CELLS_UL = 25.0, 150.0
"""FeNO [ppb] and blood eosinophils [cells/uL] below which they speak against Th2 inflammation
(IMM038, 10.1136/thoraxjnl-2021-217325)."""


def masking_hints(patients: pd.DataFrame, called: np.ndarray) -> np.ndarray:
    """Say what could hide or feign Th2 inflammation, of the patients in whom it matters.

    Parameters
    ----------
    patients : DataFrame of shape (n_patients, n_columns)
        Uses ``feno_ppb``, ``blood_eosinophils_cells_ul``, ``ocs_dose_mg_day``, ``ics_dose_ug_day``,
        ``ics_adherence_fraction``, ``smoking_status`` and ``biologic`` where there.
    called : ndarray of shape (n_patients,)
        The called class of each patient, None where the call is withheld.

    Returns
    -------
    ndarray of str of shape (n_patients,)
        A clause, empty where nothing on record matters. What lowers markers is said where they are low
        or not measured and the patient is not called Th2-high; poor adherence, which raises them, where
        no steroid by mouth is named and the patient is called Th2-high or not at all.

    References
    ----------
    Oral steroid IMM067, IMM068; inhaled steroid IMM028, IMM029; adherence ADH006; smoking ENV005, ENV006.

    Examples
    --------
    >>> visits = pd.DataFrame({"ocs_dose_mg_day": [10.0, 10.0], "feno_ppb": [12.0, 80.0]})
    >>> masking_hints(visits.assign(blood_eosinophils_cells_ul=400.0), np.array([None, "th2_high"])).tolist()
    ['a maintenance oral steroid goes with fewer eosinophils and lower FeNO', '']
    """
    low_feno = ~(_numbers(patients, "feno_ppb") >= LOW_FENO_PPB)
    low_eosinophils = ~(_numbers(patients, "blood_eosinophils_cells_ul") >= LOW_EOSINOPHILS_CELLS_UL)
    may_be_masked = (low_feno | low_eosinophils) & (called != TH2_HIGH)
    by_mouth = may_be_masked & (_numbers(patients, "ocs_dose_mg_day") > 0)
    untaken = _numbers(patients, "ics_adherence_fraction") < LOWEST_GOOD_ADHERENCE
    high_dose = _numbers(patients, "ics_dose_ug_day") > HIGH_ICS_DOSE_UG_DAY
    may_be_feigned = pd.isna(called) | (called == TH2_HIGH)
    smokes = _texts(patients, "smoking_status") == "current"
    hints = [
        _where(by_mouth, masking_text("oral_steroid")),
        _where(may_be_masked & high_dose & ~untaken, masking_text("high_inhaled_steroid")),
        _where(low_feno & (called != TH2_HIGH) & smokes, masking_text("current_smoking")),
        _where(may_be_feigned & untaken & ~by_mouth, masking_text("poor_adherence")),
        np.array([masking_text(level) for level in _texts(patients, "biologic")], dtype=object),
    ]
    return joined(hints, ", ")


def _where(holds: np.ndarray, hint: str) -> np.ndarray:
    return np.where(holds, hint, "").astype(object)


def _numbers(patients: pd.DataFrame, name: str) -> np.ndarray:
    if name not in patients:
        return np.full(len(patients), np.nan)
    return patients[name].to_numpy(dtype=float, na_value=np.nan)


def _texts(patients: pd.DataFrame, name: str) -> np.ndarray:
    if name not in patients:
        return np.full(len(patients), "", dtype=object)
    return patients[name].astype(str).to_numpy(dtype=object)
