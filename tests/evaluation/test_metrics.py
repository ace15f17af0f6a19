"""Metrics of a model on patients it has not seen."""

import numpy as np
import pandas as pd
import pytest

from asthma_ml.classifier import PhenotypeClassifier
from asthma_ml.cohort import generate_cohort
from asthma_ml.errors import UnusableInputError
from asthma_ml.evaluation import evaluate_model
from asthma_ml.evaluation.metrics import evaluate_patients
from asthma_ml.patients import read_patients
from asthma_ml.prediction import predict_table
from asthma_ml.variables import FOUR_CLASSES, TWO_CLASSES


@pytest.fixture(scope="module")
def model():
    return PhenotypeClassifier(n_trees=60).fit(*generate_cohort(4_000, seed=1).training_data())


@pytest.fixture(scope="module")
def others():
    """Enough for a slope to within 0.1: of 1,500 patients of ten seeds it lay between 0.74 and 1.01."""
    return generate_cohort(4_000, seed=2).training_data()


def test_a_model_is_measured_with_its_uncertainty(model, others):
    metrics = evaluate_model(model, *others)
    assert sum(metrics["class_counts"].values()) == metrics["n_patients"] == len(others[1])
    for name in ("auc", "log_loss", "brier", "accuracy", "calibration_slope", "calibration_intercept"):
        assert metrics[name]["lower"] < metrics[name]["value"] < metrics[name]["upper"]
    assert 0.85 < metrics["auc"]["value"] < 0.96
    assert 0.8 < metrics["calibration_slope"]["value"] < 1.25


def test_shuffled_labels_are_worth_a_coin(model, others):
    X, y = others
    shuffled = np.random.default_rng(0).permutation(y.to_numpy())
    metrics = evaluate_model(model, X, shuffled)
    assert metrics["auc"]["value"] == pytest.approx(0.5, abs=0.05)
    assert metrics["calibration_slope"]["value"] < 0.2


def test_the_order_of_patients_and_columns_does_not_matter(model, others):
    X, y = others
    order = np.random.default_rng(1).permutation(len(X))
    shuffled = evaluate_model(model, X.iloc[order, ::-1], y.iloc[order])
    assert shuffled["auc"]["value"] == pytest.approx(evaluate_model(model, X, y)["auc"]["value"], abs=1e-12)


def test_prediction_sets_hold_the_truth_as_often_as_promised(model, others):
    decisions = evaluate_model(model, *others)["decisions"]
    assert decisions["coverage"] == pytest.approx(0.90, abs=0.03)
    assert decisions["accuracy_when_decided"] > 0.8


def test_four_classes_are_measured_as_well():
    cohort = generate_cohort(1_500, seed=1)
    model = PhenotypeClassifier(n_trees=30).fit(*cohort.training_data(FOUR_CLASSES))
    metrics = evaluate_model(model, *generate_cohort(1_000, seed=2).training_data(FOUR_CLASSES))
    assert 0.7 < metrics["auc"]["value"] < 0.95


def test_a_model_of_other_classes_is_judged_without_the_rules_for_th2_high():
    rng = np.random.default_rng(0)
    X = pd.DataFrame({"feno_ppb": rng.lognormal(3.3, 0.8, 400)})
    y = np.where(X["feno_ppb"] * rng.lognormal(0, 0.5, 400) > 28, "responder", "none")
    metrics = evaluate_model(PhenotypeClassifier(n_trees=10).fit(X, y), X, y)
    assert "reference_rules" not in metrics
    assert [row["subgroup"] for row in metrics["subgroups"]] == ["all"]


def test_labels_that_the_model_does_not_know_are_refused(model):
    X, y = generate_cohort(200, seed=3).training_data(FOUR_CLASSES)
    with pytest.raises(UnusableInputError, match="mixed_granulocytic, paucigranulocytic; it knows"):
        evaluate_model(model, X, y)


def test_one_class_alone_cannot_be_told_apart(model, others):
    X, y = others
    with pytest.raises(UnusableInputError, match="10 of each class are needed, found 0 neutrophilic_th2_low"):
        evaluate_model(model, X[y == "th2_high"], y[y == "th2_high"])


def test_three_patients_are_no_measurement(model, others):
    """Two of one class and one of the other, told apart by chance, would read as an AUC of 1.000 (1.000 to 1.000)."""
    X, y = others
    three = [*np.flatnonzero(y == "th2_high")[:2], *np.flatnonzero(y != "th2_high")[:1]]
    with pytest.raises(UnusableInputError, match=r"too few patients to measure on: .* found 1 .*, 2 th2_high"):
        evaluate_model(model, X.iloc[three], y.iloc[three])


@pytest.fixture(scope="module")
def clinic():
    return generate_cohort(1_500, seed=4).observed


@pytest.fixture(scope="module")
def metrics(model, clinic):
    return evaluate_patients(model, read_patients(clinic))


class TestWholeClinic:
    def test_every_patient_of_no_class_is_counted_by_label(self, metrics, clinic):
        others = clinic["phenotype"].value_counts().drop(list(TWO_CLASSES))
        assert {name: found["n"] for name, found in metrics["other_labels"].items()} == others.to_dict()
        assert metrics["left_out"]["another label"] == others.sum()

    def test_a_call_is_worth_less_among_all_than_among_the_two_classes(self, metrics, model, clinic):
        table = predict_table(model, clinic)
        assert metrics["called"]["share"]["value"] == pytest.approx((table["aml_status"] == "ok").mean())
        for name in TWO_CLASSES:
            so_called = table[table["aml_phenotype"] == name]
            right = (so_called["phenotype"] == name).mean()
            among_two = (so_called.loc[so_called["phenotype"].isin(TWO_CLASSES), "phenotype"] == name).mean()
            value = metrics["called"]["predictive_value"][name]
            assert value["value"] == pytest.approx(right)
            assert value["lower"] < value["value"] < value["upper"]
            assert right < among_two

    def test_a_table_without_any_feature_is_refused_like_a_prediction(self, model):
        with pytest.raises(UnusableInputError, match="no column is one of the"):
            evaluate_patients(model, read_patients(pd.DataFrame({"patient_id": ["1"], "phenotype": ["th2_high"]})))

    def test_subgroups_and_sites_are_judged_on_the_classes_of_the_model(self, metrics, clinic):
        two = clinic[clinic["phenotype"].isin(TWO_CLASSES)]
        rows = {(row["characteristic"], row["subgroup"]): row for row in metrics["subgroups"]}
        assert rows["all", "all"]["n"] == len(two)
        assert rows["site", "site_1"]["n"] == (two["site"] == "site_1").sum()
        assert rows["oral steroids", "maintenance"]["n"] == (two["ocs_dose_mg_day"] > 0).sum()
        assert rows["all", "all"]["coverage"]["all"]["value"] == pytest.approx(metrics["decisions"]["coverage"])
        assert rows["all", "all"]["slope"]["value"] == pytest.approx(metrics["calibration_slope"]["value"], abs=1e-3)

    def test_patients_of_no_class_are_left_undecided_more_often_than_clear_cut_ones(self, metrics):
        rows = {row["kind"]: row for row in metrics["kinds"]}
        clear_cut, others = rows["all of the model's classes"], rows["all of other labels"]
        assert others["undecided"]["value"] > clear_cut["undecided"]["value"]
        assert others["n"] == sum(rows[name]["n"] for name in ("mixed_granulocytic", "paucigranulocytic"))

    def test_without_a_companion_nobody_is_recognised_as_of_another_class(self, metrics):
        assert {row["recognised"]["value"] for row in metrics["kinds"]} == {0.0}

    def test_accuracy_rises_as_fewer_are_called(self, metrics):
        for curve in metrics["risk_coverage"].values():
            assert curve["accuracy"]["value"][2] > curve["accuracy"]["value"][-1] + 0.05
        own, everybody = (metrics["risk_coverage"][name] for name in ("classes_of_the_model", "all_labelled"))
        assert own["accuracy"]["value"][-1] == pytest.approx(metrics["accuracy"]["value"])
        assert everybody["n"] > own["n"]

    def test_the_model_stands_beside_the_rules(self, metrics):
        rules = {row["rule"]: row for row in metrics["reference_rules"]["rules"]}
        assert rules["blood_eosinophils_300"]["auc_difference"]["lower"] > 0
        assert 0.35 < rules["sarp_tree"]["auc"]["value"] < 0.65
