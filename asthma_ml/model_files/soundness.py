"""Show that the arrays of a model are consistent, before machine code follows their indices into memory.

Types, shapes and indices are checked for both forms of a model: the estimator and its compiled form.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from itertools import chain
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from asthma_ml.classifier import (
    CHARACTERISTICS,
    DECISIONS,
    N_OUTPUTS,
    PATTERNS,
    Branches,
    CompiledClassifier,
    LinearModel,
    MechanismRegression,
    max_subgroups,
)
from asthma_ml.variables import FACTORS

if TYPE_CHECKING:
    from asthma_ml.classifier import PhenotypeClassifier

_MOST_CLASSES, _MOST_TREES, _LONGEST_NAME = 100, 100_000, 200


def refuse_unsound_arrays(compiled: CompiledClassifier) -> None:
    """Refuse a compiled classifier whose arrays are inconsistent.

    Raises
    ------
    ValueError
        If an array has another type, byte order or shape, or an index lies outside its array.
    """
    n_features, n_margins = len(compiled.feature_names_in_), len(compiled.linear_.base)
    arrays = [*_arrays(compiled), *_arrays_of_branches(compiled.branches, n_margins), *_arrays_of_background(compiled)]
    _refuse_unless(all(_fits(*each) and each[0].flags.c_contiguous for each in arrays))
    _refuse_unless(_is_sound_linear(compiled.linear_, n_features))
    _refuse_wild_indices(compiled.branches, n_features)
    if compiled.auxiliary_ is not None:
        refuse_unsound_arrays(compiled.auxiliary_)


def refuse_unsound_mechanisms(found: MechanismRegression, n_classes: int, n_features: int) -> None:
    """Refuse a mechanism regression whose arrays are inconsistent with each other or with the model.

    Raises
    ------
    ValueError
        If an array has another type, byte order or shape, an index lies outside its array, a number is not finite
        or not in order, or the name of the preset is not one printable line.
    """
    n_explained = 1 if n_classes == 2 else n_classes
    n_outputs = n_explained * N_OUTPUTS
    arrays = [
        (found.base, (n_explained,), np.float64),
        (found.feature_range, (2, n_features), np.float32),
        (found.errors, (n_outputs, 2), np.float64),
        (found.explained_variance, (n_outputs,), np.float64),
        *_arrays_of_branches(found.branches, 2 * n_outputs),
    ]
    _refuse_unless(all(_fits(*each) and each[0].flags.c_contiguous for each in arrays))
    _refuse_wild_indices(found.branches, n_features + len(FACTORS) + 1)
    _refuse_unless(_is_plausible(found))


def _is_plausible(found: MechanismRegression) -> bool:
    """Whether the numbers of a mechanism regression are finite and in order, and its world has a name to print.

    No self-test of the card would notice. A feature that the simulated patients lack has no range.
    """
    low, high = found.feature_range
    return (
        all(bool(np.isfinite(each).all()) for each in _finite_arrays(found))
        and bool(np.all(np.isnan(low) == np.isnan(high)) and not np.any((low > high) | np.isinf(low) | np.isinf(high)))
        and bool(np.all(found.errors[..., 0] <= found.errors[..., 1]))
        and 0 < len(found.preset) <= _LONGEST_NAME
        and found.preset.isprintable()
    )


def _finite_arrays(found: MechanismRegression) -> Iterator[NDArray[Any]]:
    yield from (found.base, found.errors, found.explained_variance)
    yield from (found.branches.leaf, found.branches.constant, found.branches.right_share)


def _refuse_wild_indices(branches: Branches, n_features: int) -> None:
    indices = [
        (branches.decisions.feature, n_features),
        (branches.decision, len(branches.decisions.feature)),
        (branches.margin, len(branches.constant)),
    ]
    _refuse_unless(all(_are_indices(*each) for each in indices))


def refuse_unsound_estimator(model: PhenotypeClassifier) -> None:
    """Refuse an estimator whose arrays or trees are inconsistent; limit the number of its threads to the cores.

    Raises
    ------
    ValueError
        If an array has another type, byte order or shape, an index lies outside its array, or the nodes of a tree are
        no tree.
    """
    _refuse_unless(1 <= len(model.classes_) <= _MOST_CLASSES)
    _refuse_unless(all(_fits(*each) for each in _arrays(model)))
    _refuse_unless(_is_sound_linear(model.linear_, len(model.feature_names_in_)))
    _refuse_unless(all(_fits(scores, scores.shape, np.float64) for scores in model.conformal_scores_))
    _refuse_unless(_are_sound_trees(model.trees_, len(model.feature_names_in_), len(model.linear_.base)))
    model.n_threads = _fewest_threads(model.n_threads)
    if model.auxiliary_ is not None:
        refuse_unsound_estimator(model.auxiliary_)


def _refuse_unless(sound: bool) -> None:
    if not sound:
        raise ValueError("types, shapes or indices of its arrays are inconsistent")


def _fewest_threads(given: Any) -> int | None:
    """The number of threads that a file asks for, at most one for each core."""
    _refuse_unless(given is None or (type(given) is int and given >= 1))
    return None if given is None else min(given, os.cpu_count() or 1)


def _fits(array: Any, shape: tuple[int, ...], kind: type) -> bool:
    """Whether this is an array of the shape and type, in the byte order of this machine."""
    return isinstance(array, np.ndarray) and array.shape == shape and array.dtype == np.dtype(kind)


def _are_indices(array: NDArray[Any], n: int) -> bool:
    return array.dtype == np.int64 and bool(np.all((array >= 0) & (array < n)))


def _is_sound_linear(linear: LinearModel, n_features: int) -> bool:
    scores = linear.scores
    return (
        all(_fits(*each) for each in _arrays_of_linear(linear))
        and _are_indices(scores.source, n_features)
        and _are_indices(scores.starts, len(scores.knots) + 1)
        and bool(np.all(np.diff(scores.starts) > 0) and np.all(np.diff(scores.source) >= 0))
    )


def _are_sound_trees(trees: Any, n_features: int, n_margins: int) -> bool:
    """Whether each tree of a boosted classifier can be followed from its root without leaving its arrays."""
    stages = trees._predictors
    categories = trees._bin_mapper.is_categorical_
    return (
        trees.n_trees_per_iteration_ == n_margins
        and len(stages) <= _MOST_TREES
        and all(len(stage) == n_margins for stage in stages)
        and _fits(trees._baseline_prediction, (1, n_margins), np.float64)
        and _fits(categories, (n_features,), np.uint8)
        and not categories.any()
        and all(_is_tree(tree.nodes, n_features) for tree in chain.from_iterable(stages))
    )


def _is_tree(nodes: Any, n_features: int) -> bool:
    """Whether every node but the first is the child of exactly one node before it, and decisions name features."""
    from sklearn.ensemble._hist_gradient_boosting.common import PREDICTOR_RECORD_DTYPE

    if not (isinstance(nodes, np.ndarray) and nodes.ndim == 1 and nodes.dtype == PREDICTOR_RECORD_DTYPE and len(nodes)):
        return False
    (parents,) = np.nonzero(nodes["is_leaf"] == 0)
    decisions = nodes[parents]
    children = np.concatenate([decisions["left"], decisions["right"]]).astype(np.int64)
    return (
        bool(np.all(nodes["is_leaf"] <= 1) and not nodes["is_categorical"].any())
        and bool(np.all(children > np.tile(parents, 2)))
        and np.array_equal(np.sort(children), np.arange(1, len(nodes)))
        and _are_indices(decisions["feature_idx"], n_features)
    )


def _arrays(model: Any) -> Iterator[tuple[Any, tuple[int, ...], type]]:
    """Arrays of either form of a model, each with the shape and type that it must have."""
    n_features, n_scores = len(model.feature_names_in_), len(model.linear_.scores.source)
    n_classes, n_margins = len(model.classes_), len(model.linear_.base)
    yield model.feature_range_, (2, n_features), np.float32
    yield model.feature_importances_, (n_features,), np.float64
    yield model.measured_fraction_, (n_features,), np.float64
    yield model.mean_scores_, (n_scores,), np.float64
    yield model.calibration_slope_, (2,), np.float64
    yield model.calibration_intercept_, (n_margins,), np.float64
    yield model.linear_.base, (1 if n_classes == 2 else n_classes,), np.float64
    groups = len(CHARACTERISTICS), max_subgroups()
    yield from ((offsets, groups, np.float64) for offsets in model.subgroup_offsets_)
    yield from ((grid, (3, np.shape(grid)[-1]), np.float64) for grid in model.venn_abers_grids_)


def _arrays_of_linear(linear: LinearModel) -> Iterator[tuple[Any, tuple[int, ...], type]]:
    scores, joint, n_scores, n_margins = linear.scores, linear.joint, len(linear.scores.source), len(linear.base)
    yield scores.source, (n_scores,), np.int64
    yield scores.starts, (n_scores + 1,), np.int64
    yield scores.knots, (len(scores.knots),), np.float64
    yield scores.values, scores.knots.shape, np.float64
    yield joint.mean, (n_scores,), np.float64
    yield joint.covariance, (n_scores, n_scores), np.float64
    yield linear.direction, (n_scores,), np.int64
    yield linear.coefficients, (n_scores, n_margins), np.float64


def _arrays_of_branches(branches: Branches, n_margins: int) -> Iterator[tuple[Any, tuple[int, ...], type]]:
    n_branches, n_decisions = len(branches.margin), len(branches.decisions.feature)
    yield branches.decisions.feature, (n_decisions,), np.int64
    yield branches.decisions.threshold, (n_decisions,), np.float64
    yield branches.decisions.missing_right, (n_decisions,), np.bool_
    yield branches.decision, (n_branches, DECISIONS), np.int64
    yield branches.right_share, (n_branches, DECISIONS), np.float64
    yield branches.leaf, (n_branches, PATTERNS), np.float64
    yield branches.margin, (n_branches,), np.int64
    yield branches.constant, (n_margins,), np.float64


def _arrays_of_background(compiled: CompiledClassifier) -> Iterator[tuple[Any, tuple[int, ...], type]]:
    background = compiled.background
    yield compiled.conformal_thresholds, (len(compiled.classes_),), np.float64
    if background is not None:
        yield background.frequency, (len(compiled.branches.margin), PATTERNS), np.float64
        yield background.offset, (len(compiled.linear_.scores.source),), np.float64
