"""The classifier, its calibration, its prediction sets, and the adherence gate."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from asthma_ml.classifier.adherence_gate import GATES, adherence_gate
from asthma_ml.classifier.assessment import Assessment, Classifier
from asthma_ml.classifier.columns import first_names, refuse_without_features
from asthma_ml.classifier.encoding import align_features, encode_features, unknown_levels
from asthma_ml.classifier.patterns import joined, text_of_patterns

if TYPE_CHECKING:
    from asthma_ml.classifier.phenotype_classifier import PhenotypeClassifier

__all__ = [
    "GATES",
    "Assessment",
    "Classifier",
    "PhenotypeClassifier",
    "adherence_gate",
    "align_features",
    "encode_features",
    "first_names",
    "joined",
    "refuse_without_features",
    "text_of_patterns",
    "unknown_levels",
]


def __getattr__(name: str) -> Any:
    # The estimator waits until it is asked for: scikit-learn is slow to import, and what is compiled does without.
    if name == "PhenotypeClassifier":
        from asthma_ml.classifier.phenotype_classifier import PhenotypeClassifier

        return PhenotypeClassifier
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
