"""Faithfulness of attributions: contributions of the factors compared with their effects in the causal model.

The effect of a documented factor is the difference between a patient and the counterfactual twin with the factor at
its reference: in the drives of the endotype, and in the true log-odds, which are those of the posterior given the
patient's row. SHAP explains the model, not the disease: this measures the difference between the two in patients for
whom both are known, and how far the mechanism contributions of the model close it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import rankdata

from asthma_ml.cohort import FACTOR_REFERENCES
from asthma_ml.errors import UnusableInputError
from asthma_ml.explanation import explain, explain_mechanisms
from asthma_ml.inference import SE_SUFFIX, bayes_limit, limit_probabilities
from asthma_ml.intervals import percentiles, resampled
from asthma_ml.variables import FACTORS, ID, LABEL, TWO_CLASSES

if TYPE_CHECKING:
    from asthma_ml.classifier import PhenotypeClassifier
    from asthma_ml.evaluation.causal.twins import TwinCohort

Floats: TypeAlias = NDArray[np.float64]

LEAST_EFFECT = 0.2
"""Effect on the true log-odds below which its sign is not compared; the Monte Carlo error of 1,000 particles is 0.3."""
LEAST_EFFECT_ON_DRIVES = 0.05
FEWEST_COMPARED = 20
_TYPE2, _NEUTROPHILIC = "true_type2_drive", "true_neutrophilic_drive"


@dataclass(frozen=True)
class TrueEffects:
    """Effects of setting each factor to its reference, with the rows of patients and twins.

    Attributes
    ----------
    rows : DataFrame of shape (n_patients, n_columns)
        Observed patients, by identifier.
    twins : dict of str to DataFrame of the same shape
        Counterfactual twins, by factor set to its reference.
    endotype : DataFrame of shape (n_patients, 6)
        Decrease of the type-2 drive minus that of the neutrophilic drive [standard deviations].
    log_odds : DataFrame of shape (n_limit_patients, 6)
        Decrease of the true log-odds of Th2-high given the row, for the first patients; empty without any.
    """

    rows: pd.DataFrame
    twins: dict[str, pd.DataFrame]
    endotype: pd.DataFrame
    log_odds: pd.DataFrame


def true_effects(
    cohort: TwinCohort, *, limit_patients: int = 0, n_particles: int = 1000, progress: bool = False
) -> TrueEffects:
    """Effects of each factor on the patients of the two classes, from the causal model.

    Parameters
    ----------
    cohort : TwinCohort
        Generated patients.
    limit_patients : int, default=0
        Number of patients whose true log-odds are computed, at a third of a second each.
    n_particles : int, default=1000
        Particles per row, as in `bayes_limit`.
    progress : bool, default=False
        Show progress on stderr.

    Returns
    -------
    TrueEffects
        Of the patients who are enrolled in every twin cohort.

    Raises
    ------
    UnusableInputError
        As `generate_cohort`; also where no patient has one of the two classes.
    """
    cohorts = {"": cohort.under()} | {factor: cohort.under(do) for factor, do in FACTOR_REFERENCES.items()}
    observed = {name: generated.observed.set_index(ID) for name, generated in cohorts.items()}
    truth = {name: generated.truth.set_index(ID)[[_TYPE2, _NEUTROPHILIC]] for name, generated in cohorts.items()}
    common = _in_every_cohort(cohort.restrict(observed[""]), observed)
    spread = truth[""].std()
    change = {factor: (truth[""].loc[common] - truth[factor].loc[common]) / spread for factor in FACTORS}
    effects = TrueEffects(
        observed[""].loc[common],
        twins={factor: observed[factor].loc[common] for factor in FACTORS},
        endotype=pd.DataFrame({factor: moved[_TYPE2] - moved[_NEUTROPHILIC] for factor, moved in change.items()}),
        log_odds=pd.DataFrame(columns=list(FACTORS), dtype=np.float64),
    )
    if not limit_patients:
        return effects
    first = common[:limit_patients]
    return replace(effects, log_odds=effects_on_true_log_odds(effects, cohort, first, n_particles, progress=progress))


def effects_on_true_log_odds(
    effects: TrueEffects,
    cohort: TwinCohort,
    patients: pd.Index[str],
    n_particles: int = 1000,
    *,
    seed: int = 0,
    progress: bool = False,
) -> pd.DataFrame:
    """Decrease of the true log-odds of Th2-high when each factor is set to its reference.

    Parameters
    ----------
    effects : TrueEffects
        Patients and twins.
    cohort : TwinCohort
        Cohort of `effects`.
    patients : Index of str
        Identifiers of some of its patients.
    n_particles, progress
        As in `true_effects`.
    seed : int, default=0
        Seed of the particles; results of two seeds tell how exact they are.

    Returns
    -------
    DataFrame of shape (n_patients, 6)
        NaN where a row is impossible in the causal model.
    """
    log_odds = {
        name: _true_log_odds(rows.loc[patients], cohort, n_particles, seed, progress)
        for name, rows in {"": effects.rows, **effects.twins}.items()
    }
    return pd.DataFrame({factor: log_odds[""] - log_odds[factor] for factor in FACTORS})


def _in_every_cohort(rows: pd.DataFrame, cohorts: Mapping[str, pd.DataFrame]) -> pd.Index[str]:
    """Patients of the two classes who are enrolled in every twin cohort."""
    common = rows.index[rows[LABEL].isin(TWO_CLASSES)]
    for table in cohorts.values():
        common = common.intersection(table.index, sort=False)
    if common.empty:
        raise UnusableInputError(f"no patient is labelled {' or '.join(TWO_CLASSES)}")
    return common


def _true_log_odds(
    rows: pd.DataFrame, cohort: TwinCohort, n_particles: int, seed: int, progress: bool
) -> pd.Series[Any]:
    limit = bayes_limit(rows, cohort.preset, n_particles, seed, progress=progress)
    th2_high, other = limit_probabilities(limit).T
    explained = limit[f"{TWO_CLASSES[0]}{SE_SUFFIX}"].notna()
    return pd.Series(np.log(th2_high / other), index=rows.index).where(explained)


def factor_contributions(model: PhenotypeClassifier, rows: pd.DataFrame) -> pd.DataFrame:
    """Contribution of each factor, of shape (n_patients, 6) [log-odds of Th2-high]."""
    return explain(model, rows).factors


def evaluate_faithfulness(model: PhenotypeClassifier, effects: TrueEffects, *, seed: int = 0) -> dict[str, Any]:
    """Agreement between the contributions of the factors and their effects in the causal model.

    Parameters
    ----------
    model : PhenotypeClassifier
        A model of the default two-class task.
    effects : TrueEffects
        From `true_effects`.
    seed : int, default=0
        Seed of the bootstrap.

    Returns
    -------
    dict
        `agreement`: the rows of `agreement_by_factor` for the SHAP contributions, each with another comparison: the
        effect on the model's log-odds and on the true ones (`model_response`). `contribution_changes`: for
        each factor set to its reference, the mean absolute change of every factor's contribution; off the diagonal
        are proxies. `adherence_proxy`, None for few patients: the mean decrease under full adherence in patients with
        recorded adherence below 0.5, of the model's log-odds (`model_log_odds`), of each factor's contribution and of
        the drives (`endotype`); and, for the `n_with_true_log_odds` first patients, of the true log-odds
        (`true_log_odds`) and of the model's log-odds in the same patients (`model_log_odds_same_patients`).
        `mechanisms`, from `evaluate_mechanisms`, if the model has mechanism contributions.

    Raises
    ------
    UnusableInputError
        The model has other classes, or no column names.
    """
    refuse_other_classes(model)
    values = factor_contributions(model, effects.rows)
    change = {factor: values - factor_contributions(model, twin) for factor, twin in effects.twins.items()}
    response = pd.DataFrame({factor: moved.sum(axis=1) for factor, moved in change.items()})
    found: dict[str, Any] = {
        "agreement": _with_response(
            agreement_by_factor(values, effects, seed=seed), agreement_by_factor(response, effects, seed=seed)
        ),
        "contribution_changes": {
            factor: {str(name): float(size) for name, size in moved.abs().mean().items()}
            for factor, moved in change.items()
        },
        "adherence_proxy": _adherence_proxy(change["adherence"], effects),
    }
    if model.mechanisms_ is not None:
        found["mechanisms"] = evaluate_mechanisms(model, effects, response, seed=seed)
    return found


def _with_response(rows: list[dict[str, Any]], responses: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Rows with the agreement of the model's own response to each factor with the true log-odds."""
    return [
        row | ({"model_response": of["true_log_odds"]} if "true_log_odds" in of else {})
        for row, of in zip(rows, responses, strict=True)
    ]


def evaluate_mechanisms(
    model: PhenotypeClassifier, effects: TrueEffects, response: pd.DataFrame, *, seed: int = 0
) -> dict[str, Any]:
    """Agreement between the mechanism contributions of a model and the effects in the causal model.

    Parameters
    ----------
    model : PhenotypeClassifier
        A model of the default two-class task with mechanism contributions.
    effects : TrueEffects
        From `true_effects`.
    response : DataFrame of shape (n_patients, 6)
        Decrease of the model's log-odds when each factor is set to its reference.
    seed : int, default=0
        Seed of the bootstrap.

    Returns
    -------
    dict
        `outside`, the number of patients outside the range of the simulated patients, who have no mechanism
        contributions; the rows of `agreement_by_factor` for the causal Shapley values (`contributions`), the effect
        of each factor alone (`alone`) and the effect on the endotype (`endotype`); and `coverage`: for each factor,
        the proportion of patients in whom the interval of the effect alone contains the effect on the model's
        log-odds (`alone`), and that of the endotype the effect on the drives (`endotype`).
    """
    found = explain_mechanisms(model, effects.rows)
    inside = found.outside < 0
    kinds = {"contributions": found.values, "alone": found.alone, "endotype": found.endotype}
    by_factor = {
        kind: pd.DataFrame(values, effects.rows.index, columns=list(FACTORS)) for kind, values in kinds.items()
    }
    return {
        "outside": int((~inside).sum()),
        **{kind: agreement_by_factor(values, effects, seed=seed) for kind, values in by_factor.items()},
        "coverage": {
            "alone": _coverage(found.alone_low, found.alone_high, response, inside),
            "endotype": _coverage(found.endotype_low, found.endotype_high, effects.endotype, inside),
        },
    }


def _coverage(low: Floats, high: Floats, true: pd.DataFrame, inside: NDArray[np.bool_]) -> dict[str, float | None]:
    """Proportion of the patients inside the simulated range whose effect is in its interval, by factor."""
    values = true[list(FACTORS)].to_numpy()
    contains = pd.DataFrame((low <= values) & (values <= high), columns=list(FACTORS))[inside]
    return {factor: _mean(contains[factor].astype(np.float64)) for factor in FACTORS}


def refuse_other_classes(model: PhenotypeClassifier) -> None:
    """Refuse a model of another task than Th2-high against neutrophilic disease."""
    if set(map(str, model.classes_)) != set(TWO_CLASSES):
        raise UnusableInputError(f"faithfulness is evaluated for models of {' and '.join(TWO_CLASSES)} only")


def agreement_by_factor(values: pd.DataFrame, effects: TrueEffects, *, seed: int = 0) -> list[dict[str, Any]]:
    """Agreement between any attribution of the factors and their effects in the causal model.

    Parameters
    ----------
    values : DataFrame of shape (n_patients, 6)
        Contribution of each factor, by identifier; patients may be absent or NaN.
    effects : TrueEffects
        From `true_effects`.
    seed : int, default=0
        Seed of the bootstrap.

    Returns
    -------
    list of dict
        A row for each factor and label, all patients first: `factor`, `label`, `n`, the mean absolute
        contribution (`mean_abs_contribution`) and effect on the true log-odds (`mean_abs_true_effect`), and two
        comparisons, see `agreement`: contribution and effect on the true log-odds (`true_log_odds`), contribution and
        effect on the drives (`endotype`).
    """
    values = values.dropna()
    labels = effects.rows.loc[values.index, LABEL].astype(str)
    members = {"all": labels.notna()} | {label: labels == label for label in TWO_CLASSES}
    return [
        {"factor": factor, "label": label, **_agreement(values.loc[who, factor], effects, factor, seed)}
        for factor in FACTORS
        for label, who in members.items()
    ]


def _agreement(value: pd.Series[Any], effects: TrueEffects, factor: str, seed: int) -> dict[str, Any]:
    """Agreement of the contributions of one factor in some patients."""
    found: dict[str, Any] = {"n": len(value), "mean_abs_contribution": _mean(value.abs())}
    if not effects.log_odds.empty:
        true = effects.log_odds[factor].reindex(value.index).dropna()
        found["mean_abs_true_effect"] = _mean(true.abs())
        found["true_log_odds"] = agreement(value[true.index].to_numpy(), true.to_numpy(), LEAST_EFFECT, seed)
    moved = effects.endotype.loc[value.index, factor]
    found["endotype"] = agreement(value.to_numpy(), moved.to_numpy(), LEAST_EFFECT_ON_DRIVES, seed)
    return found


def agreement(value: Floats, true: Floats, least: float, seed: int = 0) -> dict[str, Any]:
    """Rank and sign agreement between contributions and effects.

    Parameters
    ----------
    value, true : ndarray of shape (n_patients,)
        Contributions and effects.
    least : float
        Absolute effect below which the sign is not compared.
    seed : int, default=0
        Seed of the bootstrap.

    Returns
    -------
    dict
        `n`; `n_affected`, patients with an effect of `least` or more; `spearman` and `sign_agreement`, each with
        `value`, `lower` and `upper`, or None for few patients.

    Examples
    --------
    >>> true = np.linspace(-1, 1, 50)
    >>> found = agreement(true**3, true, least=0.1)
    >>> found["n_affected"], round(found["spearman"]["value"], 3), found["sign_agreement"]["value"]
    (46, 1.0, 1.0)
    >>> agreement(true, np.zeros(50), least=0.1)["spearman"] is None
    True
    """
    affected = np.abs(true) >= least
    found: dict[str, Any] = {
        "n": len(true),
        "n_affected": int(affected.sum()),
        "spearman": None,
        "sign_agreement": None,
    }
    if found["n_affected"] < FEWEST_COMPARED:
        return found
    same_sign = (np.sign(value) == np.sign(true))[affected & (value != 0)]
    if len(same_sign) < FEWEST_COMPARED:
        return found
    found["sign_agreement"] = _with_interval(lambda rows: float(same_sign[rows].mean()), len(same_sign), seed)
    found["spearman"] = _with_interval(lambda rows: _spearman(value[rows], true[rows]), len(true), seed)
    return found


def _with_interval(statistic: Callable[[NDArray[np.intp]], float], n: int, seed: int) -> dict[str, float]:
    rows = np.arange(n)
    samples = [statistic(np.repeat(rows, times)) for times in resampled(n, seed)]
    return percentiles(statistic(rows), [sample for sample in samples if not np.isnan(sample)])


def _spearman(left: Floats, right: Floats) -> float:
    left, right = rankdata(left), rankdata(right)
    if np.ptp(left) == 0 or np.ptp(right) == 0:
        return float("nan")
    return float(np.corrcoef(left, right)[0, 1])


def _adherence_proxy(change: pd.DataFrame, effects: TrueEffects) -> dict[str, Any] | None:
    """Mean effects of full adherence in patients with low recorded adherence."""
    non_adherent = effects.endotype.index[effects.rows["ics_adherence_fraction"] < 0.5]
    if len(non_adherent) < FEWEST_COMPARED:
        return None
    found: dict[str, Any] = {
        "n": len(non_adherent),
        "model_log_odds": float(change.loc[non_adherent].sum(axis=1).mean()),
        **{factor: float(change.loc[non_adherent, factor].mean()) for factor in FACTORS},
        "endotype": float(effects.endotype.loc[non_adherent, "adherence"].mean()),
    }
    if not effects.log_odds.empty:
        true = effects.log_odds["adherence"].reindex(non_adherent).dropna()
        same_patients = change.loc[true.index].sum(axis=1)
        found |= {
            "n_with_true_log_odds": len(true),
            "true_log_odds": _mean(true),
            "model_log_odds_same_patients": _mean(same_patients),
        }
    return found


def _mean(values: pd.Series[float]) -> float | None:
    """Mean, None without patients."""
    return float(values.mean()) if len(values) else None
