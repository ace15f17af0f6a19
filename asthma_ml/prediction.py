"""The table of predictions: one row out for each row in, each with a status and its reasons."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Literal, get_args

import numpy as np
import pandas as pd

from asthma_ml.classifier import PhenotypeClassifier, adherence_gate
from asthma_ml.errors import UnusableInputError
from asthma_ml.explanation import Explanation, explained_classes
from asthma_ml.explanation import explain as explain_predictions
from asthma_ml.explanation.sentences import factor_phrase, listed, masking_hints, plain_name
from asthma_ml.patients import PatientTable, read_patients
from asthma_ml.variables import FACTORS, OUTPUT_PREFIX, data_dictionary

STATUSES = ("ok", "abstained", "invalid", "out_of_range")

Explain = Literal["factors", "features", "none"]

_FACTORS_IN_A_REASON = 3
_COLUMNS_IN_A_REASON = 3
_SMALLEST_TOLD = 0.005


@dataclass(frozen=True, slots=True)
class _Predictions:
    """What the model says of each patient, before it is told."""

    probability: np.ndarray
    in_set: np.ndarray
    low: np.ndarray
    high: np.ndarray
    explained: np.ndarray


def predict_table(
    model: PhenotypeClassifier, patients: PatientTable | pd.DataFrame, explain: Explain = "factors"
) -> pd.DataFrame:
    """Predict a table of patients.

    Parameters
    ----------
    model : PhenotypeClassifier
        Fitted on a table with column names.
    patients : PatientTable or DataFrame of n_patients rows
        A DataFrame is read by `read_patients` first. Columns of the truth pass through unused.
    explain : {"factors", "features", "none"}, default="factors"
        How far predictions are explained.

    Returns
    -------
    DataFrame of n_patients rows
        The columns as given, then ``aml_status``, ``aml_phenotype`` (given only where the status is
        ``ok``), a probability of each class, the interval ``aml_p_low`` to ``aml_p_high`` of the
        probability of ``aml_explained_class``, ``aml_prediction_set``, ``aml_adherence_gate`` and
        ``aml_reasons``. Unless `explain` is ``"none"``, ``aml_base`` and the factors follow, which add
        up to the log-odds of the probability of ``aml_explained_class``.

    Raises
    ------
    UnusableInputError
        If `explain` is none of the three, if columns already begin with ``aml_``, or if no feature of
        the model is among the columns.
    """
    if explain not in get_args(Explain):
        raise UnusableInputError(f"explain={explain!r}: allowed are {', '.join(get_args(Explain))}")
    table = patients if isinstance(patients, PatientTable) else read_patients(patients)
    _refuse_output_columns(table)
    _refuse_without_features(model, table)
    encoded = model.encode(table.values)
    predictions = _predict(model, encoded)
    explanation = None if explain == "none" else explain_predictions(model, table)
    withheld = _withheld_calls(model, table, encoded, predictions)
    gate = adherence_gate(table.values)
    status = _status(table.invalid, withheld)
    columns = {
        "status": status,
        "phenotype": np.where(status == "ok", model.classes_[predictions.probability.argmax(axis=1)], None),
        **_probability_columns(model, predictions),
        "adherence_gate": np.where(table.invalid, "unknown", gate["gate"]),
        "reasons": _reasons(model, table, predictions, explanation, withheld, gate),
        "explained_class": model.classes_[predictions.explained],
        **(_explanation_columns(explanation, explain) if explanation is not None else {}),
    }
    return _appended(table, columns)


def _predict(model: PhenotypeClassifier, encoded: pd.DataFrame) -> _Predictions:
    probability = model.predict_proba(encoded)
    explained = explained_classes(model, probability)
    low, high = (np.take_along_axis(end, explained[:, None], axis=1)[:, 0] for end in model.predict_interval(encoded))
    return _Predictions(probability, model.predict_set(encoded), low, high, explained)


def _refuse_output_columns(table: PatientTable) -> None:
    taken = [str(name) for name in table.raw.columns if str(name).startswith(OUTPUT_PREFIX)]
    if taken:
        raise UnusableInputError(
            f"{table.source}: {', '.join(taken)}: columns that begin with {OUTPUT_PREFIX} hold predictions; "
            "drop or rename them, or give the table that was predicted from"
        )


def _refuse_without_features(model: PhenotypeClassifier, table: PatientTable) -> None:
    features = [str(name) for name in getattr(model, "feature_names_in_", [])]
    if not features or any(name in table.values.columns for name in features):
        return
    near = {str(name): get_close_matches(str(name).lower(), features, n=1, cutoff=0.4) for name in table.raw.columns}
    guesses = [f"{name} (do you mean {match[0]}?)" for name, match in near.items() if match]
    raise UnusableInputError(
        f"{table.source}: no column is a feature of the model, which knows {', '.join(features)}"
        + (f"; nearest: {', '.join(guesses)}" if guesses else "")
    )


def _withheld_calls(
    model: PhenotypeClassifier, table: PatientTable, encoded: pd.DataFrame, predictions: _Predictions
) -> dict[str, np.ndarray]:
    """Why a call is withheld from each patient, by status; empty text where it is not."""
    return {
        "out_of_range": _out_of_range(model, encoded),
        "abstained": _joined([_without_markers(encoded), _undecided(model, predictions)]),
        "invalid": _problems(table, "error"),
    }


def _out_of_range(model: PhenotypeClassifier, encoded: pd.DataFrame) -> np.ndarray:
    """Name the features whose values no training patient came near."""
    values = encoded.to_numpy()
    smallest, largest = model.feature_range_
    outside = (values < smallest) | (values > largest)
    reasons = np.full(len(values), "", dtype=object)
    for i in np.flatnonzero(outside.any(axis=1)):
        reasons[i] = f"{_some(encoded.columns[outside[i]])} outside the range of the training patients"
    return reasons


def _without_markers(encoded: pd.DataFrame) -> np.ndarray:
    dictionary = data_dictionary()
    markers = [
        name for name in dictionary.of_factor("immune_profile") if dictionary[name].kind == "number" and name in encoded
    ]
    none_measured = encoded[markers].isna().all(axis=1).to_numpy(dtype=bool)
    return np.where(none_measured, "no marker of inflammation measured", "").astype(object)


def _undecided(model: PhenotypeClassifier, predictions: _Predictions) -> np.ndarray:
    """Say why the prediction set is not a single class."""
    in_set = predictions.in_set
    if model.uncalibrated_classes:
        few = listed([plain_name(name) for name in model.uncalibrated_classes])
        return np.full(len(in_set), f"the model saw too few {few} patients to calibrate a prediction set", dtype=object)
    at = f"at {model.confidence:.0%} confidence"
    named = [listed([plain_name(name) for name in model.classes_[members]]) for members in in_set]
    return np.select(
        [in_set.sum(axis=1) == 1, in_set.sum(axis=1) == 0],
        ["", f"unlike the training patients of every class {at}"],
        np.array([f"{names} cannot be told apart {at}" for names in named], dtype=object),
    )


def _status(invalid: np.ndarray, withheld: dict[str, np.ndarray]) -> np.ndarray:
    return np.select(
        [invalid, withheld["out_of_range"] != "", withheld["abstained"] != ""],
        ["invalid", "out_of_range", "abstained"],
        "ok",
    )


def _reasons(
    model: PhenotypeClassifier,
    table: PatientTable,
    predictions: _Predictions,
    explanation: Explanation | None,
    withheld: dict[str, np.ndarray],
    gate: pd.DataFrame,
) -> np.ndarray:
    """One sentence a patient."""
    no_call = _joined([withheld["out_of_range"], withheld["abstained"]])
    call = np.array(list(_calls(model, predictions, explanation)), dtype=object)
    check = gate["gate"].to_numpy() == "check_first"
    judged = [
        np.where(no_call != "", "no call: " + no_call, call),
        masking_hints(table.values),
        np.where(check, "check the treatment first: " + gate["reason"].to_numpy(dtype=object), ""),
        _problems(table, "warning"),
    ]
    refused = "row not predicted: " + withheld["invalid"]
    told = np.where(table.invalid, refused, _joined(judged))
    return np.array([f"{text[:1].upper()}{text[1:]}." for text in told], dtype=object)


def _calls(model: PhenotypeClassifier, predictions: _Predictions, explanation: Explanation | None) -> Iterator[str]:
    """Class, probability and the strongest factors of each patient in words."""
    called = model.classes_[predictions.probability.argmax(axis=1)]
    pushes = np.zeros((len(called), len(FACTORS))) if explanation is None else explanation.pushes().to_numpy()
    strongest = np.argsort(-np.abs(pushes), axis=1, kind="stable")[:, :_FACTORS_IN_A_REASON]
    for name, p, push, order in zip(called, predictions.probability, pushes, strongest, strict=True):
        yield factor_phrase(name, p.max(), [(FACTORS[k], push[k]) for k in order if abs(push[k]) >= _SMALLEST_TOLD])


def _problems(table: PatientTable, severity: str) -> np.ndarray:
    """What the reader found in each row, column and rule named."""
    by_line: dict[int, list[str]] = defaultdict(list)
    for problem in table.problems:
        if problem.severity == severity and problem.line is not None:
            by_line[problem.line].append(f"{problem.column} {problem.message} ({problem.rule})")
    return np.array([", ".join(by_line.get(line, [])) for line in table.lines.tolist()], dtype=object)


def _probability_columns(model: PhenotypeClassifier, predictions: _Predictions) -> dict[str, np.ndarray]:
    classes = [str(name) for name in model.classes_]
    calibrated = not model.uncalibrated_classes
    sets = ["|".join(np.array(classes)[members]) if calibrated else "uncalibrated" for members in predictions.in_set]
    return {
        **{f"p_{name}": predictions.probability[:, k] for k, name in enumerate(classes)},
        "p_low": predictions.low,
        "p_high": predictions.high,
        "prediction_set": np.array(sets, dtype=object),
    }


def _explanation_columns(explanation: Explanation, explain: Explain) -> dict[str, np.ndarray]:
    columns = {"base": explanation.base}
    columns |= {f"factor_{name}": values.to_numpy() for name, values in explanation.factors.items()}
    if explain == "features":
        columns |= {f"shap_{name}": values.to_numpy() for name, values in explanation.features.items()}
    return columns


def _appended(table: PatientTable, columns: dict[str, np.ndarray]) -> pd.DataFrame:
    """The table as given with our columns behind, emptied where a row is invalid."""
    always = ("status", "adherence_gate", "reasons")
    series = {f"{OUTPUT_PREFIX}{name}": _column(values, table.raw.index) for name, values in columns.items()}
    added = pd.DataFrame(series, index=table.raw.index)
    emptied = [name for name in added.columns if name.removeprefix(OUTPUT_PREFIX) not in always]
    added.loc[table.invalid, emptied] = np.nan
    return pd.concat([table.raw, added], axis=1)


def _column(values: np.ndarray, index: pd.Index) -> pd.Series:
    """Numbers as they are, everything else as text that can be missing."""
    return pd.Series(values, index=index, dtype=None if values.dtype.kind == "f" else "str")


def _joined(parts: list[np.ndarray]) -> np.ndarray:
    """The parts that are not empty, patient by patient."""
    return np.array(["; ".join(filter(None, row)) for row in zip(*parts, strict=True)], dtype=object)


def _some(names: Iterable[object]) -> str:
    named = [str(name) for name in names]
    rest = len(named) - _COLUMNS_IN_A_REASON
    return ", ".join(named[:_COLUMNS_IN_A_REASON]) + (f" and {rest} more" if rest > 0 else "")
