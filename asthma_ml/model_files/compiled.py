"""The compiled part of a model file: arrays, read in a moment and without scikit-learn."""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields, is_dataclass
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from asthma_ml.classifier import (
    CHARACTERISTICS,
    DECISIONS,
    PATTERNS,
    Background,
    Branches,
    CompiledClassifier,
    Decisions,
    LinearMargins,
    most_numbers,
)
from asthma_ml.errors import ModelFileError
from asthma_ml.model_files.archive import check_card, first_line, member, self_test, unzipped, zipped

if TYPE_CHECKING:
    pass

COMPILED = "compiled.npz"
_Arrays = TypeVar("_Arrays")


def load_compiled_member(card: Mapping[str, Any], members: Mapping[str, bytes], source: str) -> CompiledClassifier:
    """Return the compiled classifier among the members of a model file, after every check."""
    check_card(card, source)
    content = member(members, COMPILED, card, source)
    try:
        arrays = {
            name.removesuffix(".npy"): np.lib.format.read_array(io.BytesIO(data), allow_pickle=False)
            for name, data in unzipped(content).items()
        }
        compiled = _rebuilt(arrays)
        _check_places(compiled)
    except Exception as error:
        raise ModelFileError(f"{source}: damaged, the compiled part cannot be read ({first_line(error)})") from error
    self_test(compiled, card, source)
    return compiled


def compiled_member(compiled: CompiledClassifier) -> bytes:
    """Return the arrays of a compiled classifier as numpy's ``.npz``, the same bytes for the same arrays."""
    members: dict[str, bytes] = {}
    for name, array in _named_arrays(compiled):
        buffer = io.BytesIO()
        np.lib.format.write_array(buffer, array, allow_pickle=False)
        members[f"{name}.npy"] = buffer.getvalue()
    return zipped(members)


def _named_arrays(thing: Any, place: str = "") -> Iterator[tuple[str, np.ndarray]]:
    """Every array in a nest of dataclasses, under the way to it."""
    for field in fields(thing):
        value, name = getattr(thing, field.name), f"{place}{field.name}"
        if is_dataclass(value):
            yield from _named_arrays(value, f"{name}/")
        elif isinstance(value, list):
            yield from ((f"{name}/{i}", np.asarray(each)) for i, each in enumerate(value))
        elif value is not None:
            array = np.ascontiguousarray(value).reshape(np.shape(value))
            yield name, array.astype(str) if array.dtype == object else array


def _rebuilt(arrays: Mapping[str, np.ndarray], place: str = "") -> CompiledClassifier:
    """The classifier from its arrays."""
    linear = _of(LinearMargins, arrays, f"{place}linear/")
    decisions = _of(Decisions, arrays, f"{place}branches/decisions/")
    branches = _of(Branches, arrays, f"{place}branches/", decisions=decisions)
    background, companion = f"{place}background/", f"{place}auxiliary_/"
    return _of(
        CompiledClassifier,
        arrays,
        place,
        linear=linear,
        branches=branches,
        confidence=float(arrays[f"{place}confidence"]),
        n_distinct_patients_=int(arrays[f"{place}n_distinct_patients_"]),
        unmodelled_threshold_=float(arrays[f"{place}unmodelled_threshold_"]),
        subgroup_offsets_=_numbered(arrays, f"{place}subgroup_offsets_"),
        venn_abers_grids_=_numbered(arrays, f"{place}venn_abers_grids_"),
        auxiliary_=_rebuilt(arrays, companion) if any(name.startswith(companion) for name in arrays) else None,
        background=_of(Background, arrays, background, n_patients=int(arrays[f"{background}n_patients"]))
        if any(name.startswith(background) for name in arrays)
        else None,
    )


def _of(kind: type[_Arrays], arrays: Mapping[str, np.ndarray], place: str, **known: Any) -> _Arrays:
    """A dataclass of arrays; texts become objects, as pandas has them."""
    given = {field.name: arrays[f"{place}{field.name}"] for field in fields(kind) if field.name not in known}  # type: ignore[arg-type]
    texts = {name: array.astype(object) for name, array in given.items() if array.dtype.kind == "U"}
    return kind(**given | texts | known)


def _numbered(arrays: Mapping[str, np.ndarray], name: str) -> Sequence[np.ndarray]:
    n = sum(key.startswith(f"{name}/") for key in arrays)
    return [arrays[f"{name}/{i}"] for i in range(n)]


def _check_places(compiled: CompiledClassifier) -> None:
    """Refuse arrays that do not fit together and places that lie outside: machine code would follow them."""
    linear, branches = compiled.linear, compiled.branches
    places = [
        (linear.source, len(compiled.feature_names_in_)),
        (linear.starts, len(linear.knots) + 1),
        (branches.decisions.feature, len(compiled.feature_names_in_)),
        (branches.decision, len(branches.decisions.feature)),
        (branches.margin, len(linear.base)),
    ]
    sound = [
        *(array.shape == shape for array, shape in _shapes(compiled)),
        *(array.dtype.kind in "iu" and bool(np.all((array >= 0) & (array < n))) for array, n in places),
        bool(np.all(np.diff(linear.starts) > 0) and np.all(np.diff(linear.source) >= 0)),
    ]
    if not all(sound):
        raise ValueError("its arrays do not fit together")
    if compiled.auxiliary_ is not None:
        _check_places(compiled.auxiliary_)


def _shapes(compiled: CompiledClassifier) -> Iterator[tuple[np.ndarray, tuple[int, ...]]]:
    """Arrays, and the shapes that they must have beside each other."""
    linear, branches, background = compiled.linear, compiled.branches, compiled.background
    n_features, n_scores, n_margins = len(compiled.feature_names_in_), len(linear.source), len(linear.base)
    n_branches, n_decisions, n_classes = len(branches.margin), len(branches.decisions.feature), len(compiled.classes_)
    yield compiled.feature_range_, (2, n_features)
    yield compiled.feature_importances_, (n_features,)
    yield compiled.measured_fraction_, (n_features,)
    yield compiled.mean_scores_, (n_scores,)
    yield compiled.conformal_thresholds, (n_classes,)
    yield compiled.calibration_slope_, (2,)
    yield compiled.calibration_intercept_, (n_margins,)
    yield linear.base, (1 if n_classes == 2 else n_classes,)
    yield linear.starts, (n_scores + 1,)
    yield linear.values, linear.knots.shape
    yield linear.mean, (n_scores,)
    yield linear.direction, (n_scores,)
    yield linear.covariance, (n_scores, n_scores)
    yield linear.coefficients, (n_scores, n_margins)
    yield branches.decisions.threshold, (n_decisions,)
    yield branches.decisions.missing_right, (n_decisions,)
    yield branches.decision, (n_branches, DECISIONS)
    yield branches.right_share, (n_branches, DECISIONS)
    yield branches.leaf, (n_branches, PATTERNS)
    yield branches.constant, (n_margins,)
    yield from ((offsets, (len(CHARACTERISTICS), most_numbers())) for offsets in compiled.subgroup_offsets_)
    yield from ((grid, (3, grid.shape[-1])) for grid in compiled.venn_abers_grids_)
    if background is not None:
        yield background.frequency, (n_branches, PATTERNS)
        yield background.offset, (n_scores,)
