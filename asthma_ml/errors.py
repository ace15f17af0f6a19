"""The errors a user can meet, each with the exit code that the commands return for it."""

from __future__ import annotations


class AsthmaMLError(Exception):
    """Anything this package refuses to do, said in one line a user can act on."""

    exit_code = 1


class UnusableInputError(AsthmaMLError, ValueError):
    """A file, table or option that cannot be used as it stands."""

    exit_code = 2


class RowsRefusedError(AsthmaMLError, ValueError):
    """Rows broke a hard limit and the caller asked for strictness."""

    exit_code = 3


class ModelFileError(AsthmaMLError):
    """A model file that is damaged, untrusted or made by another version."""

    exit_code = 4


class CausalModelError(AsthmaMLError):
    """Structural equations that do not form a causal model."""
