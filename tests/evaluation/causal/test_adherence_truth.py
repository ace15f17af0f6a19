"""Accuracy of the adherence gate, counted by hand and in a generated cohort."""

import numpy as np
import pandas as pd
import pytest

from asthma_ml.cohort import generate_cohort
from asthma_ml.errors import UnusableInputError
from asthma_ml.evaluation.causal.adherence_truth import evaluate_adherence_gate

GOOD = {"ics_adherence_fraction": 0.95, "inhaler_technique": "correct"}
POOR = {"ics_adherence_fraction": 0.30, "inhaler_technique": "correct"}
NOTHING = {"ics_adherence_fraction": None, "inhaler_technique": None}


def clinic(*patients):
    """Tables of patients given as (record, true resistance)."""
    ids = [f"P{i}" for i in range(len(patients))]
    observed = pd.DataFrame([record for record, _ in patients]).assign(patient_id=ids)
    return observed, pd.DataFrame({"patient_id": ids, "true_resistance": [truth for _, truth in patients]})


def test_accuracy_of_check_first_by_hand():
    found = evaluate_adherence_gate(
        *clinic(
            (POOR, "apparent"),
            (POOR, "apparent"),
            (NOTHING, "apparent"),
            (POOR, "resistant"),
            (GOOD, "resistant"),
            (GOOD, "resistant"),
            (NOTHING, "resistant"),
            (POOR, "controlled"),
        )
    )["apparent_resistance"]
    assert (found["n"], found["n_positive"]) == (7, 3)
    assert found["gates"]["check_first"] == {"positive": 2, "negative": 1}
    assert found["gates"]["unknown"] == {"positive": 1, "negative": 1}
    values = {name: found[name]["value"] for name in ("sensitivity", "specificity", "ppv", "sensitivity_where_known")}
    expected = {"sensitivity": 2 / 3, "specificity": 3 / 4, "ppv": 2 / 3, "sensitivity_where_known": 1.0}
    assert values == pytest.approx(expected)
    assert found["suppression_test"] == {"n": 0, "auc": None}


def test_a_proportion_of_no_patients_is_none():
    found = evaluate_adherence_gate(*clinic((GOOD, "resistant")))["apparent_resistance"]
    assert found["sensitivity"] is None
    assert found["ppv"] is None


def test_the_order_of_the_truth_does_not_matter():
    observed, truth = clinic((POOR, "apparent"), (GOOD, "resistant"), (NOTHING, "apparent"))
    assert evaluate_adherence_gate(observed, truth.iloc[::-1]) == evaluate_adherence_gate(observed, truth)


def test_the_truth_of_other_patients_is_refused():
    observed, truth = clinic((POOR, "apparent"), (GOOD, "resistant"))
    with pytest.raises(UnusableInputError, match="no row for 1 of 2 patients"):
        evaluate_adherence_gate(observed, truth.head(1))
    with pytest.raises(UnusableInputError, match="no column true_resistance"):
        evaluate_adherence_gate(observed, truth[["patient_id"]])
    with pytest.raises(UnusableInputError, match="patient_id is not unique"):
        evaluate_adherence_gate(observed, pd.concat([truth, truth]))


@pytest.fixture(scope="module")
def generated():
    cohort = generate_cohort(6_000, seed=5)
    return evaluate_adherence_gate(cohort.observed, cohort.truth)


def test_the_gate_is_more_sensitive_than_physicians_and_imperfect(generated):
    assert generated["published"]["physician_sensitivity"]["percent"] == 15.0
    for target in ("apparent_resistance", "true_adherence_below_80_pct"):
        found = generated[target]
        assert found["sensitivity"]["lower"] > 0.15
        assert found["sensitivity"]["upper"] < 0.95
        # The predictive value exceeds the prevalence.
        assert found["ppv"]["lower"] > found["n_positive"] / found["n"]
        assert found["sensitivity_where_known"]["value"] > found["sensitivity"]["value"]


def test_the_suppression_test_discriminates_as_published(generated):
    published = generated["published"]["suppression_test_auc"]
    found = generated["true_adherence_below_50_pct"]["suppression_test"]["auc"]
    assert published["lower"] < found["value"] < published["upper"]


def test_low_adherence_is_easier_to_detect_than_moderate_adherence(generated):
    low, moderate = (generated[name] for name in ("true_adherence_below_50_pct", "true_adherence_below_80_pct"))
    assert low["n_positive"] < moderate["n_positive"]
    assert low["suppression_test"]["auc"]["value"] > moderate["suppression_test"]["auc"]["value"]


def test_suppression_from_a_low_baseline_is_excluded():
    observed, truth = clinic(*[(GOOD, "apparent"), (GOOD, "resistant")] * 12)
    fall = np.tile([60.0, 10.0], 12)
    low = evaluate_adherence_gate(observed.assign(feno_ppb=30.0, feno_suppression_pct=fall), truth)
    high = evaluate_adherence_gate(observed.assign(feno_ppb=60.0, feno_suppression_pct=fall), truth)
    assert low["apparent_resistance"]["suppression_test"] == {"n": 0, "auc": None}
    assert high["apparent_resistance"]["suppression_test"]["auc"]["value"] == 1.0
