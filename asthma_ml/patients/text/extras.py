"""Packages that only some formats need; they are installed with ``asthma-ml[formats]``."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from asthma_ml.errors import UnusableInputError


def needed(package: str, what: str, way_out: str) -> Any:
    """Import a package that reads a format.

    Parameters
    ----------
    package : str
        Name of the package.
    what : str
        The file and its format.
    way_out : str
        What to do without the package.

    Raises
    ------
    UnusableInputError
        If it is not installed.

    Examples
    --------
    >>> needed("no_such_reader", "clinic.xlsx: an Excel workbook", "save it as CSV")
    Traceback (most recent call last):
        ...
    asthma_ml.errors.UnusableInputError: clinic.xlsx: an Excel workbook; install its reader with
    `pip install "asthma-ml[formats]"`, or save it as CSV
    """
    try:
        return import_module(package)
    except ImportError as error:
        message = f'{what}; install its reader with `pip install "asthma-ml[formats]"`, or {way_out}'
        raise UnusableInputError(message) from error
