"""What may mask or mimic Th2 inflammation in a patient."""

from __future__ import annotations

import numpy as np
import pandas as pd

from asthma_ml.decisions.adherence import LOWEST_GOOD_ADHERENCE, numbers, texts
from asthma_ml.wording import TH2_HIGH, joined, masking_text, text_where

HIGH_ICS_DOSE_UG_DAY = 1000.0
"""BDP-equivalent dose [ug/day] above which an inhaled steroid is high-dose (GINA 2024, standard particle)."""

LOW_FENO_PPB, LOW_EOSINOPHILS_CELLS_UL = 25.0, 150.0
"""FeNO [ppb] and blood eosinophils [cells/uL] below which Th2 inflammation is unlikely
(IMM038, 10.1136/thoraxjnl-2021-217325)."""


def masking_hints(patients: pd.DataFrame, called: np.ndarray) -> np.ndarray:
    """Clauses on what may mask or mimic Th2 inflammation, for the patients in whom it matters.

    Parameters
    ----------
    patients : DataFrame of shape (n_patients, n_columns)
        Uses ``feno_ppb``, ``blood_eosinophils_cells_ul``, ``ocs_dose_mg_day``, ``ics_dose_ug_day``,
        ``ics_adherence_fraction``, ``smoking_status`` and ``biologic``; columns may be missing.
    called : ndarray of shape (n_patients,)
        Called class of each patient, None where the model abstains.

    Returns
    -------
    ndarray of str of shape (n_patients,)
        A clause, empty where nothing recorded matters. Treatments that lower markers are named where the markers
        are low or not measured and the patient is not called Th2-high. Poor adherence, which raises markers, is
        named where the patient is called Th2-high or not at all and no oral steroid is named.

    References
    ----------
    Oral steroid IMM067, IMM068; inhaled steroid IMM028, IMM029; adherence ADH006; smoking ENV005, ENV006.

    Examples
    --------
    >>> visits = pd.DataFrame({"ocs_dose_mg_day": [10.0, 10.0], "feno_ppb": [12.0, 80.0]})
    >>> masking_hints(visits.assign(blood_eosinophils_cells_ul=400.0), np.array([None, "th2_high"])).tolist()
    ['a maintenance oral steroid is associated with fewer eosinophils and lower FeNO', '']
    """
    low_feno = ~(numbers(patients, "feno_ppb") >= LOW_FENO_PPB)
    low_eosinophils = ~(numbers(patients, "blood_eosinophils_cells_ul") >= LOW_EOSINOPHILS_CELLS_UL)
    may_be_masked = (low_feno | low_eosinophils) & (called != TH2_HIGH)
    oral_steroid = may_be_masked & (numbers(patients, "ocs_dose_mg_day") > 0)
    poor_adherence = numbers(patients, "ics_adherence_fraction") < LOWEST_GOOD_ADHERENCE
    high_dose = numbers(patients, "ics_dose_ug_day") > HIGH_ICS_DOSE_UG_DAY
    may_be_mimicked = pd.isna(called) | (called == TH2_HIGH)
    smokes = texts(patients, "smoking_status") == "current"
    hints = [
        text_where(oral_steroid, masking_text("oral_steroid")),
        text_where(may_be_masked & high_dose & ~poor_adherence, masking_text("high_inhaled_steroid")),
        text_where(low_feno & (called != TH2_HIGH) & smokes, masking_text("current_smoking")),
        text_where(may_be_mimicked & poor_adherence & ~oral_steroid, masking_text("poor_adherence")),
        np.array([masking_text(level) for level in texts(patients, "biologic")], dtype=object),
    ]
    return joined(hints, ", ")
