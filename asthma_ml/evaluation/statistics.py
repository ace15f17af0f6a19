"""The statistics in which the literature speaks, computed on a cohort's observed table.

Conditions are written as pandas expressions, ``"sputum_eosinophils_pct >= 3"``. Patients in whom
a column of the expression was not measured are left out of the denominator.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import cross_val_predict

from asthma_ml.errors import UnusableInputError


def columns_of(expression: str) -> list[str]:
    """Columns that an expression names.

    Examples
    --------
    >>> columns_of("feno_ppb < 25 and blood_eosinophils_cells_ul < 150")
    ['blood_eosinophils_cells_ul', 'feno_ppb']
    """
    return sorted({node.id for node in ast.walk(ast.parse(expression, mode="eval")) if isinstance(node, ast.Name)})


def measured(table: pd.DataFrame, *expressions: str) -> pd.DataFrame:
    """Patients in whom every column of the expressions was measured."""
    names = {name for expression in expressions for name in columns_of(expression)}
    return table.dropna(subset=sorted(names))


def holds(table: pd.DataFrame, condition: str) -> pd.Series[bool]:
    """Whether a condition holds, for each patient of a table without gaps in its columns."""
    return pd.Series(table.eval(condition), index=table.index, dtype=bool)


def share(table: pd.DataFrame, condition: str) -> float:
    """Per cent of patients for whom a condition holds.

    Examples
    --------
    >>> share(pd.DataFrame({"feno_ppb": [10.0, 60.0, None, 80.0, 20.0]}), "feno_ppb >= 50")
    50.0
    """
    return 100 * float(holds(measured(table, condition), condition).mean())


def odds_ratio(table: pd.DataFrame, conditions: Sequence[str]) -> float:
    """Odds ratio between two conditions."""
    known = measured(table, *conditions)
    first, second = (holds(known, condition).to_numpy() for condition in conditions)
    counts = [np.sum((first == a) & (second == b)) for a in (True, False) for b in (True, False)]
    return float(counts[0] * counts[3] / (counts[1] * counts[2]))


def correlation(table: pd.DataFrame, columns: Sequence[str]) -> float:
    """Pearson correlation of two columns."""
    first, second = columns
    return float(table[first].corr(table[second]))


def auc(table: pd.DataFrame, columns: str | Sequence[str], of: str) -> float:
    """Area under the curve of a column for a condition; of several, for a cross-validated model on them."""
    names = [columns] if isinstance(columns, str) else list(columns)
    known = measured(table, of, *(names if isinstance(columns, str) else ()))
    return float(roc_auc_score(holds(known, of), _score(known, names, of)))


def _score(table: pd.DataFrame, names: Sequence[str], of: str) -> np.ndarray[Any, Any]:
    if len(names) == 1:
        return table[names[0]].to_numpy()
    features = pd.get_dummies(table[list(names)], dtype=float)
    model = HistGradientBoostingClassifier(max_depth=3, random_state=0)
    probability = cross_val_predict(model, features, holds(table, of), cv=5, method="predict_proba")
    return np.asarray(probability[:, 1])


STATISTICS: Mapping[str, Callable[..., float]] = {
    "share": share,
    "median": lambda table, column: float(table[column].median()),
    "mean": lambda table, column: float(table[column].mean()),
    "geometric_mean": lambda table, column: float(np.exp(np.log(table[column].dropna()).mean())),
    "frequency": lambda table, column: float(table[column].mean() / 2),
    "share_of_alleles": lambda table, column: 100 * float(table[column].mean() / 2),
    "odds_ratio": odds_ratio,
    "correlation": correlation,
    "auc": auc,
}


def statistic(recipe: Mapping[str, Any]) -> tuple[str, Any]:
    """Name and argument of the one statistic that a recipe asks for."""
    asked = [(name, recipe[name]) for name in STATISTICS if name in recipe]
    if len(asked) != 1:
        raise UnusableInputError(f"a published figure needs one statistic of {', '.join(STATISTICS)}: {dict(recipe)}")
    return asked[0]


def compute(table: pd.DataFrame, recipe: Mapping[str, Any]) -> float:
    """The figure that a recipe of ``published_figures.toml`` asks for, on the patients it is about."""
    name, argument = statistic(recipe)
    if "where" in recipe:
        table = measured(table, recipe["where"])
        table = table[holds(table, recipe["where"])]
    options = {"of": recipe["of"]} if "of" in recipe else {}
    return STATISTICS[name](table, argument, **options)
