"""Compare a generated cohort with a table of real patients.

Three comparisons, each with a target: quartiles, rank correlations, and the AUC of a classifier that distinguishes
the two tables. Real values get the detection limits and rounding of generated ones, so that their number of digits
does not identify them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import combinations
from typing import Any, TypeAlias

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.model_selection import RepeatedStratifiedKFold
from threadpoolctl import threadpool_limits

from asthma_ml.cohort import Preset, generate_cohort, record_values, usual_detection_limit
from asthma_ml.errors import UnusableInputError
from asthma_ml.intervals import weighted_auc
from asthma_ml.patients import PatientTable
from asthma_ml.spelling import with_suggestion
from asthma_ml.variables import data_dictionary

Floats: TypeAlias = NDArray[np.float64]

MARKERS = (
    "blood_eosinophils_cells_ul",
    "blood_neutrophils_cells_ul",
    "feno_ppb",
    "fev1_pct_predicted",
    "fev1_fvc_ratio",
    "total_ige_ku_l",
    "bmi_kg_m2",
    "age_years",
)
CLASSIFIER_COLUMNS = (*(name for name in MARKERS if name != "total_ige_ku_l"), "sex", "smoking_status")
COLUMNS = (
    "figure",
    "column",
    "detail",
    "n_real",
    "real",
    "lower",
    "upper",
    "generated",
    "difference",
    "goal",
    "within",
)
QUARTILES = (0.25, 0.5, 0.75)
QUARTILE_GOAL, CORRELATION_GOAL, AUC_GOAL = 0.15, 0.10, 0.70
FEWEST_PATIENTS = 50

_N_BOOTSTRAP = 100
_INTERVAL = (2.5, 97.5)
_FOLDS = 5
_REPEATS = 2
"""Repetitions of cross-validation for the classifier on all columns; a single column has one."""


def compare_with_real(
    patients: PatientTable,
    preset: str | Preset = "population_asthma",
    *,
    weights: str | None = None,
    n_patients: int = 10_000,
    seed: int = 1,
) -> pd.DataFrame:
    """Quartiles, rank correlations and distinguishability of generated and real patients.

    Parameters
    ----------
    patients : PatientTable
        Real patients, from `read_patients`.
    preset : str or Preset
        Cohort that represents the population of the real patients.
    weights : str, optional
        Column of the real table, by its own name, with survey weights. Only their ratios matter; patients with
        a weight of 0 or none are excluded.
    n_patients : int
        Number of generated patients.
    seed : int
        Seed of the cohort, of the folds and of the bootstrap.

    Returns
    -------
    DataFrame
        Columns figure (quartile, correlation or auc), column, detail (the quartile or the other
        column), n_real, real with its 95 % bootstrap interval `lower` to `upper`, generated,
        difference (relative for quartiles, absolute for correlations), goal and within. Rows of
        figure auc give the AUC of a classifier that distinguishes real from generated patients, by all columns
        and by each column. 0.5 is ideal; `real` is empty, and the interval is that of the AUC.

    Raises
    ------
    UnusableInputError
        If the column of weights is absent or not numeric, or there are too few patients.

    Examples
    --------
    >>> from asthma_ml.patients import read_patients
    >>> twins = read_patients(generate_cohort(300, seed=2, preset="population_asthma").observed)
    >>> table = compare_with_real(twins, n_patients=1_000)
    >>> bool(table.loc[table["column"] == "all columns", "within"].item())
    True
    """
    real, weight = _real(patients, weights)
    generated = generate_cohort(n_patients, seed, preset).observed
    names = [name for name in MARKERS if name in real and real[name].notna().sum() >= FEWEST_PATIENTS]
    rows = [
        *_quartile_rows(real, weight, generated, names, seed),
        *_correlation_rows(real, weight, generated, names, seed),
        *_auc_rows(real, weight, generated, seed),
    ]
    return pd.DataFrame(rows, columns=list(COLUMNS))


def weighted_quantile(values: Floats, weights: Floats, q: float | tuple[float, ...]) -> Floats:
    """Weighted quantiles, interpolated between the midpoints of the weights.

    Examples
    --------
    >>> weighted_quantile(np.array([1.0, 2.0, 3.0, 4.0, 5.0]), np.ones(5), 0.5).item()
    3.0
    >>> round(weighted_quantile(np.array([1.0, 2.0, 3.0]), np.array([1.0, 1.0, 98.0]), 0.5).item(), 1)
    3.0
    """
    order = np.argsort(values, kind="stable")
    ahead = np.cumsum(weights[order]) - weights[order] / 2
    middles, first = np.unique(values[order], return_inverse=True)
    # Tied values share the midpoint of their joint weight.
    joint = np.bincount(first, weights[order])
    centre = np.bincount(first, ahead * weights[order]) / joint
    return np.asarray(np.interp(np.asarray(q) * joint.sum(), centre, middles))


def weighted_ranks(values: Floats, weights: Floats) -> Floats:
    """Proportion of the weight below each value; ties get their midpoint.

    Examples
    --------
    >>> weighted_ranks(np.array([5.0, 1.0, 5.0, 9.0]), np.ones(4)).tolist()
    [0.5, 0.125, 0.5, 0.875]
    """
    distinct, place = np.unique(values, return_inverse=True)
    joint = np.bincount(place, weights, minlength=len(distinct))
    return np.asarray(((np.cumsum(joint) - joint / 2) / joint.sum())[place])


def weighted_rank_correlation(first: Floats, second: Floats, weights: Floats) -> float:
    """Weighted Spearman correlation.

    Examples
    --------
    >>> grows = np.array([1.0, 2.0, 3.0, 4.0])
    >>> round(weighted_rank_correlation(grows, np.exp(grows), np.ones(4)), 6)
    1.0
    """
    a, b = (_centred(weighted_ranks(values, weights), weights) for values in (first, second))
    spread = np.sqrt(np.sum(weights * a**2) * np.sum(weights * b**2))
    return float(np.sum(weights * a * b) / spread) if spread else float("nan")


def _centred(values: Floats, weights: Floats) -> Floats:
    return values - float(np.average(values, weights=weights))


def _real(patients: PatientTable, weights: str | None) -> tuple[pd.DataFrame, Floats]:
    """Recorded values of the real patients with a positive weight, and their weights."""
    weight = _weights(patients, weights)
    kept = weight > 0
    if kept.sum() < FEWEST_PATIENTS:
        raise UnusableInputError(
            f"{patients.source}: {kept.sum()} patients have a positive weight; at least {FEWEST_PATIENTS} are needed"
        )
    dictionary = data_dictionary()
    wanted = [name for name in dict.fromkeys((*MARKERS, *CLASSIFIER_COLUMNS)) if name in patients.values]
    columns = {name: patients.values.loc[kept, name] for name in wanted}
    written = {
        name: record_values(column, variable, usual_detection_limit(name)) if variable.is_numeric else column.to_numpy()
        for name, column, variable in ((name, column, dictionary[name]) for name, column in columns.items())
    }
    return pd.DataFrame(written), weight[kept] / weight[kept].mean()


def _weights(patients: PatientTable, name: str | None) -> Floats:
    if name is None:
        return np.ones(len(patients))
    if name not in patients.raw.columns:
        raise UnusableInputError(
            f"{patients.source}: no column {with_suggestion(name, patients.raw.columns)}; name one with --weights"
        )
    text = patients.raw[name].replace("", np.nan)
    weight = pd.to_numeric(text, errors="coerce").astype(float)
    wrong = (weight.isna() & text.notna()) | (weight < 0) | np.isinf(weight)
    if wrong.any():
        lines = ", ".join(str(line) for line in patients.lines[wrong.to_numpy()][:10])
        raise UnusableInputError(f"{patients.source}: {name}: weights must be numbers of 0 or more (lines {lines})")
    return np.asarray(weight.fillna(0.0))


def _quartile_rows(
    real: pd.DataFrame, weight: Floats, generated: pd.DataFrame, names: list[str], seed: int
) -> Iterator[tuple[Any, ...]]:
    for name in names:
        theirs = _complete(real, weight, [name])
        found, made = _quartiles(*theirs), _quartiles(*_complete(generated, np.ones(len(generated)), [name]))
        lower, upper = _bootstrap(_quartiles, theirs, seed)
        for k, quartile in enumerate(QUARTILES):
            difference = made[k] / found[k] - 1
            row = (len(theirs[0]), found[k], lower[k], upper[k], made[k], difference, QUARTILE_GOAL)
            yield "quartile", name, f"{quartile:.0%}", *row, bool(abs(difference) <= QUARTILE_GOAL)


def _correlation_rows(
    real: pd.DataFrame, weight: Floats, generated: pd.DataFrame, names: list[str], seed: int
) -> Iterator[tuple[Any, ...]]:
    for pair in combinations(names, 2):
        theirs = _complete(real, weight, list(pair))
        if len(theirs[0]) < FEWEST_PATIENTS:
            continue
        found = weighted_rank_correlation(*theirs)
        made = weighted_rank_correlation(*_complete(generated, np.ones(len(generated)), list(pair)))
        lower, upper = _bootstrap(weighted_rank_correlation, theirs, seed)
        row = (len(theirs[0]), found, lower, upper, made, made - found, CORRELATION_GOAL)
        yield "correlation", *pair, *row, bool(abs(made - found) <= CORRELATION_GOAL)


def _auc_rows(real: pd.DataFrame, weight: Floats, generated: pd.DataFrame, seed: int) -> Iterator[tuple[Any, ...]]:
    names = [name for name in CLASSIFIER_COLUMNS if name in real]
    theirs, ours = (table[names].notna().all(axis=1).to_numpy() for table in (real, generated))
    if theirs.sum() < FEWEST_PATIENTS:
        raise UnusableInputError(
            f"{theirs.sum()} real patients have all of {', '.join(names)}; at least {FEWEST_PATIENTS} are needed"
        )
    both = pd.concat([real.loc[theirs, names], generated.loc[ours, names]], ignore_index=True)
    is_real = np.repeat([True, False], [theirs.sum(), ours.sum()])
    w = np.r_[weight[theirs] / weight[theirs].sum(), np.full(ours.sum(), 1 / ours.sum())] * len(both) / 2
    for label, columns in (("all columns", names), *((name, [name]) for name in names)):
        repeats = 1 if len(columns) == 1 else _REPEATS
        score = _out_of_fold(pd.get_dummies(both[columns], dtype=float), is_real, w, repeats, seed)
        ranks = np.unique(score, return_inverse=True)[1]
        area = weighted_auc(is_real, ranks, w)
        lower, upper = _bootstrap(weighted_auc, [is_real, ranks, w], seed)
        goal, within = (AUC_GOAL, area < AUC_GOAL) if label == "all columns" else (np.nan, None)
        yield "auc", label, "real or generated", int(theirs.sum()), np.nan, lower, upper, area, area - 0.5, goal, within


def _quartiles(values: Floats, weights: Floats) -> Floats:
    return weighted_quantile(values, weights, QUARTILES)


def _out_of_fold(X: pd.DataFrame, is_real: NDArray[np.bool_], w: Floats, repeats: int, seed: int) -> Floats:
    """Out-of-fold probability of being real, averaged over repeated cross-validation."""
    score = np.zeros(len(X))
    folds = RepeatedStratifiedKFold(n_splits=_FOLDS, n_repeats=repeats, random_state=seed)
    model = HistGradientBoostingClassifier(max_depth=3, max_iter=60, random_state=seed)
    with threadpool_limits(1, user_api="openmp"):
        for train, test in folds.split(X, is_real):
            model.fit(X.iloc[train], is_real[train], sample_weight=w[train])
            score[test] += model.predict_proba(X.iloc[test])[:, 1] / repeats
    return score


def _complete(table: pd.DataFrame, weight: Floats, names: list[str]) -> list[Floats]:
    """Columns of the complete cases, followed by their weights."""
    known = table[names].notna().all(axis=1).to_numpy()
    return [*(table.loc[known, name].to_numpy(dtype=float) for name in names), weight[known]]


def _bootstrap(figure: Callable[..., Any], columns: Sequence[NDArray[Any]], seed: int) -> Any:
    """95 % bootstrap percentile interval of a figure."""
    rng = np.random.default_rng(seed)
    samples = (rng.integers(0, len(columns[0]), len(columns[0])) for _ in range(_N_BOOTSTRAP))
    return np.percentile([figure(*(column[s] for column in columns)) for s in samples], _INTERVAL, axis=0)
