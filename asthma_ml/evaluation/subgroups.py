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

from asthma_ml.intervals import PatientRows, design_effect, proportion
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


def subgroups_of(table: pd.DataFrame, rows: PatientRows | None = None) -> dict[str, pd.Series[str]]:
    """Subgroup of each row, for each characteristic that the table has.

    Parameters
    ----------
    table : DataFrame of shape (n_rows, n_columns)
        Columns of the data dictionary.
    rows : PatientRows, optional
        Patient and weight of each row; by default each row is a patient.

    Returns
    -------
    dict of str to Series of shape (n_rows,)
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
        found["site"] = _sites(table[SITE], PatientRows.single(len(table)) if rows is None else rows)
    return found


def _banded(values: pd.Series[Any], bands: Mapping[str, float]) -> pd.Series[str]:
    """Name of the band that contains each value."""
    numbers = values.to_numpy(dtype=float, na_value=np.nan)
    names = np.array([*bands, NOT_RECORDED], dtype=object)
    place = np.digitize(numbers, list(bands.values())) - 1
    return pd.Series(names[np.where(np.isnan(numbers) | (place < 0), len(bands), place)], index=values.index, dtype=str)


def _sites(column: pd.Series[Any], rows: PatientRows) -> pd.Series[str]:
    names = column.astype(object).where(column.notna(), NOT_RECORDED).astype(str)
    of_patients = pd.DataFrame({"site": names.to_numpy(), "patient": rows.patient}).drop_duplicates()
    size = names.map(of_patients["site"].value_counts())
    return names.where((size >= FEWEST_OF_A_SITE) | (names == NOT_RECORDED), SMALL_SITES)


def log_odds_of(probability: NDArray[Any]) -> NDArray[Any]:
    """Log-odds of each probability, finite also for 0 and 1."""
    return np.asarray(logit(np.clip(probability, _CLIP, 1 - _CLIP)))


def calibration(
    positive: NDArray[np.bool_], probability: NDArray[Any], rows: PatientRows | None = None
) -> dict[str, Any]:
    """Calibration slope, intercept and calibration-in-the-large of one class, with 95 % Wald intervals.

    Parameters
    ----------
    positive : ndarray of bool of shape (n_rows,)
        Rows of the class; some are and some are not.
    probability : ndarray of shape (n_rows,)
        Predicted probability of the class.
    rows : PatientRows, optional
        Patient and weight of each row; by default each row is a patient.

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
    rows = PatientRows.single(len(positive)) if rows is None else rows
    log_odds = log_odds_of(probability)
    large = float(brentq(lambda shift: rows.mean(expit(log_odds + shift) - positive), -40.0, 40.0))
    predicted = expit(log_odds + large)
    information = rows.weight @ (predicted * expit(-log_odds - large))
    return {
        "observed": rows.mean(positive),
        "predicted": rows.mean(probability),
        "in_the_large": _wald(large, np.sqrt(design_effect(positive - predicted, rows) / information)),
        **calibration_line(positive, probability, rows),
    }


def calibration_line(
    positive: NDArray[np.bool_], probability: NDArray[Any], rows: PatientRows
) -> dict[str, dict[str, float]]:
    """Slope and intercept of the outcome on the predicted log-odds, see `calibration`."""
    log_odds = log_odds_of(probability)
    fitted = LogisticRegression(C=np.inf, tol=1e-8, max_iter=1000).fit(log_odds[:, None], positive, rows.weight)
    predicted = fitted.predict_proba(log_odds[:, None])[:, 1]
    design = np.column_stack([np.ones_like(log_odds), log_odds])
    # Perfect separation has no finite slope: the information matrix is nearly singular.
    weight = rows.weight * predicted * (1 - predicted)
    covariance = np.linalg.pinv(design.T @ (design * weight[:, None]))
    influence = (design * (positive - predicted)[:, None]) @ covariance
    error = np.sqrt(np.diag(covariance) * design_effect(influence, rows))
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
    rows: PatientRows | None = None,
) -> list[dict[str, Any]]:
    """Calibration of one class and coverage of the prediction sets, in all patients and in each subgroup.

    Parameters
    ----------
    table : DataFrame of shape (n_rows, n_columns)
        Columns of the data dictionary.
    codes : ndarray of shape (n_rows,)
        Index of the true class of each row.
    probability : ndarray of shape (n_rows, n_classes)
        Predicted probabilities.
    in_set : ndarray of bool of shape (n_rows, n_classes)
        Prediction sets.
    classes : list of str
        Names of the classes.
    of_class : int
        Index of the class whose calibration is estimated.
    rows : PatientRows, optional
        Patient and weight of each row; by default each row is a patient.

    Returns
    -------
    list of dict
        For each subgroup `characteristic`, `subgroup`, `n` (and `n_rows`, if it is another), `n_positive`;
        `calibration`, from `calibration`, or None
        where the class or the rest has fewer than `FEWEST_OF_EACH_CLASS` patients; and `coverage`: for all patients
        and for each class `n` and, of at least `FEWEST_OF_EACH_CLASS`, the proportion of sets that contain the true
        class, with a Wilson interval.
    """
    rows = PatientRows.single(len(codes)) if rows is None else rows
    covered = in_set[np.arange(len(codes)), codes]
    found = []
    for characteristic, subgroup, member in _members(table.reset_index(drop=True), rows):
        positive, of_rows = codes[member] == of_class, rows.take(member)
        n_positive, n_negative = of_rows.n_patients_where(positive), of_rows.n_patients_where(~positive)
        enough = min(n_positive, n_negative) >= FEWEST_OF_EACH_CLASS
        found.append(
            {
                "characteristic": characteristic,
                "subgroup": subgroup,
                **of_rows.counts,
                "n_positive": n_positive,
                "calibration": calibration(positive, probability[member, of_class], of_rows) if enough else None,
                "coverage": _coverage(covered[member], codes[member], classes, of_rows),
            }
        )
    return found


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


def _members(table: pd.DataFrame, rows: PatientRows) -> Iterator[tuple[str, str, NDArray[np.bool_]]]:
    yield "all", "all", np.ones(len(table), dtype=bool)
    for characteristic, groups in subgroups_of(table, rows).items():
        for name in sorted(groups.unique()):
            yield characteristic, name, (groups == name).to_numpy()


def _coverage(
    covered: NDArray[np.bool_], codes: NDArray[np.intp], classes: list[str], rows: PatientRows
) -> dict[str, Any]:
    parts = {"all": np.ones(len(codes), dtype=bool)} | {name: codes == k for k, name in enumerate(classes)}
    found = {}
    for name, part in parts.items():
        of_rows = rows.take(part)
        enough = of_rows.n_patients >= FEWEST_OF_EACH_CLASS
        found[name] = of_rows.counts | (proportion(covered[part], of_rows) if enough else {})
    return found
