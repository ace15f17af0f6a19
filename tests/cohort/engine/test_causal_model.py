"""Simulation, interventions and twins, on small models and on the model of the package."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from asthma_ml.cohort.engine import causal_model
from asthma_ml.cohort.engine.causal_model import CausalModel
from asthma_ml.cohort.engine.distributions import Bernoulli, Categorical, Normal, Poisson, by_level
from asthma_ml.cohort.engine.noise import Noise
from asthma_ml.cohort.engine.structural_equations import Coefficient, structural_equation
from asthma_ml.cohort.enrolment import severe_asthma_model
from asthma_ml.errors import CausalModelError, UnusableInputError


@structural_equation
def smoker():
    return Bernoulli(0.3)


@structural_equation
def technique(smoker):
    return Categorical(("good", "poor"), (0.7, 0.3 + 0.3 * smoker))


@structural_equation
def dose(technique, *, lost=Coefficient(0.5, "fraction")):
    return by_level(technique, good=1.0, poor=1 - lost)


@structural_equation
def response(dose, smoker):
    return Normal(2.0 * dose - smoker, 1.0)


@structural_equation
def attacks(response):
    return Poisson(np.exp(0.5 - 0.3 * response))


@structural_equation
def weather():
    return Normal(0.0, 1.0)


SMALL = [attacks, response, dose, technique, smoker]


@pytest.fixture(scope="module")
def noise():
    return Noise(seed=5, block=2, size=2_000)


def assert_same(left, right):
    assert left.keys() == right.keys()
    for name in left:
        pd.testing.assert_series_equal(pd.Series(left[name]), pd.Series(right[name]), check_exact=True)


def test_causes_come_before_effects():
    order = CausalModel(SMALL).order
    for cause, effect in CausalModel(SMALL).graph():
        assert order.index(cause) < order.index(effect)


def test_added_equation_leaves_other_columns_bit_identical(noise):
    before = CausalModel(SMALL).simulate(noise)
    after = CausalModel([weather, *SMALL]).simulate(noise)
    assert_same(before, {name: after[name] for name in before})


def test_added_parent_without_effect_leaves_columns_bit_identical(noise):
    @structural_equation
    def response(dose, smoker, weather):
        return Normal(2.0 * dose - smoker + 0.0 * weather, 1.0)

    before = CausalModel(SMALL).simulate(noise)
    after = CausalModel([attacks, response, dose, technique, smoker, weather]).simulate(noise)
    assert_same(before, {name: after[name] for name in before})


@given(
    name=st.sampled_from(["smoker", "technique", "dose", "response", "attacks"]),
    seed=st.integers(0, 1000),
)
@settings(max_examples=30, deadline=None)
def test_intervention_changes_descendants_only(name, seed):
    value = {"smoker": 1, "technique": "poor", "dose": 0.2, "response": 3.0, "attacks": 4}[name]
    model, patients = CausalModel(SMALL), Noise(seed=seed, block=0, size=300)
    factual = model.simulate(patients)
    twin = model.twin(factual, patients, {name: value})
    unchanged = set(factual) - model.with_descendants([name])
    assert_same({n: factual[n] for n in unchanged}, {n: twin[n] for n in unchanged})
    assert (pd.Series(twin[name]) == value).all()
    assert_same(twin, model.simulate(patients, do={name: value}))


def test_intervention_changes_descendants_only_in_the_model_of_the_package():
    model, patients = severe_asthma_model(), Noise(seed=1, block=0, size=2_000)
    factual = model.simulate(patients)
    for name, value in {"ocs_dose_mg_day": 20.0, "smoking_status": "never", "inhaled_adherence": 1.0}.items():
        twin = model.twin(factual, patients, {name: value})
        unchanged = set(factual) - model.with_descendants([name])
        assert_same({n: factual[n] for n in unchanged}, {n: twin[n] for n in unchanged})
        assert not pd.Series(twin["fev1_pct_predicted"]).equals(pd.Series(factual["fev1_pct_predicted"]))


def test_intervention_at_the_factual_value_changes_nothing(noise):
    model = CausalModel(SMALL)
    factual = model.simulate(noise)
    for name in model.order:
        assert_same(factual, model.twin(factual, noise, {name: factual[name]}))


def test_patients_do_not_depend_on_the_other_patients(noise):
    model = CausalModel(SMALL)
    everybody = model.simulate(noise)
    rows = np.array([3, 100, 1999])
    assert_same({n: column[rows] for n, column in everybody.items()}, model.simulate(noise.take(rows)))


def test_blocks_seeds_and_variables_have_different_noise():
    draws = {
        (seed, block, name): Noise(seed, block, 100)[name].tobytes()
        for seed in (0, 1)
        for block in (0, 1)
        for name in ("feno_ppb", "age_years")
    }
    assert len(set(draws.values())) == len(draws)


def test_hash_of_a_variable_name_is_fixed():
    """Another hash would change all cohorts."""
    assert causal_model.stream_words("feno_ppb") == (1611766476, 88500995)


def test_only_wanted_variables_and_their_causes_are_computed(noise):
    assert set(CausalModel(SMALL).simulate(noise, wanted=["dose"])) == {"dose", "technique", "smoker"}


def test_log_prob_is_finite_for_samples_and_infinite_for_impossible_values(noise):
    model = CausalModel(SMALL)
    values = model.simulate(noise)
    assert np.isfinite(model.log_prob(values)).all()
    assert model.log_prob(values | {"attacks": np.full(2_000, -1.0)}).max() == -np.inf


def test_coefficients_can_be_overridden_by_address(noise):
    model = CausalModel(SMALL, {"dose.lost": 1.0})
    assert set(model.simulate(noise)["dose"]) == {0.0, 1.0}
    assert "lost = 1 fraction (assumed)" in model.describe("dose")


def test_refuses_a_cycle_naming_file_and_function():
    @structural_equation
    def egg(hen):
        return hen

    @structural_equation
    def hen(egg):
        return egg

    with pytest.raises(CausalModelError, match=r"a cycle: .*(egg|hen).*test_causal_model.py"):
        CausalModel([egg, hen])


def test_refuses_unknown_parents():
    with pytest.raises(CausalModelError, match=r"test_causal_model.py, line \d+, response: unknown parents: dose"):
        CausalModel([response, smoker])


def test_refuses_two_equations_with_the_same_name():
    with pytest.raises(CausalModelError, match="two equations with the same name"):
        CausalModel([smoker, smoker])


def test_refuses_colliding_streams(monkeypatch):
    monkeypatch.setattr(causal_model, "stream_words", lambda name: (1, 2))
    with pytest.raises(CausalModelError, match="shares a random stream"):
        CausalModel([smoker, weather])


def test_refuses_an_override_of_an_unknown_coefficient():
    with pytest.raises(CausalModelError, match=r"dose\.found: no such coefficient \(lost\)"):
        CausalModel(SMALL, {"dose.found": 1.0})


@pytest.mark.parametrize(
    ("do", "message"),
    [({"moon": 1}, "no such variable: moon"), ({"technique": "odd"}, "good, poor"), ({"smoker": 3}, "0 or 1")],
)
def test_refuses_impossible_interventions(noise, do, message):
    with pytest.raises(UnusableInputError, match=message):
        CausalModel(SMALL).simulate(noise, do=do)
