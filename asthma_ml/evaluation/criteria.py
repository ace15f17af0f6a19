"""Acceptance criteria of a challenger, and the verdict on its comparison with the champion.

Every criterion must hold over the whole 95 % interval: a challenger must be shown to meet it. A challenger that does
not meet one is accepted by chance in about 2.5 % of comparisons at most. As all criteria must be met, more of them do
not raise this error.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from asthma_ml.errors import UnusableInputError
from asthma_ml.evaluation.paired import HIGHER_IS_BETTER, OF_CALLS, PairedFigures
from asthma_ml.files import read_toml
from asthma_ml.spelling import with_suggestion
from asthma_ml.wording import with_interval

ALL_DIAGNOSES, SUBGROUPS = "all_diagnoses", "subgroups"
WORSE, BETTER, LEAST, MOST = "worse_by_at_most", "better_by_at_least", "at_least", "at_most"
RULES = (WORSE, BETTER, LEAST, MOST)
"""Longer names first: `log_loss_worse_by_at_most` also ends in `at_most`."""

_PROPORTIONS = ("auc", "brier", "balanced_accuracy", "coverage", "called", "error_among_calls")
_NO_DIFFERENCE = 1e-9


@dataclass(frozen=True, slots=True)
class Criterion:
    """A limit for one figure.

    Attributes
    ----------
    place : {"", "all_diagnoses", "subgroups"}
        Patients that are judged: of modelled classes, of all diagnoses, or of each subgroup.
    figure : str
        One of the compared figures.
    rule : str
        One of `RULES`.
    limit : float
        For `worse_by_at_most` and `better_by_at_least`, of the difference; otherwise of the challenger alone.
    """

    place: str
    figure: str
    rule: str
    limit: float

    @property
    def text(self) -> str:
        """The criterion as in a file."""
        key = f"{self.figure}_{self.rule}" if self.place else self.rule
        return f"[{self.place or self.figure}] {key} = {self.limit:g}"

    def refusal(self, found: PairedFigures, where: str = "") -> str:
        """Reason why the figures do not meet the criterion, empty if they do."""
        name = f"{self.figure} in {where}" if where else self.figure
        what = "difference" if self.rule in {WORSE, BETTER} else "challenger"
        judged = found[self.figure][what]
        if judged is None:
            return f"{name}: {what} unknown, {_UNKNOWN[self.figure]}; {self.text}"
        if (judged["lower"] >= self._bound) if self._is_lower_bound else (judged["upper"] <= self._bound):
            return ""
        side = "above" if self._is_lower_bound else "below"
        allowed = f"{side} {self._limit:g}" if self.rule == BETTER else f"not {_OTHER[side]} {self._limit:g}"
        return f"{name}: {what} {with_interval(judged)}, the whole interval must lie {allowed}; {self.text}"

    @property
    def _is_lower_bound(self) -> bool:
        """Whether the lower end of the interval is decisive."""
        return self.rule == LEAST or (self.rule != MOST and bool(HIGHER_IS_BETTER[self.figure]))

    @property
    def _limit(self) -> float:
        """Limit of the decisive end; a difference that is better has the sign of better figures."""
        is_negative = self.rule == (WORSE if self._is_lower_bound else BETTER)
        return 0.0 - self.limit if is_negative else self.limit

    @property
    def _bound(self) -> float:
        """The limit; to be better, more than rounding is needed."""
        margin = _NO_DIFFERENCE if self.rule == BETTER else 0.0
        return self._limit + (margin if self._is_lower_bound else -margin)


_OTHER = {"above": "below", "below": "above"}
_NO_LINE = "because probabilities are all equal or separate the classes perfectly"
_UNKNOWN = {
    "error_among_calls": "because a model calls nobody",
    "calibration_slope": _NO_LINE,
    "calibration_intercept": _NO_LINE,
}


@dataclass(frozen=True, slots=True)
class Criteria:
    """Criteria that a challenger must meet, all of them.

    Attributes
    ----------
    criteria : tuple of Criterion
        At least one.

    Examples
    --------
    >>> [
    ...     each.text
    ...     for each in Criteria.of({"auc": {"worse_by_at_most": 0.01}, "coverage": {"at_least": 0.88}}).criteria
    ... ]
    ['[auc] worse_by_at_most = 0.01', '[coverage] at_least = 0.88']
    >>> [each.text for each in Criteria.of(None).criteria]
    ['[log_loss] better_by_at_least = 0']
    """

    criteria: tuple[Criterion, ...]

    @classmethod
    def of(cls, given: Criteria | Mapping[str, Any] | str | os.PathLike[str] | None) -> Criteria:
        """Check criteria.

        Parameters
        ----------
        given : Criteria, mapping, path or None
            Path of a TOML file, or its content. It has a table for each figure, with rules and limits, and tables
            `all_diagnoses` and `subgroups`, whose keys are a figure and a rule joined by ``_``. None: the log-loss must
            be better.

        Returns
        -------
        Criteria
            The checked criteria.

        Raises
        ------
        UnusableInputError
            If the file cannot be read, has no criterion, an unknown figure or rule, or a limit that cannot be met.
        """
        if isinstance(given, Criteria):
            return given
        if given is None:
            return cls((Criterion("", "log_loss", BETTER, 0.0),))
        content, source = (given, "criteria") if isinstance(given, Mapping) else (read_toml(given), os.fspath(given))
        try:
            criteria = tuple(_criteria(content))
        except UnusableInputError as error:
            raise UnusableInputError(f"{source}: {error}") from None
        if not criteria:
            raise UnusableInputError(f"{source}: contains no criterion, such as [log_loss] better_by_at_least = 0.0")
        return cls(criteria)


def _criteria(content: Mapping[str, Any]) -> Iterator[Criterion]:
    for name, table in content.items():
        if name not in (tables := [*HIGHER_IS_BETTER, ALL_DIAGNOSES, SUBGROUPS]):
            raise UnusableInputError(f"no table [{with_suggestion(name, tables)}]; allowed: {', '.join(tables)}")
        if not isinstance(table, Mapping):
            raise UnusableInputError(f"{name} must be a table of rules, such as [{name}] and below it at_least = 0.8")
        for key, limit in table.items():
            yield _checked(Criterion(*_place_figure_and_rule(name, key), limit))


def _place_figure_and_rule(table: str, key: str) -> tuple[str, str, str]:
    """Where a criterion judges which figure by which rule."""
    if table in HIGHER_IS_BETTER:
        if key not in RULES:
            raise UnusableInputError(f"[{table}] no rule {with_suggestion(key, RULES)}; allowed: {', '.join(RULES)}")
        return "", table, key
    figures = OF_CALLS if table == ALL_DIAGNOSES else tuple(HIGHER_IS_BETTER)
    keys = [f"{figure}_{rule}" for figure in figures for rule in RULES]
    if key not in keys:
        raise UnusableInputError(
            f"[{table}] no criterion {with_suggestion(key, keys)}; allowed: {', '.join(figures)}, joined by _ to "
            f"{', '.join(RULES)}, such as {keys[0]}"
        )
    rule = next(rule for rule in RULES if key.endswith(f"_{rule}"))
    return table, key.removesuffix(f"_{rule}"), rule


def _checked(criterion: Criterion) -> Criterion:
    """Refuse a limit that is no number or that has no meaning for the figure."""
    figure, rule, limit = criterion.figure, criterion.rule, criterion.limit
    where = f"[{criterion.place or figure}] {figure + '_' if criterion.place else ''}{rule}"
    if isinstance(limit, bool) or not isinstance(limit, int | float) or not math.isfinite(limit):
        raise UnusableInputError(f"{where} must be a number")
    if rule in {WORSE, BETTER} and HIGHER_IS_BETTER[figure] is None:
        raise UnusableInputError(f"{where}: neither high nor low is better; use {LEAST} and {MOST}")
    if rule in {WORSE, BETTER} and limit < 0:
        raise UnusableInputError(f"{where} = {limit:g} must be 0 or more")
    if figure in _PROPORTIONS and not 0 <= limit <= 1:
        raise UnusableInputError(f"{where} = {limit:g} must be between 0 and 1; 90 % is 0.9")
    return criterion


@dataclass(frozen=True, slots=True)
class Verdict:
    """Verdict on one criterion.

    Attributes
    ----------
    criterion : Criterion
        The criterion.
    reasons : tuple of str
        Why it is not met; empty if it is.
    not_judged : tuple of str
        Subgroups with too few patients of a class.
    """

    criterion: Criterion
    reasons: tuple[str, ...]
    not_judged: tuple[str, ...] = ()

    @property
    def summary(self) -> dict[str, Any]:
        """The verdict as in the results of a comparison."""
        summary = {"criterion": self.criterion.text, "met": not self.reasons, "reasons": list(self.reasons)}
        return summary | ({"not_judged": list(self.not_judged)} if self.criterion.place == SUBGROUPS else {})


def judge(
    criteria: Criteria,
    modelled: PairedFigures,
    all_diagnoses: PairedFigures,
    subgroups: Mapping[str, PairedFigures | None],
) -> list[Verdict]:
    """Judge the figures of a comparison.

    Parameters
    ----------
    criteria : Criteria
        What the challenger must meet.
    modelled, all_diagnoses : PairedFigures
        From `paired_figures`, for patients of modelled classes and for all labelled patients.
    subgroups : mapping of str to PairedFigures or None
        By the name of the subgroup; None with too few patients of a class.

    Returns
    -------
    list of Verdict
        One for each criterion.
    """
    verdicts = []
    for each in criteria.criteria:
        if each.place == SUBGROUPS:
            verdicts.append(_judge_subgroups(each, subgroups))
        else:
            reason = each.refusal(all_diagnoses if each.place else modelled, each.place.replace("_", " "))
            verdicts.append(Verdict(each, tuple(filter(None, [reason]))))
    return verdicts


def _judge_subgroups(criterion: Criterion, subgroups: Mapping[str, PairedFigures | None]) -> Verdict:
    judged = {name: found for name, found in subgroups.items() if found is not None}
    reasons = [criterion.refusal(found, name) for name, found in judged.items()]
    if not judged:
        reasons = [f"{criterion.figure}: no subgroup has enough patients of each class; {criterion.text}"]
    return Verdict(criterion, tuple(filter(None, reasons)), tuple(name for name in subgroups if name not in judged))
