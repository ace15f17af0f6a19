"""From a labelled table of patients to a classifier with its held-out metrics and its card."""

from __future__ import annotations

from asthma_ml.training.labels import LABEL_RULES, LabelledPatients, LabelRule, at_least, labelled_patients
from asthma_ml.training.train import TrainedClassifier, recalibrate_classifier, train_classifier

__all__ = [
    "LABEL_RULES",
    "LabelRule",
    "LabelledPatients",
    "TrainedClassifier",
    "at_least",
    "labelled_patients",
    "recalibrate_classifier",
    "train_classifier",
]
