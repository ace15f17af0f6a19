"""The classifier, its calibration, its prediction sets, and the adherence gate."""

from __future__ import annotations

from asthma_ml.classifier.adherence_gate import GATES, adherence_gate
from asthma_ml.classifier.columns import first_names, refuse_without_features
from asthma_ml.classifier.encoding import align_features, encode_features, unknown_levels
from asthma_ml.classifier.patterns import joined, text_of_patterns
from asthma_ml.classifier.phenotype_classifier import Assessment, PhenotypeClassifier

__all__ = [
    "GATES",
    "Assessment",
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
