"""Compiled kernel: the text of a number, equal to that of `number_text`.

Importing this module imports numba.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from asthma_ml.files.decimal_digits import shortest_decimal
from asthma_ml.files.words import store_word
from asthma_ml.machine_code import compiled

_U = np.uint64
_ZERO, _TEN = map(_U, (0, 10))
_TEN_TO = np.array([10**n for n in range(20)], dtype=np.uint64)
_EIGHT_DIGITS, _FIFTEEN_DIGITS, _SIXTEEN_DIGITS = (_U(10**n) for n in (8, 15, 16))
_SIGN, _INFINITY = _U(2**63), _U(0x7FF << 52)
_MINUS, _PLUS, _POINT, _E, _DIGIT_ZERO = map(_U, b"-+.e0")
_INF, _ALL_ZEROS = _U(int.from_bytes(b"inf", "little")), _U(int.from_bytes(b"0" * 8, "little"))
_LOWEST_POSITIONAL, _HIGHEST_POSITIONAL = -6, 15


@compiled
def put_number(at: int, number: float, bits: Any) -> int:
    """Write the shortest text of a number that is not NaN; `bits` are those of the number."""
    if bits & _SIGN:
        store_word(at, _MINUS)
        at += 1
    size = abs(number)
    if size < 1e15:
        whole = np.uint64(size)
        if whole == size:
            return _put_digits(at, whole, _width(whole))
        hundredths = np.rint(size * 100)
        if size < 1e9 and hundredths / 100 == size:  # the usual case
            return _put_decimal(at, np.uint64(hundredths), -2)
        millionths = np.rint(size * 1e6)
        if size < 1e9 and millionths / 1e6 == size:
            return _put_decimal(at, np.uint64(millionths), -6)
    if bits & ~_SIGN == _INFINITY:
        store_word(at, _INF)
        return at + 3
    significand, exponent = shortest_decimal(bits)
    return _put_decimal(at, significand, exponent)


@compiled
def _put_decimal(at: int, significand: Any, exponent: int) -> int:
    """Write significand * 10^exponent: positional from a millionth on and below 10^16."""
    while significand % _TEN == _ZERO:
        significand //= _TEN
        exponent += 1
    width = _width(significand)
    magnitude = exponent + width - 1
    if not _LOWEST_POSITIONAL <= magnitude <= _HIGHEST_POSITIONAL:
        return _put_scientific(at, significand, width, magnitude)
    if exponent >= 0:
        return _put_digits(at, significand * _TEN_TO[exponent], width + exponent)
    if magnitude >= 0:
        unit = _TEN_TO[-exponent]
        at = _put_digits(at, significand // unit, width + exponent)
        store_word(at, _POINT)
        return _put_digits(at + 1, significand % unit, -exponent)
    store_word(at, _ALL_ZEROS)
    store_word(at + 1, _POINT | _ALL_ZEROS << _U(8))
    return _put_digits(at + 1 - magnitude, significand, width)


@compiled
def _put_scientific(at: int, significand: Any, width: int, magnitude: int) -> int:
    unit = _TEN_TO[width - 1]
    at = _put_digits(at, significand // unit, 1)
    if width > 1:
        store_word(at, _POINT)
        at = _put_digits(at + 1, significand % unit, width - 1)
    store_word(at, _E | (_MINUS if magnitude < 0 else _PLUS) << _U(8))
    return _put_digits(at + 2, np.uint64(abs(magnitude)), 3 if abs(magnitude) >= 100 else 2)


@compiled
def _put_digits(at: int, number: Any, width: int) -> int:
    """Write a whole number in `width` <= 17 digits, with zeros in front if it has fewer."""
    end = at + width
    if width > 16:
        store_word(at, _DIGIT_ZERO + number // _SIXTEEN_DIGITS)
        number %= _SIXTEEN_DIGITS
        at += 1
    if end - at > 8:
        store_word(at, _eight_digits(number // _EIGHT_DIGITS) >> _U(8 * (16 - end + at)))
        number %= _EIGHT_DIGITS
        at = end - 8
    store_word(at, _eight_digits(number) >> _U(8 * (8 - end + at)))
    return end


@compiled
def _eight_digits(number: Any) -> Any:
    """Eight digits of a number below 10^8 in one word; each step halves all groups of digits at once."""
    fours = number // _U(10_000) | (number % _U(10_000)) << _U(32)
    hundreds = (fours * _U(10_486) >> _U(20)) & _U(0x0000007F_0000007F)
    pairs = hundreds | (fours - _U(100) * hundreds) << _U(16)
    tens = (pairs * _U(103) >> _U(10)) & _U(0x000F000F_000F000F)
    return (tens | (pairs - _TEN * tens) << _U(8)) + _ALL_ZEROS


@compiled
def _width(number: Any) -> int:
    """Number of digits."""
    width = 1
    if number >= _EIGHT_DIGITS:
        width = 9 if number < _FIFTEEN_DIGITS else 16
    while number >= _TEN_TO[width]:
        width += 1
    return width
