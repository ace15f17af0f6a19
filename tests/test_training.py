"""Training leaves out what it cannot learn from, says so, and measures on patients it has not seen."""

from __future__ import annotations

import pandas as pd
import pytest

from asthma_ml.cohort import generate_cohort
from asthma_ml.errors import UnusableInputError
from asthma_ml.patients import PatientTable, read_patients
from asthma_ml.training import labelled_patients, train_classifier
from asthma_ml.variables import FOUR_CLASSES, TWO_CLASSES


@pytest.fixture(scope="module")
def observed() -> pd.DataFrame:
    """A small clinic with all four classes."""
    return generate_cohort(n_patients=300, seed=11).observed


def test_every_row_is_either_used_or_counted_as_left_out(observed: pd.DataFrame) -> None:
    faulty = observed.copy()
    faulty.loc[0, "feno_ppb"] = 5000.0
    faulty.loc[1:3, "phenotype"] = None
    labelled = labelled_patients(read_patients(faulty), classes=TWO_CLASSES)
    assert labelled.left_out["values outside hard limits"] == 1
    assert labelled.left_out["no label"] == 3
    assert len(labelled.labels) + sum(labelled.left_out.values()) == len(faulty)
    assert set(labelled.labels) == set(TWO_CLASSES)


def test_features_are_the_dictionary_s_and_never_the_label_or_the_site(observed: pd.DataFrame) -> None:
    features = labelled_patients(read_patients(observed)).features
    assert not {"patient_id", "site", "phenotype"} & set(features.columns)
    assert "feno_ppb" in features.columns


def test_a_hospital_s_own_label_column_will_do(observed: pd.DataFrame) -> None:
    own = observed.rename(columns={"phenotype": "endotype_2024"})
    labelled = labelled_patients(read_patients(own), label="endotype_2024")
    pd.testing.assert_series_equal(
        labelled.labels, labelled_patients(read_patients(observed)).labels, check_names=False, check_dtype=False
    )


def test_four_classes_can_be_told_apart(observed: pd.DataFrame) -> None:
    labelled = labelled_patients(read_patients(observed), classes=FOUR_CLASSES)
    assert len(labelled.labels) == len(observed)
    assert not labelled.left_out


def test_metrics_come_from_unseen_patients(observed: pd.DataFrame) -> None:
    shuffled = observed.copy()
    shuffled["phenotype"] = shuffled["phenotype"].sample(frac=1, random_state=0).to_numpy()
    assert train_classifier(read_patients(observed)).metrics["auc"] > 0.75
    assert train_classifier(read_patients(shuffled)).metrics["auc"] < 0.65


def test_the_card_says_what_was_learned_from(observed: pd.DataFrame) -> None:
    patients = read_patients(observed)
    card = train_classifier(patients).card
    assert card["label"] == "phenotype"
    assert card["left_out"] == labelled_patients(patients).left_out
    assert len(card["training_data_sha256"]) == 64


@pytest.mark.parametrize("column", ["true_phenotype", "aml_p_th2_high"])
def test_a_table_that_tells_the_answer_is_refused(observed: pd.DataFrame, column: str) -> None:
    with pytest.raises(UnusableInputError, match=column):
        train_classifier(read_patients(observed.assign(**{column: "th2_high"})))


def test_one_class_alone_cannot_be_learned(observed: pd.DataFrame) -> None:
    one: PatientTable = read_patients(observed[observed["phenotype"] == "th2_high"])
    with pytest.raises(UnusableInputError, match="two classes"):
        train_classifier(one)
