"""Compiled kernel: the shortest decimal that reads back as the same float.

Importing this module imports numba.

References
----------
Giulietti R. The Schubfach way to render doubles, 2020. The names are those of the paper: a float is c * 2^q; the
decimal is s * 10^k.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from asthma_ml.machine_code import compiled

_U = np.uint64
_ZERO, _ONE, _TWO, _FOUR, _TEN, _FORTY = map(_U, (0, 1, 2, 4, 10, 40))
_HALF, _LOW_HALF = _U(32), _U(2**32 - 1)
_SIGNIFICAND_BITS, _SIGNIFICAND, _HIDDEN_BIT, _EXPONENT = _U(52), _U(2**52 - 1), _U(2**52), _U(2**11 - 1)
_SMALLEST_POWER, _LARGEST_POWER = -292, 324


def _powers_of_ten() -> NDArray[np.uint64]:
    """128 most significant bits of 10^e, rounded up, as a high and a low half."""
    powers = []
    for exponent in range(_SMALLEST_POWER, _LARGEST_POWER + 1):
        shift = 127 - (exponent * 1741647 >> 19)
        numerator, denominator = 10 ** max(exponent, 0), 10 ** max(-exponent, 0)
        scaled = -((-numerator << max(shift, 0)) // (denominator << max(-shift, 0)))
        powers.append((scaled >> 64, scaled & 2**64 - 1))
    return np.array(powers, dtype=np.uint64)


_POWERS = _powers_of_ten()


@compiled
def shortest_decimal(bits: Any) -> tuple[Any, Any]:
    """Significand and exponent of the shortest decimal that rounds to a float.

    Of several shortest decimals it is the one closest to the float. The significand may end with zeros.

    Parameters
    ----------
    bits : uint64
        Bits of a finite float above zero; the sign is ignored.

    Returns
    -------
    uint64, int
        s and k of the decimal s * 10^k.
    """
    fraction, exponent = bits & _SIGNIFICAND, np.int64(bits >> _SIGNIFICAND_BITS & _EXPONENT)
    c, q = (fraction, -1074) if exponent == 0 else (fraction | _HIDDEN_BIT, exponent - 1075)
    closer_below = fraction == _ZERO and exponent > 1
    k = (q * 1262611 - (524031 if closer_below else 0)) >> 22
    shift = np.uint64(q + ((-k * 1741647) >> 19) + 1)
    high, low = _POWERS[-k - _SMALLEST_POWER, 0], _POWERS[-k - _SMALLEST_POWER, 1]
    odd = c & _ONE
    middle = _round_to_odd(high, low, (c * _FOUR) << shift)
    smallest = odd + _round_to_odd(high, low, (c * _FOUR - (_ONE if closer_below else _TWO)) << shift)
    largest = _round_to_odd(high, low, (c * _FOUR + _TWO) << shift) - odd
    s = middle // _FOUR
    if s >= _TEN:
        tens = s // _TEN
        below, above = smallest <= _FORTY * tens, _FORTY * tens + _FORTY <= largest
        if below != above:
            return tens + (_ONE if above else _ZERO), k + 1
    below, above = smallest <= _FOUR * s, _FOUR * s + _FOUR <= largest
    half = _FOUR * s + _TWO
    upwards = above if below != above else middle > half or (middle == half and (s & _ONE) == _ONE)
    return s + (_ONE if upwards else _ZERO), k


@compiled
def _round_to_odd(high: Any, low: Any, factor: Any) -> Any:
    """Product of a 128-bit and a 64-bit number without its lowest 128 bits; odd if bits were lost."""
    carried, _ = _product(low, factor)
    above, below = _product(high, factor)
    total = below + carried
    above += _ONE if total < carried else _ZERO
    return above | (_ONE if total > _ONE else _ZERO)


@compiled
def _product(a: Any, b: Any) -> tuple[Any, Any]:
    """High and low 64 bits of the product of two 64-bit numbers."""
    a_high, a_low, b_high, b_low = a >> _HALF, a & _LOW_HALF, b >> _HALF, b & _LOW_HALF
    cross = a_high * b_low + (a_low * b_low >> _HALF)
    middle = a_low * b_high + (cross & _LOW_HALF)
    return a_high * b_high + (cross >> _HALF) + (middle >> _HALF), a * b
