"""What may mask or mimic Th2 inflammation in a patient."""

from __future__ import annotations

import numpy as np

from asthma_ml.columns import Patients, Texts, numbers, texts
from asthma_ml.decisions.adherence import LOWEST_GOOD_ADHERENCE
from asthma_ml.wording import TH2_HIGH, masking_text, text_of_patterns

HIGH_ICS_DOSE_UG_DAY = 1000.0
"""BDP-equivalent dose [ug/day] above which an inhaled steroid is high-dose (GINA 2024, standard particle)."""

LOW_FENO_PPB, LOW_EOSINOPHILS_CELLS_UL = 25.0, 150.0
"""FeNO [ppb] and blood eosinophils [cells/uL] below which Th2 inflammation is unlikely
(IMM038, 10.1136/thoraxjnl-2021-217325)."""


def masking_hints(patients: Patients, called: Texts) -> Texts:
    """Clauses on what may mask or mimic Th2 inflammation, for the patients in whom it matters.

    Parameters
    ----------
    patients : DataFrame or ColumnTable of n_patients rows
        Uses ``feno_ppb``, ``blood_eosinophils_cells_ul``, ``ocs_dose_mg_day``, ``ics_dose_ug_day``,
        ``ics_adherence_fraction``, ``smoking_status`` and ``biologic``; columns may be missing.
    called : Texts of n_patients rows
        Called class of each patient, missing where the model abstains.

    Returns
    -------
    Texts
        A clause, missing where nothing recorded matters. Treatments that lower markers are named where the markers
        are low or not measured and the patient is not called Th2-high. Poor adherence, which raises markers, is
        named where the patient is called Th2-high or not at all and no oral steroid is named.

    References
    ----------
    Oral steroid IMM067, IMM068; inhaled steroid IMM028, IMM029; adherence ADH006; smoking ENV005, ENV006.

    Examples
    --------
    >>> from asthma_ml.columns import ColumnTable
    >>> visits = ColumnTable({"ocs_dose_mg_day": np.array([10.0, 10.0]), "feno_ppb": np.array([12.0, 80.0])}, 2)
    >>> masking_hints(visits, Texts.of([None, "th2_high"])).strings().tolist()
    ['a maintenance oral steroid is associated with fewer eosinophils and lower FeNO', None]
    """
    low_feno = ~(numbers(patients, "feno_ppb") >= LOW_FENO_PPB)
    low_eosinophils = ~(numbers(patients, "blood_eosinophils_cells_ul") >= LOW_EOSINOPHILS_CELLS_UL)
    called_high = called.equal(TH2_HIGH)
    may_be_masked = (low_feno | low_eosinophils) & ~called_high
    oral_steroid = may_be_masked & (numbers(patients, "ocs_dose_mg_day") > 0)
    poor_adherence = numbers(patients, "ics_adherence_fraction") < LOWEST_GOOD_ADHERENCE
    high_dose = numbers(patients, "ics_dose_ug_day") > HIGH_ICS_DOSE_UG_DAY
    smokes = texts(patients, "smoking_status").equal("current")
    biologic = texts(patients, "biologic")
    holds = {
        "oral_steroid": oral_steroid,
        "high_inhaled_steroid": may_be_masked & high_dose & ~poor_adherence,
        "current_smoking": low_feno & ~called_high & smokes,
        "poor_adherence": (called.missing | called_high) & poor_adherence & ~oral_steroid,
        **{level: biologic.equal(level) for level in biologic.distinct if masking_text(level)},
    }
    clauses = np.array([masking_text(name) for name in holds], dtype=object)
    return text_of_patterns(np.column_stack(list(holds.values())), lambda held: ", ".join(clauses[held]) or None)
