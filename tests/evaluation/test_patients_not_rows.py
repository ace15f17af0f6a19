"""Rows of one patient are one patient in every count, interval and message of an evaluation."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from asthma_ml.classifier import PhenotypeClassifier
from asthma_ml.cohort import generate_cohort
from asthma_ml.errors import UnusableInputError
from asthma_ml.evaluation import evaluate_model, evaluate_patients
from asthma_ml.intervals import PatientRows
from asthma_ml.patients import read_patients
from asthma_ml.variables import FOUR_CLASSES, TWO_CLASSES


@pytest.fixture(scope="module")
def model() -> PhenotypeClassifier:
    X, y = generate_cohort(500, seed=1).training_data(FOUR_CLASSES)
    two = y.isin(TWO_CLASSES)
    return PhenotypeClassifier(n_trees=10).fit(X[two], y[two]).fit_auxiliary(X, y)


@pytest.fixture(scope="module")
def clinic() -> pd.DataFrame:
    return generate_cohort(250, seed=4).observed


@pytest.fixture(scope="module")
def once(model: PhenotypeClassifier, clinic: pd.DataFrame) -> dict[str, Any]:
    return evaluate_patients(model, read_patients(clinic))


def nine_times(clinic: pd.DataFrame) -> pd.DataFrame:
    return pd.concat([clinic] * 9, ignore_index=True)


def flat(found: Any, path: str = "") -> dict[str, Any]:
    """Every number and text by its path, without the numbers of rows."""
    parts = found.items() if isinstance(found, dict) else enumerate(found) if isinstance(found, list) else None
    if parts is None:
        return {path: found}
    return {
        place: value
        for name, part in parts
        if name not in ("n_rows", "excluded", "excluded_patients")
        for place, value in flat(part, f"{path}/{name}").items()
    }


@pytest.mark.parametrize(
    "arranged",
    [
        pytest.param(lambda clinic: clinic.loc[np.repeat(clinic.index, 9)], id="patient by patient"),
        pytest.param(lambda clinic: nine_times(clinic).drop(columns="patient_id"), id="without identifiers"),
    ],
)
def test_a_cohort_repeated_nine_times_is_the_cohort(model, clinic, once, arranged) -> None:
    """Every figure, interval, sample size and warning, not only the AUC."""
    nine = evaluate_patients(model, read_patients(arranged(clinic)))
    assert nine["modelled_classes"]["n_rows"] == 9 * once["modelled_classes"]["n_patients"]
    assert nine["all_diagnoses"]["n_rows"] == 9 * once["all_diagnoses"]["n"]
    assert nine["excluded_patients"] == once["excluded"]
    expected, found = flat(once), flat(nine)
    assert expected.keys() == found.keys()
    wrong = {
        place: (value, found[place])
        for place, value in expected.items()
        if found[place] != (pytest.approx(value, abs=1e-6) if isinstance(value, float) else value)
    }
    assert wrong == {}


def test_repeated_patients_are_too_few_patients(model, clinic) -> None:
    """Nine rows of eight patients are 72 rows and not enough for an interval."""
    few = nine_times(pd.concat([clinic[clinic["phenotype"] == name].head(8) for name in TWO_CLASSES]))
    with pytest.raises(UnusableInputError, match="10 of each class are needed, found 8 neutrophilic_th2_low, 8 th2_"):
        evaluate_patients(model, read_patients(few))


def test_a_data_frame_is_counted_like_a_file(model, clinic) -> None:
    two = clinic[clinic["phenotype"].isin(TWO_CLASSES)].drop(columns="phenotype")
    labels = clinic.loc[two.index, "phenotype"]
    nine = evaluate_model(model, pd.concat([two] * 9, ignore_index=True), pd.concat([labels] * 9, ignore_index=True))
    assert nine["n_patients"] == len(two)
    assert nine["auc"] == pytest.approx(evaluate_model(model, two, labels)["auc"])


def visits_of(clinic: pd.DataFrame, n_visits: np.ndarray) -> pd.DataFrame:
    """The patients as they are, and further visits with other readings of FeNO."""
    further = clinic.loc[np.repeat(clinic.index, n_visits - 1)]
    readings = further["feno_ppb"] * np.random.default_rng(0).lognormal(0, 0.4, len(further))
    return pd.concat([clinic, further.assign(feno_ppb=readings.clip(5, 300))], ignore_index=True)


def test_a_patient_with_fifty_visits_weighs_as_much_as_one_with_a_single_visit(model, clinic, once) -> None:
    """The visits of one patient move a proportion by one patient at most; fifty patients would move it by a third."""
    n_visits = np.ones(len(clinic), int)
    n_visits[np.flatnonzero(clinic["phenotype"] == "th2_high")[0]] = 50
    found = evaluate_patients(model, read_patients(visits_of(clinic, n_visits)))
    assert found["all_diagnoses"]["n"] == len(clinic)
    assert found["all_diagnoses"]["n_rows"] == len(clinic) + 49
    n_patients = once["modelled_classes"]["n_patients"]
    for part in ("prediction_sets", "classified"):
        for name, proportion in flat(once["modelled_classes"][part]).items():
            assert flat(found["modelled_classes"][part])[name] == pytest.approx(proportion, abs=2 / n_patients)


def test_the_interval_of_visits_is_that_of_the_patients(model, clinic, once) -> None:
    """Rows counted as patients would halve the interval."""
    n_visits = 2 + np.arange(len(clinic)) % 5
    found = evaluate_patients(model, read_patients(visits_of(clinic, n_visits)))["modelled_classes"]
    single = once["modelled_classes"]
    for name in ("auc", "accuracy", "brier"):
        assert 0.75 < width(found[name]) / width(single[name]) < 1.3
    coverage = [each["prediction_sets"]["coverage"] for each in (found, single)]
    assert 0.75 < width(coverage[0]) / width(coverage[1]) < 1.3


def width(interval: dict[str, float]) -> float:
    return interval["upper"] - interval["lower"]


class TestWeights:
    def test_equal_weights_change_nothing(self, model, clinic, once) -> None:
        weighted = evaluate_patients(model, read_patients(clinic.assign(weight=7.0)), weights="weight")
        assert flat(weighted) == {place: pytest.approx(value) for place, value in flat(once).items()}

    def test_a_patient_of_weight_three_counts_three_times(self, model, clinic) -> None:
        weight = np.where(np.arange(len(clinic)) % 3 == 0, 3.0, 1.0)
        found = evaluate_patients(model, read_patients(clinic.assign(weight=weight)), weights="weight")
        copied = clinic.loc[np.repeat(clinic.index, weight.astype(int))].assign(patient_id="")
        three = evaluate_patients(model, read_patients(copied.assign(age_years=distinct_ages(copied))))
        by_hand = found["modelled_classes"]
        assert by_hand["n_patients"] < three["modelled_classes"]["n_patients"]
        for name in ("auc", "log_loss", "accuracy"):
            assert by_hand[name]["value"] == pytest.approx(three["modelled_classes"][name]["value"], abs=0.01)

    def test_rows_of_weight_0_are_excluded_and_counted(self, model, clinic) -> None:
        weight = (np.arange(len(clinic)) >= 20).astype(float)
        found = evaluate_patients(model, read_patients(clinic.assign(weight=weight)), weights="weight")
        assert found["excluded"]["weight 0"] == 20
        assert found["all_diagnoses"]["n"] == len(clinic) - 20
        later = evaluate_patients(model, read_patients(clinic.iloc[20:]))
        assert found["modelled_classes"]["auc"] == pytest.approx(later["modelled_classes"]["auc"])

    def test_a_missing_weight_is_refused_with_its_line(self, model, clinic) -> None:
        weight = np.where(np.arange(len(clinic)) == 3, np.nan, 1.0)
        with pytest.raises(UnusableInputError, match=r"weight is not a weight of 0 or more in 1 labelled rows"):
            evaluate_patients(model, read_patients(clinic.assign(weight=weight)), weights="weight")


def distinct_ages(table: pd.DataFrame) -> pd.Series:
    """Ages that differ by days, so that copies are other patients."""
    return table["age_years"] + np.random.default_rng(0).uniform(0, 0.02, len(table))


def test_unequal_weights_widen_the_interval() -> None:
    from asthma_ml.intervals import proportion

    holds = np.arange(100) % 2 == 0
    equal = proportion(holds)
    unequal = proportion(holds, PatientRows(np.arange(100), np.where(np.arange(100) < 10, 50.0, 1.0)))
    assert width(unequal) > 2 * width(equal)
