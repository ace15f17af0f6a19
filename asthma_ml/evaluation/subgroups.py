"""Calibration and coverage by subgroup.

A model that is calibrated on average can be overconfident in smokers and underconfident in patients on oral steroids.
Small subgroups are counted without estimates, because their intervals are too wide to be useful.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.special import expit, logit
from sklearn.linear_model import LogisticRegression

from asthma_ml.intervals import proportion
from asthma_ml.variables import SITE
from asthma_ml.wording import percent, percent_with_interval

FEWEST_OF_EACH_CLASS = 20
"""Patients with and without the class that an estimate of calibration needs. A precise calibration curve needs 100 to
200 of each (Collins 2016, 10.1002/sim.6787; Van Calster 2016, 10.1016/j.jclinepi.2015.12.005); with 20 the intervals
are wide."""

FEWEST_OF_A_SITE = 10
"""Patients below which a site is not reported by name."""

LEAST_UNDERCOVERAGE = 0.015
"""Difference between nominal and empirical coverage from which a warning is given."""

NOT_RECORDED = "not recorded"
SMALL_SITES = "small sites"
AGE_BANDS = {"under 40 years": 0.0, "40 to 64 years": 40.0, "65 years and over": 65.0}

_CLIP = 1e-9


def subgroups_of(table: pd.DataFrame) -> dict[str, pd.Series[str]]:
    """Subgroup of each patient, for each characteristic that the table has.

    Parameters
    ----------
    table : DataFrame of shape (n_patients, n_columns)
        Columns of the data dictionary.

    Returns
    -------
    dict of str to Series of shape (n_patients,)
        Sex, age band, ancestry, smoking, oral steroids and site, where the table has the column.

    Examples
    --------
    >>> patients = pd.DataFrame({"age_years": [39, 40, None], "ocs_dose_mg_day": [0, 5, 10]})
    >>> {name: groups.tolist() for name, groups in subgroups_of(patients).items()}  # doctest: +NORMALIZE_WHITESPACE
    {'age': ['under 40 years', '40 to 64 years', 'not recorded'],
     'oral steroids': ['none', 'maintenance', 'maintenance']}
    """
    found = {
        name: table[column].astype(object).where(table[column].notna(), NOT_RECORDED).astype(str)
        for name, column in (("sex", "sex"), ("ancestry", "ancestry"), ("smoking", "smoking_status"))
        if column in table
    }
    if "age_years" in table:
        found["age"] = _banded(table["age_years"], AGE_BANDS)
    if "ocs_dose_mg_day" in table:
        found["oral steroids"] = _banded(table["ocs_dose_mg_day"], {"none": 0.0, "maintenance": _CLIP})
    if SITE in table:
        found["site"] = _sites(table[SITE])
    return found


def _banded(values: pd.Series[Any], bands: Mapping[str, float]) -> pd.Series[str]:
    """Name of the band that contains each value."""
    numbers = values.to_numpy(dtype=float, na_value=np.nan)
    names = np.array([*bands, NOT_RECORDED], dtype=object)
    place = np.digitize(numbers, list(bands.values())) - 1
    return pd.Series(names[np.where(np.isnan(numbers) | (place < 0), len(bands), place)], index=values.index, dtype=str)


def _sites(column: pd.Series[Any]) -> pd.Series[str]:
    names = column.astype(object).where(column.notna(), NOT_RECORDED).astype(str)
    size = names.map(names.value_counts())
    return names.where((size >= FEWEST_OF_A_SITE) | (names == NOT_RECORDED), SMALL_SITES)


def calibration(positive: NDArray[np.bool_], probability: NDArray[Any]) -> dict[str, Any]:
    """Calibration slope, intercept and calibration-in-the-large of one class, with 95 % Wald intervals.

    Parameters
    ----------
    positive : ndarray of bool of shape (n_patients,)
        Patients of the class; some are and some are not.
    probability : ndarray of shape (n_patients,)
        Predicted probability of the class.

    Returns
    -------
    dict
        `observed`, the proportion of the class, and `predicted`, the mean probability; `in_the_large`, the log-odds by
        which the outcome exceeds the prediction (ideal: 0); `slope` (ideal: 1; overconfident below) and
        `intercept` of the outcome on the predicted log-odds; each of the three with `value`, `lower` and `upper`.

    References
    ----------
    Van Calster 2019, 10.1186/s12916-019-1466-7.

    Examples
    --------
    >>> found = calibration(np.repeat([True, False], [60, 40]), np.full(100, 0.5) + np.linspace(-0.1, 0.1, 100))
    >>> found["observed"], round(found["in_the_large"]["value"], 2)
    (0.6, 0.41)
    """
    log_odds = logit(np.clip(probability, _CLIP, 1 - _CLIP))
    large = float(brentq(lambda shift: float(np.mean(expit(log_odds + shift) - positive)), -40.0, 40.0))
    variance = expit(log_odds + large) * expit(-log_odds - large)
    return {
        "observed": float(positive.mean()),
        "predicted": float(probability.mean()),
        "in_the_large": _wald(large, 1 / np.sqrt(variance.sum())),
        **_line(positive, log_odds),
    }


def _line(positive: NDArray[np.bool_], log_odds: NDArray[Any]) -> dict[str, dict[str, float]]:
    """Slope and intercept of the outcome on the predicted log-odds."""
    fitted = LogisticRegression(C=np.inf, tol=1e-8, max_iter=1000).fit(log_odds[:, None], positive)
    predicted = fitted.predict_proba(log_odds[:, None])[:, 1]
    design = np.column_stack([np.ones_like(log_odds), log_odds])
    # Perfect separation has no finite slope: the information matrix is nearly singular.
    error = np.sqrt(np.diag(np.linalg.pinv(design.T @ (design * (predicted * (1 - predicted))[:, None]))))
    return {
        "slope": _wald(float(fitted.coef_[0, 0]), error[1]),
        "intercept": _wald(float(fitted.intercept_[0]), error[0]),
    }


def _wald(value: float, error: float) -> dict[str, float]:
    return {"value": value, "lower": float(value - 1.96 * error), "upper": float(value + 1.96 * error)}


def evaluate_subgroups(
    table: pd.DataFrame,
    codes: NDArray[np.intp],
    probability: NDArray[Any],
    in_set: NDArray[np.bool_],
    classes: list[str],
    of_class: int,
) -> list[dict[str, Any]]:
    """Calibration of one class and coverage of the prediction sets, in all patients and in each subgroup.

    Parameters
    ----------
    table : DataFrame of shape (n_patients, n_columns)
        Columns of the data dictionary.
    codes : ndarray of shape (n_patients,)
        Index of the true class of each patient.
    probability : ndarray of shape (n_patients, n_classes)
        Predicted probabilities.
    in_set : ndarray of bool of shape (n_patients, n_classes)
        Prediction sets.
    classes : list of str
        Names of the classes.
    of_class : int
        Index of the class whose calibration is estimated.

    Returns
    -------
    list of dict
        For each subgroup `characteristic`, `subgroup`, `n`, `n_positive`; `calibration`, from `calibration`, or None
        where the class or the rest has fewer than `FEWEST_OF_EACH_CLASS` patients; and `coverage`: for all patients
        and for each class `n` and, of at least `FEWEST_OF_EACH_CLASS`, the proportion of sets that contain the true
        class, with a Wilson interval.
    """
    covered = in_set[np.arange(len(codes)), codes]
    rows = []
    for characteristic, subgroup, member in _members(table.reset_index(drop=True)):
        positive = codes[member] == of_class
        enough = min(positive.sum(), (~positive).sum()) >= FEWEST_OF_EACH_CLASS
        rows.append(
            {
                "characteristic": characteristic,
                "subgroup": subgroup,
                "n": int(member.sum()),
                "n_positive": int(positive.sum()),
                "calibration": calibration(positive, probability[member, of_class]) if enough else None,
                "coverage": _coverage(covered[member], codes[member], classes),
            }
        )
    return rows


def coverage_warnings(row: Mapping[str, Any], nominal: float) -> list[str]:
    """Warnings about classes whose empirical coverage is below the nominal coverage.

    Parameters
    ----------
    row : Mapping
        Of all patients, from `evaluate_subgroups`.
    nominal : float
        Nominal coverage.

    Returns
    -------
    list of str
        A line for each class whose whole interval lies below the nominal coverage and whose estimate is lower by
        `LEAST_UNDERCOVERAGE` or more.

    Examples
    --------
    >>> row = {"coverage": {"th2_high": {"n": 500, "value": 0.82, "lower": 0.78, "upper": 0.85}}}
    >>> coverage_warnings(row, 0.9)
    ['empirical coverage of th2_high 82 % (95 % CI 78 to 85 %), below the nominal 90 %']
    """
    return [
        f"empirical coverage of {name} {percent_with_interval(found, label='95 % CI ')}, below the nominal "
        f"{percent(nominal)}"
        for name, found in row["coverage"].items()
        if name != "all"
        and "value" in found
        and found["upper"] < nominal
        and found["value"] <= nominal - LEAST_UNDERCOVERAGE
    ]


def _members(table: pd.DataFrame) -> Iterator[tuple[str, str, NDArray[np.bool_]]]:
    yield "all", "all", np.ones(len(table), dtype=bool)
    for characteristic, groups in subgroups_of(table).items():
        for name in sorted(groups.unique()):
            yield characteristic, name, (groups == name).to_numpy()


def _coverage(covered: NDArray[np.bool_], codes: NDArray[np.intp], classes: list[str]) -> dict[str, Any]:
    parts = {"all": covered} | {name: covered[codes == k] for k, name in enumerate(classes)}
    return {
        name: {"n": len(part)} | (proportion(part) if len(part) >= FEWEST_OF_EACH_CLASS else {})
        for name, part in parts.items()
    }
