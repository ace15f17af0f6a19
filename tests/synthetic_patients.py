"""A few hundred invented patients for the tests of classifier, explanation, prediction and model files.

Deliberately apart from the cohort: what learns from patients must not need what invents them.
"""

from __future__ import annotations

from functools import cache

import numpy as np
import pandas as pd

from asthma_ml.classifier import PhenotypeClassifier
from asthma_ml.variables import FOUR_CLASSES, TWO_CLASSES


def synthetic_patients(n_patients: int = 400, seed: int = 0, n_classes: int = 2) -> tuple[pd.DataFrame, np.ndarray]:
    """Invent patients whose eosinophils and FeNO follow one drive and whose neutrophils follow another."""
    rng = np.random.default_rng(seed)
    type2, neutrophilic = rng.normal(size=(2, n_patients))
    patients = pd.DataFrame(
        {
            "age_years": rng.integers(18, 80, n_patients).astype(float),
            "sex": rng.choice(["female", "male"], n_patients),
            "ics_dose_ug_day": rng.choice([500.0, 800.0, 2000.0], n_patients),
            "ocs_dose_mg_day": rng.choice([0.0, 0.0, 10.0], n_patients),
            "biologic": rng.choice(["none", "none", "anti_il5"], n_patients),
            "blood_eosinophils_cells_ul": np.round(np.exp(5.5 + 0.6 * type2 + 0.4 * rng.normal(size=n_patients)), -1),
            "feno_ppb": np.round(np.exp(3.3 + 0.5 * type2 + 0.5 * rng.normal(size=n_patients))).clip(max=280),
            "sputum_neutrophils_pct": np.round(100 / (1 + np.exp(-neutrophilic + rng.normal(size=n_patients))), 1),
            "fev1_pct_predicted": np.round(rng.normal(68, 15, n_patients).clip(25, 120)),
            "adrb2_rs1042713": rng.integers(0, 3, n_patients).astype(float),
            "smoking_status": rng.choice(["never", "former", "current"], n_patients),
            "ics_adherence_fraction": np.round(rng.beta(5, 2, n_patients), 2),
            "inhaler_technique": rng.choice(["correct", "acceptable", "poor"], n_patients),
        }
    )
    for name in ("sputum_neutrophils_pct", "feno_ppb", "smoking_status", "ics_adherence_fraction"):
        patients[name] = patients[name].mask(rng.random(n_patients) < 0.25)
    return patients, _phenotype(type2, neutrophilic, n_classes)


@cache
def fitted_classifier(n_classes: int = 2) -> PhenotypeClassifier:
    """Fit a small classifier once for all tests; nobody may change it."""
    return PhenotypeClassifier(n_trees=40).fit(*synthetic_patients(n_classes=n_classes))


def _phenotype(type2: np.ndarray, neutrophilic: np.ndarray, n_classes: int) -> np.ndarray:
    th2, neutrophilic_low, mixed, pauci = FOUR_CLASSES
    if n_classes == 2:
        return np.where(type2 > neutrophilic, *TWO_CLASSES)
    both, neither = (type2 > 0) & (neutrophilic > 0), (type2 <= 0) & (neutrophilic <= 0)
    return np.select([both, neither, type2 > 0], [mixed, pauci, th2], neutrophilic_low)
