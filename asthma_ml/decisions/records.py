"""Columns of a table of patients that may lack them."""

from __future__ import annotations

import numpy as np
import pandas as pd


def numbers(patients: pd.DataFrame, name: str) -> np.ndarray:
    """Values of a numeric column, NaN where missing."""
    if name not in patients:
        return np.full(len(patients), np.nan)
    return patients[name].to_numpy(dtype=float, na_value=np.nan)


def texts(patients: pd.DataFrame, name: str) -> np.ndarray:
    """Levels of a text column, empty where missing."""
    if name not in patients:
        return np.full(len(patients), "", dtype=object)
    return patients[name].astype(object).where(patients[name].notna(), "").to_numpy()
