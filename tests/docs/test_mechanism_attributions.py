"""docs/mechanism_attributions.md names the references that the program uses."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from asthma_ml.cohort import FACTOR_REFERENCES
from asthma_ml.wording import plain_name

PAGE = (Path(__file__).parents[2] / "docs" / "mechanism_attributions.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("factor", FACTOR_REFERENCES)
def test_page_has_the_reference_of_each_variable(factor):
    (cell,) = re.findall(rf"^\| {plain_name(factor)} \| (`[^|]+) \|", PAGE, re.MULTILINE)
    shown = dict(re.findall(r"`(\w+)` ([\w.]+)", cell))
    assert shown == {name: value if isinstance(value, str) else f"{value:g}" for name, value in reference(factor)}


def reference(factor):
    return FACTOR_REFERENCES[factor].items()
