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


def test_a_table_without_features_is_refused_with_what_is_known_of_its_columns():
    with pytest.raises(
        UnusableInputError, match=r"^clinic\.csv: no column is one of the .*\nclinic\.csv: `fenno` is not read$"
    ):
        refuse_without_features(["patient_id"], data_dictionary().features, "clinic.csv", ["`fenno` is not read"])


def test_one_feature_is_enough():
    refuse_without_features(["site", "feno_ppb"], data_dictionary().features)
