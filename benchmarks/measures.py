"""Patients, losses and tables that several benchmark scripts share."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from asthma_ml import generate_cohort
from asthma_ml.cohort import DEFAULT_PRESET, FACTOR_REFERENCES, Preset
from asthma_ml.variables import LABEL, TWO_CLASSES

POSITIVE = TWO_CLASSES[0]


def two_class_patients(n_patients: int, seed: int, preset: str | Preset = DEFAULT_PRESET) -> pd.DataFrame:
    """Observed columns of patients of the default two classes."""
    return generate_cohort(n_patients, seed, preset, where=f"{LABEL} in {list(TWO_CLASSES)}").observed


def backgrounds(n_patients: int, seed: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Patients of the two classes, and patients in whom every factor is at its reference."""
    everything = {name: value for do in FACTOR_REFERENCES.values() for name, value in do.items()}
    usual, reference = (generate_cohort(n_patients, seed, do=do).observed for do in ({}, everything))
    return usual[usual[LABEL].isin(TWO_CLASSES)], reference


def in_order(probability: np.ndarray, classes: Iterable[str]) -> np.ndarray:
    """Probabilities in the order of `TWO_CLASSES`."""
    return probability[:, [list(classes).index(name) for name in TWO_CLASSES]]


def log_losses(probability: np.ndarray, labels: pd.Series) -> np.ndarray:
    """Log-loss of each patient [nats]; columns in the order of `TWO_CLASSES`."""
    place = np.array([TWO_CLASSES.index(label) for label in labels])
    return -np.log(probability[np.arange(len(place)), place])


def divergences(limit: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Expected excess log-loss of each patient over the Bayes limit [nats]: the divergence of Kullback and Leibler."""
    return np.asarray((limit * np.log(limit / other)).sum(axis=1))


def standard_error(values: np.ndarray) -> float:
    """Standard error of a mean over patients."""
    return float(np.std(values) / len(values) ** 0.5)


class ResultFile:
    """Results in a CSV file, saved after each measurement; what it holds is not measured again.

    Parameters
    ----------
    path : Path
        The file, which need not exist.
    key : tuple of str
        Columns that identify a measurement.
    """

    def __init__(self, path: Path, key: tuple[str, ...]) -> None:
        self.path, self.key = path, key
        self.rows: list[dict[str, Any]] = pd.read_csv(path).to_dict("records") if path.exists() else []
        self._measured = {tuple(row[name] for name in key) for row in self.rows}

    def __contains__(self, key: tuple[Any, ...]) -> bool:
        """Whether a measurement is in the file."""
        return key in self._measured

    def append(self, row: dict[str, Any]) -> None:
        """Add a measurement and save the file."""
        self.rows.append(row)
        self._measured.add(tuple(row[name] for name in self.key))
        pd.DataFrame(self.rows).round(6).to_csv(self.path, index=False)

    def table(self) -> pd.DataFrame:
        """Return all measurements."""
        return pd.DataFrame(self.rows)


def markdown_table(head: list[str], rows: Iterable[list[str]]) -> str:
    """Table in Markdown."""
    return "\n".join("| " + " | ".join(line) + " |" for line in [head, ["---"] * len(head), *rows]) + "\n"
