"""Sentences of three lengths, and positions of values among the training patients."""

from __future__ import annotations

import numpy as np
import pytest

from asthma_ml.classifier import PhenotypeClassifier
from asthma_ml.cohort import generate_cohort
from asthma_ml.errors import UnusableInputError
from asthma_ml.explanation import explain
from asthma_ml.explanation.unusual import proportions_below


@pytest.fixture(scope="module")
def explanation():
    X, y = generate_cohort(1_500, seed=1).training_data()
    return explain(PhenotypeClassifier(n_trees=20).fit(X, y), X)


def test_three_lengths(explanation):
    for i in range(0, 200, 20):
        short, medium, long = (explanation.sentence(i, length) for length in ("short", "medium", "long"))
        assert len(short) < len(medium) < len(long)
        assert medium == explanation.sentence(i)
        assert "SHAP explains the model" in medium
        assert "Contributions by factor: " in long
    with pytest.raises(UnusableInputError, match="length='huge': allowed are short, medium, long"):
        explanation.sentence(0, "huge")


def test_proportions_below_are_those_of_the_training_patients(explanation):
    """To about half a block of ten patients, from whose means the positions are interpolated."""
    proportions = proportions_below(explanation.game.model.linear_.scores, explanation.encoded)
    assert {"feno_ppb", "ocs_dose_mg_day", "sputum_eosinophils_pct"} <= set(proportions)
    for name, proportion in proportions.items():
        values = explanation.encoded[name].to_numpy(dtype=float)
        known = np.isfinite(proportion)
        ordered = np.sort(values[np.isfinite(values)])
        below, upto = (np.searchsorted(ordered, values[known], side) / len(ordered) for side in ("left", "right"))
        half_a_block = 0.02 + 7 / len(ordered)
        np.testing.assert_allclose(proportion[known], (below + upto) / 2, atol=half_a_block, err_msg=name)


def test_minimum_shared_by_many_patients_has_no_position(explanation):
    proportions = proportions_below(explanation.game.model.linear_.scores, explanation.encoded)
    none = (explanation.patients["ocs_dose_mg_day"] == 0).to_numpy()
    assert np.isnan(proportions["ocs_dose_mg_day"][none]).all()
    assert np.isfinite(proportions["ocs_dose_mg_day"][~none]).all()


def test_training_patients_are_named_once_in_a_sentence(explanation):
    sentences = [explanation.sentence(i) for i in range(100)]
    assert all(sentence.count("of training patients)") <= 1 for sentence in sentences)
    assert np.mean(["of training patients)" in sentence for sentence in sentences]) > 0.9
