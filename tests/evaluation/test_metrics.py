"""Metrics of a model on held-out patients."""

from collections import Counter

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
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


def test_metrics_have_intervals(model, others):
    metrics = evaluate_model(model, *others)
    assert sum(metrics["class_counts"].values()) == metrics["n_patients"] == len(others[1])
    for name in ("auc", "log_loss", "brier", "accuracy", "calibration_slope", "calibration_intercept"):
        assert metrics[name]["lower"] < metrics[name]["value"] < metrics[name]["upper"]
    assert 0.85 < metrics["auc"]["value"] < 0.96
    assert 0.8 < metrics["calibration_slope"]["value"] < 1.25


def test_shuffled_labels_give_chance_performance(model, others):
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


def test_empirical_coverage_is_nominal(model, others):
    metrics = evaluate_model(model, *others)
    sets = metrics["prediction_sets"]
    assert sets["nominal_coverage"] == 0.90
    assert sets["coverage"]["value"] == pytest.approx(0.90, abs=0.03)
    assert sets["coverage"]["lower"] < sets["coverage"]["value"] < sets["coverage"]["upper"]
    assert sets["single_class_accuracy"]["value"] > 0.8
    assert metrics["classified"]["accuracy"]["value"] > metrics["accuracy"]["value"]


def test_a_four_class_model_has_metrics():
    cohort = generate_cohort(1_500, seed=1)
    model = PhenotypeClassifier(n_trees=30).fit(*cohort.training_data(FOUR_CLASSES))
    metrics = evaluate_model(model, *generate_cohort(1_000, seed=2).training_data(FOUR_CLASSES))
    assert 0.7 < metrics["auc"]["value"] < 0.95


def test_a_model_of_other_classes_has_no_reference_rules():
    rng = np.random.default_rng(0)
    X = pd.DataFrame({"feno_ppb": rng.lognormal(3.3, 0.8, 400)})
    y = np.where(X["feno_ppb"] * rng.lognormal(0, 0.5, 400) > 28, "responder", "none")
    metrics = evaluate_model(PhenotypeClassifier(n_trees=10).fit(X, y), X, y)
    assert "reference_rules" not in metrics
    assert [row["subgroup"] for row in metrics["subgroups"]] == ["all"]


def test_labels_that_are_not_classes_of_the_model_are_refused(model):
    X, y = generate_cohort(200, seed=3).training_data(FOUR_CLASSES)
    with pytest.raises(UnusableInputError, match="mixed_granulocytic, paucigranulocytic; its classes are"):
        evaluate_model(model, X, y)


@pytest.mark.parametrize("convert", [pl.from_pandas, pa.Table.from_pandas], ids=["polars", "Arrow"])
def test_tables_of_other_libraries_give_the_same_metrics(model, others, convert):
    X, y = others
    assert evaluate_model(model, convert(X), y) == evaluate_model(model, X, y)


def test_missing_labels_and_labels_in_another_order_are_refused(model, others):
    X, y = others
    with pytest.raises(UnusableInputError, match=r"^y: the index has another order than that of X"):
        evaluate_model(model, X, y[::-1])
    with pytest.raises(UnusableInputError, match=r"^y: 1 of \d+ labels are missing"):
        evaluate_model(model, X, [None, *y[1:]])


def test_a_single_class_is_refused(model, others):
    X, y = others
    with pytest.raises(UnusableInputError, match="10 of each class are needed, found 0 neutrophilic_th2_low"):
        evaluate_model(model, X[y == "th2_high"], y[y == "th2_high"])


def test_three_patients_are_refused(model, others):
    """Two of one class and one of the other would often have an AUC of 1.000 (1.000 to 1.000)."""
    X, y = others
    three = [*np.flatnonzero(y == "th2_high")[:2], *np.flatnonzero(y != "th2_high")[:1]]
    with pytest.raises(UnusableInputError, match=r"too few patients for an evaluation: .* found 1 .*, 2 th2_high"):
        evaluate_model(model, X.iloc[three], y.iloc[three])


@pytest.fixture(scope="module")
def clinic():
    return generate_cohort(1_500, seed=4).observed


@pytest.fixture(scope="module")
def metrics(model, clinic):
    return evaluate_patients(model, read_patients(clinic))


class TestWholeClinic:
    def test_other_diagnoses_are_counted(self, metrics, clinic):
        others = clinic["phenotype"].value_counts().drop(list(TWO_CLASSES))
        rows = {row["diagnosis"]: row for row in metrics["all_diagnoses"]["abstention_by_diagnosis"]}
        assert {name: rows[name]["n"] for name in others.index} == others.to_dict()
        assert sum(metrics["excluded"].values()) == rows["all other diagnoses"]["n"] == others.sum()
        assert metrics["all_diagnoses"]["n"] == metrics["modelled_classes"]["n_patients"] + others.sum()

    def test_a_patient_is_classified_if_the_predicted_status_is_ok(self, metrics, model, clinic):
        ok = predict_table(model, clinic)["aml_status"] == "ok"
        own = clinic["phenotype"].isin(TWO_CLASSES)
        assert metrics["all_diagnoses"]["classified"]["proportion"]["value"] == pytest.approx(ok.mean())
        assert metrics["modelled_classes"]["classified"]["proportion"]["value"] == pytest.approx(ok[own].mean())
        rows = {row["diagnosis"]: row for row in metrics["all_diagnoses"]["abstention_by_diagnosis"]}
        assert rows["all modelled classes"]["abstained"]["value"] == pytest.approx(1 - ok[own].mean())
        assert rows["all other diagnoses"]["abstained"]["value"] == pytest.approx(1 - ok[~own].mean())

    def test_predictive_values_are_lower_with_other_diagnoses(self, metrics, model, clinic):
        table = predict_table(model, clinic)
        for name in TWO_CLASSES:
            called = table[table["aml_phenotype"] == name]
            ppv = (called["phenotype"] == name).mean()
            value = metrics["all_diagnoses"]["predictive_values"][name]
            assert value["value"] == pytest.approx(ppv)
            assert value["lower"] < value["value"] < value["upper"]
            assert ppv < (called.loc[called["phenotype"].isin(TWO_CLASSES), "phenotype"] == name).mean()

    def test_a_table_without_any_feature_is_refused_like_a_prediction(self, model):
        with pytest.raises(UnusableInputError, match="no column is one of the"):
            evaluate_patients(model, read_patients(pd.DataFrame({"patient_id": ["1"], "phenotype": ["th2_high"]})))

    def test_subgroups_and_sites_are_of_modelled_classes(self, metrics, clinic):
        two, metrics = clinic[clinic["phenotype"].isin(TWO_CLASSES)], metrics["modelled_classes"]
        rows = {(row["characteristic"], row["subgroup"]): row for row in metrics["subgroups"]}
        assert rows["all", "all"]["n"] == len(two)
        assert rows["site", "site_1"]["n"] == (two["site"] == "site_1").sum()
        assert rows["oral steroids", "maintenance"]["n"] == (two["ocs_dose_mg_day"] > 0).sum()
        coverage, slope = rows["all", "all"]["coverage"]["all"], rows["all", "all"]["calibration"]["slope"]
        assert coverage["value"] == pytest.approx(metrics["prediction_sets"]["coverage"]["value"])
        assert slope["value"] == pytest.approx(metrics["calibration_slope"]["value"], abs=1e-3)

    def test_the_model_abstains_more_often_in_other_diagnoses(self, metrics):
        rows = {row["diagnosis"]: row for row in metrics["all_diagnoses"]["abstention_by_diagnosis"]}
        assert rows["all other diagnoses"]["abstained"]["value"] > rows["all modelled classes"]["abstained"]["value"]

    def test_without_an_auxiliary_classifier_no_patient_is_predicted_unmodelled(self, metrics):
        rows = metrics["all_diagnoses"]["abstention_by_diagnosis"]
        assert {row["predicted_unmodelled"]["value"] for row in rows} == {0.0}
        assert "unmodelled_diagnosis_detection" not in metrics["all_diagnoses"]

    def test_accuracy_rises_as_the_call_rate_falls(self, metrics):
        own, everyone = (metrics[name]["risk_coverage"] for name in ("modelled_classes", "all_diagnoses"))
        for curve in (own, everyone):
            assert curve["accuracy"]["value"][2] > curve["accuracy"]["value"][-1] + 0.05
        assert own["accuracy"]["value"][-1] == pytest.approx(metrics["modelled_classes"]["accuracy"]["value"])
        assert everyone["n"] > own["n"]

    def test_the_model_is_compared_with_the_rules(self, metrics):
        rules = {row["rule"]: row for row in metrics["modelled_classes"]["reference_rules"]["rules"]}
        assert rules["blood_eosinophils_300"]["auc_difference"]["lower"] > 0
        assert 0.35 < rules["sarp_tree"]["auc"]["value"] < 0.65


def test_a_table_is_encoded_and_predicted_once(clinic, monkeypatch):
    X, y = generate_cohort(600, seed=1).training_data(FOUR_CLASSES)
    two = y.isin(TWO_CLASSES)
    model = PhenotypeClassifier(n_trees=10).fit(X[two], y[two]).fit_auxiliary(X, y)
    counts = Counter()
    for name in (
        "encode",
        "decision_function",
        "predict_with_uncertainty",
        "predict_proba",
        "predict_unmodelled_proba",
    ):
        monkeypatch.setattr(PhenotypeClassifier, name, counted(getattr(PhenotypeClassifier, name), model, counts))
    metrics = evaluate_patients(model, read_patients(clinic))
    assert metrics["all_diagnoses"]["unmodelled_diagnosis_detection"]["auc"] > 0.5
    assert counts["encode"] == 1
    assert counts["predict_with_uncertainty"] + counts["predict_proba"] == 1
    assert counts["predict_unmodelled_proba"] == 1


def counted(method, model, counts):
    """The method, which counts its calls on the model itself."""

    def wrapper(self, *arguments, **keywords):
        counts[method.__name__] += self is model
        return method(self, *arguments, **keywords)

    return wrapper
