"""Contributions of features and factors add up to the log-odds of the reported probability."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from scipy.special import logit

from asthma_ml.classifier import PhenotypeClassifier
from asthma_ml.classifier.compiled import classifier as compiled_classifier
from asthma_ml.errors import AsthmaMLError, UnusableInputError
from asthma_ml.explanation import ADDITIVITY_TOLERANCE, explain
from asthma_ml.patients import read_patients
from asthma_ml.prediction import predict_table
from asthma_ml.variables import FACTORS
from asthma_ml.wording import rounded
from tests.synthetic_patients import fitted_classifier, synthetic_patients


@pytest.fixture(scope="module", params=[2, 3, 4], ids=["two classes", "three classes", "four classes"])
def explained(request):
    X, y = synthetic_patients(seed=3, n_classes=2 if request.param == 2 else 4)
    if request.param != 3:
        return fitted_classifier(request.param), X
    among_three = y != "paucigranulocytic"
    return PhenotypeClassifier(n_trees=20).fit(X[among_three], y[among_three]), X


def test_contributions_add_up_to_the_log_odds_of_the_reported_probability(explained):
    model, X = explained
    explanation = explain(model, X)
    place = np.searchsorted(model.classes_, explanation.explained_class)
    reported = logit(model.predict_proba(X)[np.arange(len(X)), place])
    for contributions in (explanation.features, explanation.factors):
        total = explanation.base + contributions.sum(axis=1)
        np.testing.assert_allclose(total, reported, atol=ADDITIVITY_TOLERANCE)
        np.testing.assert_allclose(total, explanation.log_odds, atol=1e-9)


def test_a_factor_is_the_signed_sum_of_its_features(explained):
    explanation = explain(*explained)
    assert tuple(explanation.factors.columns) == FACTORS
    of_adherence = explanation.features[["ics_adherence_fraction", "inhaler_technique"]].sum(axis=1)
    np.testing.assert_allclose(explanation.factors["adherence"], of_adherence, atol=1e-12)


def test_level_of_factors_adds_up_and_keeps_the_features(explained):
    by_feature, by_factor = explain(*explained), explain(*explained, level="factors")
    assert tuple(by_factor.factors.columns) == FACTORS
    np.testing.assert_allclose(by_factor.base + by_factor.factors.sum(axis=1), by_factor.log_odds, atol=1e-9)
    pd.testing.assert_frame_equal(by_factor.features, by_feature.features)
    apart = (by_factor.factors - by_feature.factors).abs().to_numpy().max()
    assert 1e-3 < apart < 1


def test_levels_agree_without_interactions():
    X, y = synthetic_patients(300)
    model = PhenotypeClassifier(n_trees=20, max_depth=1).fit(X, y)
    by_feature, by_factor = explain(model, X), explain(model, X, level="factors")
    np.testing.assert_allclose(by_factor.factors, by_feature.factors, atol=1e-12)


def test_unknown_level_is_refused():
    X, _ = synthetic_patients(10)
    with pytest.raises(UnusableInputError, match="level='genes': allowed are features, factors"):
        explain(fitted_classifier(), X, level="genes")


def test_two_classes_explain_th2_high_and_more_explain_the_predicted_class():
    X, _ = synthetic_patients()
    assert set(explain(fitted_classifier(), X).explained_class) == {"th2_high"}
    among_four = explain(fitted_classifier(4), X)
    np.testing.assert_array_equal(among_four.explained_class, fitted_classifier(4).predict(X))
    np.testing.assert_array_equal(among_four.predicted_class, among_four.explained_class)


def test_two_other_classes_explain_the_second():
    X, y = synthetic_patients(150)
    model = PhenotypeClassifier(n_trees=5).fit(X, np.where(y == "th2_high", "a", "b"))
    assert set(explain(model, X).explained_class) == {"b"}


def test_markers_contribute_more_than_noise():
    X, _ = synthetic_patients(seed=5)
    sizes = explain(fitted_classifier(), X).features.abs().mean()
    assert sizes.idxmax() in {"blood_eosinophils_cells_ul", "feno_ppb", "sputum_neutrophils_pct"}
    assert sizes["adrb2_rs1042713"] < 0.1 * sizes.max()


def test_columns_may_be_permuted_missing_or_additional():
    X, _ = synthetic_patients()
    whole = explain(fitted_classifier(), X)
    permuted = explain(fitted_classifier(), X[X.columns[::-1]].assign(site="A"))
    pd.testing.assert_frame_equal(permuted.features, whole.features)
    without = explain(fitted_classifier(), X.drop(columns="feno_ppb"))
    blanked = explain(fitted_classifier(), X.assign(feno_ppb=np.nan))
    pd.testing.assert_frame_equal(without.features, blanked.features)


def test_patient_table_is_explained_by_its_values():
    X, _ = synthetic_patients(20)
    table = read_patients(X)
    pd.testing.assert_frame_equal(explain(fitted_classifier(), table).factors, explain(fitted_classifier(), X).factors)


def test_input_without_named_features_is_refused():
    X, _ = synthetic_patients(20)
    with pytest.raises(UnusableInputError, match="text in an array, whose columns have no names"):
        explain(fitted_classifier(), X.to_numpy())
    with pytest.raises(UnusableInputError, match="no column is one of the 13 features"):
        explain(fitted_classifier(), pd.DataFrame({"patient_id": ["1"]}))


def test_call_that_rests_on_the_prior_is_marked():
    X, y = synthetic_patients(600)
    keep = (y == "th2_high") | (np.arange(600) % 4 == 0)
    explanation = explain(PhenotypeClassifier(n_trees=20, confidence=0.6).fit(X[keep], y[keep]), X)
    prior = explanation.prior_decides()
    assert 0 < prior.sum() < len(X)
    assert set(explanation.predicted_class[prior]) == {"th2_high"}
    assert (explanation.factors.sum(axis=1)[prior] < 0).all()
    called = np.flatnonzero(prior & (explanation.calls.status == "ok"))
    assert "This call rests on the prior, the class frequency among training patients" in explanation.sentence(
        called[0]
    )


def test_index_is_kept_and_empty_tables_are_explained():
    X, _ = synthetic_patients(5)
    assert explain(fitted_classifier(), X.set_axis(list("abcde"))).factors.index.tolist() == list("abcde")
    for n_classes in (2, 4):
        empty = explain(fitted_classifier(n_classes), X.iloc[:0])
        assert len(empty) == 0
        assert tuple(empty.factors.columns) == FACTORS


def test_contributions_of_an_uncalibrated_model_add_up():
    X, _ = synthetic_patients(200)
    y = np.where(np.arange(200) < 4, "th2_high", "neutrophilic_th2_low")
    explain(PhenotypeClassifier(n_trees=5).fit(X, y), X)


def test_contributions_that_do_not_add_up_raise_an_error(monkeypatch):
    def a_little_off(branches, frequency):
        return correct(branches, frequency) + 1e-4

    correct = compiled_classifier.expected_margins
    monkeypatch.setattr(compiled_classifier, "expected_margins", a_little_off)
    with pytest.raises(
        AsthmaMLError,
        match=r"base plus contributions differ from the log-odds by .* does not fit this version of scikit",
    ):
        explain(fitted_classifier(), synthetic_patients(10)[0])


def test_unknown_columns_belong_to_patient_context():
    X, y = synthetic_patients(200)
    X = X[["feno_ppb"]].assign(home_made_index=np.arange(200) * (y == "th2_high"))
    explanation = explain(PhenotypeClassifier(n_trees=5).fit(X, y), X)
    np.testing.assert_array_equal(explanation.factors["patient_context"], explanation.features["home_made_index"])
    assert explanation.sentence(199)


class TestSentence:
    def test_it_contains_class_probability_findings_and_masking(self):
        X, _ = synthetic_patients()
        patient = X.iloc[[0]].assign(
            blood_eosinophils_cells_ul=640.0, feno_ppb=85.0, ics_adherence_fraction=0.4, biologic="anti_il5"
        )
        explanation = explain(fitted_classifier(), patient)
        sentence = explanation.sentence(0)
        assert sentence.startswith(
            f"The model calls this patient Th2-high (probability {rounded(explanation.probability[0])}). "
        )
        assert "lood eosinophils 640 cells/uL (+" in sentence
        assert "Poor adherence is associated with higher FeNO and more eosinophils" in sentence
        assert "anti-IL-5 treatment is associated with fewer eosinophils" in sentence
        assert "Not modelled: mixed and paucigranulocytic disease." in sentence
        assert sentence.endswith("SHAP explains the model, not the disease.")

    def test_it_agrees_with_the_table_of_predictions(self):
        X, _ = synthetic_patients(200, seed=8)
        X.loc[0, "age_years"], X.loc[1, "age_years"] = 109.0, 200.0
        table, explanation = predict_table(fitted_classifier(), X), explain(fitted_classifier(), read_patients(X))
        assert set(table["aml_status"]) == {"ok", "abstained", "out_of_range", "invalid"}
        for i, (status, reasons) in enumerate(zip(table["aml_status"], table["aml_reasons"], strict=True)):
            sentence = explanation.sentence(i)
            assert ("The model calls this patient" in sentence) == (status == "ok")
            if status in ("abstained", "out_of_range"):
                assert sentence.startswith(reasons.split(";")[0].removesuffix("."))
        assert explanation.sentence(1).startswith("No call: a value is outside its hard limits. ")

    def test_contributions_have_the_sign_of_the_explained_class(self):
        X, _ = synthetic_patients()
        explanation = explain(fitted_classifier(), X)
        for i in np.flatnonzero(explanation.predicted_class == "neutrophilic_th2_low")[:5]:
            name = explanation.strongest_features(i, n=1).index[0]
            assert f"({explanation.features.iloc[i][name]:+.2f}" in explanation.sentence(i)

    @pytest.mark.parametrize("n_classes", [2, 4])
    def test_it_never_claims_causation(self, n_classes):
        X, _ = synthetic_patients(30, n_classes=n_classes)
        explanation = explain(fitted_classifier(n_classes), X)
        for i in range(len(X)):
            assert not {"cause", "causes", "caused", "because", "due"} & set(explanation.sentence(i).lower().split())


class TestShapPlots:
    @pytest.fixture(autouse=True)
    def _closed_afterwards(self):
        import matplotlib as mpl

        mpl.use("Agg")
        yield
        import matplotlib.pyplot as plt

        plt.close("all")

    @pytest.mark.parametrize("n_classes", [2, 4])
    def test_values_base_data_and_names_reach_shap(self, n_classes):
        X, _ = synthetic_patients(50)
        explanation = explain(fitted_classifier(n_classes), X)
        shap_values = explanation.to_shap()
        assert shap_values.feature_names == list(X.columns)
        np.testing.assert_allclose(shap_values.base_values + shap_values.values.sum(axis=1), explanation.log_odds)
        assert shap_values.display_data[0, X.columns.get_loc("sex")] == X["sex"].iloc[0]
        assert shap_values.data.dtype == np.float32

    @pytest.mark.parametrize("n_classes", [2, 4])
    def test_the_plots_of_shap_draw(self, n_classes):
        import matplotlib.pyplot as plt
        import shap

        shap_values = explain(fitted_classifier(n_classes), synthetic_patients(50)[0]).to_shap()
        shap.plots.beeswarm(shap_values, show=False)
        assert "feno_ppb" in [label.get_text() for label in plt.gcf().axes[0].get_yticklabels()]
        for draw in (
            lambda: shap.plots.waterfall(shap_values[0], show=False),
            lambda: shap.plots.bar(shap_values, show=False),
            lambda: shap.plots.scatter(shap_values[:, "feno_ppb"], show=False),
            lambda: shap.plots.heatmap(shap_values, show=False),
        ):
            plt.close("all")
            draw()
            assert plt.gcf().axes
        plt.close("all")


def test_import_loads_neither_shap_nor_matplotlib():
    code = "import sys, asthma_ml.explanation; print({'shap', 'matplotlib'} & set(sys.modules))"
    printed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert printed.stdout.strip() == "set()"
