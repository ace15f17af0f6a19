"""TODO."""

from __future__ import annotations

DECIMAL, WHOLE, TEXT = 0, 1, 2


LONGEST_NUMBER = len("-999999999.999999")


STEP = 8
"""Bytes that are copied at once."""


DELIMITERS = (",", ";", "\t", "|")
