"""How close a generated cohort is to the published figures, each with its own tolerance.

The tolerance is the published interval; where none is given, the sampling error of the published
number of patients; and where several cohorts report the same quantity, the span of all of them.
"""

from __future__ import annotations

import math
import re
import tomllib
from collections.abc import Callable, Iterable, Mapping
from functools import cache
from importlib.resources import files
from typing import Any

import numpy as np
import pandas as pd

from asthma_ml.cohort import generate_cohort
from asthma_ml.cohort.presets import DEFAULT_PRESET, preset_named
from asthma_ml.evaluation.statistics import compute, statistic
from asthma_ml.evidence import evidence_table

COLUMNS = (
    "id",
    "mechanism",
    "preset",
    "quantity",
    "published",
    "lower",
    "upper",
    "generated",
    "within",
    "reason",
)
TWO_SIDED = 1.96
MEDIAN_AGAINST_MEAN = 1.2533
QUARTILE_OF_NORMAL = 0.6745
SPREAD_NOT_ERROR = re.compile(r"\bSD\b|\bIQR\b|quartile|min-max")
NOT_EXPRESSED = {
    "threshold": "a cut-off by definition, not a property of patients",
    "trial_effect": "a before-and-after effect: not expressed by this version",
}
Interval = tuple[float, float]


@cache
def published_recipes() -> Mapping[str, Mapping[str, Any]]:
    """How each expressed figure is computed, by its id in the evidence table."""
    text = files("asthma_ml.evaluation").joinpath("published_figures.toml").read_text(encoding="utf-8")
    return tomllib.loads(text)


def fidelity(preset: str = DEFAULT_PRESET, n_patients: int = 20_000, seed: int = 1) -> pd.DataFrame:
    """Generated against published, for every row of the evidence table.

    Parameters
    ----------
    preset : str
        Cohort to generate; figures that name another population are computed on the preset that
        stands for it.
    n_patients : int
        Patients in each cohort.
    seed : int
        Seed of the cohorts.

    Returns
    -------
    DataFrame
        Columns id, mechanism, preset, quantity, published, lower, upper, generated, within, reason.
        `within` is True or False, missing where the figure is not expressed or published without
        any measure of its error; `reason` then says why.

    Examples
    --------
    >>> table = fidelity(n_patients=2_000).set_index("id")
    >>> bool(table.loc["COH007", "within"])
    True
    """
    presets = {recipe.get("preset", preset) for recipe in published_recipes().values()}
    tables = {name: generate_cohort(n_patients, seed, preset_named(name)).observed for name in sorted(presets)}
    rows = [_row(figure, tables, preset) for figure in evidence_table().itertuples()]
    return pd.DataFrame(rows, columns=list(COLUMNS))


def _row(figure: Any, tables: Mapping[str, pd.DataFrame], preset: str) -> tuple[Any, ...]:
    start = (figure.Index, figure.mechanism)
    recipe = published_recipes().get(figure.Index)
    if recipe is None:
        reason = NOT_EXPRESSED.get(figure.kind, "not expressed by this version")
        return (*start, "", figure.quantity, figure.value, np.nan, np.nan, np.nan, None, reason)
    name = recipe.get("preset", preset)
    generated = compute(tables[name], recipe)
    lower, upper = tolerance(figure.Index)
    judged = lower < upper
    within = bool(lower <= generated <= upper) if judged else None
    reason = "" if judged else "published without an interval or a number of patients"
    return (*start, name, figure.quantity, figure.value, lower, upper, generated, within, reason)


def tolerance(figure_id: str) -> Interval:
    """Interval in which a generated figure counts as faithful.

    Examples
    --------
    >>> tolerance("IMM009")
    (0.85, 0.93)
    """
    group = published_recipes()[figure_id].get("group")
    same = [i for i, recipe in published_recipes().items() if group and recipe.get("group") == group]
    return _span(_own_interval(i) for i in same or [figure_id])


def _span(intervals: Iterable[Interval]) -> Interval:
    lower, upper = zip(*intervals, strict=True)
    return min(lower), max(upper)


def _own_interval(figure_id: str) -> Interval:
    """Published interval of one row, or the sampling error of its number of patients."""
    row = {str(key): value for key, value in evidence_table().loc[figure_id].to_dict().items()}
    if _has_bounds(row) and not SPREAD_NOT_ERROR.search(row["quantity"]):
        return float(row["lower"]), float(row["upper"])
    name, value = statistic(published_recipes()[figure_id])[0], float(row["value"])
    error = 0.0 if pd.isna(row["n"]) else TWO_SIDED * _standard_error(name, row, float(row["n"]))
    if name == "odds_ratio":
        return value / math.exp(error), value * math.exp(error)
    return value - error, value + error


def _has_bounds(row: Mapping[str, Any]) -> bool:
    return not (pd.isna(row["lower"]) or pd.isna(row["upper"]))


def _standard_error(name: str, row: Mapping[str, Any], n: float) -> float:
    """Sampling error of a statistic in `n` patients [unit of the figure; log for an odds ratio]."""
    value = float(row["value"])
    proportion = value / 100
    known: dict[str, Callable[[], float]] = {
        "share": lambda: 100 * math.sqrt(proportion * (1 - proportion) / n),
        "share_of_alleles": lambda: 100 * math.sqrt(proportion * (1 - proportion) / (2 * n)),
        "frequency": lambda: math.sqrt(value * (1 - value) / (2 * n)),
        "correlation": lambda: (1 - value**2) / math.sqrt(n - 1),
        "auc": lambda: _auc_error(value, n),
        "odds_ratio": lambda: 4 / math.sqrt(n),
        "median": lambda: MEDIAN_AGAINST_MEAN * _published_sd(row) / math.sqrt(n),
    }
    return known.get(name, lambda: _published_sd(row) / math.sqrt(n))()


def _published_sd(row: Mapping[str, Any]) -> float:
    """Standard deviation of a row: from its text, its mean +/- SD bounds or its quartiles; 0 if it has none."""
    if found := re.search(r"SD (\d+\.?\d*)", row["quantity"]):
        return float(found.group(1))
    if not _has_bounds(row):
        return 0.0
    half = (float(row["upper"]) - float(row["lower"])) / 2
    return half / QUARTILE_OF_NORMAL if "IQR" in row["quantity"] else half


def _auc_error(value: float, n: float) -> float:
    """Hanley and McNeil 1982 (10.1148/radiology.143.1.7063747), with cases and controls in equal number."""
    q1, q2, half = value / (2 - value), 2 * value**2 / (1 + value), n / 2
    variance = value * (1 - value) + (half - 1) * (q1 - value**2) + (half - 1) * (q2 - value**2)
    return math.sqrt(variance / half**2)
