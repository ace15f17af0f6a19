"""Sentences of three lengths, all words in one file, how unusual a value is, and no claim of cause."""

from __future__ import annotations

import numpy as np
import pytest

from asthma_ml.classifier import PhenotypeClassifier
from asthma_ml.cohort import generate_cohort
from asthma_ml.errors import UnusableInputError
from asthma_ml.evidence import evidence_table
from asthma_ml.explanation import explain
from asthma_ml.explanation.unusual import shares_below
from asthma_ml.variables import FACTORS, FOUR_CLASSES, data_dictionary
from asthma_ml.wording import phrases


@pytest.fixture(scope="module")
def explanation():
    X, y = generate_cohort(1_500, seed=1).training_data()
    return explain(PhenotypeClassifier(n_trees=20).fit(X, y), X)


def test_every_feature_has_a_short_name_and_a_mechanism():
    features = data_dictionary().features
    assert all(phrases.mechanism(name) and "_" not in phrases.short_name(name) for name in features)
    assert len({phrases.short_name(name) for name in features}) == len(features)
    assert phrases.mechanism("home_made_index") == ""
    assert phrases.short_name("home_made_index") == "home_made_index"


def test_every_class_and_factor_has_a_name_without_underscores():
    assert not any("_" in phrases.plain_name(name) for name in (*FOUR_CLASSES, *FACTORS))


def test_every_word_about_the_disease_has_a_source_or_says_that_it_is_assumed():
    known = {"assumed", *evidence_table().index}
    for name, sources in phrases.sources().items():
        assert sources, name
        assert set(sources) <= known, name


def test_no_word_claims_a_cause():
    claims = {"cause", "causes", "caused", "because", "due", "leads", "therefore"}
    said = [phrases.mechanism(name) for name in data_dictionary().features]
    said += [phrases.masking_text(name) for name in phrases.sources()]
    assert not claims & set(" ".join(said).lower().replace(",", " ").split())


def test_lengths_are_lengths(explanation):
    for i in range(0, 200, 20):
        short, medium, long = (explanation.sentence(i, length) for length in ("short", "medium", "long"))
        assert len(short) < len(medium) < len(long)
        assert medium == explanation.sentence(i)
        assert "SHAP explains the model" in medium
        assert "By factor: " in long
    with pytest.raises(UnusableInputError, match="length='huge': allowed are short, medium, long"):
        explanation.sentence(0, "huge")


def test_shares_below_are_those_of_the_training_patients(explanation):
    shares = shares_below(explanation.game.model.linear_margins, explanation.encoded)
    assert {"feno_ppb", "ocs_dose_mg_day", "sputum_eosinophils_pct"} <= set(shares)
    for name, share in shares.items():
        values = explanation.encoded[name].to_numpy(dtype=float)
        told = np.isfinite(share)
        ordered = np.sort(values[np.isfinite(values)])
        below, upto = (np.searchsorted(ordered, values[told], side) / len(ordered) for side in ("left", "right"))
        np.testing.assert_allclose(share[told], (below + upto) / 2, atol=0.04, err_msg=name)


def test_a_minimum_that_many_share_is_not_called_unusual(explanation):
    shares = shares_below(explanation.game.model.linear_margins, explanation.encoded)
    none = (explanation.patients["ocs_dose_mg_day"] == 0).to_numpy()
    assert np.isnan(shares["ocs_dose_mg_day"][none]).all()
    assert np.isfinite(shares["ocs_dose_mg_day"][~none]).all()


def test_the_training_patients_are_named_once_in_a_sentence(explanation):
    told = [explanation.sentence(i) for i in range(100)]
    assert all(sentence.count("of the training patients)") <= 1 for sentence in told)
    assert np.mean(["of the training patients)" in sentence for sentence in told]) > 0.9
