"""Rows of one patient are one patient in the fit, in the counts of the model and in its card."""

from __future__ import annotations

from copy import deepcopy

import numpy as np
import pandas as pd
import pytest
from sklearn.frozen import FrozenEstimator

from asthma_ml.classifier import PhenotypeClassifier
from asthma_ml.cohort import generate_cohort
from asthma_ml.evaluation import evaluate_patients
from asthma_ml.patients import read_patients
from asthma_ml.training import TrainedClassifier, recalibrate_classifier, train_classifier
from asthma_ml.variables import TWO_CLASSES


def two_classes(n_patients: int, seed: int) -> pd.DataFrame:
    observed = generate_cohort(n_patients, seed=seed).observed
    return observed[observed["phenotype"].isin(TWO_CLASSES)].reset_index(drop=True)


def nine_times(table: pd.DataFrame) -> pd.DataFrame:
    return pd.concat([table] * 9, ignore_index=True)


def visits_of(table: pd.DataFrame, n_visits: np.ndarray) -> pd.DataFrame:
    """Visits with other readings of FeNO."""
    rows = table.loc[np.repeat(table.index, n_visits)].reset_index(drop=True)
    readings = rows["feno_ppb"] * np.random.default_rng(0).lognormal(0, 0.4, len(rows))
    return rows.assign(feno_ppb=readings.clip(5, 300))


@pytest.fixture(scope="module")
def clinic() -> pd.DataFrame:
    return two_classes(110, seed=4)


@pytest.fixture(scope="module")
def once(clinic: pd.DataFrame) -> TrainedClassifier:
    return train_classifier(read_patients(clinic))


def probabilities(model: PhenotypeClassifier) -> np.ndarray:
    return model.predict_proba(model.encode(two_classes(200, seed=5)))


class TestCohortRepeatedNineTimes:
    def test_trains_the_same_model(self, clinic, once) -> None:
        nine = train_classifier(nine_times(clinic))
        np.testing.assert_allclose(probabilities(nine.model), probabilities(once.model), atol=1e-9)
        assert nine.model.n_patients_ == nine.model.n_distinct_patients_ == len(clinic)
        assert nine.model.class_counts_.tolist() == once.model.class_counts_.tolist()
        for name in ("auc", "balanced_accuracy", "log_loss"):
            assert nine.metrics[name] == pytest.approx(once.metrics[name], abs=1e-6)

    def test_with_weights_and_without_identifiers_is_the_weighted_cohort(self, clinic) -> None:
        weighted = clinic.assign(weight=np.random.default_rng(0).uniform(0.5, 3, len(clinic)))
        without = nine_times(weighted).drop(columns="patient_id")
        one, nine = (train_classifier(table, weights="weight") for table in (weighted, without))
        np.testing.assert_allclose(probabilities(nine.model), probabilities(one.model), atol=1e-6)

    def test_recalibrates_to_the_same_probabilities(self, once) -> None:
        others = two_classes(120, seed=6)
        one, nine = (recalibrate_classifier(deepcopy(once.model), table) for table in (others, nine_times(others)))
        np.testing.assert_allclose(probabilities(nine.model), probabilities(one.model), atol=1e-9)


class TestVisits:
    def test_a_patient_with_sixty_visits_counts_as_one_patient(self, clinic) -> None:
        """All visits of one Th2-high patient; as sixty patients they would double the share of the class."""
        n_visits = np.ones(len(clinic), int)
        n_visits[np.flatnonzero(clinic["phenotype"] == "th2_high")[0]] = 60
        table = visits_of(clinic, n_visits)
        X, y = table[["feno_ppb", "age_years"]], table["phenotype"].to_numpy()
        model = PhenotypeClassifier(n_trees=5)
        counted = deepcopy(model).fit(X, y, patients=table["patient_id"])
        rows = deepcopy(model).fit(X, y)
        assert (counted.n_patients_, rows.n_patients_) == (len(clinic), len(clinic) + 59)
        assert counted.class_counts_.sum() == len(clinic)
        share = np.mean(clinic["phenotype"] == "th2_high")
        assert np.average(counted.predict_proba(X)[:, 1], weights=1 / n_visits.repeat(n_visits)) == pytest.approx(
            share, abs=0.03
        )
        assert rows.predict_proba(X)[:, 1].mean() > share + 0.1

    def test_rows_share_the_weight_of_a_patient_unless_weights_are_given(self, clinic) -> None:
        n_visits = 1 + np.arange(len(clinic)) % 4
        table = visits_of(clinic, n_visits)
        X, y, patients = table[["feno_ppb", "age_years"]], table["phenotype"].to_numpy(), table["patient_id"]
        model = PhenotypeClassifier(n_trees=5)
        shared = deepcopy(model).fit(X, y, patients=patients)
        given = deepcopy(model).fit(X, y, 1 / n_visits.repeat(n_visits), patients=patients)
        equal = deepcopy(model).fit(X, y, np.ones(len(X)), patients=patients)
        np.testing.assert_array_equal(shared.predict_proba(X), given.predict_proba(X))
        assert np.abs(equal.predict_proba(X) - shared.predict_proba(X)).max() > 0.01

    def test_rows_without_identifier_are_patients(self, clinic) -> None:
        X, y = clinic[["feno_ppb"]], clinic["phenotype"].to_numpy()
        patients = clinic["patient_id"].astype(object).where(np.arange(len(clinic)) >= 10, None)
        patients.iloc[-1] = patients.iloc[-2]
        assert PhenotypeClassifier(n_trees=2).fit(X, y, patients=patients).n_patients_ == len(clinic) - 1

    def test_a_patient_with_rows_of_two_classes_counts_in_both(self) -> None:
        X = pd.DataFrame({"feno_ppb": np.linspace(10, 90, 60)})
        y = np.where(np.arange(60) < 30, *reversed(TWO_CLASSES))
        patients = np.arange(60)
        patients[31] = 29
        model = PhenotypeClassifier(n_trees=2).fit(X, y, patients=patients)
        assert (model.n_patients_, model.class_counts_.tolist()) == (59, [30, 30])

    def test_fifty_rows_of_ten_patients_are_too_few_patients_for_a_threshold(self) -> None:
        rng = np.random.default_rng(0)
        X, patients = pd.DataFrame({"feno_ppb": rng.lognormal(3, 1, 50).clip(5, 300)}), np.arange(50) % 10
        with pytest.warns(UserWarning, match=r"no feature can be used, .*\(training patients: 10\)"):
            model = PhenotypeClassifier(n_trees=5).fit(X, np.where(patients < 5, *TWO_CLASSES), patients=patients)
        np.testing.assert_allclose(model.predict_proba(X), 0.5)


class TestTooFewPatientsForAnyFeature:
    few = two_classes(60, seed=3).groupby("phenotype").head(7)

    def test_one_warning_of_the_library(self) -> None:
        with pytest.warns(UserWarning, match=r"no feature can be used, .*\(training patients: 14\)") as caught:
            trained = train_classifier(self.few)
        assert len(caught) == 1
        assert len(np.unique(trained.model.predict_proba(trained.model.encode(self.few))[:, 1])) == 1

    def test_enough_patients_give_no_warning(self, clinic) -> None:
        """Any warning is an error in the tests."""
        PhenotypeClassifier(n_trees=2).fit(clinic[["feno_ppb"]], clinic["phenotype"].to_numpy())

    def test_a_starting_model_is_a_way_out(self, once) -> None:
        X, y = once.model.encode(self.few), self.few["phenotype"].to_numpy()
        started = PhenotypeClassifier(n_trees=2, start_from=FrozenEstimator(once.model)).fit(X, y)
        assert started.feature_importances_.any()


def test_a_data_frame_is_read_like_a_file(once) -> None:
    """`once` was trained on a table that was read."""
    others = two_classes(120, seed=6)
    assert evaluate_patients(once.model, others) == evaluate_patients(once.model, read_patients(others))
    frame, table = (recalibrate_classifier(deepcopy(once.model), each) for each in (others, read_patients(others)))
    assert frame.metrics == table.metrics
