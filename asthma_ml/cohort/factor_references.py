"""References of the documented factors: the patient with whom the effect of a factor is compared.

The reference patient is the median patient of the severe clinic, without harmful exposure, who takes every dose with
a correct technique and receives neither an oral steroid nor a biologic. The effect of a factor is the difference
between a patient and the counterfactual twin who has the same noise and this factor at its reference. Causes are set,
not the markers that they change: drives of inflammation rather than FeNO or eosinophils.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from asthma_ml.cohort.clinic import record_table
from asthma_ml.cohort.engine.causal_model import CausalModel, Columns, Interventions
from asthma_ml.cohort.engine.noise import Noise
from asthma_ml.cohort.patient_stream import variables_of_observed_table
from asthma_ml.variables import FACTORS, data_dictionary

FACTOR_REFERENCES: Mapping[str, Interventions] = {
    # Medians of the severe clinic. All else that moves a marker, such as measurement error, keeps its noise.
    "immune_profile": {
        "il4_drive": 0.0,
        "il5_drive": 0.6,
        "il13_drive": 0.55,
        "il17_drive": 0.1,
        "white_cell_set_point": 0.0,
    },
    # Medians of the severe clinic: structure is hard to reverse, so a healthy airway would compare with nobody there.
    "airway_remodeling": {"airway_remodeling": 0.8, "mucus_plugging": 0.4, "basement_membrane_um": 8.4},
    # Median genotype of each variant.
    "genetics": {
        "glcci1_rs37973": 1,
        "crhr1_rs242941": 1,
        "fcer2_rs28364072": 0,
        "hsd3b1_rs1047303": 1,
        "cyp3a4_rs35599367": 0,
        "adrb2_rs1042713": 1,
        "il4ra_rs1801275": 0,
        "il13_rs20541": 0,
        "gsdmb_rs7216389": 1,
        "tgfb1_rs1800469": 1,
    },
    # Without harmful exposure; median air of the severe clinic, because nobody breathes air without particles.
    "environment": {
        "smoking_status": "never",
        "pack_years": 0.0,
        "pm25_ug_m3": 9.5,
        "no2_ug_m3": 18.0,
        "occupational_exposure": "none",
        "airway_bacterial_load": 0.0,
    },
    # Every prescribed dose is taken and reaches the airway: resistance that is left is true resistance.
    "adherence": {"inhaled_adherence": 1.0, "inhaler_technique": "correct", "takes_oral_steroid": 1},
    # Median patient of the severe clinic; no treatment that masks markers beyond the inhaled steroid.
    "patient_context": {
        "age_years": 52.0,
        "sex": "female",
        "bmi_kg_m2": 29.0,
        "childhood_onset": 0,
        "age_at_onset_years": 30.0,
        "ics_dose_ug_day": 1800.0,
        "ocs_dose_mg_day": 0.0,
        "biologic": "none",
    },
}
"""Interventions that set each factor to its reference, in the order of `FACTORS`."""

N_COALITIONS = 2 ** len(FACTORS)
DRIVES = ("type2_drive", "neutrophilic_drive")
"""Drives of the endotype."""


def reference_interventions(coalition: int) -> Interventions:
    """Interventions that set the factors outside a coalition to their reference.

    Parameters
    ----------
    coalition : int
        Bit set of the factors that the patient keeps, from 0 (the reference patient) to `N_COALITIONS` - 1.

    Returns
    -------
    mapping of str to value
        For `CausalModel.twin`.

    Examples
    --------
    >>> everything_but_adherence = N_COALITIONS - 1 - 2 ** FACTORS.index("adherence")
    >>> reference_interventions(everything_but_adherence)
    {'inhaled_adherence': 1.0, 'inhaler_technique': 'correct', 'takes_oral_steroid': 1}
    >>> reference_interventions(N_COALITIONS - 1)
    {}
    """
    outside = (name for k, name in enumerate(FACTORS) if not coalition >> k & 1)
    return {variable: value for name in outside for variable, value in FACTOR_REFERENCES[name].items()}


def twins_of_coalitions(
    model: CausalModel, values: Columns, noise: Noise, do: Interventions | None = None
) -> Iterator[pd.DataFrame]:
    """Observed rows of the counterfactual twins in whom the factors outside each coalition are at their reference.

    Parameters
    ----------
    model : CausalModel
        Model of the patients.
    values : dict of str to array of shape (n_patients,)
        Their variables, from `CausalModel.simulate`.
    noise : Noise
        Their noise.
    do : mapping of str to value, optional
        Interventions of the patients themselves.

    Yields
    ------
    DataFrame of shape (n_patients, n_columns)
        Observed table of the twins of coalition 0, 1, ... `N_COALITIONS` - 1; the last are the patients themselves.

    Examples
    --------
    >>> from asthma_ml.cohort.enrolment import enrol, preset_model
    >>> from asthma_ml.cohort.presets import preset_named
    >>> preset = preset_named("severe_clinic")
    >>> patients = enrol(preset_model(preset), 1, range(1), preset)
    >>> tables = list(twins_of_coalitions(preset_model(preset), patients.values, patients.noise))
    >>> len(tables), tables[0]["smoking_status"].unique().tolist()
    (64, ['never'])
    """
    wanted = variables_of_observed_table()
    for coalition in range(N_COALITIONS):
        changes = {**(do or {}), **reference_interventions(coalition)}
        yield record_table(model.twin(values, noise, changes, wanted) if changes else values, data_dictionary())


def drive_changes(
    model: CausalModel, values: Columns, noise: Noise, do: Interventions | None = None
) -> NDArray[np.float64]:
    """Drives of the endotype of patients, minus those of the twins with one factor at its reference.

    Parameters
    ----------
    model, values, noise, do
        As in `twins_of_coalitions`.

    Returns
    -------
    ndarray of shape (2, 6, n_patients)
        Change of the type-2 and of the neutrophilic drive by each factor. Adherence and treatment mask markers and
        leave the endotype unchanged.
    """
    twins = (model.twin(values, noise, {**(do or {}), **at}, DRIVES) for at in FACTOR_REFERENCES.values())
    return np.array([[values[drive] - twin[drive] for drive in DRIVES] for twin in twins]).transpose(1, 0, 2)
