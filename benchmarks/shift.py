"""What becomes of a model among patients unlike those it learned from: other presets, assays and gaps.

    OMP_NUM_THREADS=1 python benchmarks/shift.py --patients 10000 --limit-patients 300

In each world a clinic is generated; the model is measured on its patients of the two classes, and on the first of
them also the limit of that world, which knows the world's own coefficients. Printed are the log-loss of both on the
same patients, the mean divergence from the limit (which needs no labels and scatters less), calibration and
coverage of the model on all patients, and what `detect_shift` finds without any label.
"""

from __future__ import annotations

import argparse
import time

import numpy as np
import pandas as pd
from scipy.special import expit, logit

from asthma_ml import load_model
from asthma_ml.classifier import PhenotypeClassifier
from asthma_ml.cohort.enrolment import preset_model
from asthma_ml.cohort.patient_stream import PatientStream
from asthma_ml.cohort.presets import PRESETS, Preset
from asthma_ml.evaluation.causal.limit import limit_scores
from asthma_ml.evaluation.subgroups import calibration
from asthma_ml.inference.limit import bayes_limit, probabilities
from asthma_ml.model_files.shipped import shipped_model_path
from asthma_ml.prediction import detect_shift, shift_statistics
from asthma_ml.variables import LABEL, TWO_CLASSES

SEED = 9_100
GAPS = (
    "sputum_counted.log_odds",
    "ct_scanned.log_odds",
    "feno_measured.log_odds",
    "adherence_recorded.log_odds",
    "technique_observed.log_odds",
    "genotyped.share",
    "ige_measured.share",
    "periostin_measured.share",
    "il6_measured.share",
    "old_records_found.share",
    "old_records_found.poor_records",
    "address_linked.share",
)
LEAST_DONE = 0.02


def worlds() -> dict[str, Preset]:
    """The clinic of the training patients, and others."""
    home = PRESETS["severe_clinic"]
    numbers = {
        f"{name}.{key}": float(value)
        for name, equation in preset_model(home).equations.items()
        for key, value in equation.coefficients.items()
    }
    analyser = {f"expected_feno_ppb.{key}": 1.3 * numbers[f"expected_feno_ppb.{key}"] for key in ANALYSER}
    laboratory = {DENSE: numbers[DENSE] + 0.35}
    return {
        "severe_clinic": home,
        **{name: PRESETS[name] for name in ("severe_registry", "asthma_network", "smokers_clinic")},
        "low_adherence_clinic": PRESETS["low_adherence_clinic"],
        "another site's assays": home.derive("assays", "FeNO reads 1.3 times, sputum is dense", analyser | laboratory),
        "50 % more gaps": home.derive(
            "gaps", "half as many again are missing", {k: fewer(k, numbers[k]) for k in GAPS}
        ),
    }


ANALYSER = ("constitutive", "per_activity")
DENSE = "sputum_neutrophils_pct.logit_mean"


def fewer(name: str, number: float) -> float:
    """A share or log-odds of a test such that half as many again go without."""
    done = number if not name.endswith("log_odds") else float(expit(number))
    left = max(1 - 1.5 * (1 - done), LEAST_DONE)
    return left if not name.endswith("log_odds") else float(logit(left))


def measured(model: PhenotypeClassifier, clinic: pd.DataFrame) -> str:
    """Calibration and coverage among the two classes, and detect_shift of the whole clinic."""
    two = clinic[clinic[LABEL].isin(TWO_CLASSES)]
    assessed = model.predict_with_uncertainty(model.encode(two))
    codes = np.array([list(model.classes_).index(label) for label in two[LABEL]])
    found = calibration(codes == 1, assessed.probability[:, 1])
    held = assessed.in_set[np.arange(len(codes)), codes]
    covered = ", ".join(f"{name} {held[codes == k].mean():.3f}" for k, name in enumerate(model.classes_))
    loss = -np.log(assessed.probability[np.arange(len(codes)), codes]).mean()
    departed = detect_shift(model, shift_statistics(model, model.encode(clinic)))
    told = "; ".join(str(departure) for departure in departed[:4]) or "nothing"
    return (
        f"  {len(two)} patients: log-loss {loss:.3f}, slope {found['slope']['value']:.2f}, "
        f"in the large {found['in_the_large']['value']:+.2f}, sets hold {covered}\n"
        f"  departs ({len(departed)}): {told}"
    )


def beside_limit(model: PhenotypeClassifier, two: pd.DataFrame, preset: Preset, n_particles: int) -> str:
    """Log-loss of model and limit on the same patients."""
    limit = bayes_limit(two, preset, n_particles)
    best = probabilities(limit)
    place = [list(model.classes_).index(name) for name in TWO_CLASSES]
    theirs = model.predict_proba(model.encode(two))[:, place]
    labels = np.array([TWO_CLASSES.index(label) for label in two[LABEL]])
    ours, least = (-np.log(p[np.arange(len(labels)), labels]) for p in (theirs, best))
    apart = (best * np.log(best / theirs)).sum(axis=1)
    error = apart.std() / len(apart) ** 0.5
    sampling = limit_scores(limit, two[LABEL])["log_loss_from_sampling"]
    return (
        f"  first {len(two)}: log-loss {ours.mean():.3f}, limit of this world {least.mean():.3f} "
        f"(particles {sampling:.4f}), divergence {apart.mean():.4f} (se {error:.4f})"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--model", default=shipped_model_path())
    parser.add_argument("--patients", type=int, default=10_000)
    parser.add_argument("--limit-patients", type=int, default=300)
    parser.add_argument("--particles", type=int, default=1_000)
    options = parser.parse_args()
    model = load_model(options.model)
    for name, preset in worlds().items():
        started = time.process_time()
        stream = PatientStream(options.patients, SEED, preset, with_truth=False)
        clinic = pd.concat([observed for observed, _ in stream], ignore_index=True)
        print(f"{name}\n{measured(model, clinic)}", flush=True)
        two = clinic[clinic[LABEL].isin(TWO_CLASSES)].head(options.limit_patients)
        print(beside_limit(model, two, preset, options.particles))
        print(f"  {time.process_time() - started:.0f} processor s", flush=True)


if __name__ == "__main__":
    main()
