"""Numbers as text that never round to a certainty which the number does not have."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from asthma_ml.columns import Texts
from asthma_ml.wording.by_pattern import text_of_numbers

_MOST_DIGITS = 4


def rounded(value: float, digits: int = 2, whole: float = 1.0) -> str:
    """Text of a number, with as many more digits as keep it apart from 0 and from the whole.

    Parameters
    ----------
    value : float
        Any number.
    digits : int, default=2
        Decimal places, where they suffice.
    whole : float, default=1.0
        The largest value of a proportion: 1, or 100 for percentages.

    Returns
    -------
    str
        At most four decimal places; beyond them an inequality.

    Examples
    --------
    >>> rounded(0.943), rounded(0.996), rounded(1.0), rounded(0.99999), rounded(-0.0012)
    ('0.94', '0.996', '1.00', '>0.9999', '-0.001')
    """
    if value in {0.0, whole}:
        return f"{value:.{digits}f}"
    for places in range(digits, max(digits, _MOST_DIGITS) + 1):
        text = f"{value:.{places}f}"
        if float(text) != 0.0 and not (float(text) == whole and value < whole):
            return text
    least = 10.0**-places
    if value > least:
        return f">{whole - least:.{places}f}"
    return f"<{least:.{places}f}" if value > 0 else f">-{least:.{places}f}"


def rounded_texts(values: NDArray[np.float64]) -> Texts:
    """Text of each number of a column, as from `rounded`.

    Examples
    --------
    >>> rounded_texts(np.array([0.943, 0.996, 0.9431])).strings().tolist()
    ['0.94', '0.996', '0.94']
    """
    far = (values >= 0.01) & (values <= 0.99)  # from 0 and 1, where two decimal places suffice
    found = text_of_numbers(np.where(far, values, 0.5), rounded, 200)
    others = text_of_numbers(values[~far], rounded, 2 * 10**_MOST_DIGITS)
    found.codes[~far] = len(found.distinct) + others.codes
    return Texts(found.codes, [*found.distinct, *others.distinct])


def signed_texts(values: NDArray[np.float64]) -> Texts:
    """Text of each contribution of a column, with its sign and two decimal places.

    Examples
    --------
    >>> signed_texts(np.array([1.234, -0.5])).strings().tolist()
    ['+1.23', '-0.50']
    """
    return text_of_numbers(values, "{:+.2f}".format, 200)


def percent(proportion: float, digits: int = 0) -> str:
    """Text of a proportion in percent.

    Examples
    --------
    >>> percent(0.531), percent(0.9963), percent(0.004), percent(1.0)
    ('53 %', '99.6 %', '0.4 %', '100 %')
    """
    return f"{rounded(100 * proportion, digits, whole=100.0)} %"


def patients_and_rows(n_patients: int, n_rows: int | None = None) -> str:
    """Text of a number of patients, with the number of their rows where it is another.

    Examples
    --------
    >>> patients_and_rows(300, 2700), patients_and_rows(1), patients_and_rows(300, 300)
    ('300 patients (2,700 rows)', '1 patient', '300 patients')
    """
    rows = "" if n_rows in {None, n_patients} else f" ({n_rows:,} rows)"
    return f"{n_patients:,} patient{'' if n_patients == 1 else 's'}{rows}"


def rows_of_patients(n_rows: int, n_patients: int | None = None) -> str:
    """Text of a number of rows, with the number of their patients where it is another.

    Examples
    --------
    >>> rows_of_patients(972, 108), rows_of_patients(972)
    ('972 rows of 108 patients', '972 rows')
    """
    of_patients = "" if n_patients in {None, n_rows} else f" of {n_patients} patient{'' if n_patients == 1 else 's'}"
    return f"{n_rows} rows{of_patients}"


def with_interval(found: Mapping[str, float], digits: int = 3) -> str:
    """Text of an estimate with its interval.

    Examples
    --------
    >>> with_interval({"value": 0.9434, "lower": 0.939, "upper": 0.9472})
    '0.943 (0.939 to 0.947)'
    """
    value, lower, upper = (rounded(found[name], digits) for name in ("value", "lower", "upper"))
    return f"{value} ({lower} to {upper})"


def percent_with_interval(found: Mapping[str, float], digits: int = 0, *, label: str = "") -> str:
    """Text of a proportion with its interval in percent.

    Examples
    --------
    >>> percent_with_interval({"value": 0.82, "lower": 0.78, "upper": 0.996}, label="95 % CI ")
    '82 % (95 % CI 78 to 99.6 %)'
    """
    value, lower, upper = (percent(found[name], digits) for name in ("value", "lower", "upper"))
    return f"{value} ({label}{lower.removesuffix(' %')} to {upper})"
