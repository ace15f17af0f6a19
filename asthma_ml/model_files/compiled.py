"""The compiled classifier in a model file: named arrays that are read without scikit-learn."""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields, is_dataclass
from typing import Any, TypeVar

import numpy as np

from asthma_ml.classifier import (
    Background,
    Branches,
    CompiledClassifier,
    Decisions,
    JointNormal,
    LinearModel,
    NormalScores,
)
from asthma_ml.errors import ModelFileError
from asthma_ml.model_files.archive import (
    check_agreement,
    check_card,
    check_self_test,
    first_line,
    unzip_members,
    verified_member,
    zip_members,
)
from asthma_ml.model_files.soundness import refuse_unsound_arrays

COMPILED = "compiled.npz"
_Arrays = TypeVar("_Arrays")


def read_compiled(card: Mapping[str, Any], members: Mapping[str, bytes], source: str) -> CompiledClassifier:
    """Rebuild the compiled classifier from the members of a model file, after every check."""
    check_card(card, source)
    content = verified_member(members, COMPILED, card, source)
    try:
        arrays = {
            name.removesuffix(".npy"): np.lib.format.read_array(io.BytesIO(data), allow_pickle=False)
            for name, data in unzip_members(content).items()
        }
        compiled = _compiled_of_arrays(arrays)
        refuse_unsound_arrays(compiled)
    except Exception as error:
        raise ModelFileError(f"{source}: damaged, the compiled model cannot be read ({first_line(error)})") from error
    check_agreement(compiled, card, source)
    check_self_test(compiled, card, source)
    return compiled


def compiled_member(compiled: CompiledClassifier) -> bytes:
    """Return the arrays of a compiled classifier in numpy's ``.npz`` format; equal arrays give equal bytes."""
    members: dict[str, bytes] = {}
    for name, array in _named_arrays(compiled):
        buffer = io.BytesIO()
        np.lib.format.write_array(buffer, array, allow_pickle=False)
        members[f"{name}.npy"] = buffer.getvalue()
    return zip_members(members)


def _named_arrays(part: Any, path: str = "") -> Iterator[tuple[str, np.ndarray]]:
    """All arrays in nested dataclasses, each with the path of its field."""
    for field in fields(part):
        value, name = getattr(part, field.name), f"{path}{field.name}"
        if is_dataclass(value):
            yield from _named_arrays(value, f"{name}/")
        elif isinstance(value, list):
            yield from ((f"{name}/{i}", np.asarray(each)) for i, each in enumerate(value))
        elif value is not None:
            array = np.ascontiguousarray(value).reshape(np.shape(value))
            yield name, array.astype(str) if array.dtype == object else array


def _compiled_of_arrays(arrays: Mapping[str, np.ndarray], path: str = "") -> CompiledClassifier:
    """The compiled classifier from its named arrays."""
    scores = _of(NormalScores, arrays, f"{path}linear_/scores/")
    joint = _of(JointNormal, arrays, f"{path}linear_/joint/")
    linear = _of(LinearModel, arrays, f"{path}linear_/", scores=scores, joint=joint)
    decisions = _of(Decisions, arrays, f"{path}branches/decisions/")
    branches = _of(Branches, arrays, f"{path}branches/", decisions=decisions)
    background, auxiliary = f"{path}background/", f"{path}auxiliary_/"
    return _of(
        CompiledClassifier,
        arrays,
        path,
        linear_=linear,
        branches=branches,
        confidence=float(arrays[f"{path}confidence"]),
        n_distinct_patients_=int(arrays[f"{path}n_distinct_patients_"]),
        unmodelled_threshold_=float(arrays[f"{path}unmodelled_threshold_"]),
        subgroup_offsets_=_numbered(arrays, f"{path}subgroup_offsets_"),
        venn_abers_grids_=_numbered(arrays, f"{path}venn_abers_grids_"),
        auxiliary_=_compiled_of_arrays(arrays, auxiliary)
        if any(name.startswith(auxiliary) for name in arrays)
        else None,
        background=_of(Background, arrays, background, n_patients=int(arrays[f"{background}n_patients"]))
        if any(name.startswith(background) for name in arrays)
        else None,
    )


def _of(kind: type[_Arrays], arrays: Mapping[str, np.ndarray], path: str, **known: Any) -> _Arrays:
    """A dataclass from its named arrays; text arrays become object arrays, as in pandas."""
    given = {field.name: arrays[f"{path}{field.name}"] for field in fields(kind) if field.name not in known}  # type: ignore[arg-type]
    texts = {name: array.astype(object) for name, array in given.items() if array.dtype.kind == "U"}
    return kind(**given | texts | known)


def _numbered(arrays: Mapping[str, np.ndarray], name: str) -> Sequence[np.ndarray]:
    n = sum(key.startswith(f"{name}/") for key in arrays)
    return [arrays[f"{name}/{i}"] for i in range(n)]
