"""Constants of the CSV encoder that its compiled kernel shares; importing them does not import numba."""

DECIMAL, WHOLE, TEXT = 0, 1, 2
"""Kinds of columns: floats, whole numbers, texts."""
LONGEST_NUMBER = len("-999999999.999999")
STEP = 8
"""Bytes copied per step."""
