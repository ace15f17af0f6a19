"""Rows of a patient's figure: each factor starts where the one above ends, and contains its findings."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import accumulate
from typing import TYPE_CHECKING

from asthma_ml.variables import data_dictionary
from asthma_ml.wording import describe_finding, plain_name

if TYPE_CHECKING:
    import pandas as pd

    from asthma_ml.explanation.patient_contributions import PatientContributions

_NAMED_FINDINGS = 3
_SMALLEST_NAMED = 0.05
_LONGEST_LABEL = 38


@dataclass(frozen=True)
class Row:
    """One bar of the figure.

    Attributes
    ----------
    label : str
        Name of the factor, or a finding of it in words.
    start, width : float
        Start of the bar and signed contribution [log-odds].
    is_factor : bool
        Whether the row is a factor rather than a finding.
    """

    label: str
    start: float
    width: float
    is_factor: bool

    @property
    def end(self) -> float:
        """End of the bar [log-odds]."""
        return self.start + self.width


def rows_of_patient(contributions: PatientContributions, i: int) -> list[Row]:
    """Rows of one patient: factors, the largest contribution first, each with its strongest findings and the rest.

    The rest is the sum over the other findings and, at the level of factors, interactions.
    """
    factors = contributions.factors.iloc[i]
    factors = factors[factors.abs().sort_values(ascending=False, kind="stable").index]
    starts = accumulate(factors, initial=float(contributions.base[i]))
    rows: list[Row] = []
    for (name, width), start in zip(factors.items(), starts, strict=False):
        rows.append(Row(plain_name(name).capitalize(), start, float(width), True))
        rows.extend(_within(contributions, i, str(name), start, float(width)))
    return rows


def _within(contributions: PatientContributions, i: int, factor: str, start: float, width: float) -> Iterator[Row]:
    named, rest = _strongest(contributions.features.iloc[i], factor, width)
    shown = contributions.findings(i)
    for name, value in named.items():
        yield Row(shortened(describe_finding(str(name), shown[str(name)], short=True)), start, float(value), False)
        start += float(value)
    if len(named) and abs(rest) >= _SMALLEST_NAMED:
        yield Row("other findings", start, rest, False)


def _strongest(features: pd.Series, factor: str, width: float) -> tuple[pd.Series, float]:
    factor_of = data_dictionary().factor_of
    own = features[[factor_of(str(name)) == factor for name in features.index]]
    own = own[own.abs().sort_values(ascending=False, kind="stable").index]
    named = own[own.abs() >= _SMALLEST_NAMED][:_NAMED_FINDINGS]
    return named, width - float(named.sum())


def shortened(label: str) -> str:
    """Label cut to the space beside the bars."""
    return label if len(label) <= _LONGEST_LABEL else label[: _LONGEST_LABEL - 1] + "\N{HORIZONTAL ELLIPSIS}"
