"""Files that come with the package: the default model and a few example patients.

In a checkout they lie in the repository's folders; in a wheel they lie inside the package.
"""

from __future__ import annotations

from pathlib import Path

from asthma_ml.errors import AsthmaMLError

_PACKAGE = Path(__file__).parent.parent


def shipped_model_path() -> Path:
    """Return the path of the model that commands use when none is named.

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
    return _shipped("models/th2_vs_neutrophilic.aml", remedy="name a model with --model, or make one with train")


def example_patients_path() -> Path:
    """Return the path of a small table of synthetic patients to try things on.

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
    return _shipped("data/synthetic/example_patients.csv", remedy="name a table with --patients-file")


def _shipped(path: str, *, remedy: str) -> Path:
    """First place where the file is: inside the package, else beside it."""
    for folder in (_PACKAGE, _PACKAGE.parent):
        if (folder / path).is_file():
            return folder / path
    raise AsthmaMLError(f"{path} is missing from this installation; {remedy}")
