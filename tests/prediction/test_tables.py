"""Columns, numbers, statuses and reasons of the table of predictions."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import logit

from asthma_ml.classifier import PhenotypeClassifier
from asthma_ml.decisions import GATES, STATUSES, calls_by_diagnosis
from asthma_ml.errors import UnusableInputError
from asthma_ml.explanation import ADDITIVITY_TOLERANCE, explain
from asthma_ml.model_files import load_model
from asthma_ml.patients import read_patients
from asthma_ml.prediction import missing_features, predict_table
from asthma_ml.variables import FACTORS
from tests.synthetic_patients import fitted_classifier, synthetic_patients

PAGE = Path(__file__).parents[2] / "docs" / "patients.md"
CLASSES = ("neutrophilic_th2_low", "th2_high")
CLEAR_CASE = {
    "patient_id": "007",
    "age_years": 55.0,
    "sex": "female",
    "ics_dose_ug_day": 800.0,
    "ocs_dose_mg_day": 0.0,
    "biologic": "none",
    "blood_eosinophils_cells_ul": 800.0,
    "feno_ppb": 90.0,
    "sputum_neutrophils_pct": 12.0,
    "fev1_pct_predicted": 66.0,
    "adrb2_rs1042713": 1.0,
    "smoking_status": "never",
    "ics_adherence_fraction": 0.95,
    "inhaler_technique": "correct",
}


def clinic(n_patients: int = 60, seed: int = 4) -> pd.DataFrame:
    X, _ = synthetic_patients(n_patients, seed=seed)
    X.insert(0, "patient_id", [f"{i:03d}" for i in range(n_patients)])
    return X


def predicted(explain="factors", model=None, **changes) -> pd.Series:
    """The row of the clear case with some findings changed; None leaves a column out."""
    record = {name: value for name, value in (CLEAR_CASE | changes).items() if value is not None}
    return predict_table(model or fitted_classifier(), pd.DataFrame([record]), explain).iloc[0]


def test_calls_with_two_nearly_equal_factors_have_a_remark():
    patients = clinic(400)
    table = predict_table(fitted_classifier(), patients)
    remark = table["aml_reasons"].str.contains("they contribute nearly equally")
    expected = explain(fitted_classifier(), patients).unstable() & (table["aml_status"] == "ok")
    assert remark.tolist() == expected.tolist()
    assert 0 < remark.sum() < (table["aml_status"] == "ok").sum()
    assert not predict_table(fitted_classifier(), patients, "none")["aml_reasons"].str.contains("nearly equally").any()


class TestColumns:
    @pytest.mark.parametrize("n_classes", [2, 4])
    def test_names_and_order_of_the_added_columns(self, n_classes):
        model, patients = fitted_classifier(n_classes), clinic()
        expected = [
            *patients.columns,
            "aml_status",
            "aml_phenotype",
            *(f"aml_p_{name}" for name in model.classes_),
            "aml_p_unmodelled",
            "aml_p_low",
            "aml_p_high",
            "aml_prediction_set",
            "aml_adherence_gate",
            "aml_reasons",
            "aml_explained_class",
            "aml_base",
            *(f"aml_factor_{name}" for name in FACTORS),
        ]
        of_features = [f"aml_shap_{name}" for name in model.feature_names_in_]
        assert predict_table(model, patients).columns.tolist() == expected
        assert predict_table(model, patients, "features").columns.tolist() == expected + of_features
        assert predict_table(model, patients, "none").columns.tolist() == expected[: expected.index("aml_base")]

    def test_the_documentation_has_one_line_for_each_column(self):
        section = PAGE.read_text(encoding="utf-8").split("## Columns that `predict` adds")[1].split("\n## ")[0]
        named = re.findall(r"`(aml_\w+)`", " ".join(re.findall(r"^\| (`aml_.*?) \|", section, re.MULTILINE)))
        model = fitted_classifier()
        several = {
            "aml_p_CLASS": [f"aml_p_{name}" for name in model.classes_],
            "aml_factor_FACTOR": [f"aml_factor_{name}" for name in FACTORS],
            "aml_shap_COLUMN": [f"aml_shap_{name}" for name in model.feature_names_in_],
            "aml_mechanism_FACTOR": [f"aml_mechanism_{name}" for name in FACTORS],
        }
        expected = [name for each in named for name in several.get(each, [each])]
        for level, other in (("features", "aml_mechanism_"), ("mechanisms", "aml_shap_")):
            table = predict_table(model if level == "features" else load_model("shipped"), clinic(5), level)
            of_level = [name for name in expected if not name.startswith(other)]
            assert [name for name in table if name.startswith("aml_")] == of_level

    def test_input_columns_are_kept_unchanged_in_their_order(self, tmp_path):
        file = tmp_path / "clinic.csv"
        file.write_text("note,patient_id,FeNO,eos,true_drive\nx y,007,<5,1200,0.9\n,008,42,90,\n", encoding="utf-8")
        table = predict_table(fitted_classifier(), read_patients(file))
        assert table["patient_id"].tolist() == ["007", "008"]
        assert table.columns[:5].tolist() == ["note", "patient_id", "FeNO", "eos", "true_drive"]
        assert table["FeNO"].tolist() == ["<5", "42"]

    @pytest.mark.parametrize(
        "labels",
        [
            pd.Index([7, 3, 3], name=None),
            pd.Index(["b", "a", "c"], name="bed"),
            pd.MultiIndex.from_tuples([("A", 1), ("A", 2), ("B", 1)], names=["site", "visit"]),
        ],
        ids=["numbers", "named", "several levels"],
    )
    def test_rows_of_a_data_frame_keep_their_index(self, labels):
        patients = clinic(3)
        labelled = predict_table(fitted_classifier(), patients.set_axis(labels))
        expected = predict_table(fitted_classifier(), patients)
        pd.testing.assert_frame_equal(labelled, expected.set_axis(labels))

    def test_identifiers_in_the_index_are_read_and_kept(self):
        patients = clinic(3).set_index("patient_id")
        labelled = predict_table(fitted_classifier(), patients)
        pd.testing.assert_index_equal(labelled.index, patients.index)
        assert labelled.columns[: patients.shape[1]].tolist() == patients.columns.tolist()
        named_twice = patients.assign(patient_id=patients.index)
        assert "patient_id" in predict_table(fitted_classifier(), named_twice)

    def test_the_simulated_truth_is_not_used(self):
        patients = clinic()
        with_truth = patients.assign(true_phenotype="th2_high", true_drive=1.0)
        ours = [name for name in predict_table(fitted_classifier(), patients) if name.startswith("aml_")]
        pd.testing.assert_frame_equal(
            predict_table(fitted_classifier(), with_truth)[ours], predict_table(fitted_classifier(), patients)[ours]
        )

    @pytest.mark.parametrize("n_classes", [2, 4])
    def test_an_empty_table_has_the_same_columns_and_types(self, n_classes):
        model = fitted_classifier(n_classes)
        some, none = (predict_table(model, patients, "features") for patients in (clinic(), clinic().iloc[:0]))
        assert len(none) == 0
        ours = [name for name in some if name.startswith("aml_")]
        assert none[ours].dtypes.to_dict() == some[ours].dtypes.to_dict()


class TestNumbers:
    @pytest.mark.parametrize("n_classes", [2, 4])
    def test_factors_add_up_to_the_log_odds_of_the_explained_class(self, n_classes):
        table = predict_table(fitted_classifier(n_classes), clinic(), "features")
        p = np.array([row[f"aml_p_{row['aml_explained_class']}"] for _, row in table.iterrows()], dtype=float)
        for kind in ("factor", "shap"):
            total = table["aml_base"] + table.filter(regex=f"^aml_{kind}_").sum(axis=1)
            np.testing.assert_allclose(total, logit(p), atol=ADDITIVITY_TOLERANCE)
        assert np.all((table["aml_p_low"] <= p) & (p <= table["aml_p_high"]))

    def test_probabilities_do_not_depend_on_the_order_of_columns(self):
        patients = clinic()
        p = fitted_classifier().predict_proba(patients.drop(columns="patient_id"))
        for table in (patients, patients[patients.columns[::-1]]):
            columns = [f"aml_p_{name}" for name in CLASSES]
            np.testing.assert_array_equal(predict_table(fitted_classifier(), table)[columns], p)

    @settings(max_examples=15, deadline=None)
    @given(st.lists(st.integers(0, 59), min_size=1, max_size=60, unique=True))
    def test_a_prediction_does_not_depend_on_the_other_rows(self, rows):
        whole = predict_table(fitted_classifier(), clinic())
        some = predict_table(fitted_classifier(), clinic().iloc[rows].reset_index(drop=True))
        pd.testing.assert_frame_equal(some, whole.iloc[rows].reset_index(drop=True))


@cache
def model_with_auxiliary() -> PhenotypeClassifier:
    X, y = synthetic_patients(800, n_classes=4)
    named = np.isin(y, CLASSES)
    return PhenotypeClassifier(n_trees=2).fit(X[named], y[named]).fit_auxiliary(X, y)


class TestUnmodelledProbability:
    def test_it_is_the_probability_of_the_auxiliary_classifier(self):
        model, patients = model_with_auxiliary(), clinic()
        p = predict_table(model, patients, "none")["aml_p_unmodelled"]
        np.testing.assert_array_equal(p, model.predict_unmodelled_proba(patients.drop(columns="patient_id")))
        assert 0 < p.min() < p.max() < 1

    def test_it_is_missing_without_an_auxiliary_classifier(self):
        assert predict_table(fitted_classifier(), clinic(5))["aml_p_unmodelled"].isna().all()

    def test_it_is_missing_where_the_row_is_invalid(self):
        patients = clinic(5)
        patients.loc[3, "age_years"] = -4.0
        missing = predict_table(model_with_auxiliary(), patients, "none")["aml_p_unmodelled"].isna()
        assert missing.tolist() == [False, False, False, True, False]

    def test_class_probabilities_are_conditional_on_the_named_classes(self):
        table = predict_table(model_with_auxiliary(), clinic(), "none")
        np.testing.assert_allclose(table[[f"aml_p_{name}" for name in CLASSES]].sum(axis=1), 1.0)


class TestStatus:
    def test_a_clear_case_is_called(self):
        row = predicted()
        assert row["aml_status"] == "ok"
        assert row["aml_phenotype"] == row["aml_prediction_set"] == "th2_high"
        assert row["aml_adherence_gate"] == "clear"
        assert re.fullmatch(
            r"Th2-high, probability 0\.\d\d; supporting factors: immune profile .*\.", row["aml_reasons"]
        )

    def test_a_case_with_two_plausible_classes_is_not_called(self):
        table = predict_table(fitted_classifier(), clinic())
        doubtful = table[table["aml_prediction_set"] == "|".join(CLASSES)]
        assert len(doubtful) > 0
        assert set(doubtful["aml_status"]) == {"abstained"}
        assert doubtful["aml_phenotype"].isna().all()
        assert (
            doubtful["aml_reasons"]
            .str.startswith("No call: the prediction set at 90 % confidence contains neutrophilic Th2-low and Th2-high")
            .all()
        )
        assert doubtful["aml_p_th2_high"].notna().all()

    def test_without_a_marker_of_inflammation_there_is_no_call(self):
        unmeasured = dict.fromkeys(["blood_eosinophils_cells_ul", "feno_ppb", "sputum_neutrophils_pct"])
        row = predicted(**unmeasured)
        assert row["aml_status"] == "abstained"
        assert "no inflammatory marker measured" in row["aml_reasons"]

    def test_a_value_outside_the_training_range_prevents_the_call_but_not_the_numbers(self):
        row = predicted(age_years=97.0, feno_ppb=399.0)
        assert row["aml_status"] == "out_of_range"
        assert pd.isna(row["aml_phenotype"])
        assert row["aml_p_th2_high"] > 0.5
        assert np.isfinite(row["aml_factor_immune_profile"])
        assert row["aml_reasons"].startswith("No call: age_years, feno_ppb outside the training range")

    def test_an_impossible_value_invalidates_the_row_and_names_column_and_rule(self):
        row = predicted(feno_ppb=900.0, ics_adherence_fraction=0.3)
        assert row["aml_status"] == "invalid"
        assert row["aml_adherence_gate"] == "unknown"
        assert row["aml_reasons"] == "Row not predicted: feno_ppb outside 0-400 ppb (limits)."
        kept = ["aml_status", "aml_adherence_gate", "aml_reasons"]
        assert row.filter(like="aml_").drop(kept).isna().all()
        assert row["feno_ppb"] == 900.0

    def test_an_invalid_row_does_not_change_the_other_rows(self):
        patients = clinic()
        spoiled = patients.copy()
        spoiled.loc[3, "age_years"] = -4.0
        before, after = (predict_table(fitted_classifier(), table) for table in (patients, spoiled))
        pd.testing.assert_frame_equal(before.drop(index=3), after.drop(index=3))

    def test_a_class_with_too_few_patients_to_calibrate_is_named(self):
        X, y = synthetic_patients(200)
        y = np.where(np.arange(200) < 8, "th2_high", "neutrophilic_th2_low")
        row = predicted(model=PhenotypeClassifier(n_trees=5).fit(X, y))
        assert row["aml_status"] == "abstained"
        assert row["aml_prediction_set"] == "uncalibrated"
        assert "too few Th2-high training patients to calibrate the prediction set" in row["aml_reasons"]

    def test_every_row_has_a_status_a_gate_and_one_sentence(self):
        table = predict_table(fitted_classifier(4), clinic(200))
        assert set(table["aml_status"]) <= set(STATUSES)
        assert set(table["aml_adherence_gate"]) <= set(GATES)
        assert (table["aml_phenotype"].notna() == (table["aml_status"] == "ok")).all()
        assert table["aml_reasons"].str.fullmatch(r"[A-Z][^\n]*[^.]\.").all()


class TestReasons:
    def test_masking_steroids_and_low_adherence_are_reasons(self):
        masked = {"feno_ppb": 12.0, "blood_eosinophils_cells_ul": 140.0, "ocs_dose_mg_day": 10.0}
        reasons = predicted(ics_adherence_fraction=0.4, **masked)["aml_reasons"]
        assert "a maintenance oral steroid is associated with fewer eosinophils and lower FeNO" in reasons
        assert (
            "check adherence and inhaler technique first: recorded adherence is below 80 % of the prescribed doses"
            in reasons
        )

    def test_warnings_about_the_row_are_reasons(self):
        reasons = predicted(smoking_status="current", pack_years=0.0)["aml_reasons"]
        assert "pack_years 0 for a current smoker (smoker_without_pack_years)" in reasons

    def test_contributions_keep_the_sign_of_their_columns(self):
        row = predicted(blood_eosinophils_cells_ul=40.0, feno_ppb=8.0, sputum_neutrophils_pct=90.0)
        assert row["aml_phenotype"] == "neutrophilic_th2_low"
        assert row["aml_factor_immune_profile"] < 0
        assert f"supporting factors: immune profile ({row['aml_factor_immune_profile']:+.2f})" in row["aml_reasons"]

    def test_reasons_are_given_without_an_explanation(self):
        assert re.fullmatch(
            r"Th2-high, probability 0\.\d\d; not modelled: mixed and paucigranulocytic disease\.",
            predicted("none")["aml_reasons"],
        )

    def test_masking_hints_are_given_to_few_patients(self):
        """All patients have a high inhaled dose; a hint for all of them would be useless."""
        table = predict_table(fitted_classifier(), clinic(300).assign(ics_dose_ug_day=2000.0))
        hinted = table["aml_reasons"].str.contains("inhaled steroid dose is associated with")
        assert 0 < hinted.mean() < 0.5
        assert not hinted[table["aml_phenotype"] == "th2_high"].any()

    def test_a_call_decided_by_the_prior_has_a_remark(self):
        X, y = synthetic_patients(600)
        keep = (y == "th2_high") | (np.arange(600) % 4 == 0)
        model = PhenotypeClassifier(n_trees=20, confidence=0.6).fit(X[keep], y[keep])
        table = predict_table(model, clinic(200))
        ok = table["aml_status"] == "ok"
        against = table.filter(like="aml_factor_").sum(axis=1) < 0
        by_prior = table["aml_reasons"].str.contains("this call rests on the prior")
        assert (ok & by_prior).any()
        pd.testing.assert_series_equal(
            by_prior, ok & against & (table["aml_phenotype"] == "th2_high"), check_names=False
        )

    def test_models_of_four_classes_name_all_classes(self):
        assert not predict_table(fitted_classifier(4), clinic())["aml_reasons"].str.contains("not modelled").any()


class TestCallsByDiagnosis:
    def test_calls_of_unmodelled_diagnoses_are_counted(self):
        X, y = synthetic_patients(800, seed=3, n_classes=4)
        others = ~np.isin(y, ("th2_high", "neutrophilic_th2_low"))
        counts = calls_by_diagnosis(fitted_classifier(), X[others], pd.Series(y[others]))
        assert {name: found["n"] for name, found in counts.items()} == pd.Series(y[others]).value_counts().to_dict()
        table = predict_table(fitted_classifier(), X[y == "mixed_granulocytic"].reset_index(drop=True))
        for name, proportion in counts["mixed_granulocytic"]["called"].items():
            assert proportion == (table["aml_phenotype"] == name).mean()

    def test_rare_diagnoses_are_counted_together(self):
        X, _ = synthetic_patients(30)
        labels = pd.Series(["unclear"] * 20 + [f"letter of patient {i}" for i in range(10)])
        counts = calls_by_diagnosis(fitted_classifier(), X, labels)
        assert {name: found["n"] for name, found in counts.items()} == {"unclear": 20, "rare labels": 10}

    def test_no_unmodelled_diagnoses_give_no_counts(self):
        X, _ = synthetic_patients(5)
        assert calls_by_diagnosis(fitted_classifier(), X.iloc[:0], pd.Series([], dtype=str)) == {}


class TestMissingFeatures:
    def test_the_most_important_features_come_first(self):
        missing = missing_features(fitted_classifier(), read_patients(clinic()[["patient_id", "age_years", "sex"]]))
        assert set(missing[:2]) == {"blood_eosinophils_cells_ul", "sputum_neutrophils_pct"}
        assert "age_years" not in missing
        assert missing_features(fitted_classifier(), read_patients(clinic())) == []


class TestRefusals:
    def test_a_table_with_predictions_is_refused(self):
        table = predict_table(fitted_classifier(), clinic(5))
        with pytest.raises(
            UnusableInputError,
            match=r"aml_status, aml_phenotype, .* and 13 more: .*begin with aml_ are reserved for predictions",
        ):
            predict_table(fitted_classifier(), table)

    def test_a_table_without_a_feature_of_the_model_is_refused(self):
        X, y = synthetic_patients(80)
        model = PhenotypeClassifier(n_trees=2).fit(X[["feno_ppb", "age_years"]], y)
        with pytest.raises(UnusableInputError, match=r"(?s)2 features: feno_ppb, age_years; .*did you mean feno_ppb"):
            predict_table(model, pd.DataFrame({"patient_id": ["1"], "sex": ["male"], "fenno": [30.0]}))

    def test_an_unknown_level_of_explanation_is_refused(self):
        with pytest.raises(UnusableInputError, match="explain='lime': allowed are none, factors, features"):
            predict_table(fitted_classifier(), clinic(5), "lime")
