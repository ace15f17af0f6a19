"""How good the model is, and how close the cohort is to the literature."""

from asthma_ml.evaluation.metrics import evaluate_model

__all__ = ["evaluate_model"]
