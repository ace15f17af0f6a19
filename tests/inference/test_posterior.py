"""Importance sampling agrees with the exact posterior of small causal models."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import integrate
from scipy.special import expit
from scipy.stats import multivariate_normal, norm

from asthma_ml.cohort.engine.causal_model import CausalModel
from asthma_ml.cohort.engine.distributions import Bernoulli, LogNormal, Normal, levels_from_codes
from asthma_ml.cohort.engine.noise import Noise
from asthma_ml.cohort.engine.structural_equations import structural_equation
from asthma_ml.inference.plan import SamplingPlan
from asthma_ml.inference.posterior import sample_posterior
from asthma_ml.inference.readings import known, rounded

CLASSES = ("low", "high")
STEP = 0.01


@structural_equation
def drive():
    return Normal(0.2, 1.0)


@structural_equation
def activity(drive):
    return Normal(0.8 * drive, 0.5)


@structural_equation
def blood(activity):
    return Normal(1.5 * activity, 0.7)


@structural_equation
def breath(activity, drive):
    return Normal(activity + 0.5 * drive, 1.0)


@structural_equation
def sputum(drive):
    return Normal(drive, 0.9)


@structural_equation
def measured(sputum):
    return Bernoulli(expit(-0.5 + 1.5 * sputum))


@structural_equation
def endotype(drive):
    return levels_from_codes((drive >= 0.4).astype(int), CLASSES)


@structural_equation
def label(endotype):
    return Bernoulli(np.where(endotype == "high", 0.9, 0.05))


LINEAR = CausalModel([drive, activity, blood, breath, sputum, measured, endotype, label])


def simulated(model, n=3_000):
    noise = Noise(8, 0, size=n)
    return model.simulate(noise), noise


def probability_of_high(model, evidence, target="endotype", **how):
    found = sample_posterior(model, evidence, target, simulated(model), **{"n_particles": 2_000, "seed": 1, **how})
    return found.probabilities(found.levels)[:, 1], found.standard_errors(found.levels)[:, 1], found.effective_size


def gaussian_truth(readings):
    """P(drive >= 0.4) from the joint normal of drive, blood, breath and sputum."""
    load = np.array([[1, 0, 0, 0, 0], [1.2, 1.5, 0.7, 0, 0], [1.3, 1, 0, 1, 0], [1, 0, 0, 0, 0.9]])
    covariance = load @ np.diag([1, 0.25, 1, 1, 1]) @ load.T
    mean = np.array([0.2, 0.24, 0.26, 0.2])
    observed = [k for k, x in enumerate(readings, start=1) if not np.isnan(x)]
    gain = covariance[0, observed] @ np.linalg.inv(covariance[np.ix_(observed, observed)]) if observed else np.zeros(0)
    deviation = np.array([readings[k - 1] for k in observed]) - mean[observed]
    centre, variance = mean[0] + gain @ deviation, covariance[0, 0] - gain @ covariance[observed, 0]
    return norm.sf((0.4 - centre) / np.sqrt(variance))


def test_linear_gaussian_posterior_with_missing_values_is_exact():
    rng = np.random.default_rng(3)
    truth = LINEAR.simulate(Noise(2, 0, size=24))
    table = np.column_stack([truth[name] for name in ("blood", "breath", "sputum")]).round(2)
    table[rng.random(table.shape) < 0.4] = np.nan
    table[0] = np.nan
    evidence = {name: rounded(table[:, k], STEP) for k, name in enumerate(("blood", "breath", "sputum"))}
    found, error, effective = probability_of_high(LINEAR, evidence)
    exact = np.array([gaussian_truth(row) for row in table])
    assert effective.min() > 500
    assert error.max() < 0.02
    assert np.abs(found - exact).max() < 4 * error.max()
    open_cases = error > 1e-3
    assert open_cases.sum() > 15
    assert np.mean(((found - exact)[open_cases] / error[open_cases]) ** 2) < 2


def test_posterior_of_the_label_includes_label_noise():
    evidence = {"sputum": rounded(np.array([0.5, 3.0]), STEP)}
    high, _, _ = probability_of_high(LINEAR, evidence)
    labelled, _, _ = probability_of_high(LINEAR, evidence, target="label")
    assert labelled == pytest.approx(0.05 + 0.85 * high, abs=0.02)


def test_informative_missingness_is_evidence():
    """Sputum is measured more often where it is high, so a missing value is evidence of a low drive."""
    evidence = {"sputum": rounded(np.array([np.nan]), STEP), "measured": known(np.array([0.0]))}
    found, error, _ = probability_of_high(LINEAR, evidence)

    drives, values = np.linspace(-6, 6, 1_201), np.linspace(-9, 9, 1_801)
    missing = norm.pdf(values, drives[:, None], 0.9) @ expit(0.5 - 1.5 * values) * norm.pdf(drives, 0.2, 1.0)
    exact = missing[drives >= 0.4].sum() / missing.sum()
    assert exact < norm.sf(0.2) - 0.1
    assert found[0] == pytest.approx(exact, abs=4 * error[0])


@structural_equation
def earlier():
    return LogNormal(10.0, 0.5)


@structural_equation
def today(earlier):
    return LogNormal(earlier, 0.4)


@structural_equation
def highest(earlier, today):
    return np.maximum(earlier, today)


@structural_equation
def raised(earlier):
    return levels_from_codes((earlier >= 12).astype(int), CLASSES)


def test_a_calculated_variable_clamps_its_inputs():
    """Highest 14, today 9: the earlier count was 14. Highest 14, today 14: the earlier count was at most 14."""
    model = CausalModel([earlier, today, highest, raised])
    evidence = {"today": rounded(np.array([9.0, 14.0]), 1.0), "highest": rounded(np.array([14.0, 14.0]), 1.0)}
    plan = SamplingPlan(model, evidence, "raised")
    assert [inversion.name for inversion in plan.inversions["earlier"]] == ["highest"]
    found, error, effective = probability_of_high(model, evidence, target="raised")
    log = np.log([9.5, 12, 14.5])

    def density(e, low, high):
        return norm.pdf(e, np.log(10), 0.5) * (norm.cdf(high, e, 0.4) - norm.cdf(low, e, 0.4))

    low, high = np.log(13.5), log[2]
    parts = [integrate.quad(density, a, b, args=(low, high))[0] for a, b in ((-2, log[1]), (log[1], log[2]))]
    assert found[0] == 1
    assert effective.min() > 300
    assert found[1] == pytest.approx(parts[1] / sum(parts), abs=4 * error[1])


@structural_equation
def careless():
    return Bernoulli(0.4)


@structural_equation
def taken(careless):
    return Normal(np.where(careless == 1, -1.5, 1.5), 0.5)


@structural_equation
def response(taken):
    return Normal(taken, 0.8)


@structural_equation
def takes_it(taken):
    return levels_from_codes((taken >= 0).astype(int), CLASSES)


def test_a_bimodal_posterior_is_exact():
    model = CausalModel([careless, taken, response, takes_it])
    assert SamplingPlan(model, {"response": rounded(np.zeros(1), STEP)}, "takes_it").hidden_flags == ("careless",)
    found, error, effective = probability_of_high(model, {"response": rounded(np.array([-0.2, 0.3]), STEP)}, "takes_it")
    for k, read in enumerate((-0.2, 0.3)):
        mass = np.zeros(2)
        for weight, mean in ((0.4, -1.5), (0.6, 1.5)):
            joint = multivariate_normal([mean, mean], [[0.25, 0.25], [0.25, 0.89]])
            parts = [integrate.quad(lambda t: joint.pdf([t, read]), a, b)[0] for a, b in ((-6, 0), (0, 6))]  # noqa: B023
            mass += weight * np.array(parts)
        assert found[k] == pytest.approx(mass[1] / mass.sum(), abs=4 * error[k])
    assert effective.min() > 500


def test_standard_error_falls_with_particles_and_is_correct():
    evidence = {"sputum": rounded(np.full(60, 0.6), STEP)}
    exact = gaussian_truth([np.nan, np.nan, 0.6])
    errors = []
    for n_particles in (100, 1_600):
        found, error, _ = probability_of_high(LINEAR, evidence, n_particles=n_particles, least_effective=0)
        errors.append(error.mean())
        assert np.sqrt(np.mean((found - exact) ** 2)) == pytest.approx(error.mean(), rel=0.35)
    assert errors[1] == pytest.approx(errors[0] / 4, rel=0.2)


def test_impossible_evidence_has_no_probability():
    model = CausalModel([earlier, today, highest, raised])
    evidence = {"today": rounded(np.array([20.0]), 1.0), "highest": rounded(np.array([14.0]), 1.0)}
    found, _, effective = probability_of_high(model, evidence, target="raised", n_particles=100)
    assert np.isnan(found).all()
    assert effective[0] == 0


def test_variables_without_observed_descendants_are_left_out():
    plan = SamplingPlan(LINEAR, {"sputum": rounded(np.zeros(3), STEP)}, "endotype")
    assert set(plan.order) == {"drive", "sputum", "endotype"}
    assert pd.Series(plan.free).tolist() == ["drive", "sputum"]
    assert plan.proposed({"sputum": rounded(np.array([0.1, np.nan]), STEP)}, 2).tolist() == [[True, False]] * 2
