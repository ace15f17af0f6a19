"""Scores of a model compared with the Bayes limit of the causal model."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from asthma_ml.errors import UnusableInputError
from asthma_ml.evaluation.causal.origin import Origin, refuse_other_patients
from asthma_ml.evaluation.metrics import FEWEST_OF_A_CLASS, LabelledPredictions, score_probabilities
from asthma_ml.inference import ESS, SE_SUFFIX, bayes_limit, limit_classes, limit_probabilities
from asthma_ml.intervals import PatientRows
from asthma_ml.scores import mean
from asthma_ml.variables import FOUR_CLASSES

if TYPE_CHECKING:
    from asthma_ml.patients import PatientTable

SCORES = ("log_loss", "auc", "brier")


def limit_scores(limit: pd.DataFrame, labels: ArrayLike, rows: PatientRows | None = None) -> dict[str, Any]:
    """Log-loss, AUC and Brier score of the Bayes limit on labelled patients.

    Parameters
    ----------
    limit : DataFrame
        From `bayes_limit`.
    labels : array-like of shape (n_rows,)
        Observed labels, all of them classes of the limit.
    rows : PatientRows, optional
        Patient and weight of each row; by default each row is a patient.

    Returns
    -------
    dict
        `log_loss`, `auc` and `brier`, each with `value`, `lower` and `upper` (95 % interval over patients);
        `median_ess` and `minimum_ess`, effective sample sizes; and `monte_carlo_excess_log_loss`, the excess log-loss
        [nats] that the Monte Carlo error of the probabilities causes.

    Raises
    ------
    UnusableInputError
        Patients are impossible under the causal model, labels are unknown, or a class has too few patients.
    """
    classes = limit_classes(limit)
    impossible = int(limit[classes].isna().any(axis=1).sum())
    if impossible:
        raise UnusableInputError(
            f"{impossible} patients are impossible under this preset; give the preset that the table was generated with"
        )
    scores = score_probabilities(classes, labels, limit_probabilities(limit), rows)
    effective = {"median_ess": float(limit[ESS].median()), "minimum_ess": float(limit[ESS].min())}
    sampling = {"monte_carlo_excess_log_loss": _monte_carlo_excess(limit)}
    return {name: scores[name] for name in SCORES} | effective | sampling


def _monte_carlo_excess(limit: pd.DataFrame) -> float:
    """Expected divergence of the estimated from the exact probabilities, to second order [nats]."""
    errors = limit[[f"{name}{SE_SUFFIX}" for name in limit_classes(limit)]].to_numpy()
    return float(np.mean((errors**2 / limit_probabilities(limit)).sum(axis=1)) / 2)


def refuse_unknown_classes(classes: Sequence[str]) -> None:
    """Refuse classes that the causal model does not generate.

    Parameters
    ----------
    classes : sequence of str
        Classes of a model.

    Raises
    ------
    UnusableInputError
        If one of them is not among the four generated classes.
    """
    unknown = [name for name in classes if name not in FOUR_CLASSES]
    if unknown:
        raise UnusableInputError(
            f"the Bayes limit is known for {', '.join(FOUR_CLASSES)}, not for {', '.join(unknown)}"
        )


def compare_with_bayes_limit(
    predicted: LabelledPredictions,
    patients: PatientTable,
    origin: Origin,
    *,
    most_patients: int = 2000,
    n_particles: int = 2000,
    seed: int = 0,
    progress: bool = False,
) -> dict[str, Any]:
    """Scores of the Bayes limit and of a model on the same generated patients and labels.

    Parameters
    ----------
    predicted : LabelledPredictions
        Predictions of the generated labels, from `predict_labelled`.
    patients : PatientTable
        The generated cohort that they are of, as read by `read_patients`.
    origin : Origin
        How it was generated.
    most_patients : int
        Number of patients of modelled classes that are compared, the first ones.
    n_particles, seed, progress
        As in `bayes_limit`.

    Returns
    -------
    dict
        `n_patients`; what `limit_scores` returns; the scores of the `model` on the same patients; and
        `excess_log_loss`, the excess log-loss of the model over the Bayes limit [nats]. Each score has `value`,
        `lower` and `upper`.

    Raises
    ------
    UnusableInputError
        Classes that the causal model does not generate, patients of another origin, or too few of a class.
    """
    classes = tuple(str(name) for name in predicted.calls.classes)
    refuse_unknown_classes(classes)
    refuse_other_patients(patients.values, origin)
    chosen = np.flatnonzero(predicted.modelled)[:most_patients]
    rows = predicted.patients.take(chosen)
    table, labels = patients.values.iloc[predicted.rows[chosen]], predicted.labels[chosen]
    _refuse_few(classes, labels, rows)
    limit = bayes_limit(table, origin.preset, n_particles, seed, classes, progress=progress)
    probability = predicted.calls.probability[chosen]
    scores = score_probabilities(classes, labels, probability, rows)
    excess = _losses(probability, labels, classes) - _losses(limit_probabilities(limit), labels, classes)
    return {
        "n_patients": rows.n_patients,
        **limit_scores(limit, labels, rows),
        "model": {name: scores[name] for name in SCORES},
        "excess_log_loss": mean(excess, rows).symmetric(),
    }


def _refuse_few(classes: Sequence[str], labels: Any, rows: PatientRows) -> None:
    """Refuse, before minutes of work, patients among whom a class is too rare for the scores."""
    counts = {name: rows.n_patients_where(labels == name) for name in classes}
    if min(counts.values()) < FEWEST_OF_A_CLASS:
        found = ", ".join(f"{n} {name}" for name, n in counts.items())
        raise UnusableInputError(
            f"the Bayes limit needs {FEWEST_OF_A_CLASS} patients of each class; the first {len(labels)} rows of "
            f"modelled classes have {found}; compare more patients (--limit-patients)"
        )


def _losses(probability: Any, labels: Any, classes: tuple[str, ...]) -> Any:
    place = np.array([classes.index(name) for name in labels])
    return -np.log(np.maximum(probability[np.arange(len(place)), place], 1e-15))
