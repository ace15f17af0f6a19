"""The table of predictions: one row out for each row in, each with a status and its reasons."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from typing import Any, Literal, get_args

import numpy as np
import pandas as pd

from asthma_ml.classifier import PhenotypeClassifier, adherence_gate, first_names, refuse_without_features
from asthma_ml.errors import UnusableInputError
from asthma_ml.explanation import STATUSES, Calls, Explanation, explained_classes, joined, judge_calls, not_considered
from asthma_ml.explanation import explain as explain_predictions
from asthma_ml.explanation.sentences import LEANS_ON_THE_PRIOR, factor_phrase, masking_hints
from asthma_ml.patients import PatientTable, read_patients
from asthma_ml.variables import FACTORS, OUTPUT_PREFIX

__all__ = ["STATUSES", "calls_by_label", "missing_features", "predict_table", "refuse_table_without_features"]

Explain = Literal["factors", "features", "none"]

_FACTORS_IN_A_REASON = 3
_SMALLEST_TOLD = 0.005
_FEWEST_NAMED = 10
_RARE_LABELS = "rare labels"


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
    refuse_table_without_features(model, table)
    encoded = model.encode(table.values)
    calls = judge_calls(model, encoded, table.invalid)
    explanation = None if explain == "none" else explain_predictions(model, table)
    gate = adherence_gate(table.values)
    columns = {
        "status": calls.status,
        "phenotype": calls.called,
        **_probability_columns(model, calls, encoded),
        "adherence_gate": np.where(table.invalid, "unknown", gate["gate"]),
        "reasons": _reasons(table, calls, explanation, gate),
        "explained_class": model.classes_[explained_classes(model, calls.probability)],
        **(_explanation_columns(explanation, explain) if explanation is not None else {}),
    }
    return _appended(table, columns)


def calls_by_label(model: PhenotypeClassifier, features: pd.DataFrame, labels: pd.Series[str]) -> dict[str, Any]:
    """Count what a model calls the patients of each label.

    Parameters
    ----------
    model : PhenotypeClassifier
        Fitted on a table with column names.
    features : DataFrame of shape (n_patients, n_columns)
        Valid rows.
    labels : Series of shape (n_patients,)
        Their labels, classes of the model or not.

    Returns
    -------
    dict
        For each label, most frequent first, the number of its patients `n` and, in `called`, the share of them
        that is called each class; the rest is not called. Labels of fewer than ten patients are counted
        together as ``rare labels``, so that no text of a single patient leaves the table.
    """
    text = labels.astype(str).to_numpy()
    often = {name for name, n in labels.astype(str).value_counts().items() if n >= _FEWEST_NAMED}
    shown = pd.Series([name if name in often else _RARE_LABELS for name in text], dtype=object)
    called = judge_calls(model, model.encode(features)).called
    return {
        str(name): {
            "n": int(n),
            "called": {
                str(of_class): float(np.mean(called[(shown == name).to_numpy()] == of_class))
                for of_class in model.classes_
            },
        }
        for name, n in shown.value_counts().items()
    }


def missing_features(model: PhenotypeClassifier, patients: PatientTable) -> list[str]:
    """Name the features that a model makes use of and a table has no column for.

    Parameters
    ----------
    model : PhenotypeClassifier
        Fitted on a table with column names.
    patients : PatientTable
        As read by `read_patients`.

    Returns
    -------
    list of str
        The one that counts most in the model first.
    """
    weight = pd.Series(model.feature_importances_, index=[str(name) for name in model.feature_names_in_])
    used = weight[weight > 0].sort_values(ascending=False, kind="stable").index
    return [name for name in used if name not in patients.values.columns]


def _refuse_output_columns(table: PatientTable) -> None:
    taken = [str(name) for name in table.raw.columns if str(name).startswith(OUTPUT_PREFIX)]
    if taken:
        raise UnusableInputError(
            f"{table.source}: {first_names(taken)}: columns that begin with {OUTPUT_PREFIX} hold predictions; "
            "drop or rename them, or give the table that was predicted from"
        )


def _reasons(table: PatientTable, calls: Calls, explanation: Explanation | None, gate: pd.DataFrame) -> np.ndarray:
    """One sentence a patient."""
    no_call = calls.no_call
    check = gate["gate"].to_numpy() == "check_first"
    judged = [
        np.where(no_call != "", "no call: " + no_call, _told(calls, explanation)),
        masking_hints(table.values, calls.called),
        np.where(check, "check the treatment first: " + gate["reason"].to_numpy(dtype=object), ""),
        _problems(table, "warning"),
    ]
    refused = "row not predicted: " + _problems(table, "error")
    told = np.where(table.invalid, refused, joined(judged))
    return np.array([f"{text[:1].upper()}{text[1:]}." for text in told], dtype=object)


def _told(calls: Calls, explanation: Explanation | None) -> np.ndarray:
    """A call of each patient in words, with what it leans on and what it leaves out."""
    n_patients = len(calls.probability)
    leans = np.zeros(n_patients, dtype=bool) if explanation is None else explanation.leans_on_prior()
    left_out = np.repeat(not_considered(calls.classes), n_patients)
    phrases = np.array(list(_phrases(calls, explanation)), dtype=object)
    return joined([phrases, np.where(leans, LEANS_ON_THE_PRIOR, ""), left_out])


def _phrases(calls: Calls, explanation: Explanation | None) -> Iterator[str]:
    """Class, probability and the strongest factors of each patient in words."""
    n_patients = len(calls.probability)
    pushes = np.zeros((n_patients, len(FACTORS))) if explanation is None else explanation.pushes().to_numpy()
    strongest = np.argsort(-np.abs(pushes), axis=1, kind="stable")[:, :_FACTORS_IN_A_REASON]
    for name, p, push, order in zip(calls.most_probable, calls.probability, pushes, strongest, strict=True):
        yield factor_phrase(name, p.max(), [(FACTORS[k], push[k]) for k in order if abs(push[k]) >= _SMALLEST_TOLD])


def refuse_table_without_features(model: PhenotypeClassifier, patients: PatientTable) -> None:
    """Stop where a table has no feature of a model.

    Parameters
    ----------
    model : PhenotypeClassifier
        Fitted.
    patients : PatientTable
        As read by `read_patients`.

    Raises
    ------
    UnusableInputError
        With the name of the table and guesses at what was meant.
    """
    features = [str(name) for name in getattr(model, "feature_names_in_", [])]
    refuse_without_features(patients.values.columns, features, patients.raw.columns, patients.source)


def _problems(table: PatientTable, severity: str) -> np.ndarray:
    """What the reader found in each row, column and rule named."""
    by_line: dict[int, list[str]] = defaultdict(list)
    for problem in table.problems:
        if problem.severity == severity and problem.line is not None:
            by_line[problem.line].append(f"{problem.column} {problem.message} ({problem.rule})")
    return np.array([", ".join(by_line.get(line, [])) for line in table.lines.tolist()], dtype=object)


def _probability_columns(model: PhenotypeClassifier, calls: Calls, encoded: pd.DataFrame) -> dict[str, np.ndarray]:
    classes = [str(name) for name in model.classes_]
    calibrated = not model.uncalibrated_classes
    sets = ["|".join(np.array(classes)[members]) if calibrated else "uncalibrated" for members in calls.in_set]
    explained = explained_classes(model, calls.probability)[:, None]
    low, high = (np.take_along_axis(end, explained, axis=1)[:, 0] for end in model.predict_interval(encoded))
    return {
        **{f"p_{name}": calls.probability[:, k] for k, name in enumerate(classes)},
        "p_low": low,
        "p_high": high,
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
