"""Threshold of the probability of unmodelled classes."""

from __future__ import annotations

import numpy as np
import pytest

from asthma_ml.classifier.unmodelled import unmodelled_threshold


def test_sensitivity_is_60_percent_whatever_the_prevalence():
    rng = np.random.default_rng(0)
    for n_unmodelled in (300, 3000):
        p = np.r_[rng.beta(4, 2, n_unmodelled), rng.beta(2, 4, 3000)]
        threshold = unmodelled_threshold(p, np.arange(len(p)) < n_unmodelled)
        assert (rng.beta(4, 2, 10_000) >= threshold).mean() == pytest.approx(0.6, abs=0.05)


def test_the_threshold_of_an_uninformative_probability_is_the_prevalence():
    """Uninformative probabilities are close to the prevalence; a lower threshold would include all patients."""
    rng = np.random.default_rng(0)
    p, unmodelled = np.clip(rng.normal(0.3, 0.02, 2000), 0, 1), np.arange(2000) < 600
    assert unmodelled_threshold(p, unmodelled) == pytest.approx(0.3)
    assert unmodelled_threshold(p[:1200], unmodelled[:1200]) == pytest.approx(0.5)
