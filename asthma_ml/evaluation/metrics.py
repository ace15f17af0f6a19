"""How good a model is on patients it has not seen: discrimination, calibration, honest abstention.

Every figure comes with a 95 % bootstrap interval over patients. A figure measured on synthetic
patients says how well the model knows the causal model, not how well it knows asthma.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy.special import logit
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss, roc_auc_score

from asthma_ml.decisions import calls_by_diagnosis, decide_calls
from asthma_ml.errors import UnusableInputError
from asthma_ml.evaluation.abstention import abstention_by_diagnosis, recognition, risk_coverage
from asthma_ml.evaluation.causal.clear_cut import clear_cut
from asthma_ml.evaluation.intervals import INTERVAL, N_BOOTSTRAP, share
from asthma_ml.evaluation.reference_rules import beside_reference_rules
from asthma_ml.evaluation.subgroups import evaluate_subgroups, falls_of_coverage
from asthma_ml.prediction import detect_shift, refuse_table_without_features, shift_statistics, shift_warning
from asthma_ml.training import LabelledPatients, LabelRule, labelled_patients
from asthma_ml.variables import LABEL, SITE
from asthma_ml.wording import first_names

if TYPE_CHECKING:
    from asthma_ml.classifier import PhenotypeClassifier
    from asthma_ml.patients import PatientTable

Metric: TypeAlias = Callable[[NDArray[Any], NDArray[Any]], float]

TH2_HIGH = "th2_high"

FEWEST_OF_A_CLASS = 10
"""Patients of each class below which an interval over resampled patients says nothing."""


def evaluate_model(model: PhenotypeClassifier, X: pd.DataFrame, y: ArrayLike, *, seed: int = 0) -> dict[str, Any]:
    """Measure a fitted classifier on labelled patients.

    Parameters
    ----------
    model : PhenotypeClassifier
        Fitted.
    X : DataFrame of shape (n_patients, n_columns)
        Patients that were not trained on; columns the model knows are picked by name. A column `site`
        is used for subgroups only.
    y : array-like of shape (n_patients,)
        Their labels, all of them classes of the model.
    seed : int
        Seed of the bootstrap.

    Returns
    -------
    dict
        `n_patients`, `class_counts`; `auc`, `log_loss`, `brier`, `accuracy`, `calibration_slope` and
        `calibration_intercept`, each with `value`, `lower` and `upper`; and `decisions`: the share of
        patients with a single-class prediction set, the accuracy among them, and the share of sets
        that hold the true class; `subgroups`, see `evaluate_subgroups`, of Th2-high or else of the last class.
        Of a model that knows Th2-high also `reference_rules`, see `beside_reference_rules`.

    Raises
    ------
    UnusableInputError
        Labels that are no class of the model, or fewer than `FEWEST_OF_A_CLASS` patients of a class.

    Examples
    --------
    >>> from asthma_ml.classifier import PhenotypeClassifier
    >>> from asthma_ml.cohort import generate_cohort
    >>> model = PhenotypeClassifier(n_trees=20).fit(*generate_cohort(400, seed=1).training_data())
    >>> metrics = evaluate_model(model, *generate_cohort(400, seed=2).training_data())
    >>> metrics["auc"]["lower"] > 0.8
    True
    """
    codes = _codes(model.classes_, np.asarray(y))
    assessed = model.predict_with_uncertainty(model.encode(X))
    metrics = {
        "n_patients": len(codes),
        "class_counts": {str(name): int((codes == k).sum()) for k, name in enumerate(model.classes_)},
        **score_probabilities(model.classes_, y, assessed.probability, seed=seed),
        "decisions": _decisions(assessed.in_set, codes),
    }
    names = [str(name) for name in model.classes_]
    of_class = names.index(TH2_HIGH) if TH2_HIGH in names else len(names) - 1
    metrics["subgroups"] = evaluate_subgroups(X, codes, assessed.probability, assessed.in_set, names, of_class)
    if TH2_HIGH in names:
        probability = assessed.probability[:, of_class]
        metrics["reference_rules"] = beside_reference_rules(X, codes == of_class, probability, seed=seed)
    return metrics


def score_probabilities(
    classes: ArrayLike, y: ArrayLike, probability: NDArray[Any], *, seed: int = 0
) -> dict[str, dict[str, float]]:
    """Measure probabilities, whoever gave them, on labelled patients.

    Parameters
    ----------
    classes : array-like of shape (n_classes,)
        Classes, in the order of the columns of `probability`.
    y : array-like of shape (n_patients,)
        Labels, all of them among the classes.
    probability : ndarray of shape (n_patients, n_classes)
        Rows sum to 1.
    seed : int
        Seed of the bootstrap.

    Returns
    -------
    dict
        `auc`, `log_loss`, `brier`, `accuracy`, `calibration_slope` and `calibration_intercept`, each with
        `value`, `lower` and `upper`.

    Raises
    ------
    UnusableInputError
        As `evaluate_model`.
    """
    codes = _codes(np.asarray(classes), np.asarray(y))
    return _with_intervals(_metrics(probability.shape[1]), codes, probability, seed)


def evaluate_patients(
    model: PhenotypeClassifier,
    patients: PatientTable,
    label: str | LabelRule = LABEL,
    *,
    levels: Mapping[str, str] | None = None,
    truth: pd.DataFrame | None = None,
    seed: int = 0,
) -> dict[str, Any]:
    """Measure a fitted classifier on a labelled patient table, with the patients of no class of it.

    Parameters
    ----------
    model : PhenotypeClassifier
        Fitted on a table with column names.
    patients : PatientTable
        As read by `read_patients`, others than those it was trained on.
    label : str or LabelRule
        Column that holds the class, or a rule that tells it.
    levels : mapping of str to str, optional
        What the column writes for each class, where it has words of its own.
    truth : DataFrame, default=None
        Of a generated cohort; tells who is clear-cut.
    seed : int
        Seed of the bootstrap.

    Returns
    -------
    dict
        What `evaluate_model` returns for the rows of a class of the model; `left_out`, why rows are not
        among them; `called`, over all labelled rows, the share that is called, and for each class the
        predictive value of its call, the share of those so called who are of the class (Wilson
        intervals); `kinds`, see `abstention_by_diagnosis`; `risk_coverage`, see there, of `classes_of_the_model` and of
        `all_labelled`, where a patient of another label is never right and the surest are
        the likeliest to be of the class, of all that there are; `recognition`, see there, where the
        model has learned to recognise others and there are some; `other_labels`, what the model calls the
        patients of other labels, see `calls_by_diagnosis`; `warnings`, what is said where the patients are not like the
        training patients or prediction sets hold a class less often than they promise.

    Raises
    ------
    UnusableInputError
        As `evaluate_model`; also where no feature or no label is among the columns.
    """
    refuse_table_without_features(model, patients)
    labelled = labelled_patients(patients, label, [str(name) for name in model.classes_], levels=levels)
    found = evaluate_model(model, _with_site(labelled, patients), labelled.labels.to_numpy(), seed=seed)
    return {
        **found,
        "warnings": [*_departures(model, labelled), *falls_of_coverage(found["subgroups"][0], model.confidence)],
        "left_out": dict(labelled.left_out),
        **_of_every_kind(model, labelled, _clear_cut(patients, labelled, truth)),
        "other_labels": calls_by_diagnosis(model, labelled.other_features, labelled.other_labels),
    }


def _with_site(labelled: LabelledPatients, patients: PatientTable) -> pd.DataFrame:
    """Features with the site beside them, which no model may learn from."""
    if SITE not in patients.values:
        return labelled.features
    return labelled.features.assign(**{SITE: patients.values[SITE].to_numpy()[labelled.rows]})


def _departures(model: PhenotypeClassifier, labelled: LabelledPatients) -> list[str]:
    """What is said where these patients, all labels together, are not like the training patients."""
    everybody = pd.concat([labelled.features, labelled.other_features], ignore_index=True)
    said = shift_warning(detect_shift(model, shift_statistics(model, model.encode(everybody))), len(everybody))
    return [said] if said else []


def _clear_cut(
    patients: PatientTable, labelled: LabelledPatients, truth: pd.DataFrame | None
) -> NDArray[np.bool_] | None:
    """Who among the patients of the model's classes is clear-cut, None where that is not known."""
    return None if truth is None else clear_cut(patients.values.iloc[labelled.rows], labelled.labels, truth)


def _of_every_kind(
    model: PhenotypeClassifier, labelled: LabelledPatients, clear: NDArray[np.bool_] | None
) -> dict[str, Any]:
    """What the model decides over its own classes and the other labels."""
    encoded = model.encode(pd.concat([labelled.features, labelled.other_features], ignore_index=True))
    labels = pd.concat([labelled.labels, labelled.other_labels], ignore_index=True).astype(str).to_numpy()
    calls = decide_calls(model, encoded)
    confidence, right = calls.probability.max(axis=1), calls.most_probable.astype(str) == labels
    n_own = len(labelled.labels)
    named = np.arange(len(labels)) < n_own
    clear = None if clear is None else np.r_[clear, np.zeros(len(labels) - n_own, dtype=bool)]
    recognised = model.unmodelled_classes and not named.all()
    return {
        "called": _called(calls.called, labels, [str(name) for name in model.classes_]),
        "kinds": abstention_by_diagnosis(calls, model.predict_unmodelled(encoded), labels, clear),
        **({"recognition": recognition(calls.p_unmodelled, named)} if recognised else {}),
        "risk_coverage": {
            "classes_of_the_model": risk_coverage(confidence[:n_own], right[:n_own]),
            "all_labelled": risk_coverage(confidence * (1 - calls.p_unmodelled), right),
        },
    }


def _called(called: NDArray[Any], labels: NDArray[Any], classes: list[str]) -> dict[str, Any]:
    """Share of calls and what a call is worth."""
    return {
        "share": share(np.array([name is not None for name in called])),
        "predictive_value": {name: share(labels[called == name] == name) for name in classes if (called == name).any()},
    }


def _metrics(n_classes: int) -> Mapping[str, Metric]:
    return {
        "auc": _auc,
        "log_loss": lambda codes, p: float(log_loss(codes, p, labels=range(n_classes))),
        "brier": lambda codes, p: float(np.mean(((p - np.eye(n_classes)[codes]) ** 2).sum(axis=1)) / 2),
        "accuracy": lambda codes, p: float(np.mean(p.argmax(axis=1) == codes)),
        "calibration_slope": lambda codes, p: _recalibration(codes, p)[0],
        "calibration_intercept": lambda codes, p: _recalibration(codes, p)[1],
    }


def _auc(codes: NDArray[Any], probability: NDArray[Any]) -> float:
    two = probability.shape[1] == 2
    return float(roc_auc_score(codes, probability[:, 1] if two else probability, multi_class="ovr"))


def _recalibration(codes: NDArray[Any], probability: NDArray[Any]) -> tuple[float, float]:
    """Slope and intercept of the outcome on the predicted log-odds, all classes against the rest pooled."""
    columns = [1] if probability.shape[1] == 2 else range(probability.shape[1])
    log_odds = np.concatenate([logit(np.clip(probability[:, k], 1e-9, 1 - 1e-9)) for k in columns])
    outcome = np.concatenate([codes == k for k in columns])
    line = LogisticRegression(C=np.inf).fit(log_odds[:, None], outcome)
    return float(line.coef_[0, 0]), float(line.intercept_[0])


def _with_intervals(
    metrics: Mapping[str, Metric], codes: NDArray[Any], probability: NDArray[Any], seed: int
) -> dict[str, dict[str, float]]:
    """Each metric on all patients, with the percentile interval over resampled patients."""
    rng = np.random.default_rng(seed)
    samples = [s for s in rng.integers(0, len(codes), (N_BOOTSTRAP, len(codes))) if _all_present(codes[s], codes)]
    found = {}
    for name, metric in metrics.items():
        lower, upper = np.percentile([metric(codes[s], probability[s]) for s in samples], INTERVAL)
        found[name] = {"value": metric(codes, probability), "lower": float(lower), "upper": float(upper)}
    return found


def _all_present(sample: NDArray[Any], codes: NDArray[Any]) -> bool:
    return len(np.unique(sample)) == len(np.unique(codes))


def _decisions(sets: NDArray[np.bool_], codes: NDArray[Any]) -> dict[str, float | None]:
    decided = sets.sum(axis=1) == 1
    right = sets[np.arange(len(codes)), codes]
    return {
        "decided": float(decided.mean()),
        "accuracy_when_decided": float(right[decided].mean()) if decided.any() else None,
        "coverage": float(right.mean()),
    }


def _codes(classes: NDArray[Any], y: NDArray[Any]) -> NDArray[Any]:
    """Place of each label among the classes of the model."""
    names = [str(name) for name in classes]
    labels = pd.Series(y).astype("str")
    unknown = sorted(set(labels) - set(names))
    if unknown:
        raise UnusableInputError(
            f"labels that the model does not know: {first_names(unknown)}; it knows {', '.join(names)}"
        )
    counts = {name: int((labels == name).sum()) for name in names}
    if min(counts.values()) < FEWEST_OF_A_CLASS:
        found = ", ".join(f"{n} {name}" for name, n in counts.items())
        raise UnusableInputError(
            f"too few patients to measure on: {FEWEST_OF_A_CLASS} of each class are needed, found {found}"
        )
    return np.asarray(labels.map({name: k for k, name in enumerate(names)}))
