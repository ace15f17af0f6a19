"""Tables without any feature are refused with suggestions, and long lists of names are shortened."""

from __future__ import annotations

import pytest

from asthma_ml.classifier import refuse_without_features
from asthma_ml.errors import UnusableInputError
from asthma_ml.variables import data_dictionary
from asthma_ml.wording import first_names


def test_long_lists_of_names_are_shortened():
    features = data_dictionary().features
    assert first_names(features) == f"{', '.join(features[:5])} and {len(features) - 5} more"
    assert first_names(features[:5]) == ", ".join(features[:5])
    assert first_names([]) == ""


def test_similar_names_are_suggested_for_a_misspelt_column():
    with pytest.raises(
        UnusableInputError, match=r"clinic\.csv: no column .*nearest: fenno \(did you mean feno"
    ) as refused:
        refuse_without_features(["patient_id"], data_dictionary().features, ["patient_id", "fenno"], "clinic.csv")
    assert len(str(refused.value)) < 500


def test_one_feature_is_enough():
    refuse_without_features(["site", "feno_ppb"], data_dictionary().features)
