"""Performance of the shipped model under dataset shift: other presets, assays and missingness.

    OMP_NUM_THREADS=1 python benchmarks/shift.py --patients 10000 --limit-patients 300

Each world is a generated clinic. Calibration and coverage are measured on all its patients of the two classes. On the
first of them the log-loss is compared with the Bayes limit of that world, which knows the world's own coefficients;
the divergence from the limit needs no labels and varies less. `detect_shift` compares the columns of the whole clinic
with those of the training patients, without labels.
"""

from __future__ import annotations

import argparse
import time

import numpy as np
import pandas as pd
from measures import divergences, in_order, log_losses, standard_error
from scipy.special import expit, logit

from asthma_ml import generate_cohort, load_model
from asthma_ml.classifier import PhenotypeClassifier
from asthma_ml.cohort import PRESETS, Preset, preset_model
from asthma_ml.evaluation.causal.limit import limit_scores
from asthma_ml.evaluation.subgroups import calibration
from asthma_ml.inference import bayes_limit, limit_probabilities
from asthma_ml.prediction import detect_shift, shift_statistics
from asthma_ml.variables import LABEL, TWO_CLASSES

SEED = 9_100
MEASURED = (
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
"""Coefficients that decide how often a test is measured."""
LEAST_MEASURED = 0.02
ANALYSER = ("constitutive", "per_activity")
SPUTUM = "sputum_neutrophils_pct.logit_mean"


def worlds() -> dict[str, Preset]:
    """The clinic of the training patients, and six others."""
    home = PRESETS["severe_clinic"]
    numbers = {
        f"{name}.{key}": float(value)
        for name, equation in preset_model(home).equations.items()
        for key, value in equation.coefficients.items()
    }
    assays = {f"expected_feno_ppb.{key}": 1.3 * numbers[f"expected_feno_ppb.{key}"] for key in ANALYSER}
    assays[SPUTUM] = numbers[SPUTUM] + 0.35
    missing = {name: less_measured(name, numbers[name]) for name in MEASURED}
    return {
        **{name: PRESETS[name] for name in ("severe_clinic", "severe_registry", "asthma_network", "smokers_clinic")},
        "low_adherence_clinic": PRESETS["low_adherence_clinic"],
        "other assays": home.derive("assays", "FeNO 1.3 times as high, more sputum neutrophils", assays),
        "50 % more missing": home.derive("missing", "each test missing 1.5 times as often", missing),
    }


def less_measured(name: str, number: float) -> float:
    """Proportion or log-odds of a test that is missing 1.5 times as often."""
    is_log_odds = name.endswith("log_odds")
    measured = float(expit(number)) if is_log_odds else number
    left = max(1 - 1.5 * (1 - measured), LEAST_MEASURED)
    return float(logit(left)) if is_log_odds else left


def performance(model: PhenotypeClassifier, clinic: pd.DataFrame) -> str:
    """Calibration and coverage in the two classes, and the shifts detected in the whole clinic."""
    two = clinic[clinic[LABEL].isin(TWO_CLASSES)]
    predicted = model.predict_with_uncertainty(model.encode(two))
    codes = np.array([list(model.classes_).index(label) for label in two[LABEL]])
    fit = calibration(codes == 1, predicted.probability[:, 1])
    in_set = predicted.in_set[np.arange(len(codes)), codes]
    coverage = ", ".join(f"{name} {in_set[codes == k].mean():.3f}" for k, name in enumerate(model.classes_))
    loss = -np.log(predicted.probability[np.arange(len(codes)), codes]).mean()
    shifts = detect_shift(model, shift_statistics(model, model.encode(clinic)))
    return (
        f"  {len(two)} patients: log-loss {loss:.3f}, calibration slope {fit['slope']['value']:.2f}, "
        f"in the large {fit['in_the_large']['value']:+.2f}, coverage of 90 % sets: {coverage}\n"
        f"  {len(shifts)} columns shifted: {'; '.join(str(shift) for shift in shifts[:4]) or 'none'}"
    )


def compare_with_limit(model: PhenotypeClassifier, two: pd.DataFrame, preset: Preset, n_particles: int) -> str:
    """Log-loss of the model and of the Bayes limit on the same patients."""
    limit = bayes_limit(two, preset, n_particles)
    best = limit_probabilities(limit)
    predicted = in_order(model.predict_proba(model.encode(two)), model.classes_)
    loss, least = (log_losses(p, two[LABEL]).mean() for p in (predicted, best))
    divergence = divergences(best, predicted)
    sampling = limit_scores(limit, two[LABEL])["monte_carlo_excess_log_loss"]
    return (
        f"  first {len(two)}: log-loss {loss:.3f}, Bayes limit {least:.3f} (sampling error {sampling:.4f}), "
        f"divergence {divergence.mean():.4f} (SE {standard_error(divergence):.4f})"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--model", default="shipped")
    parser.add_argument("--patients", type=int, default=10_000)
    parser.add_argument("--limit-patients", type=int, default=300)
    parser.add_argument("--particles", type=int, default=1_000)
    parser.add_argument("--worlds", nargs="+", choices=list(worlds()), default=list(worlds()))
    options = parser.parse_args()
    model = load_model(options.model)
    for name in options.worlds:
        preset = worlds()[name]
        started = time.process_time()
        clinic = generate_cohort(options.patients, SEED, preset).observed
        print(f"{name}\n{performance(model, clinic)}", flush=True)
        two = clinic[clinic[LABEL].isin(TWO_CLASSES)].head(options.limit_patients)
        print(compare_with_limit(model, two, preset, options.particles))
        print(f"  {time.process_time() - started:.0f} CPU s", flush=True)


if __name__ == "__main__":
    main()
