"""What is known of the columns of a table as a whole; the evidence of its parts adds up."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TypeVar

from asthma_ml.errors import UnusableInputError
from asthma_ml.patients.columns.column_map import MappedColumn
from asthma_ml.patients.columns.column_summary import ColumnSummary
from asthma_ml.patients.columns.column_verdicts import Verdict, judge, swapped_columns, verdict_message
from asthma_ml.patients.columns.missing_codes import RareValues, missing_codes_message
from asthma_ml.patients.columns.thousands import Thousands
from asthma_ml.patients.problems import Finding

_Evidence = TypeVar("_Evidence")


@dataclass(frozen=True, slots=True)
class ColumnEvidence:
    """Evidence on the columns of a table, by variable.

    Attributes
    ----------
    summaries : mapping of str to ColumnSummary
        Numbers whose unit is not stated.
    rare : mapping of str to RareValues
        Values far from the others, of the same columns.
    codes : mapping of str to frozenset of str
        Distinct cells of flags and categories.
    thousands : mapping of str to Thousands
        Numbers by how they are written, of columns that may hold thousands.
    """

    summaries: Mapping[str, ColumnSummary] = field(default_factory=dict)
    rare: Mapping[str, RareValues] = field(default_factory=dict)
    codes: Mapping[str, frozenset[str]] = field(default_factory=dict)
    thousands: Mapping[str, Thousands] = field(default_factory=dict)

    def __add__(self, other: ColumnEvidence) -> ColumnEvidence:
        return ColumnEvidence(
            _together(self.summaries, other.summaries, ColumnSummary.__add__),
            _together(self.rare, other.rare, RareValues.__add__),
            _together(self.codes, other.codes, frozenset.union),
            _together(self.thousands, other.thousands, Thousands.__add__),
        )


def findings_of_columns(evidence: ColumnEvidence, columns: Mapping[str, MappedColumn], source: str) -> list[Finding]:
    """Warnings of columns that look odd.

    Parameters
    ----------
    evidence : ColumnEvidence
        Evidence of the whole table.
    columns : mapping of str to MappedColumn
        Source columns of each variable.
    source : str
        Name of the table for messages.

    Raises
    ------
    UnusableInputError
        If a column is evidently in another unit or scale; the message has a line for each such column.
    """
    swapped = swapped_columns(evidence.summaries.values())
    judged = (swapped.get(name) or judge(summary) for name, summary in evidence.summaries.items())
    verdicts = [verdict for verdict in judged if verdict]
    refused = [f"{source}: {each.name}: {_message(each, columns)}" for each in verdicts if each.refused]
    refused += [f"{source}: {name}: {each.message}" for name, each in evidence.thousands.items() if each.suspected]
    if refused:
        raise UnusableInputError("\n".join(refused) + "; then run again with --columns MAP.toml")
    # A unit in the header outweighs weak evidence.
    odd = [
        Finding(each.name, "scale", "warning", _message(each, columns))
        for each in verdicts
        if not columns[each.name].unit
    ]
    suspected = {name: found for name, rare in evidence.rare.items() if (found := rare.suspected())}
    return odd + [
        Finding(name, "missing_code", "warning", missing_codes_message(found)) for name, found in suspected.items()
    ]


def _message(verdict: Verdict, columns: Mapping[str, MappedColumn]) -> str:
    return verdict_message(verdict, columns[verdict.name].sources[0])


def _together(
    one: Mapping[str, _Evidence], other: Mapping[str, _Evidence], add: Callable[[_Evidence, _Evidence], _Evidence]
) -> dict[str, _Evidence]:
    return {**other, **{name: add(found, other[name]) if name in other else found for name, found in one.items()}}
