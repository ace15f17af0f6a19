"""Which inflammation drives treatment-resistant severe asthma: cohort, classifier, explanations.

Research software, not a medical device. SHAP values explain the model, not the disease.

The public names are imported when they are first used, so that ``import asthma_ml`` is quick and
loads neither scikit-learn nor shap nor matplotlib.

Examples
--------
>>> import asthma_ml as aml
>>> aml.data_dictionary()["feno_ppb"].unit
'ppb'
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from asthma_ml.classifier import PhenotypeClassifier
    from asthma_ml.cohort import generate_cohort
    from asthma_ml.compiled_files import load_compiled
    from asthma_ml.evaluation import evaluate_model
    from asthma_ml.explanation import CompiledClassifier, compile, explain  # noqa: A004
    from asthma_ml.model_archive import read_card
    from asthma_ml.patients import ColumnMap, read_patients
    from asthma_ml.persistence import load_model, save_model
    from asthma_ml.prediction import predict_file, predict_table
    from asthma_ml.shipped import shipped_model_path
    from asthma_ml.training import train_classifier
    from asthma_ml.variables import data_dictionary

__version__ = "0.1.0"

_MODULE_OF = {
    "ColumnMap": "patients",
    "CompiledClassifier": "explanation",
    "PhenotypeClassifier": "classifier",
    "compile": "explanation",
    "data_dictionary": "variables",
    "evaluate_model": "evaluation",
    "explain": "explanation",
    "generate_cohort": "cohort",
    "load_compiled": "compiled_files",
    "load_model": "persistence",
    "predict_file": "prediction",
    "predict_table": "prediction",
    "read_card": "model_archive",
    "read_patients": "patients",
    "save_model": "persistence",
    "shipped_model_path": "shipped",
    "train_classifier": "training",
}

__all__ = [
    "ColumnMap",
    "CompiledClassifier",
    "PhenotypeClassifier",
    "__version__",
    "compile",
    "data_dictionary",
    "evaluate_model",
    "explain",
    "generate_cohort",
    "load_compiled",
    "load_model",
    "predict_file",
    "predict_table",
    "read_card",
    "read_patients",
    "save_model",
    "shipped_model_path",
    "train_classifier",
]


def __getattr__(name: str) -> Any:
    if name not in _MODULE_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{_MODULE_OF[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
