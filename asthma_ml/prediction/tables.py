"""The table of predictions: one row out for each row in, each with a status and its reasons."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import Literal, get_args

import numpy as np
import pandas as pd

from asthma_ml.classifier import Classifier, compiled_where_possible, explained_classes, refuse_without_features
from asthma_ml.decisions import Calls, adherence_gate, decide_calls, masking_hints, unmodelled_classes_clause
from asthma_ml.errors import UnusableInputError
from asthma_ml.explanation import Explanation, explain_encoded
from asthma_ml.patients import PatientTable, ReadPatients, read_patients
from asthma_ml.variables import FACTORS, OUTPUT_PREFIX
from asthma_ml.wording import PRIOR_DECIDES, factor_phrase, first_names, joined, remark, text_of_patterns

Explain = Literal["factors", "features", "none"]

_FACTORS_IN_A_REASON = 3
_SMALLEST_TOLD = 0.005


def predict_table(
    model: Classifier, patients: PatientTable | pd.DataFrame, explain: Explain = "factors"
) -> pd.DataFrame:
    """Predict a table of patients.

    Parameters
    ----------
    model : Classifier
        Fitted on a table with column names.
    patients : PatientTable or DataFrame of n_patients rows
        A DataFrame is read by `read_patients` first, an index that has a name as one more column. Columns of the
        truth pass through unused.
    explain : {"factors", "features", "none"}, default="factors"
        How far predictions are explained.

    Returns
    -------
    DataFrame of n_patients rows
        With the index of a DataFrame that was given. The columns as given, then ``aml_status``,
        ``aml_phenotype`` (given only where the status is ``ok``), a probability of each class, the interval
        ``aml_p_low`` to ``aml_p_high`` of the probability of ``aml_explained_class``,
        ``aml_prediction_set``, ``aml_adherence_gate`` and ``aml_reasons``. Unless `explain` is ``"none"``,
        ``aml_base`` and the factors follow, which add up to the log-odds of the probability of
        ``aml_explained_class``.

    Raises
    ------
    UnusableInputError
        If `explain` is none of the three, if columns already begin with ``aml_``, or if no feature of
        the model is among the columns.
    """
    if explain not in get_args(Explain):
        raise UnusableInputError(f"explain={explain!r}: allowed are {', '.join(get_args(Explain))}")
    table = patients if isinstance(patients, PatientTable) else read_patients(patients)
    refuse_output_columns(table.raw.columns, table.source)
    refuse_table_without_features(model, table)
    added = predicted_columns(compiled_where_possible(model), table, explain)
    predicted = pd.concat([table.raw, added.set_axis(table.raw.index)], axis=1)
    return _with_index_of(patients, predicted) if isinstance(patients, pd.DataFrame) else predicted


def _with_index_of(given: pd.DataFrame, predicted: pd.DataFrame) -> pd.DataFrame:
    """The rows under the labels that they were given with; a named index is read as a column and is none here."""
    name = given.index.name
    read_as_column = [] if name is None or name in given.columns else [name]
    return predicted.drop(columns=read_as_column).set_axis(given.index)


def predicted_columns(model: Classifier, patients: PatientTable | ReadPatients, explain: Explain) -> pd.DataFrame:
    """Return the columns that a prediction adds, of patients that were read.

    Parameters
    ----------
    model : Classifier
        Fitted on a table with column names.
    patients : PatientTable or ReadPatients of n_patients rows
        A row does not depend on the rows beside it.
    explain : {"factors", "features", "none"}
        How far predictions are explained.

    Returns
    -------
    DataFrame of n_patients rows
        The columns that begin with ``aml_``, emptied where a row is invalid.
    """
    encoded = model.encode(patients.values)
    explanation = None if explain == "none" else explain_encoded(model, patients.values, encoded, patients.invalid)
    calls = decide_calls(model, encoded, patients.invalid) if explanation is None else explanation.calls
    gate = adherence_gate(patients.values)
    columns = {
        "status": calls.status,
        "phenotype": calls.called,
        **_probability_columns(model, calls),
        "adherence_gate": np.where(patients.invalid, "unknown", gate["gate"]),
        "reasons": _reasons(patients, calls, explanation, gate),
        "explained_class": model.classes_[explained_classes(model.classes_, calls.probability)],
        **(_explanation_columns(explanation, explain) if explanation is not None else {}),
    }
    return _emptied_where_invalid(columns, patients.invalid)


def missing_features(model: Classifier, patients: PatientTable | Iterable[str]) -> list[str]:
    """Name the features that a model makes use of and a table has no column for.

    Parameters
    ----------
    model : Classifier
        Fitted on a table with column names.
    patients : PatientTable or iterable of str
        As read by `read_patients`, or the variables that were found in a table.

    Returns
    -------
    list of str
        The one that counts most in the model first.
    """
    found = set(patients.values.columns if isinstance(patients, PatientTable) else patients)
    weight = pd.Series(model.feature_importances_, index=[str(name) for name in model.feature_names_in_])
    used = weight[weight > 0].sort_values(ascending=False, kind="stable").index
    return [name for name in used if name not in found]


def refuse_output_columns(names: Iterable[object], source: str) -> None:
    """Stop where a table was predicted before.

    Raises
    ------
    UnusableInputError
        If columns begin with ``aml_``.
    """
    taken = [str(name) for name in names if str(name).startswith(OUTPUT_PREFIX)]
    if taken:
        raise UnusableInputError(
            f"{source}: {first_names(taken)}: columns that begin with {OUTPUT_PREFIX} hold predictions; "
            "drop or rename them, or give the table that was predicted from"
        )


def _reasons(
    table: PatientTable | ReadPatients, calls: Calls, explanation: Explanation | None, gate: pd.DataFrame
) -> np.ndarray:
    """One sentence a patient."""
    no_call = calls.no_call
    check = gate["gate"].to_numpy() == "check_first"
    judged = [
        np.where(no_call != "", "no call: " + no_call, _told(calls, explanation)),
        _said_of_stability(calls, explanation),
        masking_hints(table.values, calls.called),
        np.where(check, "check the treatment first: " + gate["reason"].to_numpy(dtype=object), ""),
        _problems(table, "warning"),
    ]
    refused = "row not predicted: " + _problems(table, "error")
    told = np.where(table.invalid, refused, joined(judged))
    return np.array([f"{text[:1].upper()}{text[1:]}." for text in told.tolist()], dtype=object)


def _said_of_stability(calls: Calls, explanation: Explanation | None) -> np.ndarray:
    """A remark where a call is explained by two factors that count nearly alike."""
    unstable = np.zeros(len(calls.probability), dtype=bool) if explanation is None else explanation.unstable()
    return np.where(unstable & (calls.status == "ok"), remark("close_factors_in_a_table"), "").astype(object)


def _told(calls: Calls, explanation: Explanation | None) -> np.ndarray:
    """A call of each patient in words, with what it leans on and what it leaves out."""
    n_patients = len(calls.probability)
    leans = np.zeros(n_patients, dtype=bool) if explanation is None else explanation.prior_decides()
    left_out = np.full(n_patients, unmodelled_classes_clause(calls.classes), dtype=object)
    called = calls.status == "ok"
    phrases = np.full(n_patients, "", dtype=object)
    phrases[called] = list(_phrases(calls, explanation, called))
    return joined([phrases, np.where(leans, PRIOR_DECIDES, ""), left_out])


def _phrases(calls: Calls, explanation: Explanation | None, called: np.ndarray) -> Iterator[str]:
    """Class, probability and the strongest factors of each patient who is called, in words."""
    names, largest = calls.most_probable[called].tolist(), calls.probability[called].max(axis=1, initial=0.0).tolist()
    if explanation is None:
        yield from (factor_phrase(name, p, ()) for name, p in zip(names, largest, strict=True))
        return
    pushes = explanation.pushes().to_numpy()[called]
    strongest = np.argsort(-np.abs(pushes), axis=1, kind="stable")[:, :_FACTORS_IN_A_REASON]
    rows = zip(names, largest, pushes.tolist(), strongest.tolist(), strict=True)
    for name, p, push, order in rows:
        yield factor_phrase(name, p, [(FACTORS[k], push[k]) for k in order if abs(push[k]) >= _SMALLEST_TOLD])


def refuse_table_without_features(model: Classifier, patients: PatientTable) -> None:
    """Stop where a table has no feature of a model.

    Parameters
    ----------
    model : Classifier
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


def _problems(table: PatientTable | ReadPatients, severity: str) -> np.ndarray:
    """What the reader found in each row, column and rule named."""
    by_line: dict[int, list[str]] = defaultdict(list)
    for problem in table.problems:
        if problem.severity == severity and problem.line is not None:
            by_line[problem.line].append(f"{problem.column} {problem.message} ({problem.rule})")
    found = np.full(len(table.lines), "", dtype=object)
    found[np.isin(table.lines, list(by_line))] = [", ".join(texts) for _, texts in sorted(by_line.items())]
    return found


def _probability_columns(model: Classifier, calls: Calls) -> dict[str, np.ndarray]:
    classes = [str(name) for name in model.classes_]
    names = np.array(classes, dtype=object)
    calibrated = not model.uncalibrated_classes
    sets = text_of_patterns(calls.in_set, lambda members: "|".join(names[members]) if calibrated else "uncalibrated")
    explained = explained_classes(model.classes_, calls.probability)[:, None]
    low, high = (np.take_along_axis(end, explained, axis=1)[:, 0] for end in (calls.low, calls.high))
    return {
        **{f"p_{name}": calls.probability[:, k] for k, name in enumerate(classes)},
        "p_low": low,
        "p_high": high,
        "prediction_set": sets,
    }


def _explanation_columns(explanation: Explanation, explain: Explain) -> dict[str, np.ndarray]:
    columns = {"base": explanation.base}
    columns |= {f"factor_{name}": values.to_numpy() for name, values in explanation.factors.items()}
    if explain == "features":
        columns |= {f"shap_{name}": values.to_numpy() for name, values in explanation.features.items()}
    return columns


def _emptied_where_invalid(columns: dict[str, np.ndarray], invalid: np.ndarray) -> pd.DataFrame:
    """Our columns under their names in the table."""
    always = ("status", "adherence_gate", "reasons")
    added = pd.DataFrame({f"{OUTPUT_PREFIX}{name}": _column(values) for name, values in columns.items()})
    emptied = [name for name in added.columns if name.removeprefix(OUTPUT_PREFIX) not in always]
    added.loc[invalid, emptied] = np.nan
    return added


def _column(values: np.ndarray) -> pd.Series:
    """Numbers as they are, everything else as text that can be missing."""
    return pd.Series(values, dtype=None if values.dtype.kind == "f" else "str")
