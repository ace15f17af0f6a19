"""Duplicate rows are merged and never lie in different folds."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from asthma_ml.classifier.features.distinct_patients import distinct_patients, same_patients


def patients_with_duplicates(seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    X = rng.choice(np.array([0.0, 1.0, np.nan], dtype=np.float32), size=(40, 3))
    return X, rng.integers(0, 2, 40), rng.integers(1, 4, 40).astype(float)


def test_weights_of_duplicates_are_summed():
    X = np.array([[1.0, np.nan], [2.0, 5.0], [1.0, np.nan]], dtype=np.float32)
    patients = distinct_patients(X, np.array([0, 0, 0]), np.array([1.0, 1.0, 3.0]))
    assert sorted(zip(patients.X[:, 0].tolist(), patients.weight.tolist(), strict=True)) == [(1.0, 4.0), (2.0, 1.0)]


def test_equal_rows_of_different_classes_are_different_patients():
    X = np.ones((2, 1), dtype=np.float32)
    assert len(distinct_patients(X, np.array([0, 1]), np.ones(2)).codes) == 2


def test_minus_zero_equals_zero():
    X = np.array([[0.0], [-0.0]], dtype=np.float32)
    assert len(distinct_patients(X, np.array([0, 0]), np.ones(2)).codes) == 1


@given(st.integers(0, 10_000))
def test_the_result_keeps_the_total_weight_and_does_not_depend_on_the_order(seed):
    X, codes, weight = patients_with_duplicates(seed)
    shuffled = np.random.default_rng(seed).permutation(len(X))
    one, other = distinct_patients(X, codes, weight), distinct_patients(X[shuffled], codes[shuffled], weight[shuffled])
    assert one.weight.sum() == weight.sum()
    np.testing.assert_array_equal(one.X, other.X)
    np.testing.assert_array_equal(one.codes, other.codes)
    np.testing.assert_array_equal(one.weight, other.weight)


@given(st.integers(0, 10_000), st.integers(2, 6))
def test_folds_are_stratified_by_class(seed, n_folds):
    patients = distinct_patients(*patients_with_duplicates(seed))
    folds = patients.folds(n_folds)
    for k in np.unique(patients.codes):
        sizes = np.bincount(folds[patients.codes == k], minlength=n_folds)
        assert sizes.max() - sizes.min() <= 1


def test_rows_with_any_equal_key_belong_to_the_same_patient():
    """By identifier, content, or a chain of both; a missing identifier equals no other."""
    identifiers = np.array(["A", "A", "B", None, None, "C"], dtype=object)
    content = np.array([1, 2, 2, 3, 3, 4])
    numbers = same_patients(identifiers, content)
    assert [numbers.tolist().count(n) for n in numbers] == [3, 3, 3, 2, 2, 1]


@given(st.integers(0, 10_000))
def test_a_group_stays_in_one_fold(seed):
    X, codes, weight = patients_with_duplicates(seed)
    groups = np.random.default_rng(seed).integers(0, 12, 40)
    patients = distinct_patients(X, codes, weight, groups)
    folds = patients.folds(3)
    for group in np.unique(patients.groups):
        assert len(set(folds[patients.groups == group])) == 1


def test_groups_are_counted_as_patients_unless_they_are_few_or_patients_are_given():
    """Four groups are sites, whose rows are patients; forty groups are patients; given patients are what they are."""
    X, codes, number = np.arange(120.0, dtype=np.float32)[:, None], np.zeros(120, dtype=int), np.arange(120)
    sites, forty = (distinct_patients(X, codes, np.ones(120), number % n).counted for n in (4, 40))
    given = distinct_patients(X, codes, np.ones(120), number % 4, patient=number % 8).counted
    assert sites is None
    assert [len(np.unique(each)) for each in (forty, given)] == [40, 8]


def test_copies_of_patients_are_one_row_of_their_weight_each():
    X, codes, _ = patients_with_duplicates(0)
    once = distinct_patients(X, codes, np.ones(40), patient=np.arange(40))
    nine = np.tile(np.arange(40), 9)
    copies = distinct_patients(X[nine], codes[nine], np.full(360, 1 / 9), nine, patient=nine)
    assert copies.groups is None
    assert copies.patient is None
    np.testing.assert_array_equal(copies.X, once.X)
    np.testing.assert_array_equal(copies.weight, once.weight)


def test_the_result_does_not_depend_on_the_column_order_with_a_reading_order():
    X, codes, weight = patients_with_duplicates(3)
    shuffled = np.random.default_rng(3).permutation(X.shape[1])
    there = distinct_patients(X[:, shuffled], codes, weight, reading_order=np.argsort(shuffled))
    np.testing.assert_array_equal(there.X, distinct_patients(X, codes, weight).X[:, shuffled])
