"""The classifier is a scikit-learn classifier that keeps a few promises of its own."""

from __future__ import annotations

import copy

import numpy as np
import pandas as pd
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


# The second has small leaves, so that it grows trees on the tiny tables of the checks. Tables of two classes and of
# more are among them; the estimator of two classes and that of four is the same.
@parametrize_with_checks([PhenotypeClassifier(), PhenotypeClassifier(n_trees=5, min_samples_leaf=1, n_folds=2)])
def test_scikit_learn_finds_nothing_to_object_to(estimator, check):
    check(estimator)


class TestPatientsAndWeights:
    X, y = synthetic_patients(300)
    model = PhenotypeClassifier(n_trees=10, min_samples_leaf=5)

    def fit(self, *args, **kwargs):
        return sklearn.clone(self.model).fit(*args, **kwargs).predict_proba(self.X)

    @pytest.mark.parametrize("copies", [1, 4], ids=["few copies", "many copies"])
    def test_weighting_a_patient_is_repeating_the_patient(self, copies):
        weight = np.random.default_rng(0).integers(0, 2 + copies, len(self.X))
        repeated = self.X.index.repeat(weight)
        np.testing.assert_array_equal(
            self.fit(self.X, self.y, sample_weight=weight), self.fit(self.X.loc[repeated], self.y[repeated])
        )

    def test_weights_matter(self):
        weight = np.where(self.y == "th2_high", 3.0, 1.0)
        assert self.fit(self.X, self.y, sample_weight=weight)[:, 1].mean() > self.fit(self.X, self.y)[:, 1].mean() + 0.1

    def test_the_order_of_the_file_makes_no_difference_to_the_last_bit(self):
        shuffled = np.random.default_rng(0).permutation(len(self.X))
        np.testing.assert_array_equal(
            self.fit(self.X.iloc[shuffled], self.y[shuffled]), self.fit(self.X, self.y), strict=True
        )


class TestColumns:
    def test_permuted_columns_are_refused_and_encode_puts_them_right(self):
        model, (X, _) = fitted_classifier(), synthetic_patients()
        permuted = X[X.columns[::-1]].assign(site="A")
        with pytest.raises(ValueError, match="feature names"):
            model.predict(permuted[X.columns[::-1]])
        np.testing.assert_array_equal(model.predict_proba(model.encode(permuted)), model.predict_proba(X))

    def test_where_a_column_stands_in_the_training_table_deals_no_other_folds(self):
        """Without trees, who ask the first of two columns that tell as much."""
        X, y = synthetic_patients(150)
        X = X.assign(zinc=X["feno_ppb"].to_numpy()[::-1], copper=X["age_years"].to_numpy()[::-1])
        model, there = (PhenotypeClassifier(min_samples_leaf=150).fit(table, y) for table in (X, X[X.columns[::-1]]))
        np.testing.assert_allclose(model.calibration_slope_, there.calibration_slope_, rtol=1e-6)
        np.testing.assert_allclose(model.predict_proba(X), there.predict_proba(X[X.columns[::-1]]), atol=1e-6)

    def test_a_test_that_was_not_done_is_no_obstacle(self):
        model, (X, _) = fitted_classifier(), synthetic_patients()
        nothing = model.encode(pd.DataFrame(index=range(3)))
        p = model.predict_proba(nothing)
        assert np.all((p > 0.05) & (p < 0.95))
        assert len(model.predict(X.iloc[:0])) == 0

    def test_a_column_that_nobody_has_a_value_in_changes_nothing(self):
        """A blank column of a spreadsheet, or a rare test that nobody in a fold had."""
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

    def test_a_whole_table_is_refused_with_the_columns_that_are_no_features_and_the_way_out(self):
        model, (X, y) = fitted_classifier(), synthetic_patients()
        table = X.assign(patient_id="007", true_drive=1.0, phenotype=y)
        for ask in (model.predict_proba, model.predict, model.assess):
            with pytest.raises(
                UnusableInputError,
                match=r"^patient_id, true_drive, phenotype: not .* model\.encode\(table\), .*drop them",
            ):
                ask(table)
        np.testing.assert_array_equal(model.predict_proba(model.encode(table)), model.predict_proba(X))
        with pytest.raises(UnusableInputError, match=r"^feno_ppb: text in a column of numbers"):
            model.predict(X.assign(feno_ppb="high"))

    def test_a_model_without_names_says_so(self):
        X, y = np.random.default_rng(0).normal(size=(60, 2)), np.arange(60) % 2
        with pytest.raises(UnusableInputError, match="no column names"):
            PhenotypeClassifier(n_trees=2).fit(X, y).encode(pd.DataFrame({"feno_ppb": [1.0]}))

    def test_the_label_is_no_feature(self):
        X, y = synthetic_patients()
        with pytest.raises(UnusableInputError, match="phenotype, true_drive: identifiers, labels"):
            PhenotypeClassifier().fit(X.assign(phenotype=y, true_drive=1.0), y)

    def test_text_labels_in_any_container_come_back_as_they_went_in(self):
        X, y = synthetic_patients(120)
        for labels in (y, y.astype(object), pd.Series(y, dtype="str"), pd.Categorical(y)):
            predicted = PhenotypeClassifier(n_trees=3).fit(X, labels).predict(X)
            assert set(predicted) <= {"th2_high", "neutrophilic_th2_low"}


class TestGroups:
    def test_visits_of_a_patient_are_held_out_together(self):
        """Three noisy visits of each patient: held-out margins of patients seen before look too sure."""
        rng = np.random.default_rng(0)
        once = rng.normal(size=(60, 8))
        y = rng.integers(0, 2, 60).repeat(3)
        X, groups = once.repeat(3, axis=0) + rng.normal(scale=1e-3, size=(180, 8)), np.arange(60).repeat(3)
        model = PhenotypeClassifier(n_trees=30, min_samples_leaf=3)
        alone, together = (sklearn.clone(model).fit(X, y, groups=by) for by in (None, groups))
        # The label is a coin: whoever is scored as nearly certain was seen through another visit.
        assert np.median(np.concatenate(alone.conformal_scores_)) < 0.2
        assert np.median(np.concatenate(together.conformal_scores_)) > 0.4

    def test_neither_their_names_nor_the_order_of_the_file_matter(self):
        X, y = synthetic_patients(200)
        groups, order = np.arange(200) // 4, np.random.default_rng(0).permutation(200)
        model = PhenotypeClassifier(n_trees=5)
        first = sklearn.clone(model).fit(X, y, groups=groups)
        again = sklearn.clone(model).fit(X.iloc[order], y[order], groups=np.array([f"site {g}" for g in groups[order]]))
        np.testing.assert_array_equal(again.predict_proba(X), first.predict_proba(X))

    def test_equal_rows_of_different_sites_do_not_join_the_sites(self):
        """Of one coarse column, patients of every site have equal rows."""
        rng = np.random.default_rng(0)
        feno = pd.DataFrame({"feno_ppb": rng.integers(5, 60, 300).astype(float)})
        y = np.where(feno["feno_ppb"] + rng.normal(0, 15, 300) > 30, "th2_high", "neutrophilic_th2_low")
        model = PhenotypeClassifier(n_trees=5).fit(feno, y, groups=rng.integers(0, 8, 300))
        assert model.is_calibrated_

    def test_one_group_leaves_nobody_to_calibrate_on(self):
        X, y = synthetic_patients(100)
        assert not PhenotypeClassifier(n_trees=2).fit(X, y, groups=np.zeros(100)).is_calibrated_

    def test_importances_add_to_one_and_follow_the_markers(self):
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
    def test_more_of_a_marker_never_speaks_against_what_it_marks(self, column, values, sign):
        model = fitted_classifier()
        for _, patient in self.X.head(20).iterrows():
            patients = pd.DataFrame([patient] * len(values), columns=self.X.columns)
            patients[column] = values
            steps = sign * np.diff(model.decision_function(model.encode(patients)))
            assert np.all(steps >= 0)
            assert np.any(steps > 0)

    def test_they_can_be_left_out_and_need_the_two_classes_of_the_mission(self):
        X, y = synthetic_patients()
        assert fitted_classifier().trees_.monotonic_cst[X.columns.get_loc("feno_ppb")] == 1
        assert fitted_classifier(4).trees_.monotonic_cst is None
        assert PhenotypeClassifier(n_trees=2, directions=None).fit(X, y).trees_.monotonic_cst is None
        assert PhenotypeClassifier(n_trees=2).fit(X, y == "th2_high").trees_.monotonic_cst is None


class TestRecalibration:
    """In another hospital three in four patients of one class are referred elsewhere."""

    model = PhenotypeClassifier(n_trees=20).fit(*synthetic_patients(600, seed=1))

    @staticmethod
    def hospital(n: int, seed: int) -> tuple[pd.DataFrame, np.ndarray]:
        X, y = synthetic_patients(n, seed=seed)
        stay = (y == "th2_high") | (np.arange(n) % 4 == 0)
        return X[stay], y[stay]

    def test_a_hundred_patients_put_the_probabilities_right_and_change_no_order(self):
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

    def test_the_hospital_is_from_then_on_what_patients_are_compared_with(self):
        X, y = synthetic_patients(600, seed=90)
        X = X.assign(feno_ppb=np.round(X["feno_ppb"] * 1.6))
        own = copy.deepcopy(self.model)
        assert any(found.column == "feno_ppb" for found in detect_shift(own, shift_statistics(own, own.encode(X))))
        own.recalibrate(X, y)
        assert not detect_shift(own, shift_statistics(own, own.encode(X)))

    def test_its_own_patients_change_little_and_explanations_still_add_up(self):
        own = copy.deepcopy(self.model).recalibrate(*synthetic_patients(3000, seed=4))
        X, _ = synthetic_patients(200, seed=5)
        assert np.abs(own.predict_proba(X) - self.model.predict_proba(X)).max() < 0.12
        explain(own, X)

    def test_it_needs_both_classes_and_no_other(self):
        X, y = synthetic_patients(100)
        for labels in (np.full(100, "th2_high"), np.where(np.arange(100) < 10, "mixed_granulocytic", y)):
            with pytest.raises(UnusableInputError, match="recalibration needs 5 patients or more of each"):
                copy.deepcopy(self.model).recalibrate(X, labels)


class TestLearningRate:
    def test_more_is_learned_from_more_patients_unless_a_rate_is_given(self):
        X, y = synthetic_patients(300)
        usual = [
            PhenotypeClassifier(n_trees=1).fit(X, y, sample_weight=np.full(300, w)).trees_.learning_rate
            for w in (1, 60, 1000)
        ]
        np.testing.assert_allclose(usual, [0.06, 0.06 * 9 ** (1 / 3), 0.06 * 50 ** (1 / 3)])
        assert PhenotypeClassifier(n_trees=1, learning_rate=0.1).fit(X, y).trees_.learning_rate == 0.1


class TestCompanion:
    X, y = synthetic_patients(800, n_classes=4)
    two = np.isin(y, ["th2_high", "neutrophilic_th2_low"])

    def test_it_recognises_patients_of_classes_that_the_classifier_does_not_name(self):
        alone = PhenotypeClassifier(n_trees=20).fit(self.X[self.two], self.y[self.two])
        fresh, y = synthetic_patients(2000, seed=1, n_classes=4)
        assert set(alone.predict_unmodelled(fresh)) == {None}
        before = alone.predict_proba(fresh)
        foreign = alone.fit_auxiliary(self.X, self.y).predict_unmodelled(fresh)
        np.testing.assert_array_equal(alone.predict_proba(fresh), before)
        assert set(foreign) == {None, "mixed_granulocytic", "paucigranulocytic"}
        recognised = foreign != None  # noqa: E711
        two = np.isin(y, alone.classes_)
        assert recognised[~two].mean() > 0.6
        assert recognised[two].mean() < 0.45
        assert alone.unmodelled_classes == ("mixed_granulocytic", "paucigranulocytic")
        np.testing.assert_array_equal(recognised, alone.predict_unmodelled_proba(fresh) >= alone.unmodelled_threshold_)

    def test_as_many_are_recognised_where_other_classes_are_rare(self):
        """The threshold goes by the patients of other classes alone, so their share makes no difference to it."""
        rare = self.two | (np.arange(800) % 4 == 0)
        alone = PhenotypeClassifier(n_trees=20).fit(self.X[self.two], self.y[self.two])
        alone.fit_auxiliary(self.X[rare], self.y[rare])
        fresh, y = synthetic_patients(2000, seed=1, n_classes=4)
        recognised = alone.predict_unmodelled_proba(fresh) >= alone.unmodelled_threshold_
        assert recognised[~np.isin(y, alone.classes_)].mean() == pytest.approx(0.6, abs=0.1)

    def test_it_holds_groups_out_together_and_weighs_patients_as_the_classifier_does(self):
        groups, weight = np.arange(800) // 4, np.where(self.X["sex"] == "male", 3.0, 1.0)
        model = PhenotypeClassifier(n_trees=5).fit(self.X[self.two], self.y[self.two])
        companion = copy.deepcopy(model).fit_auxiliary(self.X, self.y, weight, groups).auxiliary_
        alone = sklearn.clone(model).fit(self.X, self.y, weight, groups)
        np.testing.assert_array_equal(companion.calibration_slope_, alone.calibration_slope_)
        np.testing.assert_array_equal(companion.linear_.coefficients_, alone.linear_.coefficients_)
        without = copy.deepcopy(model).fit_auxiliary(self.X, self.y).auxiliary_
        assert not np.array_equal(companion.calibration_slope_, without.calibration_slope_)

    def test_fitting_again_forgets_it(self):
        model = PhenotypeClassifier(n_trees=2).fit(self.X[self.two], self.y[self.two]).fit_auxiliary(self.X, self.y)
        assert model.fit(self.X[self.two], self.y[self.two]).auxiliary_ is None

    def test_it_needs_other_classes_and_all_of_the_classifier(self):
        model = PhenotypeClassifier(n_trees=2).fit(self.X[self.two], self.y[self.two])
        for rows in (self.two, self.y != "th2_high"):
            with pytest.raises(UnusableInputError, match="a companion needs"):
                model.fit_auxiliary(self.X[rows], self.y[rows])


class TestLinearPart:
    def test_a_small_cohort_is_learned_better_with_it_than_by_trees_alone(self):
        fresh, y = synthetic_patients(5000, seed=2)
        for seed in (3, 4, 5):
            model = PhenotypeClassifier().fit(*synthetic_patients(150, seed=seed))
            slope, intercept = fit_calibration_of_trees(model, fresh, y)
            margins = model.trees_.decision_function(model.encode(fresh).to_numpy())
            trees_at_their_best = np.logaddexp(0, np.where(y == "th2_high", -1, 1) * (slope * margins + intercept))
            own = np.logaddexp(0, np.where(y == "th2_high", -1, 1) * model.decision_function(fresh))
            assert own.mean() < trees_at_their_best.mean()


def fit_calibration_of_trees(model, X, y):
    """The calibration that flatters the trees most: fitted on the very patients they are measured on."""
    margins = model.trees_.decision_function(model.encode(X).to_numpy())[None, :, None]
    best = fit_calibration(margins, (y == "th2_high").astype(int), np.ones(len(y)))
    return best.slope[0], best.intercept[0]


class TestTrust:
    @pytest.mark.parametrize("n_classes", [2, 4])
    def test_sets_hold_the_class_of_nine_in_ten_fresh_patients_of_every_class(self, n_classes):
        model = PhenotypeClassifier(n_trees=40).fit(*synthetic_patients(2000, seed=1, n_classes=n_classes))
        X, y = synthetic_patients(5000, seed=2, n_classes=n_classes)
        sets = model.predict_set(X)
        for k, name in enumerate(model.classes_):
            assert sets[y == name, k].mean() == pytest.approx(0.9, abs=0.04)

    def test_sets_hold_the_class_of_nine_in_ten_of_whom_the_weights_stand_for(self):
        """One patient in seven of a survey stands for six times as many, whose FeNO says little."""

        def survey(n, seed):
            rng = np.random.default_rng(seed)
            hard, th2 = rng.random(n) < 0.15, rng.random(n) < 0.5
            feno = np.exp(3.3 + np.where(hard, 0.1, 1.0) * (2 * th2 - 1) + 0.5 * rng.normal(size=n))
            return pd.DataFrame({"feno_ppb": feno}), np.where(th2, "th2_high", "neutrophilic_th2_low"), hard

        X, y, hard = survey(3000, seed=1)
        model = PhenotypeClassifier(n_trees=20).fit(X, y, sample_weight=np.where(hard, 6.0, 0.2))
        X, y, hard = survey(20_000, seed=2)
        held = model.predict_set(X)[np.arange(len(y)), (y == model.classes_[1]).astype(int)]
        assert np.average(held, weights=np.where(hard, 6.0, 0.2)) == pytest.approx(0.9, abs=0.04)

    def test_of_fresh_patients_given_70_percent_70_percent_are(self):
        model = PhenotypeClassifier(n_trees=40).fit(*synthetic_patients(2000, seed=1))
        X, y = synthetic_patients(20_000, seed=2)
        p = model.predict_proba(X)[:, 1]
        group = np.floor(p * 10).astype(int)
        said, true = (np.bincount(group, weights=w) / len(X) for w in (p, y == "th2_high"))
        assert np.abs(said - true).sum() < 0.03

    @pytest.mark.parametrize("n_classes", [2, 4])
    def test_intervals_hold_the_probability(self, n_classes):
        model, (X, _) = fitted_classifier(n_classes), synthetic_patients(seed=9, n_classes=n_classes)
        p, (low, high) = model.predict_proba(X), model.predict_interval(X)
        assert np.all((low <= p) & (p <= high))
        assert np.mean(high - low) < 0.2

    def test_a_class_smaller_than_the_folds_leaves_everything_uncalibrated(self):
        X, y = synthetic_patients(200)
        y = np.where(np.arange(200) < 4, "th2_high", "neutrophilic_th2_low")
        model = PhenotypeClassifier(n_trees=5).fit(X, y)
        assert not model.is_calibrated_
        assert set(model.uncalibrated_classes) == {"th2_high", "neutrophilic_th2_low"}
        assert model.predict_set(X).all()
        assert np.isnan(model.predict_interval(X)).all()
        assert np.isfinite(model.predict_proba(X)).all()

    def test_a_class_too_small_for_the_confidence_is_never_ruled_out(self):
        X, y = synthetic_patients(200)
        y = np.where(np.arange(200) < 8, "th2_high", "neutrophilic_th2_low")
        model = PhenotypeClassifier(n_trees=5).fit(X, y)
        assert model.uncalibrated_classes == ("th2_high",)
        assert model.predict_set(X)[:, 1].all()

    def test_a_patient_alone_is_the_patient_among_others_to_the_last_bit(self):
        for n_classes in (2, 4):
            model, (X, _) = fitted_classifier(n_classes), synthetic_patients(n_classes=n_classes)
            alone = [model.predict_proba(X.iloc[[i]])[0] for i in range(10)]
            np.testing.assert_array_equal(alone, model.predict_proba(X)[:10])

    def test_it_remembers_what_it_learned_from(self):
        model, (X, y) = fitted_classifier(), synthetic_patients()
        assert model.n_patients_ == model.n_distinct_patients_ == len(X)
        assert dict(zip(model.classes_, model.class_counts_, strict=True)) == dict(
            zip(*np.unique(y, return_counts=True), strict=True)
        )
        column = X.columns.get_loc("age_years")
        assert model.feature_range_[:, column].tolist() == [X["age_years"].min(), X["age_years"].max()]


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
def test_parameters_out_of_their_range_are_refused_together(parameters, message):
    with pytest.raises(UnusableInputError, match=message):
        PhenotypeClassifier(**parameters).fit(*synthetic_patients(60))


@pytest.mark.parametrize("n_classes", [2, 4])
def test_weights_travel_through_pipelines_and_searches(n_classes):
    X, y = np.random.default_rng(0).normal(size=(80, 2)), np.arange(80) % n_classes
    with sklearn.config_context(enable_metadata_routing=True):
        model = PhenotypeClassifier(n_trees=2, n_folds=2)
        model.set_fit_request(sample_weight=True).set_score_request(sample_weight=True)
        search = GridSearchCV(make_pipeline(model), {"phenotypeclassifier__max_depth": [1, 2]}, cv=2)
        weight = np.where(y == 0, 8.0, 1.0)
        weighed, not_weighed = (search.fit(X, y, sample_weight=w).predict_proba(X)[:, 0] for w in (weight, weight**0))
    assert weighed.mean() > not_weighed.mean() + 0.1


def test_groups_travel_to_the_folds_of_a_search_and_to_those_of_the_classifier():
    """Three noisy visits of each patient whose label is a coin: whoever is split looks predictable."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(40, 6)).repeat(3, axis=0) + rng.normal(scale=1e-3, size=(120, 6))
    y, visits = rng.integers(0, 2, 40).repeat(3), np.arange(40).repeat(3)
    with sklearn.config_context(enable_metadata_routing=True):
        model = PhenotypeClassifier(n_trees=10, min_samples_leaf=3).set_fit_request(groups=True)
        search = GridSearchCV(model, {"max_depth": [2]}, cv=StratifiedGroupKFold(3), scoring="roc_auc")
        search.fit(X, y, groups=visits)
    assert search.best_score_ < 0.7
    assert np.median(np.concatenate(search.best_estimator_.conformal_scores_)) > 0.4


def test_a_balanced_class_weight_is_weighting_the_patients_so():
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
def test_it_is_fitted_and_asked_in_other_processes(n_classes):
    X, y = synthetic_patients(120, n_classes=n_classes)
    model = PhenotypeClassifier(n_trees=3)
    here = sklearn.clone(model).fit(X, y)
    there = Parallel(n_jobs=2)(delayed(of)(X, *given) for of, given in ((model.fit, (y,)), (here.predict_proba, ())))
    np.testing.assert_array_equal(there[0].predict_proba(X), here.predict_proba(X))
    np.testing.assert_array_equal(there[1], here.predict_proba(X))


@pytest.mark.parametrize("n_classes", [2, 4])
def test_column_names_reach_it_through_a_pipeline_that_keeps_tables(n_classes):
    X, y = synthetic_patients(120, n_classes=n_classes)
    numbers = X.select_dtypes("number")
    scaled = make_pipeline(FunctionTransformer(np.round), PhenotypeClassifier(n_trees=3)).set_output(transform="pandas")
    assert scaled.fit(numbers, y)[-1].feature_names_in_.tolist() == numbers.columns.tolist()
    assert sklearn.clone(scaled).fit(numbers, y).predict(numbers).tolist() == scaled.predict(numbers).tolist()
