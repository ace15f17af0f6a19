"""The table of predictions: one output row for each input row, with a status and its reasons."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from asthma_ml.classifier import Classifier, compiled_where_possible, explained_classes, refuse_without_features
from asthma_ml.columns import Column, Joined, Texts
from asthma_ml.decisions import GATES, AdherenceGate, Calls, decide_calls, judge_adherence
from asthma_ml.errors import UnusableInputError
from asthma_ml.explanation import (
    Contributions,
    MechanismContributions,
    account_of_predictions,
    contributions_of,
    mechanism_contributions,
)
from asthma_ml.patients import PatientTable, ReadPatients, index_columns, read_patients, reasons_not_read
from asthma_ml.prediction.options import Explain, refuse_unknown_explain
from asthma_ml.variables import FACTORS, OUTPUT_PREFIX
from asthma_ml.wording import first_names, hidden, narrate_table, text_of_patterns, text_of_rows

if TYPE_CHECKING:
    import pandas as pd

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
        A DataFrame is first read by `read_patients`; named levels of its index are read as columns. Columns of the
        simulated truth are copied and not used.
    explain : {"none", "factors", "features", "mechanisms"}, default="factors"
        Level of the explanation. ``"mechanisms"`` needs a model with a mechanism regression, such as the shipped one.

    Returns
    -------
    DataFrame of n_patients rows
        Keeps the index of a DataFrame. The input columns come first, unchanged. Then follow ``aml_status``,
        ``aml_phenotype`` (empty unless the status is ``ok``), the probability ``aml_p_<class>`` of each class,
        ``aml_p_unmodelled``, the interval ``aml_p_low`` to ``aml_p_high`` of the probability of
        ``aml_explained_class``, ``aml_prediction_set``, ``aml_adherence_gate``, ``aml_reasons`` and
        ``aml_explained_class``. Unless `explain` is ``"none"``, ``aml_base`` and one ``aml_factor_<factor>`` per
        factor follow; they add up to the log-odds of the probability of ``aml_explained_class``. With
        ``"mechanisms"`` come ``aml_mechanism_base``, one ``aml_mechanism_<factor>`` per factor and
        ``aml_mechanism_remainder``, which add up to the same log-odds; see `explain_mechanisms`.

        The ``aml_p_<class>`` are conditional on the classes that the model names and sum to 1.
        ``aml_p_unmodelled`` is the probability that the patient has a diagnosis that the model does not name. It is
        missing if the model has no auxiliary classifier.

    Raises
    ------
    UnusableInputError
        If `explain` is not an allowed value, a column name already begins with ``aml_``, or no column is a feature
        of the model.
    """
    import pandas as pd

    refuse_unknown_explain(explain)
    table = patients if isinstance(patients, PatientTable) else read_patients(patients)
    refuse_output_columns(table.raw.columns, table.source)
    refuse_table_without_features(model, table)
    compiled = compiled_where_possible(model)
    X = compiled.encoded_features(table.read.values)
    added = frame_of_columns(predicted_columns(compiled, table.read, explain, X))
    predicted = pd.concat([table.raw, added.set_axis(table.raw.index)], axis=1)
    return _with_index_of(patients, predicted) if isinstance(patients, pd.DataFrame) else predicted


def _with_index_of(given: pd.DataFrame, predicted: pd.DataFrame) -> pd.DataFrame:
    """Predictions with the index of the input; drop the columns as which its named levels were read."""
    return predicted.drop(columns=index_columns(given)).set_axis(given.index)


def predicted_columns(
    model: Classifier, patients: ReadPatients, explain: Explain, X: NDArray[np.float32]
) -> dict[str, Column]:
    """Return the columns that `predict` adds to the input columns.

    Parameters
    ----------
    model : Classifier
        Fitted on a table with column names.
    patients : ReadPatients of n_patients rows
        Predictions of a row do not depend on the other rows.
    explain : {"none", "factors", "features", "mechanisms"}
        Level of the explanation.
    X : ndarray of shape (n_patients, n_features)
        Their encoded features.

    Returns
    -------
    dict of str to Column of n_patients rows
        The columns that begin with ``aml_``; most are missing where a row is invalid.
    """
    invalid = patients.invalid
    found = None if explain == "none" else contributions_of(model, X, invalid, per_feature=explain == "features")
    mechanisms = mechanism_contributions(found) if found is not None and explain == "mechanisms" else None
    calls = decide_calls(model, X, invalid) if found is None else found.calls
    gate = judge_adherence(patients.values)
    explained = explained_classes(model.classes_, calls.probability)
    columns: dict[str, Any] = {
        "status": calls.status_texts,
        "phenotype": calls.called_texts,
        **_probability_columns(model, calls, explained),
        "adherence_gate": Texts(np.where(invalid, np.int32(GATES.index("unknown")), gate.gate), GATES),
        "reasons": _reasons(patients, calls, found, gate, mechanisms),
        "explained_class": Texts(explained.astype(np.int32), calls.called_texts.distinct),
        **({} if found is None else _explanation_columns(model, found)),
        **({} if mechanisms is None else _mechanism_columns(mechanisms)),
    }
    return {
        f"{OUTPUT_PREFIX}{name}": column if name in _KEPT_IF_INVALID else _without_invalid(column, invalid)
        for name, column in columns.items()
    }


def frame_of_columns(columns: Mapping[str, Column]) -> pd.DataFrame:
    """Data frame of columns of numbers and texts.

    Examples
    --------
    >>> frame_of_columns({"aml_status": Texts.of(["ok", None]), "aml_base": np.array([0.5, np.nan])})
      aml_status  aml_base
    0         ok       0.5
    1        NaN       NaN
    """
    import pandas as pd

    return pd.DataFrame(
        {
            name: column if isinstance(column, np.ndarray) else pd.Series(column.strings(), dtype="str")
            for name, column in columns.items()
        }
    )


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
    found = set(patients.read.values if isinstance(patients, PatientTable) else patients)
    weight = model.feature_importances_
    used = [str(model.feature_names_in_[k]) for k in np.argsort(-weight, kind="stable") if weight[k] > 0]
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
    patients: ReadPatients,
    calls: Calls,
    found: Contributions | None,
    gate: AdherenceGate,
    mechanisms: MechanismContributions | None,
) -> Joined:
    """One sentence for each patient."""
    account = account_of_predictions(calls, patients.values, gate, found, mechanisms)
    warnings, errors = (_problem_texts(patients, severity) for severity in ("warning", "error"))
    return narrate_table(account, warnings, errors, patients.invalid)


def refuse_table_without_features(model: Classifier, patients: PatientTable) -> None:
    """Raise UnusableInputError if no column of a table is a feature of the model."""
    features = [str(name) for name in getattr(model, "feature_names_in_", [])]
    refuse_without_features(patients.read.values, features, patients.source, reasons_not_read(patients.findings))


def _problem_texts(patients: ReadPatients, severity: str) -> Texts:
    """Problems of each row, with their columns and rules."""
    statements = [
        (each.rows, f"{each.column} {each.message} ({each.rule})")
        for each in patients.findings
        if each.severity == severity and each.rows is not None
    ]
    return text_of_rows(statements, len(patients.invalid))


def _probability_columns(model: Classifier, calls: Calls, explained: NDArray[np.intp]) -> dict[str, Column]:
    names = np.array(calls.called_texts.distinct, dtype=object)
    calibrated = not model.uncalibrated_classes
    low, high = (np.take_along_axis(end, explained[:, None], axis=1)[:, 0] for end in (calls.low, calls.high))
    return {
        **{f"p_{name}": calls.probability[:, k] for k, name in enumerate(names)},
        "p_unmodelled": np.full(len(low), np.nan) if model.auxiliary_ is None else calls.p_unmodelled,
        "p_low": low,
        "p_high": high,
        "prediction_set": text_of_patterns(
            calls.in_set, lambda members: "|".join(names[members]) if calibrated else "uncalibrated"
        ),
    }


def _explanation_columns(model: Classifier, found: Contributions) -> dict[str, Column]:
    factors = zip(FACTORS, found.factor_values.T, strict=True)
    features = [] if found.feature_values is None else zip(model.feature_names_in_, found.feature_values.T, strict=True)
    return {
        "base": found.base,
        **{f"factor_{name}": values for name, values in factors},
        **{f"shap_{name}": values for name, values in features},
    }


def _mechanism_columns(found: MechanismContributions) -> dict[str, Column]:
    factors = {f"mechanism_{name}": values for name, values in zip(FACTORS, found.values.T, strict=True)}
    return {"mechanism_base": found.base, **factors, "mechanism_remainder": found.remainder}


def _without_invalid(column: NDArray[np.float64] | Texts, invalid: NDArray[np.bool_]) -> Column:
    """A column that is missing in invalid rows."""
    return hidden(column, invalid) if isinstance(column, Texts) else np.where(invalid, np.nan, column)
