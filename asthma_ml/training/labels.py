"""Which class a patient belongs to: from a column of the table, in its own words, or by a rule from what was measured.

What a rule reads can no longer be a feature, nor what tells it by arithmetic: the classifier would only find the rule
again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from asthma_ml.errors import UnusableInputError
from asthma_ml.variables import FOUR_CLASSES, LABEL, TWO_CLASSES, data_dictionary

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from asthma_ml.patients import PatientTable

_NAMED = 6

SPUTUM = ("sputum_eosinophils_pct", "sputum_neutrophils_pct")


@dataclass(frozen=True, slots=True)
class LabelRule:
    """A way to tell the class of a patient from what was measured.

    Attributes
    ----------
    name : str
        What it is called.
    reads : tuple of str
        Columns of the data dictionary that it needs.
    classify : callable
        From a table with these columns to a Series of classes, missing where it has no answer.
    classes : tuple of str
        All classes that it can name.
    source : str
        Ids of the evidence table, or who decided.

    Examples
    --------
    >>> counts = pd.DataFrame(
    ...     {"sputum_eosinophils_pct": [12.0, 1.0, 1.0], "sputum_neutrophils_pct": [30.0, 70.0, None]}
    ... )
    >>> LABEL_RULES["sputum_3_61"].classify(counts).tolist()
    ['th2_high', 'neutrophilic_th2_low', nan]
    """

    name: str
    reads: tuple[str, ...]
    classify: Callable[[pd.DataFrame], pd.Series[str]]
    classes: tuple[str, ...]
    source: str


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
    other_rows : ndarray of shape (n_others,)
        Places of those rows in the table.
    said : Mapping of str to object
        How the labels came about, for the model's card.
    """

    features: pd.DataFrame
    labels: pd.Series[str]
    left_out: Mapping[str, int]
    rows: NDArray[np.intp]
    other_features: pd.DataFrame
    other_labels: pd.Series[str]
    other_rows: NDArray[np.intp]
    said: Mapping[str, object] = field(default_factory=dict)

    @property
    def class_counts(self) -> dict[str, int]:
        """Patients per class."""
        return {str(name): int(n) for name, n in self.labels.value_counts().items()}

    def chosen(self, counts: NDArray[np.bool_], reason: str) -> LabelledPatients:
        """Keep some of the rows that can be learned from.

        Parameters
        ----------
        counts : ndarray of bool of shape (n_patients,)
            Which.
        reason : str
            Why the others are left out.

        Returns
        -------
        LabelledPatients
            The others are counted among those left out.
        """
        if counts.all():
            return self
        left_out = {**self.left_out, reason: int((~counts).sum())}
        features, labels = self.features[counts].reset_index(drop=True), self.labels[counts].reset_index(drop=True)
        return replace(self, features=features, labels=labels, rows=self.rows[counts], left_out=left_out)

    def with_others(self, names: Sequence[str]) -> LabelledPatients:
        """Add the rows whose label is one of some other classes.

        Parameters
        ----------
        names : sequence of str
            The other classes.

        Returns
        -------
        LabelledPatients
            All of them as rows that can be learned from.
        """
        of_them = self.other_labels.isin(list(names))
        return replace(
            self,
            features=pd.concat([self.features, self.other_features[of_them]], ignore_index=True),
            labels=pd.concat([self.labels, self.other_labels[of_them]], ignore_index=True),
            rows=np.concatenate([self.rows, self.other_rows[of_them.to_numpy()]]),
        )


def sputum_rule(eosinophils: float, neutrophils: float, source: str) -> LabelRule:
    """The four granulocyte classes by cuts of both counts.

    Parameters
    ----------
    eosinophils, neutrophils : float
        Percentages from which on sputum is called eosinophilic, or neutrophilic [%].
    source : str
        Ids of the evidence table.

    Returns
    -------
    LabelRule
        Eosinophilic alone is ``th2_high``, neutrophilic alone ``neutrophilic_th2_low``. No answer where either count
        is missing. One sample is not the endotype: of untreated patients, 31 % are eosinophilic at some visits
        and not at others (HET024).
    """

    def classify(table: pd.DataFrame) -> pd.Series[str]:
        counts = table[list(SPUTUM)]
        eosinophilic, neutrophilic = counts[SPUTUM[0]] >= eosinophils, counts[SPUTUM[1]] >= neutrophils
        th2, th2_low, mixed, pauci = FOUR_CLASSES
        names = np.select([eosinophilic & neutrophilic, eosinophilic, neutrophilic], [mixed, th2, th2_low], pauci)
        return pd.Series(names, index=table.index, dtype="str").where(counts.notna().all(axis=1))

    return LabelRule(f"sputum_{eosinophils:g}_{neutrophils:g}", SPUTUM, classify, FOUR_CLASSES, source)


def at_least(column: str, cut: float) -> LabelRule:
    """Two classes by a cut of one column.

    Parameters
    ----------
    column : str
        A number of the data dictionary.
    cut : float
        Values from here on are the second class.

    Returns
    -------
    LabelRule
        Its classes are named after the cut.

    Raises
    ------
    UnusableInputError
        If the data dictionary has no such number.

    Examples
    --------
    >>> at_least("feno_ppb", 25).classes
    ('feno_ppb_below_25', 'feno_ppb_at_least_25')
    """
    variable = data_dictionary().get(column)
    if variable is None or not variable.is_numeric:
        raise UnusableInputError(
            f"{column}: no number of the data dictionary, so that nothing can be at least {cut:g}; "
            "`asthma-ml variables` lists their names, which count here, not those of a file"
        )
    below, reaches = f"{column}_below_{cut:g}", f"{column}_at_least_{cut:g}"

    def classify(table: pd.DataFrame) -> pd.Series[str]:
        values = table[column]
        return pd.Series(np.where(values >= cut, reaches, below), table.index, dtype="str").where(values.notna())

    return LabelRule(f"{column} >= {cut:g} {variable.unit}".strip(), (column,), classify, (below, reaches), "the user")


LABEL_RULES: Mapping[str, LabelRule] = {
    rule.name: rule
    for rule in (
        sputum_rule(3, 76, "HET002, HET003"),
        sputum_rule(3, 61, "HET002, IMM053"),
        sputum_rule(1.01, 61, "HET049"),
        sputum_rule(2, 40, "HET020"),
    )
}
"""Published cuts of sputum counts, by name."""

TELL_EACH_OTHER = (
    # The highest count on record is never below the current one.
    ("blood_eosinophils_cells_ul", "blood_eosinophils_max_cells_ul"),
    # A week of observed steroid is arranged where FeNO is high, so that its result alone says so.
    ("feno_ppb", "feno_suppression_pct"),
    # After = before * (1 + reversibility / 100).
    ("fev1_pct_predicted", "fev1_post_bd_pct_predicted", "bronchodilator_reversibility_pct"),
    # One ratio, measured twice within the hour.
    ("fev1_fvc_ratio", "fev1_fvc_post_bd_ratio"),
    # Who never smoked has no pack-years.
    ("smoking_status", "pack_years"),
)
"""Columns of which one tells the others, by arithmetic or by definition: no features where one is the label."""


def default_classes(label: str | LabelRule, levels: Mapping[str, str] | None) -> tuple[str, ...]:
    """Classes to tell apart where none are named.

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
    """Pick the rows whose label is one of the classes.

    Parameters
    ----------
    patients : PatientTable
        As read by `read_patients`.
    label : str or LabelRule
        Column that holds the class, any name that the file has; or a rule that tells it.
    classes : sequence of str
        Classes to keep.
    levels : mapping of str to str, optional
        What the column writes for each class, where it has words of its own. What is not named is another label,
        even if it reads like a class.
    without : sequence of str
        Columns that shall not be features.

    Returns
    -------
    LabelledPatients
        With the reason and number of every row left out.

    Raises
    ------
    UnusableInputError
        If the table lacks the column or what the rule reads, a column of `without` is no feature, or no row has one of
        the classes.
    """
    labels = _labels(patients, label, classes, levels)
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
        name = label if isinstance(label, str) else label.name
        held = "" if isinstance(label, LabelRule) or levels is not None else f"; {_what_it_holds(labels)}"
        raise UnusableInputError(f"{patients.source}: no usable row has {name} in {', '.join(classes)}{held}")
    told_beside = _told_beside(patients, label)
    features = _features(patients, label, [*without, *told_beside])
    return LabelledPatients(
        features=patients.values.loc[kept, features].reset_index(drop=True),
        labels=labels[kept].reset_index(drop=True),
        left_out={reason: n for reason, n in reasons.items() if n},
        rows=np.flatnonzero(kept),
        other_features=patients.values.loc[other, features].reset_index(drop=True),
        other_labels=labels[other].reset_index(drop=True),
        other_rows=np.flatnonzero(other),
        said=dict(_said(label, levels, without, told_beside)),
    )


def _labels(
    patients: PatientTable, label: str | LabelRule, classes: Sequence[str], levels: Mapping[str, str] | None
) -> pd.Series[str]:
    """The label of each row."""
    if isinstance(label, LabelRule):
        if absent := [name for name in label.reads if name not in patients.values.columns]:
            raise UnusableInputError(
                f"{patients.source}: no column {' and no '.join(absent)}, which {label.name} reads"
            )
        return label.classify(patients.values)
    own = _own_labels(patients, label, own_words=levels is not None)
    if levels is None:
        return own
    named = own.isin(list(levels))
    _refuse_mistyped(patients, label, own, levels)
    reads_like_a_class = own.isin([*classes, *levels.values()])
    return own.map(dict(levels)).where(named, own.mask(reads_like_a_class, own + " (not named)"))


def _refuse_mistyped(patients: PatientTable, label: str, own: pd.Series[str], levels: Mapping[str, str]) -> None:
    """Stop where no level occurs, or one that does not occur differs from a text that does in its capitals alone."""
    held = set(own.dropna().unique())
    folded = {text.casefold() for text in held - set(levels)}
    absent = [text for text in levels if text not in held]
    if len(absent) == len(levels) or any(text.casefold() in folded for text in absent):
        raise UnusableInputError(
            f"{patients.source}: {label} nowhere holds {', '.join(absent)}; it holds {_some(sorted(held))}"
        )


def _what_it_holds(labels: pd.Series[str]) -> str:
    held = sorted(labels.dropna().unique())
    return f"it holds {_some(held)}: say with --levels which of them is which class" if held else "it is empty"


def _some(texts: Sequence[str]) -> str:
    return ", ".join(texts[:_NAMED]) + (", ..." if len(texts) > _NAMED else "")


def _own_labels(patients: PatientTable, label: str, own_words: bool) -> pd.Series[str]:
    """The column as it stands, from the checked values where the dictionary knows it and it has no words of its own."""
    if label == LABEL and LABEL in patients.values.columns and not own_words:
        return patients.values[LABEL]
    if label not in patients.raw.columns:
        raise UnusableInputError(f"{patients.source}: no column {label}; name the column of the label with --label")
    text: pd.Series[str] = patients.raw[label].astype("str").str.strip()
    return text.where(text != "").reset_index(drop=True)


def _features(patients: PatientTable, label: str | LabelRule, without: Sequence[str]) -> list[str]:
    """Features of the table that do not tell the answer."""
    found = [name for name in data_dictionary().features if name in patients.values.columns]
    without = [name for given in without for name in _features_from(patients, given)]
    answers = set(_sources(patients, (label,) if isinstance(label, str) else label.reads))
    # A column map may read the label, and with other levels a feature, from one column under another name.
    return [name for name in found if name not in without and answers.isdisjoint(_sources(patients, (name,)))]


def _told_beside(patients: PatientTable, label: str | LabelRule) -> list[str]:
    """Other columns of the table that tell the answer, by arithmetic or by definition."""
    answers = set(_sources(patients, (label,) if isinstance(label, str) else label.reads))
    read = {name for name in data_dictionary().features if not answers.isdisjoint(_sources(patients, (name,)))}
    telling = {name for group in TELL_EACH_OTHER if not read.isdisjoint(group) for name in group} - read
    return [name for name in patients.values.columns if name in telling]


def _features_from(patients: PatientTable, name: str) -> list[str]:
    """A feature by its name, or those that were read from a column of that name."""
    features = data_dictionary().features
    found = [name] if name in features else [f for f in features if name in set(_sources(patients, (f,)))]
    if not found:
        raise UnusableInputError(f"{name}: no feature of the data dictionary, so it cannot be left out")
    return found


def _sources(patients: PatientTable, names: Sequence[str]) -> Iterator[str]:
    """Names of variables, and of the columns that they were read from."""
    for name in names:
        yield name
        yield from patients.columns[name].sources if name in patients.columns else ()


def _said(
    label: str | LabelRule, levels: Mapping[str, str] | None, without: Sequence[str], told_beside: Sequence[str]
) -> Iterator[tuple[str, object]]:
    """What the card says about the labels."""
    if isinstance(label, LabelRule):
        yield "label", label.name
        yield "label_rule", {"reads": list(label.reads), "source": label.source}
    else:
        yield "label", label
    if levels is not None:
        yield "levels", dict(levels)
    if without:
        yield "without", list(without)
    if told_beside:
        yield "tell_the_label", list(told_beside)
