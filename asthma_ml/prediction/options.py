"""Options of `predict`. The command line reads them without loading a model."""

from __future__ import annotations

from typing import Literal, get_args

from asthma_ml.errors import UnusableInputError

Explain = Literal["none", "factors", "features", "mechanisms"]
EXPLAIN: tuple[str, ...] = get_args(Explain)
"""Levels of explanation, coarsest first; mechanisms are explained by causes beside the SHAP values of factors."""

CHUNK_ROWS = 20_000
"""Rows that each thread holds in memory at a time."""


def refuse_unknown_explain(explain: str) -> None:
    """Raise UnusableInputError if `explain` is not one of `EXPLAIN`."""
    if explain not in EXPLAIN:
        raise UnusableInputError(f"explain={explain!r}: allowed are {', '.join(EXPLAIN)}")
