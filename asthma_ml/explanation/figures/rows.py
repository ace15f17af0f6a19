"""The rows of a patient's figure: each factor from where the one above ends, and within it its findings."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import accumulate
from typing import TYPE_CHECKING

from asthma_ml.variables import data_dictionary
from asthma_ml.wording import finding, plain_name

if TYPE_CHECKING:
    import pandas as pd

    from asthma_ml.explanation.explanations import Explanation

_NAMED_FINDINGS = 3
_SMALLEST_NAMED = 0.05
_LONGEST_LABEL = 38


@dataclass(frozen=True)
class Row:
    """One bar.

    Attributes
    ----------
    label : str
        The factor, or a finding in it.
    start, width : float
        Where it begins and how far it goes [log-odds].
    is_factor : bool
        Whether it is a factor rather than a finding in one.
    """

    label: str
    start: float
    width: float
    is_factor: bool

    @property
    def end(self) -> float:
        """Where it ends [log-odds]."""
        return self.start + self.width


def rows_of_patient(explanation: Explanation, i: int) -> list[Row]:
    """Lay out one patient.

    Parameters
    ----------
    explanation : Explanation
        From `explain`.
    i : int
        Place of the patient in the table.

    Returns
    -------
    list of Row
        Factors from the strongest down, each followed by its strongest findings and a row for the rest: other
        findings, and what findings share where factors were the players.
    """
    factors = explanation.factors.iloc[i]
    factors = factors[factors.abs().sort_values(ascending=False, kind="stable").index]
    starts = accumulate(factors, initial=float(explanation.base[i]))
    rows: list[Row] = []
    for (name, width), start in zip(factors.items(), starts, strict=False):
        rows.append(Row(plain_name(name).capitalize(), start, float(width), True))
        rows.extend(_within(explanation, i, str(name), start, float(width)))
    return rows


def _within(explanation: Explanation, i: int, factor: str, start: float, width: float) -> Iterator[Row]:
    named, rest = _strongest(explanation.features.iloc[i], factor, width)
    shown = explanation.findings(i)
    for name, value in named.items():
        yield Row(_shortened(finding(str(name), shown[str(name)], short=True)), start, float(value), False)
        start += float(value)
    if len(named) and abs(rest) >= _SMALLEST_NAMED:
        yield Row("other findings", start, rest, False)


def _strongest(features: pd.Series, factor: str, width: float) -> tuple[pd.Series, float]:
    factor_of = data_dictionary().factor_of
    own = features[[factor_of(str(name)) == factor for name in features.index]]
    own = own[own.abs().sort_values(ascending=False, kind="stable").index]
    named = own[own.abs() >= _SMALLEST_NAMED][:_NAMED_FINDINGS]
    return named, width - float(named.sum())


def _shortened(label: str) -> str:
    return label if len(label) <= _LONGEST_LABEL else label[: _LONGEST_LABEL - 1] + "\N{HORIZONTAL ELLIPSIS}"
