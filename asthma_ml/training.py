"""From a labelled patient table to a classifier with its cross-validated metrics."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from asthma_ml.errors import UnusableInputError
from asthma_ml.variables import FOUR_CLASSES, ID, LABEL, OUTPUT_PREFIX, TRUTH_PREFIX, TWO_CLASSES, data_dictionary

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from asthma_ml.classifier import PhenotypeClassifier
    from asthma_ml.patients import PatientTable

N_FOLDS = 5


@dataclass(frozen=True, slots=True)
class LabelledPatients:
    """Features and labels of the rows that can be learned from or scored.

    Attributes
    ----------
    features : DataFrame of shape (n_patients, n_features)
        The columns of the data dictionary that the table has.
    labels : Series of shape (n_patients,)
        One of the classes asked for.
    left_out : Mapping of str to int
        Why rows were left out, and how many.
    rows : ndarray of shape (n_patients,)
        Their places in the table.
    other_features : DataFrame of shape (n_others, n_features)
        The same columns of the valid rows with another label.
    other_labels : Series of shape (n_others,)
        Those labels.
    """

    features: pd.DataFrame
    labels: pd.Series[str]
    left_out: Mapping[str, int]
    rows: NDArray[np.intp]
    other_features: pd.DataFrame
    other_labels: pd.Series[str]

    @property
    def class_counts(self) -> dict[str, int]:
        """Patients per class."""
        return {str(name): int(n) for name, n in self.labels.value_counts().items()}


@dataclass(frozen=True, slots=True)
class TrainedClassifier:
    """A fitted classifier and what its model card says about its training."""

    model: PhenotypeClassifier
    patients: LabelledPatients
    metrics: Mapping[str, float]
    card: Mapping[str, Any]


def labelled_patients(
    patients: PatientTable, label: str = LABEL, classes: Sequence[str] = TWO_CLASSES
) -> LabelledPatients:
    """Pick the rows whose label is one of the classes.

    Parameters
    ----------
    patients : PatientTable
        As read by `read_patients`.
    label : str
        Column that holds the class; any name that the file has.
    classes : sequence of str
        Classes to keep.

    Returns
    -------
    LabelledPatients
        With the reason and number of every row left out.

    Raises
    ------
    UnusableInputError
        If the table has no such column, or no row with one of the classes.
    """
    labels = _labels(patients, label)
    invalid = pd.Series(patients.invalid, index=labels.index)
    known = labels.isin(list(classes))
    reasons = {
        "values outside hard limits": int(invalid.sum()),
        "no label": int((labels.isna() & ~invalid).sum()),
        "another label": int((labels.notna() & ~known & ~invalid).sum()),
    }
    kept = (known & ~invalid).to_numpy()
    other = (labels.notna() & ~known & ~invalid).to_numpy()
    if not kept.any():
        raise UnusableInputError(f"{patients.source}: no usable row has {label} in {', '.join(classes)}")
    found = [name for name in data_dictionary().features if name in patients.values.columns]
    # A column map may read the label, and with other levels a feature, from one column under another name.
    answers = {label, *(patients.columns[label].sources if label in patients.columns else ())}
    features = [name for name in found if answers.isdisjoint((name, *patients.columns[name].sources))]
    return LabelledPatients(
        features=patients.values.loc[kept, features].reset_index(drop=True),
        labels=labels[kept].reset_index(drop=True),
        left_out={reason: n for reason, n in reasons.items() if n},
        rows=np.flatnonzero(kept),
        other_features=patients.values.loc[other, features].reset_index(drop=True),
        other_labels=labels[other].reset_index(drop=True),
    )


def train_classifier(
    patients: PatientTable,
    label: str = LABEL,
    classes: Sequence[str] = TWO_CLASSES,
    *,
    groups: str | None = None,
    seed: int = 0,
) -> TrainedClassifier:
    """Fit a `PhenotypeClassifier` on a labelled patient table.

    Parameters
    ----------
    patients : PatientTable
        As read by `read_patients`.
    label : str
        Column that holds the class.
    classes : sequence of str
        Classes to tell apart; rows with another label or none are left out.
    groups : str, default=None
        Column, such as the site, whose rows of one value are held out together. Rows of one patient,
        known by the identifier or by being the same throughout, always are.
    seed : int
        Seed of the model and of the folds.

    Returns
    -------
    TrainedClassifier
        The model fitted on all labelled rows; its metrics are cross-validated, and its card says what
        it calls the patients who were left out for another label. Where those are patients of other
        granulocyte classes, it learns to recognise them, see `PhenotypeClassifier.fit_companion`.

    Raises
    ------
    UnusableInputError
        If the table holds truth or prediction columns, no feature was measured, there is no column
        `groups`, or there are too few patients of a class or too few groups.
    """
    from asthma_ml.classifier import PhenotypeClassifier
    from asthma_ml.prediction import calls_by_label

    _refuse_leaks(patients)
    labelled = labelled_patients(patients, label, classes)
    _refuse_unmeasured(patients, labelled)
    held_together = _held_together(patients, labelled, groups)
    model = PhenotypeClassifier(random_state=seed)
    metrics = _cross_validated(model, labelled, held_together, seed)
    model.fit(labelled.features, labelled.labels.to_numpy(), groups=held_together)
    recognised = _fit_companion(model, labelled)
    others = calls_by_label(model, labelled.other_features, labelled.other_labels)
    card = _card(labelled, label, metrics, seed) | {
        "groups": groups,
        "other_labels": others,
        "recognises_patients_of": recognised,
    }
    return TrainedClassifier(model, labelled, metrics, card)


def recalibrate_classifier(
    model: PhenotypeClassifier, patients: PatientTable, label: str = LABEL, *, seed: int = 0
) -> TrainedClassifier:
    """Fit the calibration of a classifier anew to the patients of a hospital.

    Parameters
    ----------
    model : PhenotypeClassifier
        Fitted; it is changed.
    patients : PatientTable
        As read by `read_patients`; none of them may be among those that the model was fitted on.
    label : str
        Column that holds the class.
    seed : int
        Seed of the folds.

    Returns
    -------
    TrainedClassifier
        The model; its metrics are cross-validated, and ``log_loss_before`` is that of the model as it came.

    Raises
    ------
    UnusableInputError
        If the table holds truth or prediction columns, or too few patients of a class.
    """
    from sklearn.metrics import log_loss

    _refuse_leaks(patients)
    classes = [str(name) for name in model.classes_]
    labelled = labelled_patients(patients, label, classes)
    X, y = model.encode(labelled.features), labelled.labels.to_numpy()
    probabilities = model.predict_proba(X)
    before = float(log_loss(y, probabilities, labels=classes))
    for seen, held_out in _folds(labelled, _held_together(patients, labelled, None), seed):
        probabilities[held_out] = deepcopy(model).recalibrate(X.iloc[seen], y[seen]).predict_proba(X.iloc[held_out])
    metrics = {"folds": N_FOLDS, **_metrics(labelled, probabilities), "log_loss_before": before}
    model.recalibrate(X, y)
    card = _card(labelled, label, metrics, seed) | {"recalibrated_on": labelled.class_counts}
    return TrainedClassifier(model, labelled, metrics, card)


def _fit_companion(model: PhenotypeClassifier, labelled: LabelledPatients) -> list[str]:
    """Teach the model the granulocyte classes that it does not name and enough patients have; returns them."""
    counts = labelled.other_labels.value_counts()
    foreign = [name for name in FOUR_CLASSES if counts.get(name, 0) >= 2 * N_FOLDS]
    if not foreign or not set(labelled.class_counts) <= set(FOUR_CLASSES):
        return []
    of_them = labelled.other_labels.isin(foreign)
    features = pd.concat([labelled.features, labelled.other_features[of_them]], ignore_index=True)
    model.fit_companion(features, pd.concat([labelled.labels, labelled.other_labels[of_them]]).to_numpy())
    return foreign


def _labels(patients: PatientTable, label: str) -> pd.Series[str]:
    """The label of each row, from the checked values where the dictionary knows the column."""
    if label == LABEL and LABEL in patients.values.columns:
        return patients.values[LABEL]
    if label not in patients.raw.columns:
        raise UnusableInputError(f"{patients.source}: no column {label}; name the column of the label with --label")
    text: pd.Series[str] = patients.raw[label].astype("str").str.strip()
    return text.where(text != "").reset_index(drop=True)


def _refuse_leaks(patients: PatientTable) -> None:
    from asthma_ml.classifier import first_names

    leaks = [name for name in patients.raw.columns if str(name).startswith((TRUTH_PREFIX, OUTPUT_PREFIX))]
    if leaks:
        raise UnusableInputError(
            f"{patients.source}: {first_names(leaks)} would tell the answer; "
            f"remove the columns that begin with {TRUTH_PREFIX} or {OUTPUT_PREFIX} before training"
        )


def _refuse_unmeasured(patients: PatientTable, labelled: LabelledPatients) -> None:
    from asthma_ml.classifier import refuse_without_features

    features = data_dictionary().features
    refuse_without_features(labelled.features.columns, features, patients.raw.columns, patients.source)
    if labelled.features.isna().all(axis=None):
        raise UnusableInputError(
            f"{patients.source}: every feature is empty in every labelled row; nothing to learn from"
        )


def _held_together(patients: PatientTable, labelled: LabelledPatients, groups: str | None) -> NDArray[Any] | None:
    """Number of the patient or group of each labelled row; None where every row stands alone."""
    from asthma_ml.classifier import encode_features
    from asthma_ml.classifier.distinct_patients import content_hash, same_patients

    keys = [content_hash(encode_features(labelled.features).to_numpy())]
    if ID in patients.values:
        keys.append(_present(patients.values[ID].iloc[labelled.rows]))
    if groups is not None:
        if groups not in patients.raw.columns:
            raise UnusableInputError(f"{patients.source}: no column {groups}; name the column of groups with --groups")
        keys.append(_present(patients.raw[groups].iloc[labelled.rows]))
    together = same_patients(*keys)
    return together if len(np.unique(together)) < len(together) else None


def _present(texts: pd.Series[Any]) -> NDArray[Any]:
    """Texts of a column, None where there is none."""
    stripped = texts.astype("str").str.strip()
    return stripped.astype(object).where(stripped.notna() & (stripped != ""), None).to_numpy()


def _cross_validated(
    model: PhenotypeClassifier, labelled: LabelledPatients, held_together: NDArray[Any] | None, seed: int
) -> dict[str, float]:
    """Metrics on patients that the fitted fold has not seen."""
    from sklearn.model_selection import cross_val_predict

    y = labelled.labels.to_numpy(dtype=object)
    folds = _folds(labelled, held_together, seed)
    given = {} if held_together is None else {"groups": held_together}
    probabilities = cross_val_predict(model, labelled.features, y, cv=folds, method="predict_proba", params=given)
    return {"folds": len(folds), **_metrics(labelled, probabilities)}


def _metrics(labelled: LabelledPatients, probabilities: NDArray[Any]) -> dict[str, float]:
    """How good held-out probabilities are."""
    from sklearn.metrics import balanced_accuracy_score, log_loss, roc_auc_score

    y = labelled.labels.to_numpy(dtype=object)
    names = sorted(labelled.class_counts)
    two = len(names) == 2
    predicted = [names[i] for i in probabilities.argmax(axis=1)]
    return {
        "auc": float(roc_auc_score(y, probabilities[:, 1] if two else probabilities, multi_class="ovr")),
        "balanced_accuracy": float(balanced_accuracy_score(y, predicted)),
        "log_loss": float(log_loss(y, probabilities, labels=names)),
    }


def _folds(
    labelled: LabelledPatients, held_together: NDArray[Any] | None, seed: int
) -> list[tuple[NDArray[Any], NDArray[Any]]]:
    """Rows to learn from and rows to measure on, stratified by class, patients and groups kept together."""
    from sklearn.model_selection import StratifiedGroupKFold, StratifiedKFold

    n_folds = _n_folds(labelled)
    y = labelled.labels.to_numpy(dtype=object)
    if held_together is None:
        return list(StratifiedKFold(n_folds, shuffle=True, random_state=seed).split(labelled.features, y))
    n_folds = min(n_folds, len(np.unique(held_together)))
    if n_folds > 1:
        dealt = StratifiedGroupKFold(n_folds, shuffle=True, random_state=seed)
        folds = [
            (seen, held_out) for seen, held_out in dealt.split(labelled.features, y, held_together) if len(held_out)
        ]
        if all(len(set(y[seen])) == len(labelled.class_counts) for seen, _ in folds):
            return folds
    raise UnusableInputError(
        "the groups cannot be held out in turn: each class is needed in two groups or more; choose another --groups"
    )


def _n_folds(labelled: LabelledPatients) -> int:
    counts = labelled.class_counts
    if len(counts) < 2 or min(counts.values()) < 2 * N_FOLDS:
        found = ", ".join(f"{name} {n}" for name, n in counts.items())
        raise UnusableInputError(f"training needs two classes with {2 * N_FOLDS} patients each or more; found {found}")
    return N_FOLDS


def _card(labelled: LabelledPatients, label: str, metrics: Mapping[str, float], seed: int) -> dict[str, Any]:
    """What the card says besides what `save_model` writes itself."""
    learned_from = labelled.features.assign(**{LABEL: labelled.labels}).to_csv(index=False)
    return {
        "label": label,
        "left_out": dict(labelled.left_out),
        "seed": seed,
        "training_data_sha256": hashlib.sha256(learned_from.encode()).hexdigest(),
        "cross_validated": dict(metrics),
    }
