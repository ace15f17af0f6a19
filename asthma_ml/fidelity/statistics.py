"""Statistics of the published figures, computed on a table of patients.

Columns and conditions are pandas expressions such as ``"log10(feno_ppb)"`` and ``"sputum_eosinophils_pct >= 3"``.
Patients with a missing column of the expression are excluded from the denominator.
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
    """Names of the columns in an expression.

    Examples
    --------
    >>> columns_of("feno_ppb < 25 and log10(blood_eosinophils_cells_ul) < 2.2")
    ['blood_eosinophils_cells_ul', 'feno_ppb']
    """
    nodes = list(ast.walk(ast.parse(expression.strip(), mode="eval")))
    functions = {node.func for node in nodes if isinstance(node, ast.Call)}
    return sorted({node.id for node in nodes if isinstance(node, ast.Name) and node not in functions})


def complete_cases(table: pd.DataFrame, *expressions: str) -> pd.DataFrame:
    """Patients without a missing value in any column of the expressions."""
    names = {name for expression in expressions for name in columns_of(expression)}
    return table.dropna(subset=sorted(names))


def holds(table: pd.DataFrame, condition: str) -> pd.Series[bool]:
    """Whether the condition holds for each patient; the table has no missing values in its columns."""
    return pd.Series(table.eval(condition, engine="python"), index=table.index, dtype=bool)


def numbers(table: pd.DataFrame, expression: str) -> pd.Series[float]:
    """Value of the expression for each patient without a missing value in its columns."""
    known = complete_cases(table, expression)
    return pd.Series(known.eval(expression, engine="python"), index=known.index, dtype=float)


def percentage(table: pd.DataFrame, condition: str) -> float:
    """Percentage of patients for whom the condition holds [%].

    Examples
    --------
    >>> percentage(pd.DataFrame({"feno_ppb": [10.0, 60.0, None, 80.0, 20.0]}), "feno_ppb >= 50")
    50.0
    """
    return 100 * float(holds(complete_cases(table, condition), condition).mean())


def odds(table: pd.DataFrame, condition: str) -> float:
    """Odds of the condition."""
    proportion = percentage(table, condition) / 100
    return proportion / (1 - proportion) if proportion < 1 else math.inf


def odds_ratio(table: pd.DataFrame, conditions: Sequence[str]) -> float:
    """Odds ratio of two conditions."""
    known = complete_cases(table, *conditions)
    first, second = (holds(known, condition).to_numpy() for condition in conditions)
    counts = [np.sum((first == a) & (second == b)) for a in (True, False) for b in (True, False)]
    return float(counts[0] * counts[3] / (counts[1] * counts[2]))


def odds_ratio_per(table: pd.DataFrame, column: str, of: str, adjusted: Sequence[str] = ()) -> float:
    """Odds ratio of the condition `of` per unit of a column, by logistic regression."""
    known, predictors = _predictors(table, column, adjusted, of)
    model = LogisticRegression(C=np.inf, max_iter=1000).fit(predictors, holds(known, of))
    return float(np.exp(model.coef_[0, 0] / known.attrs["unit"]))


def rate_ratio_per(table: pd.DataFrame, column: str, of: str, adjusted: Sequence[str] = ()) -> float:
    """Rate ratio of the count `of` per unit of a column, by Poisson regression."""
    known, predictors = _predictors(table, column, adjusted, of)
    model = PoissonRegressor(alpha=0.0, max_iter=1000).fit(predictors, numbers(known, of))
    return float(np.exp(model.coef_[0] / known.attrs["unit"]))


def slope(table: pd.DataFrame, column: str, of: str, adjusted: Sequence[str] = ()) -> float:
    """Change of `of` per unit of a column, by linear regression."""
    known, predictors = _predictors(table, column, adjusted, of)
    return float(LinearRegression().fit(predictors, numbers(known, of)).coef_[0] / known.attrs["unit"])


def _predictors(
    table: pd.DataFrame, column: str, adjusted: Sequence[str], of: str
) -> tuple[pd.DataFrame, NDArray[Any]]:
    """Complete cases, and their standardised predictors.

    ``attrs["unit"]`` of the table is the standard deviation of the first predictor.
    """
    known = complete_cases(table, column, of, *adjusted).copy()
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
    """Variance of the second column explained by a linear function of the first [%]."""
    return 100 * correlation(table, columns) ** 2


def kappa(table: pd.DataFrame, conditions: Sequence[str]) -> float:
    """Cohen's kappa of two conditions."""
    known = complete_cases(table, *conditions)
    return float(cohen_kappa_score(*(holds(known, condition) for condition in conditions)))


def auc(table: pd.DataFrame, columns: str | Sequence[str], of: str) -> float:
    """AUC of a column for the condition `of`; for several columns, the AUC of a cross-validated model."""
    names = [columns] if isinstance(columns, str) else list(columns)
    known = complete_cases(table, of, *(names if isinstance(columns, str) else ()))
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
    """Sensitivity of a column for the condition `of`, at the threshold with the given specificity."""
    known = complete_cases(table, column, of)
    false_alarms, found, _ = roc_curve(holds(known, of), known[column])
    return float(np.interp(1 - specificity, false_alarms, found))


def relative_mean(table: pd.DataFrame, column: str, of: str) -> float:
    """Mean of a column where the condition `of` holds, relative to the mean of all patients."""
    known = complete_cases(table, column, of)
    return float(numbers(known[holds(known, of)], column).mean() / numbers(known, column).mean())


def ratio_of_groups(table: pd.DataFrame, column: str, of: str) -> float:
    """Mean of a column where the condition `of` holds, relative to the mean where it does not."""
    known = complete_cases(table, column, of)
    means = numbers(known, column).groupby(holds(known, of)).mean()
    return float(means[True] / means[False])


def difference(table: pd.DataFrame, column: str, of: str) -> float:
    """Mean of a column where the condition `of` holds, minus the mean where it does not."""
    known = complete_cases(table, column, of)
    means = numbers(known, column).groupby(holds(known, of)).mean()
    return float(means[True] - means[False])


def difference_of_medians(table: pd.DataFrame, columns: Sequence[str]) -> float:
    """Median of the first column minus the median of the second."""
    first, second = (numbers(table, column).median() for column in columns)
    return float(first - second)


def ratio_of_means(table: pd.DataFrame, columns: Sequence[str]) -> float:
    """Mean of the first column divided by the mean of the second."""
    first, second = (numbers(table, column).mean() for column in columns)
    return float(first / second)


def reduction(table: pd.DataFrame, columns: Sequence[str]) -> float:
    """Relative reduction of the mean, first column against second [%]."""
    return 100 * (1 - ratio_of_means(table, columns))


STATISTICS: Mapping[str, Callable[..., float]] = {
    "percentage": percentage,
    "odds": odds,
    "median": lambda table, column: float(numbers(table, column).median()),
    "mean": lambda table, column: float(numbers(table, column).mean()),
    "mean_count": lambda table, column: float(numbers(table, column).mean()),
    "geometric_mean": lambda table, column: float(np.exp(np.log(numbers(table, column)).mean())),
    "frequency": lambda table, column: float(numbers(table, column).mean() / 2),
    "percentage_of_alleles": lambda table, column: 100 * float(numbers(table, column).mean() / 2),
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
    """Name and argument of the statistic of a recipe."""
    asked = [(name, recipe[name]) for name in STATISTICS if name in recipe]
    if len(asked) != 1:
        raise UnusableInputError(f"a recipe needs exactly one statistic of {', '.join(STATISTICS)}: {dict(recipe)}")
    return asked[0]


def expressions_of(recipe: Mapping[str, Any]) -> list[str]:
    """Expressions of a recipe that contain column names."""
    _, argument = statistic(recipe)
    texts = [argument] if isinstance(argument, str) else list(argument)
    return texts + [recipe[key] for key in ("where", "of") if key in recipe] + list(recipe.get("adjusted", ()))


def compute(table: pd.DataFrame, recipe: Mapping[str, Any]) -> float:
    """Value of a recipe of ``published_figures.toml`` in the patients of its `where` condition."""
    name, argument = statistic(recipe)
    if "where" in recipe:
        table = complete_cases(table, recipe["where"])
        table = table[holds(table, recipe["where"])]
    options = {key: recipe[key] for key in OPTIONS if key in recipe}
    return STATISTICS[name](table, argument, **options)
