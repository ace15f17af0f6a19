"""The model beside the rules that clinics use already: single cuts, GINA, UKSAR, ISAR, SARP, ORACLE.

A model that needs fifty columns has to beat a blood count. Rules are judged on the patients in whom what
they need was measured, and the model on the same patients beside them. In the decision curves, which
need one set of patients for all, a rule without an answer treats nobody.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from asthma_ml.decisions import isar_grade, oracle_rate_ratio, sarp_group
from asthma_ml.evaluation.intervals import percentiles, resampled, share, weighted_auc
from asthma_ml.variables import data_dictionary

FEWEST_TO_JUDGE = 10
"""Patients with the condition, and without, below which a rule is not judged."""

THRESHOLDS = np.round(np.arange(0.05, 0.951, 0.05), 2)
"""Probabilities from which on somebody would treat for type-2 inflammation."""

MODEL, TREAT_ALL, TREAT_NONE = "model", "treat_all", "treat_none"


@dataclass(frozen=True, slots=True)
class ReferenceRule:
    """A published way to sort patients.

    Attributes
    ----------
    name : str
        Short name.
    positive_if : str
        Whom it takes for Th2-high, in words.
    score : callable
        From a table with all columns of the data dictionary to a Series: higher is more likely Th2-high,
        missing where the rule has no answer.
    cut : float
        Positive from this score on.
    evidence : str
        Id of the evidence table, or citation; says where a cut is recalled or assumed.
    """

    name: str
    positive_if: str
    score: Callable[[pd.DataFrame], pd.Series[float]]
    cut: float
    evidence: str


def any_raised(table: pd.DataFrame, cuts: Mapping[str, float], needed: tuple[str, ...]) -> pd.Series[float]:
    """Whether any marker reaches its cut: 1 or 0, missing unless all that are needed were measured.

    Examples
    --------
    >>> markers = pd.DataFrame({"feno_ppb": [30.0, 10.0, None], "atopy": [0.0, 0.0, 1.0]})
    >>> any_raised(markers, {"feno_ppb": 25, "atopy": 1}, needed=("feno_ppb",)).tolist()
    [1.0, 0.0, nan]
    """
    raised = pd.concat([table[name] >= cut for name, cut in cuts.items()], axis=1).any(axis=1)
    return raised.astype(float).where(table[list(needed)].notna().all(axis=1))


def _marker(name: str) -> Callable[[pd.DataFrame], pd.Series[float]]:
    return lambda table: table[name]


def _cut(name: str, column: str, cut: float, evidence: str) -> ReferenceRule:
    unit = data_dictionary()[column].unit
    return ReferenceRule(name, f"{column} >= {cut:g} {unit}", _marker(column), cut, evidence)


EOSINOPHILS, FENO, SPUTUM = "blood_eosinophils_cells_ul", "feno_ppb", "sputum_eosinophils_pct"

REFERENCE_RULES = (
    _cut("blood_eosinophils_150", EOSINOPHILS, 150, "COH084"),
    _cut("blood_eosinophils_220", EOSINOPHILS, 220, "IMM023; Schleich 2013"),
    _cut("blood_eosinophils_300", EOSINOPHILS, 300, "HET005"),
    _cut("feno_25", FENO, 25, "IMM019; cut of UKSAR and ORACLE"),
    _cut("feno_50", FENO, 50, "IMM019; cut of ORACLE"),
    ReferenceRule(
        "gina_type2",
        "blood eosinophils >= 150 cells/uL, FeNO >= 20 ppb or, where induced, sputum eosinophils >= 2 %; "
        "'allergen-driven' is on no record and left out",
        partial(any_raised, cuts={EOSINOPHILS: 150, FENO: 20, SPUTUM: 2}, needed=(EOSINOPHILS, FENO)),
        1.0,
        "GINA difficult-to-treat asthma guide",
    ),
    ReferenceRule(
        "uksar_not_t2_low",
        "not (FeNO < 25 ppb and blood eosinophils < 150 cells/uL)",
        partial(any_raised, cuts={EOSINOPHILS: 150, FENO: 25}, needed=(EOSINOPHILS, FENO)),
        1.0,
        "IMM003; Jackson 2021, 10.1136/thoraxjnl-2020-215168",
    ),
    ReferenceRule("isar_gradient", "grade 3 of the gradient (rule reconstructed)", isar_grade, 3.0, "HET005"),
    ReferenceRule(
        "sarp_tree",
        "group 1 to 3 (a clinical tree: it claims nothing about inflammation, the direction is assumed)",
        lambda table: -sarp_group(table),
        -3.0,
        "HET048",
    ),
    ReferenceRule(
        "oracle_grid",
        "more attacks than the trials' mean (a tool for attacks, not for inflammation; cut assumed)",
        oracle_rate_ratio,
        1.0,
        "IMM038 to IMM046",
    ),
)


def beside_reference_rules(
    table: pd.DataFrame, positive: NDArray[np.bool_], probability: NDArray[Any], *, seed: int = 0
) -> dict[str, Any]:
    """Judge the reference rules and a model on the same patients.

    Parameters
    ----------
    table : DataFrame of shape (n_patients, n_columns)
        Columns of the data dictionary; columns may be missing.
    positive : ndarray of bool of shape (n_patients,)
        Who is Th2-high.
    probability : ndarray of shape (n_patients,)
        The model's probability of it.
    seed : int
        Seed of the bootstrap.

    Returns
    -------
    dict
        `rules`, a list: for each rule `n` patients answered and `unanswered`; `judged`, false where there are
        fewer than `FEWEST_TO_JUDGE` with or without the condition; and if judged `auc`, `sensitivity` and
        `specificity` at its `cut`, and on the same patients `model_auc`, `auc_difference` (model less rule)
        and `model_sensitivity` at the rule's specificity. `decision_curves` over all patients and
        `decision_curves_where_all_rules_answer` (None where there are no such patients), see `decision_curves`;
        a rule that answers nobody is in neither.

    Examples
    --------
    >>> eosinophils = np.array([50.0, 100.0, 200.0, 400.0, None] * 10, dtype=float)
    >>> table, positive = pd.DataFrame({"blood_eosinophils_cells_ul": eosinophils}), np.tile([0, 0, 1, 1, 1], 10) == 1
    >>> found = beside_reference_rules(table, positive, np.where(positive, 0.9, 0.1))
    >>> found["rules"][0]["sensitivity"]["value"], found["rules"][0]["unanswered"]
    (1.0, 10)
    """
    known = table.reindex(columns=list(data_dictionary())).reset_index(drop=True)
    scores = {rule.name: rule.score(known).to_numpy(dtype=float) for rule in REFERENCE_RULES}
    answers = {name: ~np.isnan(score) for name, score in scores.items() if not np.isnan(score).all()}
    treats = {rule.name: scores[rule.name] >= rule.cut for rule in REFERENCE_RULES if rule.name in answers}
    answered = np.logical_and.reduce(list(answers.values())) if answers else np.zeros(len(positive), dtype=bool)
    where_all = {name: treated[answered] for name, treated in treats.items()}
    return {
        "rules": [_judged(rule, scores[rule.name], positive, probability, seed) for rule in REFERENCE_RULES],
        "decision_curves": decision_curves(positive, probability, treats),
        "decision_curves_where_all_rules_answer": (
            decision_curves(positive[answered], probability[answered], where_all) if answered.any() else None
        ),
    }


def _judged(
    rule: ReferenceRule,
    score: NDArray[Any],
    positive: NDArray[np.bool_],
    probability: NDArray[Any],
    seed: int,
) -> dict[str, Any]:
    answered = ~np.isnan(score)
    ill, said, p = positive[answered], score[answered], probability[answered]
    row: dict[str, Any] = {
        "rule": rule.name,
        "positive_if": rule.positive_if,
        "evidence": rule.evidence,
        "cut": rule.cut,
        "n": int(answered.sum()),
        "unanswered": int((~answered).sum()),
        "judged": bool(min(ill.sum(), (~ill).sum()) >= FEWEST_TO_JUDGE),
    }
    if not row["judged"]:
        return row
    specificity = share(said[~ill] < rule.cut)
    return row | {
        **_both_aucs(ill, said, p, seed),
        "sensitivity": share(said[ill] >= rule.cut),
        "specificity": specificity,
        "model_sensitivity": share(p[ill] > np.quantile(p[~ill], specificity["value"], method="higher")),
    }


def _both_aucs(
    positive: NDArray[np.bool_], score: NDArray[Any], probability: NDArray[Any], seed: int
) -> dict[str, dict[str, float]]:
    """Areas of rule and model, and by how much the model's is larger, over the same resampled patients."""
    of_rule, of_model = (np.unique(values, return_inverse=True)[1] for values in (score, probability))

    def areas(weight: NDArray[Any]) -> tuple[float, float, float]:
        rule, model = weighted_auc(positive, of_rule, weight), weighted_auc(positive, of_model, weight)
        return rule, model, model - rule

    samples = np.array([areas(weight) for weight in resampled(len(positive), seed)])
    samples = samples[~np.isnan(samples[:, 0])]
    values = areas(np.ones(len(positive)))
    names = ("auc", "model_auc", "auc_difference")
    return {
        name: percentiles(value, list(column)) for name, value, column in zip(names, values, samples.T, strict=True)
    }


def decision_curves(
    positive: NDArray[np.bool_], probability: NDArray[Any], treats: Mapping[str, NDArray[np.bool_]]
) -> dict[str, Any]:
    """Net benefit of treating by the model, by each rule, of treating all and of treating none.

    Net benefit = true positives / n - false positives / n * threshold / (1 - threshold).

    Parameters
    ----------
    positive : ndarray of bool of shape (n_patients,)
        Who is Th2-high.
    probability : ndarray of shape (n_patients,)
        The model's probability of it; the model treats where it reaches the threshold.
    treats : Mapping of str to ndarray of bool of shape (n_patients,)
        Whom each rule treats.

    Returns
    -------
    dict
        `n`; `thresholds`; `net_benefit`, for each strategy a list over the thresholds; and `model_above`, for
        each strategy but the model lists `value`, `lower` and `upper` of what the model gains over it
        (95 % normal interval over patients).

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
    everybody = np.ones(len(positive), dtype=bool)
    fixed = {**treats, TREAT_ALL: everybody, TREAT_NONE: ~everybody}
    # What treating a patient is worth at each threshold: 1 for a true positive, less the odds for a false one.
    worth = np.where(positive[:, None], 1.0, -THRESHOLDS / (1 - THRESHOLDS))
    of_model = (probability[:, None] >= THRESHOLDS) * worth
    benefit, model_above = {MODEL: of_model.mean(axis=0).tolist()}, {}
    for name, treated in fixed.items():
        of_rule = treated[:, None] * worth
        benefit[name] = of_rule.mean(axis=0).tolist()
        model_above[name] = _mean_with_interval(of_model - of_rule)
    return {
        "n": len(positive),
        "thresholds": THRESHOLDS.tolist(),
        "net_benefit": benefit,
        "model_above": model_above,
    }


def _mean_with_interval(gain: NDArray[Any]) -> dict[str, list[float]]:
    mean = gain.mean(axis=0)
    half = 1.96 * gain.std(axis=0) / np.sqrt(len(gain))
    return {"value": mean.tolist(), "lower": (mean - half).tolist(), "upper": (mean + half).tolist()}
