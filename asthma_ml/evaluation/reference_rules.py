"""Comparison of the model with rules in clinical use: single cut-offs, GINA, UKSAR, ISAR, SARP, ORACLE.

A model that needs fifty columns has to beat a blood count. Each rule and the model are compared on the patients whose
inputs of the rule were measured. Decision curves need the same patients for all strategies: there, a rule without its
inputs treats nobody.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from math import ceil
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from asthma_ml.decisions import isar_grade, oracle_rate_ratio, sarp_group
from asthma_ml.intervals import PatientRows, design_effect, proportion
from asthma_ml.scores import auc, auc_difference
from asthma_ml.variables import data_dictionary

FEWEST_OF_EACH_OUTCOME = 10
"""Patients with and without the condition that the evaluation of a rule needs."""

THRESHOLDS = np.round(np.arange(0.05, 0.951, 0.05), 2)
"""Threshold probabilities for treatment of type-2 inflammation."""

MODEL, TREAT_ALL, TREAT_NONE = "model", "treat_all", "treat_none"
PERFORMANCE = ("auc", "model_auc", "auc_difference", "sensitivity", "specificity", "model_sensitivity")


@dataclass(frozen=True, slots=True)
class ReferenceRule:
    """A published rule that classifies patients.

    Attributes
    ----------
    name : str
        Short name.
    positive_if : str
        Patients whom it takes for Th2-high, in words.
    score : callable
        From a table with all columns of the data dictionary to a Series: higher is more likely Th2-high,
        missing where the inputs of the rule are missing.
    cutoff : float
        The rule is positive from this score upwards.
    evidence : str
        Id of the evidence table, or citation; names a cut-off that is assumed.
    """

    name: str
    positive_if: str
    score: Callable[[pd.DataFrame], pd.Series[float]]
    cutoff: float
    evidence: str


def any_raised(table: pd.DataFrame, cutoffs: Mapping[str, float], required: tuple[str, ...]) -> pd.Series[float]:
    """Whether any marker reaches its cut-off: 1 or 0, missing unless all required markers were measured.

    Examples
    --------
    >>> markers = pd.DataFrame({"feno_ppb": [30.0, 10.0, None], "atopy": [0.0, 0.0, 1.0]})
    >>> any_raised(markers, {"feno_ppb": 25, "atopy": 1}, required=("feno_ppb",)).tolist()
    [1.0, 0.0, nan]
    """
    raised = pd.concat([table[name] >= cutoff for name, cutoff in cutoffs.items()], axis=1).any(axis=1)
    return raised.astype(float).where(table[list(required)].notna().all(axis=1))


def _marker(name: str) -> Callable[[pd.DataFrame], pd.Series[float]]:
    return lambda table: table[name]


def _cutoff(name: str, column: str, cutoff: float, evidence: str) -> ReferenceRule:
    unit = data_dictionary()[column].unit
    return ReferenceRule(name, f"{column} >= {cutoff:g} {unit}", _marker(column), cutoff, evidence)


EOSINOPHILS, FENO, SPUTUM = "blood_eosinophils_cells_ul", "feno_ppb", "sputum_eosinophils_pct"

REFERENCE_RULES = (
    _cutoff("blood_eosinophils_150", EOSINOPHILS, 150, "COH084"),
    _cutoff("blood_eosinophils_220", EOSINOPHILS, 220, "IMM023; Schleich 2013"),
    _cutoff("blood_eosinophils_300", EOSINOPHILS, 300, "HET005"),
    _cutoff("feno_25", FENO, 25, "IMM019; cut-off of UKSAR and ORACLE"),
    _cutoff("feno_50", FENO, 50, "IMM019; cut-off of ORACLE"),
    ReferenceRule(
        "gina_type2",
        "blood eosinophils >= 150 cells/uL, FeNO >= 20 ppb or, where induced, sputum eosinophils >= 2 %; "
        "'allergen-driven' is not recorded and left out",
        partial(any_raised, cutoffs={EOSINOPHILS: 150, FENO: 20, SPUTUM: 2}, required=(EOSINOPHILS, FENO)),
        1.0,
        "GINA difficult-to-treat asthma guide",
    ),
    ReferenceRule(
        "uksar_not_t2_low",
        "not (FeNO < 25 ppb and blood eosinophils < 150 cells/uL)",
        partial(any_raised, cutoffs={EOSINOPHILS: 150, FENO: 25}, required=(EOSINOPHILS, FENO)),
        1.0,
        "IMM003; Jackson 2021, 10.1136/thoraxjnl-2020-215168",
    ),
    ReferenceRule("isar_gradient", "grade 3 of the gradient (rule reconstructed)", isar_grade, 3.0, "HET005"),
    ReferenceRule(
        "sarp_tree",
        "group 1 to 3 (clinical clusters, not a rule for inflammation; direction assumed)",
        lambda table: -sarp_group(table),
        -3.0,
        "HET048",
    ),
    ReferenceRule(
        "oracle_grid",
        "exacerbation rate above the trials' mean (a score for exacerbations, not for inflammation; cut-off assumed)",
        oracle_rate_ratio,
        1.0,
        "IMM038 to IMM046",
    ),
)


def compare_with_reference_rules(
    table: pd.DataFrame,
    positive: NDArray[np.bool_],
    probability: NDArray[Any],
    rows: PatientRows | None = None,
) -> dict[str, Any]:
    """Performance of the reference rules and of a model on the same patients.

    Parameters
    ----------
    table : DataFrame of shape (n_rows, n_columns)
        Columns of the data dictionary; columns may be missing.
    positive : ndarray of bool of shape (n_rows,)
        Th2-high patients.
    probability : ndarray of shape (n_rows,)
        Probability of Th2-high from the model.
    rows : PatientRows, optional
        Patient and weight of each row; by default each row is a patient.

    Returns
    -------
    dict
        `rules`, a list: for each rule `n` patients with its inputs (and `n_rows`, if it is another) and `n_missing`
        without; and, or None where
        `FEWEST_OF_EACH_OUTCOME` is not reached, `auc`, `sensitivity` and `specificity` at its `cutoff`, and on the same
        patients `model_auc`, `auc_difference` (model minus rule) and `model_sensitivity` at the specificity of the
        rule. `decision_curves` of all patients and `decision_curves_complete_cases` of the patients with the inputs of
        every rule (None where there are none), see `decision_curves`; a rule without any inputs is in neither.

    Examples
    --------
    >>> eosinophils = np.array([50.0, 100.0, 200.0, 400.0, None] * 10, dtype=float)
    >>> table, positive = pd.DataFrame({"blood_eosinophils_cells_ul": eosinophils}), np.tile([0, 0, 1, 1, 1], 10) == 1
    >>> found = compare_with_reference_rules(table, positive, np.where(positive, 0.9, 0.1))
    >>> found["rules"][0]["sensitivity"]["value"], found["rules"][0]["n_missing"]
    (1.0, 10)
    """
    rows = PatientRows.single(len(positive)) if rows is None else rows
    known = table.reindex(columns=list(data_dictionary())).reset_index(drop=True)
    scores = {rule.name: rule.score(known).to_numpy(dtype=float) for rule in REFERENCE_RULES}
    available = {name: ~np.isnan(score) for name, score in scores.items() if not np.isnan(score).all()}
    treats = {rule.name: scores[rule.name] >= rule.cutoff for rule in REFERENCE_RULES if rule.name in available}
    complete = np.logical_and.reduce(list(available.values())) if available else np.zeros(len(positive), dtype=bool)
    complete_treats = {name: treated[complete] for name, treated in treats.items()}
    return {
        "rules": [_compared(rule, scores[rule.name], positive, probability, rows) for rule in REFERENCE_RULES],
        "decision_curves": decision_curves(positive, probability, treats, rows),
        "decision_curves_complete_cases": (
            decision_curves(positive[complete], probability[complete], complete_treats, rows.take(complete))
            if complete.any()
            else None
        ),
    }


def _compared(
    rule: ReferenceRule,
    score: NDArray[Any],
    positive: NDArray[np.bool_],
    probability: NDArray[Any],
    rows: PatientRows,
) -> dict[str, Any]:
    available = ~np.isnan(score)
    outcome, of_rows = positive[available], rows.take(available)
    fewest = min(of_rows.n_patients_where(outcome), of_rows.n_patients_where(~outcome))
    return {
        "rule": rule.name,
        "positive_if": rule.positive_if,
        "evidence": rule.evidence,
        "cutoff": rule.cutoff,
        **of_rows.counts,
        "n_missing": rows.n_patients - of_rows.n_patients,
        **(
            _performance(rule.cutoff, outcome, score[available], probability[available], of_rows)
            if fewest >= FEWEST_OF_EACH_OUTCOME
            else dict.fromkeys(PERFORMANCE)
        ),
    }


def _performance(
    cutoff: float,
    positive: NDArray[np.bool_],
    score: NDArray[Any],
    probability: NDArray[Any],
    rows: PatientRows,
) -> dict[str, Any]:
    """The entries `PERFORMANCE` of a rule and of the model."""
    of_positives, of_negatives = rows.take(positive), rows.take(~positive)
    specificity = proportion(score[~positive] < cutoff, of_negatives)
    threshold = _upper_quantile(probability[~positive], specificity["value"], of_negatives)
    return {
        **_both_aucs(positive, score, probability, rows),
        "sensitivity": proportion(score[positive] >= cutoff, of_positives),
        "specificity": specificity,
        "model_sensitivity": proportion(probability[positive] > threshold, of_positives),
    }


def _upper_quantile(values: NDArray[Any], level: float, rows: PatientRows) -> float:
    """Quantile of the patients; between two patients, that of the higher value."""
    order = np.argsort(values)
    n_below = ceil(round(level * (rows.n_patients - 1), 9))
    place = int(np.searchsorted(np.cumsum(rows.weight[order]), n_below + 1e-9, side="right"))
    return float(values[order[min(place, len(order) - 1)]])


def _both_aucs(
    positive: NDArray[np.bool_], score: NDArray[Any], probability: NDArray[Any], rows: PatientRows
) -> dict[str, dict[str, float]]:
    """AUC of rule and model on the same patients, and their difference."""
    of_rule, of_model = (
        auc(positive.astype(np.intp), np.column_stack([-each, each]), rows) for each in (score, probability)
    )
    difference = auc_difference(positive, probability, score, rows).symmetric()
    return dict(zip(PERFORMANCE[:3], (of_rule.within_0_and_1(), of_model.within_0_and_1(), difference), strict=True))


def decision_curves(
    positive: NDArray[np.bool_],
    probability: NDArray[Any],
    treats: Mapping[str, NDArray[np.bool_]],
    rows: PatientRows | None = None,
) -> dict[str, Any]:
    """Net benefit of treatment by the model, by each rule, of all patients and of none.

    Net benefit = true positives / n - false positives / n * threshold / (1 - threshold).

    Parameters
    ----------
    positive : ndarray of bool of shape (n_rows,)
        Th2-high patients.
    probability : ndarray of shape (n_rows,)
        Probability of Th2-high from the model, which treats from the threshold upwards.
    treats : Mapping of str to ndarray of bool of shape (n_rows,)
        Patients whom each rule treats.
    rows : PatientRows, optional
        Patient and weight of each row; by default each row is a patient.

    Returns
    -------
    dict
        `n` (and `n_rows`, if it is another); `thresholds`; `net_benefit`, for each strategy a list over the thresholds;
        and `net_benefit_difference`, the model minus each other strategy: lists `value`, `lower` and `upper` (95 %
        normal interval over patients).

    References
    ----------
    Vickers 2006, 10.1177/0272989X06295361.

    Examples
    --------
    >>> positive = np.array([True, True, False, False])
    >>> found = decision_curves(positive, np.array([0.9, 0.8, 0.2, 0.1]), {})
    >>> at_half = list(found["thresholds"]).index(0.5)
    >>> {name: curve[at_half] for name, curve in found["net_benefit"].items()}
    {'model': 0.5, 'treat_all': 0.0, 'treat_none': 0.0}
    """
    rows = PatientRows.single(len(positive)) if rows is None else rows
    all_patients = np.ones(len(positive), dtype=bool)
    fixed = {**treats, TREAT_ALL: all_patients, TREAT_NONE: ~all_patients}
    # At each threshold a true positive adds 1 and a false positive subtracts the odds.
    utility = np.where(positive[:, None], 1.0, -THRESHOLDS / (1 - THRESHOLDS))
    of_model = (probability[:, None] >= THRESHOLDS) * utility
    benefit, difference = {MODEL: rows.mean(of_model).tolist()}, {}
    for name, treated in fixed.items():
        of_rule = treated[:, None] * utility
        benefit[name] = rows.mean(of_rule).tolist()
        difference[name] = _mean_with_interval(of_model - of_rule, rows)
    return {
        **rows.counts,
        "thresholds": THRESHOLDS.tolist(),
        "net_benefit": benefit,
        "net_benefit_difference": difference,
    }


def _mean_with_interval(gain: NDArray[Any], rows: PatientRows) -> dict[str, list[float]]:
    mean = rows.mean(gain)
    deviations = gain - mean
    variance = rows.mean(deviations**2) * design_effect(deviations, rows)
    half = 1.96 * np.sqrt(variance / rows.n_patients)
    return {"value": mean.tolist(), "lower": (mean - half).tolist(), "upper": (mean + half).tolist()}
