"""Held-out metrics agree with scikit-learn and have intervals."""

import numpy as np
import pytest
from sklearn.metrics import balanced_accuracy_score, log_loss, roc_auc_score

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
    found = held_out_metrics(y, p, given)
    score = p[:, 1] if n_classes == 2 else p
    predicted = np.array(list("abcd"))[p.argmax(axis=1)]
    assert found["auc"]["value"] == pytest.approx(roc_auc_score(y, score, multi_class="ovr", sample_weight=given))
    assert found["balanced_accuracy"]["value"] == pytest.approx(
        balanced_accuracy_score(y, predicted, sample_weight=given)
    )
    assert found["log_loss"]["value"] == pytest.approx(log_loss(y, p, sample_weight=given))
    for metric in found.values():
        assert metric["lower"] < metric["value"] < metric["upper"]


def test_bootstrap_resamples_groups_as_a_whole():
    """Ten copies of each row give as wide an interval as the rows alone."""
    y, p, _ = sample(2, n=60)
    ten = np.repeat(np.arange(60), 10)
    alone, grouped = held_out_metrics(y, p), held_out_metrics(y[ten], p[ten], group_ids=ten)
    rows = held_out_metrics(y[ten], p[ten])
    width = {
        name: m["log_loss"]["upper"] - m["log_loss"]["lower"]
        for name, m in {"alone": alone, "grouped": grouped, "rows": rows}.items()
    }
    assert width["grouped"] == pytest.approx(width["alone"])
    assert width["rows"] < 0.5 * width["alone"]


def test_probability_of_zero_has_a_finite_log_loss():
    y, p = np.array(["a", "b"] * 10), np.array([[0.0, 1.0], [0.0, 1.0]] * 10)
    assert np.isfinite(held_out_metrics(y, p)["log_loss"]["value"])
