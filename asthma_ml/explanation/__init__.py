"""Explanations of predictions: exact Shapley values, documented factors, sentences, figures."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from asthma_ml.explanation.attribution import explained_classes
from asthma_ml.explanation.calls import DOUBTS, MINIMUM_PROBABILITY, STATUSES, Calls, judge_calls, not_considered
from asthma_ml.explanation.compiled_classifier import (
    CompiledClassifier,
    compile,  # noqa: A004
    compiled_where_possible,
)
from asthma_ml.explanation.explanations import ADDITIVITY_TOLERANCE, Explanation, explain, explain_encoded

if TYPE_CHECKING:
    from asthma_ml.explanation.dependence_plot import dependence_figure
    from asthma_ml.explanation.figures import cohort_figure, interaction_figure

__all__ = [
    "ADDITIVITY_TOLERANCE",
    "DOUBTS",
    "MINIMUM_PROBABILITY",
    "STATUSES",
    "Calls",
    "CompiledClassifier",
    "Explanation",
    "cohort_figure",
    "compile",
    "compiled_where_possible",
    "dependence_figure",
    "explain",
    "explain_encoded",
    "explained_classes",
    "interaction_figure",
    "judge_calls",
    "not_considered",
]

_FIGURES = {"cohort_figure": "figures", "interaction_figure": "figures", "dependence_figure": "dependence_plot"}


def __getattr__(name: str) -> Any:
    # The figures wait until they are asked for: matplotlib is slow to import.
    if name in _FIGURES:
        return getattr(import_module(f"asthma_ml.explanation.{_FIGURES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
