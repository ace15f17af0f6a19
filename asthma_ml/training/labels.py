"""Labels of patients, from a column or from a rule on measured values, and the features that may be used with them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from asthma_ml.errors import UnusableInputError
from asthma_ml.spelling import with_suggestion
from asthma_ml.training.same_patient import patient_numbers
from asthma_ml.variables import FOUR_CLASSES, ID, LABEL, TWO_CLASSES, data_dictionary

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from asthma_ml.patients import PatientTable

_NAMED_VALUES, _FEWEST_ROWS = 6, 10

SPUTUM = ("sputum_eosinophils_pct", "sputum_neutrophils_pct")


@dataclass(frozen=True, slots=True)
class LabelRule:
    """A rule that derives the class of a patient from measured values.

    Attributes
    ----------
    name : str
        Name of the rule.
    columns : tuple of str
        Columns of the data dictionary that the rule uses.
    classify : callable
        Function from a table with these columns to a Series of classes, missing where the class is unknown.
    classes : tuple of str
        All classes of the rule.
    source : str
        Ids of the evidence table, or ``user``.

    Examples
    --------
    >>> counts = pd.DataFrame(
    ...     {"sputum_eosinophils_pct": [12.0, 1.0, 1.0], "sputum_neutrophils_pct": [30.0, 70.0, None]}
    ... )
    >>> LABEL_RULES["sputum_3_61"].classify(counts).tolist()
    ['th2_high', 'neutrophilic_th2_low', nan]
    """

    name: str
    columns: tuple[str, ...]
    classify: Callable[[pd.DataFrame], pd.Series[str]]
    classes: tuple[str, ...]
    source: str


@dataclass(frozen=True, slots=True)
class LabelledPatients:
    """Features and labels of the rows that can be used for training or evaluation.

    Attributes
    ----------
    features : DataFrame of shape (n_rows, n_features)
        Columns of the data dictionary that the table has.
    labels : Series of shape (n_rows,)
        Label of each row, one of the requested classes.
    excluded, excluded_patients : Mapping of str to int
        Number of excluded rows by reason, and number of their patients.
    rows : ndarray of shape (n_rows,)
        Positions of the rows in the table.
    patient : ndarray of int of shape (n_rows,)
        Number of the patient of each row, from `patient_numbers`.
    unmodelled_features : DataFrame of shape (n_unmodelled, n_features)
        The same columns of valid rows with any other label.
    unmodelled_labels : Series of shape (n_unmodelled,)
        Labels of these rows.
    unmodelled_rows : ndarray of shape (n_unmodelled,)
        Positions of these rows in the table.
    unmodelled_patient : ndarray of int of shape (n_unmodelled,)
        Number of the patient of each of these rows.
    label_card : Mapping of str to object
        Definition of the labels, for the model card.
    """

    features: pd.DataFrame
    labels: pd.Series[str]
    excluded: Mapping[str, int]
    excluded_patients: Mapping[str, int]
    rows: NDArray[np.intp]
    patient: NDArray[np.intp]
    unmodelled_features: pd.DataFrame
    unmodelled_labels: pd.Series[str]
    unmodelled_rows: NDArray[np.intp]
    unmodelled_patient: NDArray[np.intp]
    label_card: Mapping[str, object] = field(default_factory=dict)

    @property
    def class_counts(self) -> dict[str, int]:
        """Number of patients of each class; a patient with rows of two classes counts in both."""
        return _patients_by_label(self.labels, self.patient)

    @property
    def unmodelled_counts(self) -> dict[str, int]:
        """Number of patients of each other label."""
        return _patients_by_label(self.unmodelled_labels, self.unmodelled_patient)

    @property
    def first_rows(self) -> pd.DataFrame:
        """Features of the first row of each patient, of shape (n_patients, n_features)."""
        first = np.sort(np.unique(self.patient, return_index=True)[1])
        return self.features if len(first) == len(self.patient) else self.features.iloc[first]

    def select(self, selected: NDArray[np.bool_], reason: str) -> LabelledPatients:
        """Keep the selected rows and count the others as excluded.

        Parameters
        ----------
        selected : ndarray of bool of shape (n_rows,)
            Rows to keep.
        reason : str
            Reason for the exclusion of the other rows.

        Returns
        -------
        LabelledPatients
            The selected rows.
        """
        if selected.all():
            return self
        excluded = {**self.excluded, reason: int((~selected).sum())}
        of_patients = {**self.excluded_patients, reason: len(np.unique(self.patient[~selected]))}
        features, labels = self.features[selected].reset_index(drop=True), self.labels[selected].reset_index(drop=True)
        rows, patient = self.rows[selected], self.patient[selected]
        kept = replace(self, features=features, labels=labels, rows=rows, patient=patient)
        return replace(kept, excluded=excluded, excluded_patients=of_patients)

    def with_unmodelled(self, classes: Sequence[str]) -> LabelledPatients:
        """Append the rows of some unmodelled classes.

        Parameters
        ----------
        classes : sequence of str
            Unmodelled classes to append.

        Returns
        -------
        LabelledPatients
            All rows, those of the unmodelled classes last.
        """
        added = self.unmodelled_labels.isin(list(classes))
        return replace(
            self,
            features=pd.concat([self.features, self.unmodelled_features[added]], ignore_index=True),
            labels=pd.concat([self.labels, self.unmodelled_labels[added]], ignore_index=True),
            rows=np.concatenate([self.rows, self.unmodelled_rows[added.to_numpy()]]),
            patient=np.concatenate([self.patient, self.unmodelled_patient[added.to_numpy()]]),
        )


def _patients_by_label(labels: pd.Series[str], patient: NDArray[np.intp]) -> dict[str, int]:
    pairs = pd.DataFrame({"label": labels.to_numpy(), "patient": patient}).drop_duplicates()
    return {str(name): int(n) for name, n in pairs["label"].value_counts().items()}


def sputum_rule(eosinophils: float, neutrophils: float, source: str) -> LabelRule:
    """Granulocyte classes by thresholds of sputum eosinophils and neutrophils.

    Parameters
    ----------
    eosinophils, neutrophils : float
        Smallest percentage of eosinophilic, and of neutrophilic, sputum [%].
    source : str
        Ids of the evidence table.

    Returns
    -------
    LabelRule
        Eosinophilic sputum is ``th2_high``, neutrophilic sputum ``neutrophilic_th2_low``; the label is missing where
        either count is missing. One sample does not define the endotype: 31 % of untreated patients are eosinophilic
        at some visits only (HET024).
    """

    def classify(table: pd.DataFrame) -> pd.Series[str]:
        counts = table[list(SPUTUM)]
        eosinophilic, neutrophilic = counts[SPUTUM[0]] >= eosinophils, counts[SPUTUM[1]] >= neutrophils
        th2, th2_low, mixed, pauci = FOUR_CLASSES
        names = np.select([eosinophilic & neutrophilic, eosinophilic, neutrophilic], [mixed, th2, th2_low], pauci)
        return pd.Series(names, index=table.index, dtype="str").where(counts.notna().all(axis=1))

    return LabelRule(f"sputum_{eosinophils:g}_{neutrophils:g}", SPUTUM, classify, FOUR_CLASSES, source)


def at_least(column: str, threshold: float) -> LabelRule:
    """Two classes by a threshold of one column.

    Parameters
    ----------
    column : str
        Numeric variable of the data dictionary.
    threshold : float
        Smallest value of the second class.

    Returns
    -------
    LabelRule
        Its classes are named after the threshold.

    Raises
    ------
    UnusableInputError
        If the data dictionary has no such numeric variable.

    Examples
    --------
    >>> at_least("feno_ppb", 25).classes
    ('feno_ppb_below_25', 'feno_ppb_at_least_25')
    """
    variable = data_dictionary().get(column)
    if variable is None or not variable.is_numeric:
        numeric = [name for name, known in data_dictionary().items() if known.is_numeric]
        raise UnusableInputError(
            f"a threshold of {threshold:g} needs a numeric variable of the data dictionary, not "
            f"{with_suggestion(column, numeric)}; `asthma-ml variables` lists the names"
        )
    below, reaches = f"{column}_below_{threshold:g}", f"{column}_at_least_{threshold:g}"

    def classify(table: pd.DataFrame) -> pd.Series[str]:
        values = table[column]
        return pd.Series(np.where(values >= threshold, reaches, below), table.index, dtype="str").where(values.notna())

    return LabelRule(
        f"{column} >= {threshold:g} {variable.unit}".strip(), (column,), classify, (below, reaches), "user"
    )


LABEL_RULES: Mapping[str, LabelRule] = {
    rule.name: rule
    for rule in (
        sputum_rule(3, 76, "HET002, HET003"),
        sputum_rule(3, 61, "HET002, IMM053"),
        sputum_rule(1.01, 61, "HET049"),
        sputum_rule(2, 40, "HET020"),
    )
}
"""Published thresholds of sputum counts, by name."""

DEPENDENT_COLUMNS = (
    # The highest count on record is never below the current one.
    ("blood_eosinophils_cells_ul", "blood_eosinophils_max_cells_ul"),
    # A suppression test is done where FeNO is high, so its presence depends on FeNO.
    ("feno_ppb", "feno_suppression_pct"),
    # After = before * (1 + reversibility / 100).
    ("fev1_pct_predicted", "fev1_post_bd_pct_predicted", "bronchodilator_reversibility_pct"),
    # The same ratio, measured twice within an hour.
    ("fev1_fvc_ratio", "fev1_fvc_post_bd_ratio"),
    # Never smokers have no pack-years.
    ("smoking_status", "pack_years"),
)
"""Columns that determine each other by arithmetic or definition: if one is the label, the others are not features."""


def default_classes(label: str | LabelRule, levels: Mapping[str, str] | None) -> tuple[str, ...]:
    """Classes of a model where none are requested.

    Examples
    --------
    >>> default_classes("endotype", {"1": "T2 high", "2": "rest", "3": "rest"})
    ('T2 high', 'rest')
    >>> default_classes(LABEL_RULES["sputum_3_61"], None)
    ('th2_high', 'neutrophilic_th2_low')
    """
    if levels is not None:
        return tuple(dict.fromkeys(levels.values()))
    if isinstance(label, LabelRule) and not set(TWO_CLASSES) <= set(label.classes):
        return label.classes
    return TWO_CLASSES


def labelled_patients(
    patients: PatientTable,
    label: str | LabelRule = LABEL,
    classes: Sequence[str] = TWO_CLASSES,
    *,
    levels: Mapping[str, str] | None = None,
    without: Sequence[str] = (),
) -> LabelledPatients:
    """Features and labels of the rows whose label is one of the classes.

    Parameters
    ----------
    patients : PatientTable
        Table from `read_patients`.
    label : str or LabelRule
        Column of the label, by any name in the file, or a rule that derives it.
    classes : sequence of str
        Requested classes.
    levels : mapping of str to str, optional
        Class of each value of the label column. A value that is not in the mapping is another label, even if it is
        the name of a class.
    without : sequence of str
        Columns to exclude from the features.

    Returns
    -------
    LabelledPatients
        The rows, with the number of excluded rows by reason.

    Raises
    ------
    UnusableInputError
        If the table lacks the label column or a column of the rule, a column of `without` is not a feature, or no row
        has one of the classes.
    """
    labels = _labels(patients, label, classes, levels)
    invalid = pd.Series(patients.invalid, index=labels.index)
    if len(invalid) and invalid.all():
        first = next(each for each in patients.findings if each.severity == "error")
        raise UnusableInputError(f"{patients.source}: all {len(invalid)} rows are invalid, the first one {first.text}")
    known = labels.isin(list(classes))
    reasons = {
        "values outside hard limits": invalid,
        "no label": labels.isna() & ~invalid,
        "another label": labels.notna() & ~known & ~invalid,
    }
    reasons = {reason: excluded for reason, excluded in reasons.items() if excluded.any()}
    kept = (known & ~invalid).to_numpy()
    unmodelled = (labels.notna() & ~known & ~invalid).to_numpy()
    if not kept.any():
        raise UnusableInputError(f"{patients.source}: {_without_classes(label, classes, labels, levels)}")
    determined = _columns_determined_by(label, patients)
    features = _features(patients, label, [*without, *determined])
    numbers = patient_numbers(patients.values[features], patients.values.get(ID))
    return LabelledPatients(
        features=patients.values.loc[kept, features].reset_index(drop=True),
        labels=labels[kept].reset_index(drop=True),
        excluded={reason: int(excluded.sum()) for reason, excluded in reasons.items()},
        excluded_patients={reason: len(set(numbers[excluded])) for reason, excluded in reasons.items()},
        rows=np.flatnonzero(kept),
        patient=numbers[kept],
        unmodelled_features=patients.values.loc[unmodelled, features].reset_index(drop=True),
        unmodelled_labels=labels[unmodelled].reset_index(drop=True),
        unmodelled_rows=np.flatnonzero(unmodelled),
        unmodelled_patient=numbers[unmodelled],
        label_card=dict(_label_card(label, levels, without, determined)),
    )


def _labels(
    patients: PatientTable, label: str | LabelRule, classes: Sequence[str], levels: Mapping[str, str] | None
) -> pd.Series[str]:
    """Label of each row."""
    if isinstance(label, LabelRule):
        if absent := [name for name in label.columns if name not in patients.values.columns]:
            raise UnusableInputError(f"{patients.source}: {label.name} needs the missing column {', '.join(absent)}")
        return label.classify(patients.values)
    values = _label_values(patients, label, recoded=levels is not None)
    if levels is None:
        return values
    _refuse_unknown_levels(patients, label, values, levels)
    is_class_name = values.isin([*classes, *levels.values()])
    unmapped = values.mask(is_class_name, values + " (not in levels)")
    return values.map(dict(levels)).where(values.isin(list(levels)), unmapped)


def _refuse_unknown_levels(
    patients: PatientTable, label: str, values: pd.Series[str], levels: Mapping[str, str]
) -> None:
    """Stop where the column contains none of the levels, or one differs from a value in capitals only."""
    found = set(values.dropna().unique())
    folded = {text.casefold() for text in found - set(levels)}
    absent = [text for text in levels if text not in found]
    if len(absent) == len(levels) or any(text.casefold() in folded for text in absent):
        named = ", ".join(with_suggestion(text, sorted(found)) for text in absent)
        raise UnusableInputError(f"{patients.source}: column {label} does not contain {named}; {_values_found(values)}")


def _without_classes(
    label: str | LabelRule, classes: Sequence[str], labels: pd.Series[str], levels: Mapping[str, str] | None
) -> str:
    """Message for a table without any row of the classes."""
    name = label if isinstance(label, str) else label.name
    message = f"no valid row has {name} in {', '.join(classes)}; {_values_found(labels)}"
    if isinstance(label, str) and levels is None and labels.notna().any():
        message += "; map them to classes with --levels"
    return message


def _values_found(labels: pd.Series[str]) -> str:
    """The most frequent values of a column with their counts; those of few rows may be data of a patient."""
    counts = labels.value_counts()
    common = counts[counts >= _FEWEST_ROWS]
    named = [f"{value} ({n})" for value, n in common.head(_NAMED_VALUES).items()]
    if rare := len(counts) - len(common):
        named.append(f"{rare} value{'s' * (rare > 1)} of fewer than {_FEWEST_ROWS} rows, not shown")
    return f"values found: {', '.join(named) or 'none'}{', ...' if len(common) > _NAMED_VALUES else ''}"


def _label_values(patients: PatientTable, label: str, recoded: bool) -> pd.Series[str]:
    """Values of the label column, already checked if it is the standard column with standard values."""
    if label == LABEL and LABEL in patients.values.columns and not recoded:
        return patients.values[LABEL]
    if label not in patients.raw.columns:
        named = with_suggestion(label, map(str, patients.raw.columns))
        raise UnusableInputError(f"{patients.source}: no column {named}; name the label column with --label")
    text: pd.Series[str] = patients.raw[label].astype("str").str.strip()
    return text.where(text != "").reset_index(drop=True)


def _features(patients: PatientTable, label: str | LabelRule, without: Sequence[str]) -> list[str]:
    """Features of the table that are independent of the label column."""
    found = [name for name in data_dictionary().features if name in patients.values.columns]
    without = [name for given in without for name in _features_from(patients, given)]
    of_label = _label_columns(patients, label)
    # A column map may read the label and, with other levels, a feature from the same column.
    return [name for name in found if name not in without and of_label.isdisjoint(_sources(patients, (name,)))]


def _columns_determined_by(label: str | LabelRule, patients: PatientTable) -> list[str]:
    """Other columns of the table that determine the label by arithmetic or definition."""
    of_label = _label_columns(patients, label)
    used = {name for name in data_dictionary().features if not of_label.isdisjoint(_sources(patients, (name,)))}
    dependent = {name for group in DEPENDENT_COLUMNS if not used.isdisjoint(group) for name in group} - used
    return [name for name in patients.values.columns if name in dependent]


def _label_columns(patients: PatientTable, label: str | LabelRule) -> set[str]:
    """Variables and columns from which the label is read."""
    return set(_sources(patients, (label,) if isinstance(label, str) else label.columns))


def _features_from(patients: PatientTable, name: str) -> list[str]:
    """A feature by its name, or the features that were read from a column of that name."""
    features = data_dictionary().features
    found = [name] if name in features else [f for f in features if name in set(_sources(patients, (f,)))]
    if not found:
        raise UnusableInputError(
            f"--without: {with_suggestion(name, features)} is not a feature of the data dictionary"
        )
    return found


def _sources(patients: PatientTable, names: Sequence[str]) -> Iterator[str]:
    """Names of variables, and of the columns from which they were read."""
    for name in names:
        yield name
        yield from patients.columns[name].sources if name in patients.columns else ()


def _label_card(
    label: str | LabelRule, levels: Mapping[str, str] | None, without: Sequence[str], determined: Sequence[str]
) -> Iterator[tuple[str, object]]:
    """Entries of the model card that define the label."""
    if isinstance(label, LabelRule):
        yield "label", label.name
        yield "label_rule", {"columns": list(label.columns), "source": label.source}
    else:
        yield "label", label
    if levels is not None:
        yield "levels", dict(levels)
    if without:
        yield "without", list(without)
    if determined:
        yield "excluded_features", list(determined)
