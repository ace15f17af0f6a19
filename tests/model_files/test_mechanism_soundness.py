"""Numbers of a mechanism regression that no self-test of a model file would notice."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from asthma_ml.model_files import load_model
from asthma_ml.model_files.soundness import refuse_unsound_mechanisms


@pytest.fixture(scope="module")
def shipped():
    return load_model("shipped", compiled=True)


def refuse_unless_sound(model, **changes):
    changed = replace(model.mechanisms_, **changes)
    refuse_unsound_mechanisms(changed, len(model.classes_), len(model.feature_names_in_))


def changed(array, place, value):
    found = array.copy()
    found[place] = value
    return found


@pytest.mark.parametrize(
    ("name", "place", "value"),
    [
        ("base", 0, np.inf),
        ("explained_variance", 3, np.nan),
        ("errors", (4, 0), np.nan),
        ("errors", (4, 1), -np.inf),
        ("errors", (4, 0), 100.0),  # the interval would end below its start
        ("feature_range", (0, 0), 1e6),  # nobody would be inside the range
        ("feature_range", (1, 0), np.inf),
        ("feature_range", (0, 0), np.nan),
    ],
)
def test_numbers_that_no_regression_has_are_refused(shipped, name, place, value):
    with pytest.raises(ValueError, match="inconsistent"):
        refuse_unless_sound(shipped, **{name: changed(getattr(shipped.mechanisms_, name), place, value)})


@pytest.mark.parametrize("name", ["leaf", "constant", "right_share"])
def test_numbers_of_trees_are_finite(shipped, name):
    branches = shipped.mechanisms_.branches
    with pytest.raises(ValueError, match="inconsistent"):
        refuse_unless_sound(shipped, branches=replace(branches, **{name: changed(getattr(branches, name), 0, np.nan)}))


@pytest.mark.parametrize("preset", ["", "two\nlines", "\x1b[31mred", "a\0b", "x" * 201])
def test_the_name_of_the_world_is_one_printable_line(shipped, preset):
    with pytest.raises(ValueError, match="inconsistent"):
        refuse_unless_sound(shipped, preset=preset)


def test_a_clinic_may_lack_a_test(shipped):
    feature_range = shipped.mechanisms_.feature_range.copy()
    feature_range[:, 5] = np.nan
    refuse_unless_sound(shipped, feature_range=feature_range)
