"""Held-out metrics agree with scikit-learn and have intervals."""

import numpy as np
import pytest
from sklearn.metrics import balanced_accuracy_score, log_loss, roc_auc_score

from asthma_ml.intervals import PatientRows
from asthma_ml.training.held_out import held_out_metrics


def sample(n_classes, n=300):
    rng = np.random.default_rng(n_classes)
    y = rng.choice(list("abcd")[:n_classes], n)
    probability = rng.dirichlet(np.ones(n_classes), n)
    probability[np.arange(n), np.searchsorted(list("abcd")[:n_classes], y)] += 0.3
    return y, probability / probability.sum(axis=1, keepdims=True), rng.exponential(size=n)


@pytest.mark.parametrize("n_classes", [2, 4])
@pytest.mark.parametrize("weighted", [False, True])
def test_values_are_those_of_scikit_learn(n_classes, weighted):
    y, p, weight = sample(n_classes)
    given = weight if weighted else None
    found = held_out_metrics(y, p, PatientRows(np.arange(len(y)), given))
    score = p[:, 1] if n_classes == 2 else p
    predicted = np.array(list("abcd"))[p.argmax(axis=1)]
    assert found["auc"]["value"] == pytest.approx(roc_auc_score(y, score, multi_class="ovr", sample_weight=given))
    assert found["balanced_accuracy"]["value"] == pytest.approx(
        balanced_accuracy_score(y, predicted, sample_weight=given)
    )
    assert found["log_loss"]["value"] == pytest.approx(log_loss(y, p, sample_weight=given))
    for metric in found.values():
        assert metric["lower"] < metric["value"] < metric["upper"]


def test_ten_copies_of_each_row_are_the_rows_alone():
    y, p, _ = sample(2, n=60)
    ten = np.repeat(np.arange(60), 10)
    alone, of_patients = held_out_metrics(y, p), held_out_metrics(y[ten], p[ten], PatientRows.of(ten))
    grouped, of_rows = (held_out_metrics(y[ten], p[ten], group_ids=groups) for groups in (ten, None))
    for name, expected in alone.items():
        assert of_patients[name] == pytest.approx(expected)
        assert grouped[name] == pytest.approx(expected)
        assert width(of_rows[name]) < 0.5 * width(expected)


def test_each_visit_of_a_patient_counts_in_part():
    """One patient with nine wrong visits and nine with one right visit each: 90 % right."""
    y = np.array(["a", "b"] * 9)
    p = np.where((y == "b")[:, None], [0.1, 0.9], [0.9, 0.1])
    p[:9] = p[:9, ::-1]
    patient = np.r_[np.zeros(9, int), np.arange(1, 10)]
    found = held_out_metrics(y, p, PatientRows.of(patient))
    assert found["log_loss"]["value"] == pytest.approx(-(np.log(0.1) + 9 * np.log(0.9)) / 10)


def width(interval):
    return interval["upper"] - interval["lower"]


def test_probability_of_zero_has_a_finite_log_loss():
    y, p = np.array(["a", "b"] * 10), np.array([[0.0, 1.0], [0.0, 1.0]] * 10)
    assert np.isfinite(held_out_metrics(y, p)["log_loss"]["value"])
