"""The classifier meets scikit-learn's estimator contract and its own specification."""

from __future__ import annotations

import copy

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
import sklearn
from joblib import Parallel, delayed
from sklearn.model_selection import GridSearchCV, StratifiedGroupKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer
from sklearn.utils.estimator_checks import parametrize_with_checks

from asthma_ml.classifier import PhenotypeClassifier
from asthma_ml.classifier.uncertainty.calibration import fit_calibration
from asthma_ml.errors import UnusableInputError
from asthma_ml.explanation import explain
from asthma_ml.prediction.shift import detect_shift, shift_statistics
from tests.synthetic_patients import fitted_classifier, synthetic_patients


# The second has small leaves, so that it grows trees on the small tables of the checks, some of which have no usable
# feature.
@pytest.mark.filterwarnings("ignore:no feature can be used")
@parametrize_with_checks([PhenotypeClassifier(), PhenotypeClassifier(n_trees=5, min_samples_leaf=1, n_folds=2)])
def test_scikit_learn_estimator_checks(estimator, check):
    check(estimator)


class TestPatientsAndWeights:
    X, y = synthetic_patients(300)
    model = PhenotypeClassifier(n_trees=10, min_samples_leaf=5)

    def fit(self, *args, **kwargs):
        return sklearn.clone(self.model).fit(*args, **kwargs).predict_proba(self.X)

    @pytest.mark.parametrize("duplicates", [1, 4], ids=["few duplicates", "many duplicates"])
    def test_weighting_a_patient_equals_repeating_the_patient(self, duplicates):
        weight = np.random.default_rng(0).integers(0, 2 + duplicates, len(self.X))
        repeated = self.X.index.repeat(weight)
        np.testing.assert_array_equal(
            self.fit(self.X, self.y, sample_weight=weight), self.fit(self.X.loc[repeated], self.y[repeated])
        )

    def test_weights_change_the_probabilities(self):
        weight = np.where(self.y == "th2_high", 3.0, 1.0)
        assert self.fit(self.X, self.y, sample_weight=weight)[:, 1].mean() > self.fit(self.X, self.y)[:, 1].mean() + 0.1

    def test_the_order_of_the_rows_does_not_matter(self):
        shuffled = np.random.default_rng(0).permutation(len(self.X))
        np.testing.assert_array_equal(
            self.fit(self.X.iloc[shuffled], self.y[shuffled]), self.fit(self.X, self.y), strict=True
        )


class TestColumns:
    def test_permuted_columns_are_refused_and_encode_orders_them(self):
        model, (X, _) = fitted_classifier(), synthetic_patients()
        permuted = X[X.columns[::-1]].assign(site="A")
        with pytest.raises(ValueError, match=r"^the features are in another order .* model\.encode\(table\)"):
            model.predict(permuted[X.columns[::-1]])
        np.testing.assert_array_equal(model.predict_proba(model.encode(permuted)), model.predict_proba(X))

    def test_folds_do_not_depend_on_the_order_of_the_columns(self):
        """Without trees, which split on the first of two equally informative columns."""
        X, y = synthetic_patients(150)
        X = X.assign(zinc=X["feno_ppb"].to_numpy()[::-1], copper=X["age_years"].to_numpy()[::-1])
        model, there = (PhenotypeClassifier(min_samples_leaf=150).fit(table, y) for table in (X, X[X.columns[::-1]]))
        np.testing.assert_allclose(model.calibration_slope_, there.calibration_slope_, rtol=1e-6)
        np.testing.assert_allclose(model.predict_proba(X), there.predict_proba(X[X.columns[::-1]]), atol=1e-6)

    def test_patients_without_any_measurement_are_predicted(self):
        model, (X, _) = fitted_classifier(), synthetic_patients()
        nothing = model.encode(pd.DataFrame({"feno_ppb": [np.nan] * 3}))
        p = model.predict_proba(nothing)
        assert np.all((p > 0.05) & (p < 0.95))
        assert len(model.predict(X.iloc[:0])) == 0

    @pytest.mark.parametrize("convert", [pl.from_pandas, pa.Table.from_pandas], ids=["polars", "Arrow"])
    def test_tables_of_other_libraries_give_the_same_model(self, convert):
        X, y = synthetic_patients(120)
        model = PhenotypeClassifier(n_trees=3)
        expected, other = sklearn.clone(model).fit(X, y), sklearn.clone(model).fit(convert(X), y)
        np.testing.assert_array_equal(other.predict_proba(convert(X)), expected.predict_proba(X))

    def test_columns_without_values_change_nothing(self):
        """An empty column of a spreadsheet, or a rare test that is missing in a whole fold."""
        X, y = synthetic_patients(150)
        model = PhenotypeClassifier(n_trees=5)
        blank = {"sputum_eosinophils_pct": np.nan, "serum_periostin_ng_ml": np.where(np.arange(150) == 7, 60.0, np.nan)}
        with_blanks = X.assign(**blank)
        fitted = sklearn.clone(model).fit(with_blanks, y)
        assert fitted.is_calibrated_
        np.testing.assert_array_equal(fitted.feature_importances_[-2:], 0)
        measured = with_blanks.assign(sputum_eosinophils_pct=22.0, serum_periostin_ng_ml=90.0)
        np.testing.assert_array_equal(fitted.predict_proba(measured), fitted.predict_proba(with_blanks))
        without = sklearn.clone(model).fit(X, y)
        trees = [m.trees_.decision_function(m.encode(with_blanks).to_numpy()) for m in (fitted, without)]
        np.testing.assert_allclose(*trees, atol=1e-12)

    def test_columns_that_are_no_features_are_refused_with_advice(self):
        model, (X, y) = fitted_classifier(), synthetic_patients()
        table = X.assign(patient_id="007", true_drive=1.0, phenotype=y)
        for predict in (model.predict_proba, model.predict, model.predict_with_uncertainty):
            with pytest.raises(
                UnusableInputError,
                match=r"^patient_id, true_drive, phenotype: not a feature of the model; pass model\.encode\(table\)",
            ):
                predict(table)
        np.testing.assert_array_equal(model.predict_proba(model.encode(table)), model.predict_proba(X))
        with pytest.raises(UnusableInputError, match=r"^feno_ppb: 'high' instead of numbers; read the table"):
            model.predict(X.assign(feno_ppb="high"))

    @pytest.mark.parametrize(
        ("change", "message"),
        [
            (lambda X: X[["feno_ppb"]], r"^age_years, .*: missing; pass model\.encode\(table\)"),
            (lambda X: X.rename(columns={"feno_ppb": "FeNO (ppb)"}), r"^FeNO \(ppb\) \(for feno_ppb\): not the name"),
            (lambda X: pd.DataFrame({"a": np.arange(len(X))}), "no column is one of the"),
            (lambda X: X.to_dict("records"), "not `list`; make one with pandas.DataFrame"),
            (lambda X: X.iloc[0], r"not `Series`; one row of a table is `table.iloc\[\[0\]\]`"),
            (lambda X: X.to_numpy().astype(str).astype(object) + "?", "^X: text in an array"),
        ],
        ids=["one column", "name of a hospital", "no feature", "records", "one row", "array of text"],
    )
    def test_tables_that_would_be_half_understood_are_refused_in_one_line(self, change, message):
        model, (X, _) = fitted_classifier(), synthetic_patients()
        with pytest.raises(UnusableInputError, match=message) as refused:
            model.predict_proba(change(X))
        assert "\n" not in str(refused.value)

    @pytest.mark.parametrize("missing", [None, np.nan, pd.NA])
    def test_missing_labels_are_counted(self, missing):
        X, y = synthetic_patients(40)
        with pytest.raises(UnusableInputError, match=r"^y: 1 of 40 labels are missing; drop these rows"):
            PhenotypeClassifier().fit(X, pd.Series([missing, *y[1:]], dtype=object))
        with pytest.raises(UnusableInputError, match=r"^y: 1 of 40 labels are missing; drop these rows"):
            PhenotypeClassifier().fit(X, pl.Series([None, *map(str, y[1:])]))

    def test_labels_in_another_order_than_the_rows_are_refused(self):
        X, y = synthetic_patients(40)
        labels = pd.Series(y, index=X.index)
        with pytest.raises(UnusableInputError, match=r"another order than that of X; align them by y.loc\[X.index\]"):
            PhenotypeClassifier().fit(X, labels[::-1])

    @pytest.mark.parametrize(
        ("change", "message"),
        [
            (lambda X: X.set_index("feno_ppb"), "^feno_ppb: in the index of the table"),
            (lambda X: X[[]], "^X: the table has no columns"),
            (lambda X: X.to_dict("list"), "not `dict`; make one with pandas.DataFrame"),
        ],
        ids=["feature in the index", "no column", "dict"],
    )
    def test_training_tables_that_would_lose_features_are_refused(self, change, message):
        X, y = synthetic_patients(40)
        with pytest.raises(UnusableInputError, match=message):
            PhenotypeClassifier().fit(change(X), y)

    def test_training_columns_under_other_names_are_warned_of(self):
        X, y = synthetic_patients(60)
        with pytest.warns(UserWarning, match=r"^FeNO \(for feno_ppb\): not the name in the data dictionary"):
            PhenotypeClassifier(n_trees=2).fit(X.rename(columns={"feno_ppb": "FeNO"}), y)

    def test_encode_needs_a_model_with_column_names(self):
        X, y = np.random.default_rng(0).normal(size=(60, 2)), np.arange(60) % 2
        with pytest.raises(UnusableInputError, match="without column names"):
            PhenotypeClassifier(n_trees=2).fit(X, y).encode(pd.DataFrame({"feno_ppb": [1.0]}))

    def test_labels_are_refused_as_features(self):
        X, y = synthetic_patients()
        with pytest.raises(UnusableInputError, match="phenotype, true_drive: identifiers, labels"):
            PhenotypeClassifier().fit(X.assign(phenotype=y, true_drive=1.0), y)

    def test_text_labels_in_any_container_are_returned_unchanged(self):
        X, y = synthetic_patients(120)
        for labels in (y, y.astype(object), pd.Series(y, dtype="str"), pd.Categorical(y)):
            predicted = PhenotypeClassifier(n_trees=3).fit(X, labels).predict(X)
            assert set(predicted) <= {"th2_high", "neutrophilic_th2_low"}


class TestGroups:
    def test_visits_of_a_patient_are_held_out_together(self):
        """Three noisy visits of each patient; without groups, held-out margins are overconfident."""
        rng = np.random.default_rng(0)
        once = rng.normal(size=(60, 8))
        y = rng.integers(0, 2, 60).repeat(3)
        X, groups = once.repeat(3, axis=0) + rng.normal(scale=1e-3, size=(180, 8)), np.arange(60).repeat(3)
        model = PhenotypeClassifier(n_trees=30, min_samples_leaf=3)
        alone, together = (sklearn.clone(model).fit(X, y, groups=by) for by in (None, groups))
        # The label is random, so a confident held-out prediction comes from another visit of the same patient.
        assert np.median(np.concatenate(alone.conformal_scores_)) < 0.25
        assert np.median(np.concatenate(together.conformal_scores_)) > 0.4

    def test_names_and_order_of_the_groups_do_not_matter(self):
        X, y = synthetic_patients(200)
        groups, order = np.arange(200) // 4, np.random.default_rng(0).permutation(200)
        model = PhenotypeClassifier(n_trees=5)
        first = sklearn.clone(model).fit(X, y, groups=groups)
        again = sklearn.clone(model).fit(X.iloc[order], y[order], groups=np.array([f"site {g}" for g in groups[order]]))
        np.testing.assert_array_equal(again.predict_proba(X), first.predict_proba(X))

    def test_equal_rows_of_different_sites_stay_in_their_sites(self):
        """With one coarse column, patients of all sites have equal rows."""
        rng = np.random.default_rng(0)
        feno = pd.DataFrame({"feno_ppb": rng.integers(5, 60, 300).astype(float)})
        y = np.where(feno["feno_ppb"] + rng.normal(0, 15, 300) > 30, "th2_high", "neutrophilic_th2_low")
        model = PhenotypeClassifier(n_trees=5).fit(feno, y, groups=rng.integers(0, 8, 300))
        assert model.is_calibrated_

    def test_a_single_group_leaves_the_model_uncalibrated(self):
        X, y = synthetic_patients(100)
        assert not PhenotypeClassifier(n_trees=2).fit(X, y, groups=np.zeros(100)).is_calibrated_

    def test_importances_sum_to_one_and_rank_the_markers_first(self):
        importances = pd.Series(fitted_classifier().feature_importances_, index=fitted_classifier().feature_names_in_)
        assert importances.sum() == pytest.approx(1.0)
        assert importances.idxmax() in {"blood_eosinophils_cells_ul", "sputum_neutrophils_pct"}
        assert importances["adrb2_rs1042713"] < 0.05


class TestDirections:
    X, _ = synthetic_patients()

    @pytest.mark.parametrize(
        ("column", "values", "sign"),
        [
            ("feno_ppb", np.arange(5.0, 200.0), 1),
            ("blood_eosinophils_cells_ul", np.arange(0.0, 1500.0, 10), 1),
            ("sputum_neutrophils_pct", np.arange(0.0, 100.0), -1),
        ],
    )
    def test_effects_of_markers_are_monotonic(self, column, values, sign):
        model = fitted_classifier()
        for _, patient in self.X.head(20).iterrows():
            patients = pd.DataFrame([patient] * len(values), columns=self.X.columns)
            patients[column] = values
            steps = sign * np.diff(model.decision_function(model.encode(patients)))
            assert np.all(steps >= 0)
            assert np.any(steps > 0)

    def test_directions_are_optional_and_need_the_default_task(self):
        X, y = synthetic_patients()
        assert fitted_classifier().trees_.monotonic_cst[X.columns.get_loc("feno_ppb")] == 1
        assert fitted_classifier(4).trees_.monotonic_cst is None
        assert PhenotypeClassifier(n_trees=2, directions=None).fit(X, y).trees_.monotonic_cst is None
        assert PhenotypeClassifier(n_trees=2).fit(X, y == "th2_high").trees_.monotonic_cst is None


class TestRecalibration:
    """In another hospital, three in four patients of one class are absent."""

    model = PhenotypeClassifier(n_trees=20).fit(*synthetic_patients(600, seed=1))

    @staticmethod
    def hospital(n: int, seed: int) -> tuple[pd.DataFrame, np.ndarray]:
        X, y = synthetic_patients(n, seed=seed)
        stay = (y == "th2_high") | (np.arange(n) % 4 == 0)
        return X[stay], y[stay]

    def test_recalibration_with_100_patients_corrects_probabilities_and_keeps_ranks(self):
        X, y = self.hospital(5000, seed=3)
        own = copy.deepcopy(self.model).recalibrate(*self.hospital(160, seed=2))
        before, after = self.model.decision_function(X), own.decision_function(X)
        np.testing.assert_array_equal(np.argsort(before, kind="stable"), np.argsort(after, kind="stable"))
        off = [abs(np.mean(1 / (1 + np.exp(-margins))) - np.mean(y == "th2_high")) for margins in (before, after)]
        assert off[0] > 0.1
        assert off[1] < 0.05
        sets = own.predict_set(X)
        for k, name in enumerate(own.classes_):
            assert sets[y == name, k].mean() == pytest.approx(0.9, abs=0.1)

    def test_recalibration_replaces_the_reference_of_the_shift_test(self):
        X, y = synthetic_patients(600, seed=90)
        X = X.assign(feno_ppb=np.round(X["feno_ppb"] * 1.6))
        own = copy.deepcopy(self.model)
        assert any(found.column == "feno_ppb" for found in detect_shift(own, shift_statistics(own, own.encode(X))))
        own.recalibrate(X, y)
        assert not detect_shift(own, shift_statistics(own, own.encode(X)))

    def test_recalibration_with_training_like_patients_changes_little(self):
        own = copy.deepcopy(self.model).recalibrate(*synthetic_patients(3000, seed=4))
        X, _ = synthetic_patients(200, seed=5)
        assert np.abs(own.predict_proba(X) - self.model.predict_proba(X)).max() < 0.12
        explain(own, X)

    def test_recalibration_needs_exactly_the_classes_of_the_model(self):
        X, y = synthetic_patients(100)
        for labels in (np.full(100, "th2_high"), np.where(np.arange(100) < 10, "mixed_granulocytic", y)):
            with pytest.raises(UnusableInputError, match="recalibration needs 5 patients or more of each"):
                copy.deepcopy(self.model).recalibrate(X, labels)


class TestLearningRate:
    def test_the_default_learning_rate_increases_with_the_number_of_patients(self):
        X, y = synthetic_patients(300)
        rates = [
            PhenotypeClassifier(n_trees=1).fit(X, y, sample_weight=np.full(300, w)).trees_.learning_rate
            for w in (1, 60, 1000)
        ]
        np.testing.assert_allclose(rates, [0.06, 0.06 * 9 ** (1 / 3), 0.06 * 50 ** (1 / 3)])
        assert PhenotypeClassifier(n_trees=1, learning_rate=0.1).fit(X, y).trees_.learning_rate == 0.1


class TestAuxiliary:
    X, y = synthetic_patients(800, n_classes=4)
    two = np.isin(y, ["th2_high", "neutrophilic_th2_low"])

    def test_unmodelled_diagnoses_are_detected(self):
        alone = PhenotypeClassifier(n_trees=20).fit(self.X[self.two], self.y[self.two])
        fresh, y = synthetic_patients(2000, seed=1, n_classes=4)
        assert set(alone.predict_unmodelled(fresh)) == {None}
        before = alone.predict_proba(fresh)
        predicted = alone.fit_auxiliary(self.X, self.y).predict_unmodelled(fresh)
        np.testing.assert_array_equal(alone.predict_proba(fresh), before)
        assert set(predicted) == {None, "mixed_granulocytic", "paucigranulocytic"}
        detected = predicted != None  # noqa: E711
        two = np.isin(y, alone.classes_)
        assert detected[~two].mean() > 0.6
        assert detected[two].mean() < 0.45
        assert alone.unmodelled_classes == ("mixed_granulocytic", "paucigranulocytic")
        np.testing.assert_array_equal(detected, alone.predict_unmodelled_proba(fresh) >= alone.unmodelled_threshold_)

    def test_sensitivity_does_not_depend_on_prevalence(self):
        """The threshold depends on the patients with unmodelled classes only."""
        rare = self.two | (np.arange(800) % 4 == 0)
        alone = PhenotypeClassifier(n_trees=20).fit(self.X[self.two], self.y[self.two])
        alone.fit_auxiliary(self.X[rare], self.y[rare])
        fresh, y = synthetic_patients(2000, seed=1, n_classes=4)
        detected = alone.predict_unmodelled_proba(fresh) >= alone.unmodelled_threshold_
        assert detected[~np.isin(y, alone.classes_)].mean() == pytest.approx(0.6, abs=0.1)

    def test_the_auxiliary_classifier_uses_groups_and_weights(self):
        groups, weight = np.arange(800) // 4, np.where(self.X["sex"] == "male", 3.0, 1.0)
        model = PhenotypeClassifier(n_trees=5).fit(self.X[self.two], self.y[self.two])
        auxiliary = copy.deepcopy(model).fit_auxiliary(self.X, self.y, weight, groups).auxiliary_
        alone = sklearn.clone(model).fit(self.X, self.y, weight, groups)
        np.testing.assert_array_equal(auxiliary.calibration_slope_, alone.calibration_slope_)
        np.testing.assert_array_equal(auxiliary.linear_.coefficients, alone.linear_.coefficients)
        without = copy.deepcopy(model).fit_auxiliary(self.X, self.y).auxiliary_
        assert not np.array_equal(auxiliary.calibration_slope_, without.calibration_slope_)

    def test_refitting_removes_the_auxiliary_classifier(self):
        model = PhenotypeClassifier(n_trees=2).fit(self.X[self.two], self.y[self.two]).fit_auxiliary(self.X, self.y)
        assert model.fit(self.X[self.two], self.y[self.two]).auxiliary_ is None

    def test_the_auxiliary_classifier_needs_all_classes_and_others(self):
        model = PhenotypeClassifier(n_trees=2).fit(self.X[self.two], self.y[self.two])
        for rows in (self.two, self.y != "th2_high"):
            with pytest.raises(UnusableInputError, match="an auxiliary classifier needs"):
                model.fit_auxiliary(self.X[rows], self.y[rows])


class TestLinearModel:
    def test_the_linear_model_improves_on_trees_in_small_cohorts(self):
        fresh, y = synthetic_patients(5000, seed=2)
        for seed in (3, 4, 5):
            model = PhenotypeClassifier().fit(*synthetic_patients(150, seed=seed))
            slope, intercept = fit_calibration_of_trees(model, fresh, y)
            margins = model.trees_.decision_function(model.encode(fresh).to_numpy())
            of_trees = np.logaddexp(0, np.where(y == "th2_high", -1, 1) * (slope * margins + intercept))
            own = np.logaddexp(0, np.where(y == "th2_high", -1, 1) * model.decision_function(fresh))
            assert own.mean() < of_trees.mean()


def fit_calibration_of_trees(model, X, y):
    """The most favourable calibration of the trees, fitted on the test patients."""
    margins = model.trees_.decision_function(model.encode(X).to_numpy())[None, :, None]
    best = fit_calibration(margins, (y == "th2_high").astype(int), np.ones(len(y)))
    return best.slope[0], best.intercept[0]


class TestUncertainty:
    @pytest.mark.parametrize("n_classes", [2, 4])
    def test_coverage_is_nominal_in_every_class(self, n_classes):
        model = PhenotypeClassifier(n_trees=40).fit(*synthetic_patients(2000, seed=1, n_classes=n_classes))
        X, y = synthetic_patients(5000, seed=2, n_classes=n_classes)
        sets = model.predict_set(X)
        for k, name in enumerate(model.classes_):
            assert sets[y == name, k].mean() == pytest.approx(0.9, abs=0.04)

    def test_weighted_coverage_is_nominal(self):
        """One patient in seven has a large weight and an uninformative FeNO."""

        def survey(n, seed):
            rng = np.random.default_rng(seed)
            hard, th2 = rng.random(n) < 0.15, rng.random(n) < 0.5
            feno = np.exp(3.3 + np.where(hard, 0.1, 1.0) * (2 * th2 - 1) + 0.5 * rng.normal(size=n))
            return (
                pd.DataFrame({"feno_ppb": feno.clip(max=400)}),
                np.where(th2, "th2_high", "neutrophilic_th2_low"),
                hard,
            )

        X, y, hard = survey(3000, seed=1)
        model = PhenotypeClassifier(n_trees=20).fit(X, y, sample_weight=np.where(hard, 6.0, 0.2))
        X, y, hard = survey(20_000, seed=2)
        in_set = model.predict_set(X)[np.arange(len(y)), (y == model.classes_[1]).astype(int)]
        assert np.average(in_set, weights=np.where(hard, 6.0, 0.2)) == pytest.approx(0.9, abs=0.04)

    def test_probabilities_are_calibrated(self):
        model = PhenotypeClassifier(n_trees=40).fit(*synthetic_patients(2000, seed=1))
        X, y = synthetic_patients(20_000, seed=2)
        p = model.predict_proba(X)[:, 1]
        group = np.floor(p * 10).astype(int)
        predicted, observed = (np.bincount(group, weights=w) / len(X) for w in (p, y == "th2_high"))
        assert np.abs(predicted - observed).sum() < 0.03

    @pytest.mark.parametrize("n_classes", [2, 4])
    def test_intervals_contain_the_probability(self, n_classes):
        model, (X, _) = fitted_classifier(n_classes), synthetic_patients(seed=9, n_classes=n_classes)
        p, (low, high) = model.predict_proba(X), model.predict_interval(X)
        assert np.all((low <= p) & (p <= high))
        assert np.mean(high - low) < 0.2

    def test_a_class_smaller_than_the_folds_leaves_the_model_uncalibrated(self):
        X, y = synthetic_patients(200)
        y = np.where(np.arange(200) < 4, "th2_high", "neutrophilic_th2_low")
        model = PhenotypeClassifier(n_trees=5).fit(X, y)
        assert not model.is_calibrated_
        assert set(model.uncalibrated_classes) == {"th2_high", "neutrophilic_th2_low"}
        assert model.predict_set(X).all()
        assert np.isnan(model.predict_interval(X)).all()
        assert np.isfinite(model.predict_proba(X)).all()

    def test_a_class_too_small_for_a_threshold_is_in_every_set(self):
        X, y = synthetic_patients(200)
        y = np.where(np.arange(200) < 8, "th2_high", "neutrophilic_th2_low")
        model = PhenotypeClassifier(n_trees=5).fit(X, y)
        assert model.uncalibrated_classes == ("th2_high",)
        assert model.predict_set(X)[:, 1].all()

    def test_probabilities_do_not_depend_on_other_patients(self):
        for n_classes in (2, 4):
            model, (X, _) = fitted_classifier(n_classes), synthetic_patients(n_classes=n_classes)
            alone = [model.predict_proba(X.iloc[[i]])[0] for i in range(10)]
            np.testing.assert_array_equal(alone, model.predict_proba(X)[:10])

    def test_training_data_are_summarised(self):
        model, (X, y) = fitted_classifier(), synthetic_patients()
        assert model.n_patients_ == model.n_distinct_patients_ == len(X)
        assert dict(zip(model.classes_, model.class_counts_, strict=True)) == dict(
            zip(*np.unique(y, return_counts=True), strict=True)
        )
        low, high = model.feature_range_[:, X.columns.get_loc("age_years")]
        assert 0 <= X["age_years"].min() - low < 10
        assert 0 <= high - X["age_years"].max() < 10


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"directions": "up"}, "directions='up': allowed are \"biology\" and None"),
        ({"linear_penalty": 0.0}, "linear_penalty=0.0: must be positive"),
        ({"n_folds": 1, "confidence": 1.0}, "n_folds=1.*; confidence=1.0"),
        ({"n_folds": 2.5}, "n_folds=2.5: must be a whole number"),
        ({"class_weight": {"th2_high": 0.0, "neutrophilic_th2_low": 1.0}}, "every class needs a weight above 0"),
    ],
)
def test_invalid_parameters_are_refused_together(parameters, message):
    with pytest.raises(UnusableInputError, match=message):
        PhenotypeClassifier(**parameters).fit(*synthetic_patients(60))


@pytest.mark.parametrize("n_classes", [2, 4])
def test_weights_are_routed_through_pipelines_and_searches(n_classes):
    X, y = np.random.default_rng(0).normal(size=(80, 2)), np.arange(80) % n_classes
    with sklearn.config_context(enable_metadata_routing=True):
        model = PhenotypeClassifier(n_trees=2, n_folds=2)
        model.set_fit_request(sample_weight=True).set_score_request(sample_weight=True)
        search = GridSearchCV(make_pipeline(model), {"phenotypeclassifier__max_depth": [1, 2]}, cv=2)
        weight = np.where(y == 0, 8.0, 1.0)
        weighted, unweighted = (search.fit(X, y, sample_weight=w).predict_proba(X)[:, 0] for w in (weight, weight**0))
    assert weighted.mean() > unweighted.mean() + 0.1


def test_groups_are_routed_to_the_search_and_the_classifier():
    """Three noisy visits of each patient with a random label; split patients would look predictable."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(40, 6)).repeat(3, axis=0) + rng.normal(scale=1e-3, size=(120, 6))
    y, visits = rng.integers(0, 2, 40).repeat(3), np.arange(40).repeat(3)
    with sklearn.config_context(enable_metadata_routing=True):
        model = PhenotypeClassifier(n_trees=10, min_samples_leaf=3).set_fit_request(groups=True)
        search = GridSearchCV(model, {"max_depth": [2]}, cv=StratifiedGroupKFold(3), scoring="roc_auc")
        search.fit(X, y, groups=visits)
    assert search.best_score_ < 0.7
    assert np.median(np.concatenate(search.best_estimator_.conformal_scores_)) > 0.4


def test_balanced_class_weights_equal_patient_weights():
    X, y = synthetic_patients(200)
    rare = (y == "th2_high") | (np.arange(200) % 4 == 0)
    X, y = X[rare], y[rare]
    of_class = {name: len(y) / (2 * np.sum(y == name)) for name in np.unique(y)}
    weight = np.array([of_class[name] for name in y])
    model = PhenotypeClassifier(n_trees=5)
    by_weight = sklearn.clone(model).fit(X, y, sample_weight=weight).predict_proba(X)
    for class_weight in ("balanced", of_class):
        weighted = sklearn.clone(model).set_params(class_weight=class_weight).fit(X, y)
        np.testing.assert_allclose(weighted.predict_proba(X), by_weight, atol=1e-9)


@pytest.mark.parametrize("n_classes", [2, 4])
def test_fitting_and_predicting_in_other_processes(n_classes):
    X, y = synthetic_patients(120, n_classes=n_classes)
    model = PhenotypeClassifier(n_trees=3)
    here = sklearn.clone(model).fit(X, y)
    there = Parallel(n_jobs=2)(delayed(of)(X, *given) for of, given in ((model.fit, (y,)), (here.predict_proba, ())))
    np.testing.assert_array_equal(there[0].predict_proba(X), here.predict_proba(X))
    np.testing.assert_array_equal(there[1], here.predict_proba(X))


@pytest.mark.parametrize("n_classes", [2, 4])
def test_column_names_are_kept_in_a_pipeline_of_tables(n_classes):
    X, y = synthetic_patients(120, n_classes=n_classes)
    numbers = X.select_dtypes("number")
    scaled = make_pipeline(FunctionTransformer(np.round), PhenotypeClassifier(n_trees=3)).set_output(transform="pandas")
    assert scaled.fit(numbers, y)[-1].feature_names_in_.tolist() == numbers.columns.tolist()
    assert sklearn.clone(scaled).fit(numbers, y).predict(numbers).tolist() == scaled.predict(numbers).tolist()
