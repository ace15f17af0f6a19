"""Tables of predictions: of a table in memory, or of a file of any size."""

from __future__ import annotations

from asthma_ml.explanation import STATUSES
from asthma_ml.prediction.files import PredictedFile, predict_file
from asthma_ml.prediction.shift import Departure, departures, said_of_departures, sums_of_table
from asthma_ml.prediction.tables import (
    Explain,
    calls_by_label,
    missing_features,
    predict_table,
    refuse_table_without_features,
)

__all__ = [
    "STATUSES",
    "Departure",
    "Explain",
    "PredictedFile",
    "calls_by_label",
    "departures",
    "missing_features",
    "predict_file",
    "predict_table",
    "refuse_table_without_features",
    "said_of_departures",
    "sums_of_table",
]
