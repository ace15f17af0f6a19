"""The compiled classifier in a model file: named arrays that are read without scikit-learn."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

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
    verified_member,
)
from asthma_ml.model_files.arrays import arrays_of_bytes, bytes_of_arrays, numbered, of_arrays, refuse_other_names
from asthma_ml.model_files.mechanisms import MECHANISMS, read_mechanisms
from asthma_ml.model_files.soundness import refuse_unsound_arrays

COMPILED = "compiled.npz"


def read_compiled(
    card: Mapping[str, Any], members: Mapping[str, bytes], source: str, *, mechanisms: bool = True
) -> CompiledClassifier:
    """Rebuild the compiled classifier from the members of a model file, after every check."""
    check_card(card, source)
    content = verified_member(members, COMPILED, card, source)
    try:
        arrays = arrays_of_bytes(content)
        compiled = _compiled_of_arrays(arrays)
        refuse_other_names(compiled, arrays)
        refuse_unsound_arrays(compiled)
    except Exception as error:
        raise ModelFileError(f"{source}: damaged, the compiled model cannot be read ({first_line(error)})") from error
    check_agreement(compiled, card, source)
    check_self_test(compiled, card, source)
    if mechanisms and MECHANISMS in members:
        return replace(compiled, mechanisms_=read_mechanisms(card, members, source))
    return compiled


def compiled_member(compiled: CompiledClassifier) -> bytes:
    """Return the arrays of a compiled classifier; equal arrays give equal bytes."""
    return bytes_of_arrays(replace(compiled, mechanisms_=None))


def _compiled_of_arrays(arrays: Mapping[str, np.ndarray], path: str = "") -> CompiledClassifier:
    """The compiled classifier from its named arrays."""
    scores = of_arrays(NormalScores, arrays, f"{path}linear_/scores/")
    joint = of_arrays(JointNormal, arrays, f"{path}linear_/joint/")
    linear = of_arrays(LinearModel, arrays, f"{path}linear_/", scores=scores, joint=joint)
    decisions = of_arrays(Decisions, arrays, f"{path}branches/decisions/")
    branches = of_arrays(Branches, arrays, f"{path}branches/", decisions=decisions)
    background, auxiliary = f"{path}background/", f"{path}auxiliary_/"
    return of_arrays(
        CompiledClassifier,
        arrays,
        path,
        linear_=linear,
        branches=branches,
        confidence=float(arrays[f"{path}confidence"]),
        n_distinct_patients_=int(arrays[f"{path}n_distinct_patients_"]),
        unmodelled_threshold_=float(arrays[f"{path}unmodelled_threshold_"]),
        subgroup_offsets_=numbered(arrays, f"{path}subgroup_offsets_"),
        venn_abers_grids_=numbered(arrays, f"{path}venn_abers_grids_"),
        mechanisms_=None,
        auxiliary_=_compiled_of_arrays(arrays, auxiliary)
        if any(name.startswith(auxiliary) for name in arrays)
        else None,
        background=of_arrays(Background, arrays, background, n_patients=int(arrays[f"{background}n_patients"]))
        if any(name.startswith(background) for name in arrays)
        else None,
    )
