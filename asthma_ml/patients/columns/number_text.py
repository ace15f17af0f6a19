"""Read a number: separators of thousands, decimal signs, censored values."""

from __future__ import annotations

import re
from functools import cache
from typing import NamedTuple

import numpy as np

from asthma_ml.patients.columns.cell_text import cell_text
from asthma_ml.patients.problems import Severity

CENSORED: tuple[str, str, Severity] = ("censored", "beyond the assay's limit; read as the limit", "warning")
"""Rule, message and severity of a value beyond a limit."""
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d{1,4})?", re.ASCII | re.IGNORECASE)
# Groups of three digits. `sign` separates them: a point, a comma, or a space or apostrophe, which only groups.
_GROUPED = r"[+-]?[1-9]\d{{0,2}}({sign}\d{{3}})+(?!\d)"
_BLANK_GROUPS = re.compile(_GROUPED.format(sign="[ ']") + r"([.,]\d+)?", re.ASCII)
_CENSORED = re.compile(r"(<=|>=|=<|=>|[<>≤≥⩽⩾])\s*(.*)", re.DOTALL)


class Reading(NamedTuple):
    """Value of one cell (None: missing) and, if it has a problem, the rule."""

    value: float | str | None
    rule: str = ""
    message: str = ""
    severity: Severity = "error"


def read_number(text: str, decimal_comma: bool = False, decimal_stated: bool = False) -> Reading:
    """Parse a number; a censored value such as `<5` is read as the limit, with a warning.

    Separators of thousands are accepted if they are unambiguous: `1,234.5`, `1.234,5`, `1 234`. `1,234` is refused
    unless the decimal sign is stated.

    Examples
    --------
    >>> read_number("38,5", decimal_comma=True).value
    38.5
    >>> read_number("1,234.5").value
    1234.5
    >>> read_number("1,234").rule, read_number("1,234", decimal_stated=True).value
    ('thousands', 1234.0)
    >>> read_number("<5")
    Reading(value=5.0, rule='censored', message="beyond the assay's limit; read as the limit", severity='warning')
    """
    text = cell_text(text)
    number = without_bound(text)
    if not decimal_stated and is_group_or_decimals(number, "." if decimal_comma else ","):
        return Reading(None, "thousands", 'with thousands or decimals; state `decimal = "."` or "," in a column map')
    plain = _without_groups(number, decimal_comma, decimal_stated)
    if not _NUMBER.fullmatch(plain):
        return _not_a_number(number)
    value = float(plain)
    if not np.isfinite(value):
        return Reading(None, "number", "not a finite number")
    return Reading(value) if number == text else Reading(value, *CENSORED)


def without_bound(text: str) -> str:
    """Return a cell without the sign of a limit before it.

    Examples
    --------
    >>> without_bound("<= 5")
    '5'
    """
    beyond = _CENSORED.fullmatch(text)
    return beyond[2] if beyond else text


def is_group_or_decimals(number: str, sign: str) -> bool:
    """Whether a sign before three digits, the only one of a number, could separate thousands or decimals.

    Examples
    --------
    >>> is_group_or_decimals("1,234", ","), is_group_or_decimals("0.234", "."), is_group_or_decimals("1.23", ".")
    (True, False, False)
    """
    return re.fullmatch(rf"[+-]?[1-9]\d{{0,2}}{re.escape(sign)}\d{{3}}", number.strip(), re.ASCII) is not None


def _without_groups(number: str, decimal_comma: bool, decimal_stated: bool) -> str:
    """A number without separators of thousands and with a decimal point, if its groups are unambiguous."""
    if _BLANK_GROUPS.fullmatch(number):
        number = re.sub(r"[^\d.,+-]", "", number)
    stated = "," if decimal_comma else "."
    for decimal, group in ((".", ","), (",", ".")):
        if decimal_stated and decimal != stated:
            continue
        if _grouped(group, decimal, whole=decimal_stated).fullmatch(number):
            return number.replace(group, "").replace(decimal, ".")
    if decimal_stated and (other := "." if decimal_comma else ",") in number:
        return f"{number}{other}"
    return number.replace(",", ".") if decimal_comma else number


@cache
def _grouped(group: str, decimal: str, whole: bool) -> re.Pattern[str]:
    """Pattern of numbers with groups of thousands: with decimals, with several groups, or (`whole`) with one group."""
    groups, decimals = _GROUPED.format(sign=re.escape(group)), rf"{re.escape(decimal)}\d+"
    several = rf"[+-]?[1-9]\d{{0,2}}({re.escape(group)}\d{{3}}){{2,}}"
    return re.compile(rf"{groups}{decimals}|{several}" + (rf"|{groups}" if whole else ""), re.ASCII)


def _not_a_number(text: str) -> Reading:
    if text.casefold().lstrip("+-") in ("inf", "infinity"):
        return Reading(None, "number", "not a finite number")
    if "," in text and _NUMBER.fullmatch(text.replace(",", ".", 1)):
        message = 'with a comma; state `decimal = ","` in a column map, or separate cells by `;`'
        return Reading(None, "number", message)
    return Reading(None, "number", "not a number")
