"""Paths of the files that come with the package: the shipped model and a few example patients."""

from __future__ import annotations

import os
from pathlib import Path

from asthma_ml.errors import AsthmaMLError

SHIPPED = "shipped"
"""Name of the shipped model wherever a path of a model is asked for."""

# In a checkout the files lie beside the package, in a wheel inside it.
_PACKAGE = Path(__file__).parent.parent


def resolve_model_path(path: str | os.PathLike[str]) -> Path:
    """Path of a model file, given as a path or by the name "shipped".

    Parameters
    ----------
    path : path or "shipped"
        A file that is itself called ``shipped`` is given as ``./shipped``.

    Returns
    -------
    Path
        Path of the shipped model for "shipped", else `path`.

    Raises
    ------
    AsthmaMLError
        If the shipped model is asked for and the installation lacks it.

    Examples
    --------
    >>> resolve_model_path("shipped").name, resolve_model_path("my_model.aml").name
    ('th2_vs_neutrophilic.aml', 'my_model.aml')
    """
    return shipped_model_path() if os.fspath(path) == SHIPPED else Path(path)


def shipped_model_path() -> Path:
    """Path of the model that commands use by default.

    Returns
    -------
    Path
        The two-class model, Th2-high against neutrophilic Th2-low.

    Raises
    ------
    AsthmaMLError
        If the installation lacks it.

    Examples
    --------
    >>> shipped_model_path().name
    'th2_vs_neutrophilic.aml'
    """
    return _shipped("models/th2_vs_neutrophilic.aml", remedy="give a model with --model, or train one")


def example_patients_path() -> Path:
    """Path of a small table of synthetic patients.

    Returns
    -------
    Path
        A CSV file without labels.

    Raises
    ------
    AsthmaMLError
        If the installation lacks it.

    Examples
    --------
    >>> example_patients_path().name
    'example_patients.csv'
    """
    return _shipped("data/synthetic/example_patients.csv", remedy="give a table with --patients-file")


def _shipped(path: str, *, remedy: str) -> Path:
    """Path of a shipped file: inside the package where it is there, else beside it."""
    for folder in (_PACKAGE, _PACKAGE.parent):
        if (folder / path).is_file():
            return folder / path
    raise AsthmaMLError(f"{path} is missing from this installation; {remedy}")
