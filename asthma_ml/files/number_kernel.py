"""Compiled kernel: the text of a number, equal to that of `number_text`.

Importing this module imports numba.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from asthma_ml.files.decimal_digits import shortest_decimal
from asthma_ml.machine_code import compiled

_U = np.uint64
_ZERO, _TEN, _HUNDRED = map(_U, (0, 10, 100))
_TEN_TO = np.array([10**n for n in range(20)], dtype=np.uint64)
_SIGN, _INFINITY = _U(2**63), _U(0x7FF << 52)
_PAIRS = np.array([[ord(digit) for digit in f"{number:02d}"] for number in range(100)], dtype=np.uint8)
_MINUS, _PLUS, _POINT, _E, _I, _N, _F, _DIGIT_ZERO = map(ord, "-+.einf0")
_LOWEST_POSITIONAL, _HIGHEST_POSITIONAL = -6, 15


@compiled
def put_number(out: Any, at: int, number: float, bits: Any) -> int:
    """Write the shortest text of a number, nothing if it is NaN; `bits` are those of the number."""
    if np.isnan(number):
        return at
    if bits & _SIGN:
        out[at] = _MINUS
        at += 1
    size = abs(number)
    if size < 1e15:
        whole = np.uint64(size)
        if whole == size:
            return _put_digits(out, at, whole, _width(whole))
        hundredths = np.rint(size * 100)
        if size < 1e9 and hundredths / 100 == size:  # the usual case
            return _put_decimal(out, at, np.uint64(hundredths), -2)
    if bits & ~_SIGN == _INFINITY:
        out[at], out[at + 1], out[at + 2] = _I, _N, _F
        return at + 3
    significand, exponent = shortest_decimal(bits)
    return _put_decimal(out, at, significand, exponent)


@compiled
def _put_decimal(out: Any, at: int, significand: Any, exponent: int) -> int:
    """Write significand * 10^exponent: positional from a millionth on and below 10^16."""
    while significand % _TEN == _ZERO:
        significand //= _TEN
        exponent += 1
    width = _width(significand)
    magnitude = exponent + width - 1
    if not _LOWEST_POSITIONAL <= magnitude <= _HIGHEST_POSITIONAL:
        return _put_scientific(out, at, significand, width, magnitude)
    if exponent >= 0:
        return _put_digits(out, at, significand * _TEN_TO[exponent], width + exponent)
    if magnitude >= 0:
        unit = _TEN_TO[-exponent]
        at = _put_digits(out, at, significand // unit, width + exponent)
        out[at] = _POINT
        return _put_digits(out, at + 1, significand % unit, -exponent)
    out[at], out[at + 1] = _DIGIT_ZERO, _POINT
    for place in range(at + 2, at + 1 - magnitude):
        out[place] = _DIGIT_ZERO
    return _put_digits(out, at + 1 - magnitude, significand, width)


@compiled
def _put_scientific(out: Any, at: int, significand: Any, width: int, magnitude: int) -> int:
    unit = _TEN_TO[width - 1]
    at = _put_digits(out, at, significand // unit, 1)
    if width > 1:
        out[at] = _POINT
        at = _put_digits(out, at + 1, significand % unit, width - 1)
    out[at], out[at + 1] = _E, (_MINUS if magnitude < 0 else _PLUS)
    return _put_digits(out, at + 2, np.uint64(abs(magnitude)), 3 if abs(magnitude) >= 100 else 2)


@compiled
def _put_digits(out: Any, at: int, number: Any, width: int) -> int:
    """Write a whole number in `width` digits, with zeros in front if it has fewer."""
    place = at + width
    while place - at >= 2:
        place -= 2
        pair = number % _HUNDRED
        number //= _HUNDRED
        out[place], out[place + 1] = _PAIRS[pair, 0], _PAIRS[pair, 1]
    if place > at:
        out[at] = _DIGIT_ZERO + number % _TEN
    return at + width


@compiled
def _width(number: Any) -> int:
    """Number of digits."""
    width = 1
    while width < 20 and number >= _TEN_TO[width]:
        width += 1
    return width
