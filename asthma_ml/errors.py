"""Exceptions of the package, each with the exit code of the commands."""

from __future__ import annotations


class AsthmaMLError(Exception):
    """Base class of all errors; the message is one line that says what to do."""

    exit_code = 1


class UnusableInputError(AsthmaMLError, ValueError):
    """A file, table or option that cannot be used."""

    exit_code = 2


class RowsRefusedError(AsthmaMLError, ValueError):
    """Invalid rows in strict mode."""

    exit_code = 3


class ModelFileError(AsthmaMLError):
    """A model file that is damaged, untrusted or of another version."""

    exit_code = 4


class GateRefusedError(AsthmaMLError):
    """A model that does not meet its acceptance criteria."""

    exit_code = 5


class CausalModelError(AsthmaMLError):
    """Structural equations that do not form a valid causal model."""
