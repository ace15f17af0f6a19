"""The statistics in which the literature speaks, computed on a table of patients.

Columns and conditions are written as pandas expressions: ``"log10(feno_ppb)"``,
``"sputum_eosinophils_pct >= 3"``. Patients in whom a column of the expression was not measured
are left out of the denominator.
"""

from __future__ import annotations

import ast
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LinearRegression, LogisticRegression, PoissonRegressor
from sklearn.metrics import cohen_kappa_score, roc_auc_score, roc_curve
from sklearn.model_selection import cross_val_predict
from threadpoolctl import threadpool_limits

from asthma_ml.errors import UnusableInputError

Floats: TypeAlias = NDArray[np.float64]


def columns_of(expression: str) -> list[str]:
    """Columns that an expression names.

    Examples
    --------
    >>> columns_of("feno_ppb < 25 and log10(blood_eosinophils_cells_ul) < 2.2")
    ['blood_eosinophils_cells_ul', 'feno_ppb']
    """
    nodes = list(ast.walk(ast.parse(expression.strip(), mode="eval")))
    functions = {node.func for node in nodes if isinstance(node, ast.Call)}
    return sorted({node.id for node in nodes if isinstance(node, ast.Name) and node not in functions})


def measured(table: pd.DataFrame, *expressions: str) -> pd.DataFrame:
    """Patients in whom every column of the expressions was measured."""
    names = {name for expression in expressions for name in columns_of(expression)}
    return table.dropna(subset=sorted(names))


def holds(table: pd.DataFrame, condition: str) -> pd.Series[bool]:
    """Whether a condition holds, for each patient of a table without gaps in its columns."""
    return pd.Series(table.eval(condition, engine="python"), index=table.index, dtype=bool)


def numbers(table: pd.DataFrame, expression: str) -> pd.Series[float]:
    """Value of an expression for each patient in whom its columns were measured."""
    known = measured(table, expression)
    return pd.Series(known.eval(expression, engine="python"), index=known.index, dtype=float)


def share(table: pd.DataFrame, condition: str) -> float:
    """Per cent of patients for whom a condition holds.

    Examples
    --------
    >>> share(pd.DataFrame({"feno_ppb": [10.0, 60.0, None, 80.0, 20.0]}), "feno_ppb >= 50")
    50.0
    """
    return 100 * float(holds(measured(table, condition), condition).mean())


def odds(table: pd.DataFrame, condition: str) -> float:
    """Patients for whom a condition holds, for each for whom it does not."""
    proportion = share(table, condition) / 100
    return proportion / (1 - proportion) if proportion < 1 else math.inf


def odds_ratio(table: pd.DataFrame, conditions: Sequence[str]) -> float:
    """Odds ratio between two conditions."""
    known = measured(table, *conditions)
    first, second = (holds(known, condition).to_numpy() for condition in conditions)
    counts = [np.sum((first == a) & (second == b)) for a in (True, False) for b in (True, False)]
    return float(counts[0] * counts[3] / (counts[1] * counts[2]))


def odds_ratio_per(table: pd.DataFrame, column: str, of: str, adjusted: Sequence[str] = ()) -> float:
    """Odds ratio of a condition for one unit more of a column, by logistic regression."""
    known, predictors = _predictors(table, column, adjusted, of)
    model = LogisticRegression(C=np.inf, max_iter=1000).fit(predictors, holds(known, of))
    return float(np.exp(model.coef_[0, 0] / known.attrs["unit"]))


def rate_ratio_per(table: pd.DataFrame, column: str, of: str, adjusted: Sequence[str] = ()) -> float:
    """Ratio of the mean count `of` for one unit more of a column, by log-linear regression."""
    known, predictors = _predictors(table, column, adjusted, of)
    model = PoissonRegressor(alpha=0.0, max_iter=1000).fit(predictors, numbers(known, of))
    return float(np.exp(model.coef_[0] / known.attrs["unit"]))


def slope(table: pd.DataFrame, column: str, of: str, adjusted: Sequence[str] = ()) -> float:
    """Change of `of` for one unit more of a column, by linear regression."""
    known, predictors = _predictors(table, column, adjusted, of)
    return float(LinearRegression().fit(predictors, numbers(known, of)).coef_[0] / known.attrs["unit"])


def _predictors(
    table: pd.DataFrame, column: str, adjusted: Sequence[str], of: str
) -> tuple[pd.DataFrame, NDArray[Any]]:
    """Patients with everything measured, and their predictors in standard deviations.

    The standard deviation of the first predictor is noted as `unit` in the table's attributes.
    """
    known = measured(table, column, of, *adjusted).copy()
    predictors = np.column_stack([numbers(known, expression) for expression in (column, *adjusted)])
    scale = predictors.std(axis=0)
    known.attrs["unit"] = float(scale[0])
    return known, (predictors - predictors.mean(axis=0)) / scale


def correlation(table: pd.DataFrame, columns: Sequence[str]) -> float:
    """Pearson correlation of two columns."""
    first, second = (numbers(table, column) for column in columns)
    return float(first.corr(second))


def rank_correlation(table: pd.DataFrame, columns: Sequence[str]) -> float:
    """Spearman correlation of two columns."""
    first, second = (numbers(table, column) for column in columns)
    return float(first.corr(second, method="spearman"))


def variance_explained(table: pd.DataFrame, columns: Sequence[str]) -> float:
    """Per cent of the variance of the second column that the first explains, in a straight line."""
    return 100 * correlation(table, columns) ** 2


def kappa(table: pd.DataFrame, conditions: Sequence[str]) -> float:
    """Cohen's kappa between two conditions."""
    known = measured(table, *conditions)
    return float(cohen_kappa_score(*(holds(known, condition) for condition in conditions)))


def auc(table: pd.DataFrame, columns: str | Sequence[str], of: str) -> float:
    """Area under the curve of a column for a condition; of several, for a cross-validated model on them."""
    names = [columns] if isinstance(columns, str) else list(columns)
    known = measured(table, of, *(names if isinstance(columns, str) else ()))
    return float(roc_auc_score(holds(known, of), _score(known, names, of)))


def _score(table: pd.DataFrame, names: Sequence[str], of: str) -> NDArray[Any]:
    if len(names) == 1:
        return table[names[0]].to_numpy()
    features = pd.get_dummies(table[list(names)], dtype=float)
    model = HistGradientBoostingClassifier(max_depth=3, random_state=0)
    with threadpool_limits(1, user_api="openmp"):
        probability = cross_val_predict(model, features, holds(table, of), cv=5, method="predict_proba")
    return np.asarray(probability[:, 1])


def sensitivity(table: pd.DataFrame, column: str, of: str, specificity: float) -> float:
    """Share of those with the condition `of` whom a column finds, at the cut that has this specificity."""
    known = measured(table, column, of)
    false_alarms, found, _ = roc_curve(holds(known, of), known[column])
    return float(np.interp(1 - specificity, false_alarms, found))


def relative_mean(table: pd.DataFrame, column: str, of: str) -> float:
    """Mean of a column in those for whom the condition `of` holds, relative to the mean of all."""
    known = measured(table, column, of)
    return float(numbers(known[holds(known, of)], column).mean() / numbers(known, column).mean())


def ratio_of_groups(table: pd.DataFrame, column: str, of: str) -> float:
    """Mean of a column where the condition `of` holds, relative to where it does not."""
    known = measured(table, column, of)
    means = numbers(known, column).groupby(holds(known, of)).mean()
    return float(means[True] / means[False])


def difference(table: pd.DataFrame, column: str, of: str) -> float:
    """Mean of a column where the condition `of` holds, less the mean where it does not."""
    known = measured(table, column, of)
    means = numbers(known, column).groupby(holds(known, of)).mean()
    return float(means[True] - means[False])


def difference_of_medians(table: pd.DataFrame, columns: Sequence[str]) -> float:
    """Median of the first column less that of the second."""
    first, second = (numbers(table, column).median() for column in columns)
    return float(first - second)


def ratio_of_means(table: pd.DataFrame, columns: Sequence[str]) -> float:
    """Mean of the first column relative to that of the second."""
    first, second = (numbers(table, column).mean() for column in columns)
    return float(first / second)


def reduction(table: pd.DataFrame, columns: Sequence[str]) -> float:
    """By how many per cent the mean of the first column lies below that of the second."""
    return 100 * (1 - ratio_of_means(table, columns))


STATISTICS: Mapping[str, Callable[..., float]] = {
    "share": share,
    "odds": odds,
    "median": lambda table, column: float(numbers(table, column).median()),
    "mean": lambda table, column: float(numbers(table, column).mean()),
    "mean_count": lambda table, column: float(numbers(table, column).mean()),
    "geometric_mean": lambda table, column: float(np.exp(np.log(numbers(table, column)).mean())),
    "frequency": lambda table, column: float(numbers(table, column).mean() / 2),
    "share_of_alleles": lambda table, column: 100 * float(numbers(table, column).mean() / 2),
    "odds_ratio": odds_ratio,
    "odds_ratio_per": odds_ratio_per,
    "rate_ratio_per": rate_ratio_per,
    "slope": slope,
    "correlation": correlation,
    "rank_correlation": rank_correlation,
    "variance_explained": variance_explained,
    "kappa": kappa,
    "auc": auc,
    "sensitivity": sensitivity,
    "relative_mean": relative_mean,
    "ratio_of_groups": ratio_of_groups,
    "difference": difference,
    "difference_of_medians": difference_of_medians,
    "ratio_of_means": ratio_of_means,
    "reduction": reduction,
}
OPTIONS = ("of", "adjusted", "specificity")


def statistic(recipe: Mapping[str, Any]) -> tuple[str, Any]:
    """Name and argument of the one statistic that a recipe asks for."""
    asked = [(name, recipe[name]) for name in STATISTICS if name in recipe]
    if len(asked) != 1:
        raise UnusableInputError(f"a published figure needs one statistic of {', '.join(STATISTICS)}: {dict(recipe)}")
    return asked[0]


def expressions_of(recipe: Mapping[str, Any]) -> list[str]:
    """Everything in a recipe that names columns."""
    _, argument = statistic(recipe)
    texts = [argument] if isinstance(argument, str) else list(argument)
    return texts + [recipe[key] for key in ("where", "of") if key in recipe] + list(recipe.get("adjusted", ()))


def compute(table: pd.DataFrame, recipe: Mapping[str, Any]) -> float:
    """The figure that a recipe of ``published_figures.toml`` asks for, on the patients it is about."""
    name, argument = statistic(recipe)
    if "where" in recipe:
        table = measured(table, recipe["where"])
        table = table[holds(table, recipe["where"])]
    options = {key: recipe[key] for key in OPTIONS if key in recipe}
    return STATISTICS[name](table, argument, **options)
