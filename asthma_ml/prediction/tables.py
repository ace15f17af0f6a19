"""The table of predictions: one output row for each input row, with a status and its reasons."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

import numpy as np
import pandas as pd

from asthma_ml.classifier import Classifier, compiled_where_possible, explained_classes, refuse_without_features
from asthma_ml.decisions import Calls, adherence_gate, decide_calls
from asthma_ml.errors import UnusableInputError
from asthma_ml.explanation import Explanation, account_of_predictions, explain_encoded
from asthma_ml.patients import PatientTable, ReadPatients, read_patients
from asthma_ml.prediction.options import Explain, refuse_unknown_explain
from asthma_ml.variables import OUTPUT_PREFIX
from asthma_ml.wording import first_names, narrate_table, text_of_patterns

_KEPT_IF_INVALID = ("status", "adherence_gate", "reasons")


def predict_table(
    model: Classifier, patients: PatientTable | pd.DataFrame, explain: Explain = "factors"
) -> pd.DataFrame:
    """Predict a table of patients.

    Parameters
    ----------
    model : Classifier
        Fitted on a table with column names.
    patients : PatientTable or DataFrame of n_patients rows
        A DataFrame is first read by `read_patients`; a named index is read as a column. Columns of the simulated
        truth are copied and not used.
    explain : {"none", "factors", "features"}, default="factors"
        Level of the explanation.

    Returns
    -------
    DataFrame of n_patients rows
        Keeps the index of a DataFrame. The input columns come first, unchanged. Then follow ``aml_status``,
        ``aml_phenotype`` (empty unless the status is ``ok``), the probability ``aml_p_<class>`` of each class,
        ``aml_p_unmodelled``, the interval ``aml_p_low`` to ``aml_p_high`` of the probability of
        ``aml_explained_class``, ``aml_prediction_set``, ``aml_adherence_gate``, ``aml_reasons`` and
        ``aml_explained_class``. Unless `explain` is ``"none"``, ``aml_base`` and one ``aml_factor_<factor>`` per
        factor follow; they add up to the log-odds of the probability of ``aml_explained_class``.

        The ``aml_p_<class>`` are conditional on the classes that the model names and sum to 1.
        ``aml_p_unmodelled`` is the probability that the patient has a diagnosis that the model does not name. It is
        missing if the model has no auxiliary classifier.

    Raises
    ------
    UnusableInputError
        If `explain` is not an allowed value, a column name already begins with ``aml_``, or no column is a feature
        of the model.
    """
    refuse_unknown_explain(explain)
    table = patients if isinstance(patients, PatientTable) else read_patients(patients)
    refuse_output_columns(table.raw.columns, table.source)
    refuse_table_without_features(model, table)
    added = predicted_columns(compiled_where_possible(model), table, explain)
    predicted = pd.concat([table.raw, added.set_axis(table.raw.index)], axis=1)
    return _with_index_of(patients, predicted) if isinstance(patients, pd.DataFrame) else predicted


def _with_index_of(given: pd.DataFrame, predicted: pd.DataFrame) -> pd.DataFrame:
    """Predictions with the index of the input; drop the column as which a named index was read."""
    name = given.index.name
    index_column = [] if name is None or name in given.columns else [name]
    return predicted.drop(columns=index_column).set_axis(given.index)


def predicted_columns(model: Classifier, patients: PatientTable | ReadPatients, explain: Explain) -> pd.DataFrame:
    """Return the columns that `predict` adds to the input columns.

    Parameters
    ----------
    model : Classifier
        Fitted on a table with column names.
    patients : PatientTable or ReadPatients of n_patients rows
        Predictions of a row do not depend on the other rows.
    explain : {"none", "factors", "features"}
        Level of the explanation.

    Returns
    -------
    DataFrame of n_patients rows
        The columns that begin with ``aml_``; most are missing where a row is invalid.
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
    return _added_columns(columns, patients.invalid)


def missing_features(model: Classifier, patients: PatientTable | Iterable[str]) -> list[str]:
    """Return the features that a model uses and a table does not have.

    Parameters
    ----------
    model : Classifier
        Fitted on a table with column names.
    patients : PatientTable or iterable of str
        Table from `read_patients`, or the variables found in it.

    Returns
    -------
    list of str
        In descending order of importance in the model.
    """
    found = set(patients.values.columns if isinstance(patients, PatientTable) else patients)
    weight = pd.Series(model.feature_importances_, index=[str(name) for name in model.feature_names_in_])
    used = weight[weight > 0].sort_values(ascending=False, kind="stable").index
    return [name for name in used if name not in found]


def refuse_output_columns(names: Iterable[object], source: str) -> None:
    """Raise UnusableInputError if column names begin with ``aml_``: the table already contains predictions."""
    taken = [str(name) for name in names if str(name).startswith(OUTPUT_PREFIX)]
    if taken:
        raise UnusableInputError(
            f"{source}: {first_names(taken)}: names that begin with {OUTPUT_PREFIX} are reserved for predictions; "
            "drop or rename these columns, or give the table without predictions"
        )


def _reasons(
    table: PatientTable | ReadPatients, calls: Calls, explanation: Explanation | None, gate: pd.DataFrame
) -> np.ndarray:
    """One sentence for each patient."""
    account = account_of_predictions(calls, table.values, gate, explanation)
    return narrate_table(account, _problem_texts(table, "warning"), _problem_texts(table, "error"), table.invalid)


def refuse_table_without_features(model: Classifier, patients: PatientTable) -> None:
    """Raise UnusableInputError if no column of a table is a feature of the model; the message suggests near names."""
    features = [str(name) for name in getattr(model, "feature_names_in_", [])]
    refuse_without_features(patients.values.columns, features, patients.raw.columns, patients.source)


def _problem_texts(table: PatientTable | ReadPatients, severity: str) -> np.ndarray:
    """Problems of each row, with their columns and rules."""
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
        "p_unmodelled": np.full(len(calls.probability), np.nan) if model.auxiliary_ is None else calls.p_unmodelled,
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


def _added_columns(columns: dict[str, np.ndarray], invalid: np.ndarray) -> pd.DataFrame:
    """Columns with their output names; invalid rows keep only `_KEPT_IF_INVALID`."""
    added = pd.DataFrame({f"{OUTPUT_PREFIX}{name}": _column(values) for name, values in columns.items()})
    added.loc[invalid, [f"{OUTPUT_PREFIX}{name}" for name in columns if name not in _KEPT_IF_INVALID]] = np.nan
    return added


def _column(values: np.ndarray) -> pd.Series:
    """Floats unchanged; everything else as text that can be missing."""
    return pd.Series(values, dtype=None if values.dtype.kind == "f" else "str")
