"""The mechanism regression in a model file: a member of its own, for both forms of a model."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from asthma_ml.classifier import Branches, Decisions, MechanismRegression
from asthma_ml.errors import ModelFileError
from asthma_ml.model_files.archive import first_line, verified_member
from asthma_ml.model_files.arrays import arrays_of_bytes, of_arrays, refuse_other_names
from asthma_ml.model_files.soundness import refuse_unsound_mechanisms

MECHANISMS = "mechanisms.npz"


def read_mechanisms(card: Mapping[str, Any], members: Mapping[str, bytes], source: str) -> MechanismRegression:
    """Rebuild the mechanism regression from the members of a model file, after every check."""
    content = verified_member(members, MECHANISMS, card, source)
    try:
        arrays = arrays_of_bytes(content)
        decisions = of_arrays(Decisions, arrays, "branches/decisions/")
        branches = of_arrays(Branches, arrays, "branches/", decisions=decisions)
        found = of_arrays(MechanismRegression, arrays, "", branches=branches, preset=_name(arrays["preset"]))
        refuse_other_names(found, arrays)
        refuse_unsound_mechanisms(found, len(card["classes"]), len(card["feature_names"]))
    except Exception as error:
        raise ModelFileError(f"{source}: damaged, the mechanisms cannot be read ({first_line(error)})") from error
    return found


def _name(array: np.ndarray) -> str:
    """Name of the preset."""
    if array.dtype.kind != "U" or array.shape:
        raise ValueError("the name of its preset is no text")
    return str(array)
