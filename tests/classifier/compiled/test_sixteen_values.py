"""Values that are looked up in a table of sixteen numbers, with and without the instruction that looks up eight."""

from __future__ import annotations

import numpy as np
import pytest

from asthma_ml.classifier.compiled import sixteen_values


@pytest.mark.parametrize("add", ["_add_one_by_one", "_add_permuted"])
@pytest.mark.parametrize("n", [0, 8, 256])
def test_each_value_of_the_pattern_is_added(add, n):
    if add == "_add_permuted" and not sixteen_values._HAS_PERMUTATION:
        pytest.skip("needs a processor with AVX-512")
    rng = np.random.default_rng(n)
    values, pattern, to = rng.normal(size=16), rng.integers(0, 16, n).astype(np.uint8), rng.normal(size=n)
    expected = to + values[pattern]
    getattr(sixteen_values, add)(values, pattern, to)
    np.testing.assert_array_equal(to, expected)
