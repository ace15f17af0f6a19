"""TODO."""

from __future__ import annotations

import os
import platform
from collections.abc import Mapping
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from sklearn.utils.validation import check_is_fitted

from asthma_ml.classifier import Background, CompiledClassifier, PhenotypeClassifier, compile_shallow, with_background
from asthma_ml.errors import ModelFileError, UnusableInputError
from asthma_ml.files import write_bytes, write_text
from asthma_ml.model_files.archive import (
    FORMAT,
    FORMAT_VERSION,
    card_text,
    check_card,
    open_archive,
    packed,
    probabilities,
    unpacked,
)
from asthma_ml.model_files.compiled import COMPILED, compiled_member, load_compiled_member
from asthma_ml.model_files.estimator import _ESTIMATOR, _load, _reproducible
from asthma_ml.variables import data_dictionary
from asthma_ml.version import __version__
from asthma_ml.wording import first_names

INTENDED_USE = (
    "Research on which inflammation drives treatment-resistant severe asthma. Research software, not a "
    "medical device. SHAP explains the model, not the disease."
)


def save_model(
    model: PhenotypeClassifier,
    path: str | os.PathLike[str],
    card: Mapping[str, Any] | None = None,
    background: pd.DataFrame | Background | None = None,
) -> None:
    """Write a fitted classifier, whole or not at all.

    Parameters
    ----------
    model : PhenotypeClassifier
        Fitted.
    path : path
        Conventionally ends with ``.aml``.
    card : mapping of str, default=None
        What the card shall also say, such as metrics, seed and checksum of the training data; must fit
        into JSON. ``intended_use`` replaces the text that stands there otherwise.
    background : DataFrame of shape (n_background, n_columns) or Background, default=None
        Patients against whom `explain` can explain later, such as those who were learned from: what
        `compile_model` keeps of them is stored.

    Raises
    ------
    UnusableInputError
        If the model was fitted without column names, the card does not fit into JSON or names an entry
        that the program writes, or the folder cannot be written to.
    ModelFileError
        If what would be written could not be loaded again.

    Notes
    -----
    Holds no patient: the rows of the self-test are made up from the range of each feature, and of a
    background frequencies and means are kept; give hundreds of patients rather than a few. Fitting the
    same classifier on the same patients gives the same bytes on the same versions.
    """
    write_bytes(_checked_archive(model, path, card, background), path)


def save_model_with_card(
    model: PhenotypeClassifier,
    path: str | os.PathLike[str],
    card: Mapping[str, Any] | None = None,
    background: pd.DataFrame | Background | None = None,
) -> Path:
    """Write a fitted classifier and its card beside it, both or neither.

    Parameters
    ----------
    model, path, card, background
        As for `save_model`.

    Returns
    -------
    Path
        Where the card is.

    Raises
    ------
    UnusableInputError, ModelFileError
        As for `save_model`; nothing has changed then.
    """
    data, target = _checked_archive(model, path, card, background), card_path(path)
    before = target.read_bytes() if target.is_file() else None
    write_text(card_text(unpacked(data, str(path))[0]), target)
    try:
        write_bytes(data, path)
    except BaseException:
        if before is None:
            target.unlink(missing_ok=True)
        else:
            write_bytes(before, target)
        raise
    return target


def card_path(path: str | os.PathLike[str]) -> Path:
    """Return where the card of a model file lies: beside it, ``.card.json``.

    Examples
    --------
    >>> card_path("model.aml").name
    'model.card.json'
    """
    return Path(path).with_suffix(".card.json")


def load_model(path: str | os.PathLike[str]) -> PhenotypeClassifier:
    """Read a classifier that `save_model` wrote.

    Parameters
    ----------
    path : path
        Model file.

    Returns
    -------
    PhenotypeClassifier
        Predicts exactly as before.

    Raises
    ------
    ModelFileError
        If the file is missing, damaged or no model file, was made with another minor version of
        scikit-learn, a newer format or another data dictionary, holds anything that is not on the
        reviewed list, or fails its self-test. Nothing of the file has been run then.
    """
    return load_model_with_card(path)[0]


def load_model_with_card(path: str | os.PathLike[str]) -> tuple[PhenotypeClassifier, dict[str, Any]]:
    """Read a classifier and what its card says, from one reading of the file.

    Parameters
    ----------
    path : path
        Model file.

    Returns
    -------
    model : PhenotypeClassifier
        As from `load_model`.
    card : dict
        As from `read_card`.

    Raises
    ------
    ModelFileError
        As for `load_model`.
    """
    card, members = open_archive(path)
    return _load(card, members, str(path)), card


def _checked_archive(
    model: PhenotypeClassifier,
    path: str | os.PathLike[str],
    card: Mapping[str, Any] | None,
    background: pd.DataFrame | Background | None,
) -> bytes:
    """The bytes of a model file, which have been loaded once already."""
    check_is_fitted(model)
    if getattr(model, "feature_names_in_", None) is None:
        raise UnusableInputError(
            "the model knows no column names, so that no table could be predicted from its file; fit it on a DataFrame"
        )
    data = _archive(model, card or {}, background)
    written, members = unpacked(data, str(path))
    _load(written, members, str(path))
    if COMPILED in members:
        load_compiled_member(written, members, str(path))
    return data


def _archive(
    model: PhenotypeClassifier, additions: Mapping[str, Any], background: pd.DataFrame | Background | None
) -> bytes:
    """The bytes of a model file."""
    from skops.io import dumps

    members = {_ESTIMATOR: _reproducible(dumps(model))}
    compiled = compile_shallow(model)
    if compiled is not None:
        members[COMPILED] = compiled_member(with_background(compiled, background))
    written = _card_of(model, background) | {
        f"{name.split('.')[0]}_sha256": sha256(content).hexdigest() for name, content in members.items()
    }
    if taken := sorted(set(additions) & set(written) - {"intended_use"}):
        raise UnusableInputError(f"card: {first_names(taken)} are written by the program; choose other names")
    try:
        return packed(written | dict(additions), members)
    except (TypeError, ValueError) as error:
        raise UnusableInputError(f"card: does not fit into JSON ({error})") from error


def _card_of(model: PhenotypeClassifier, background: pd.DataFrame | Background | None) -> dict[str, Any]:
    """What the program itself says of a model."""
    rows = _self_test_rows(model)
    classes = model.classes_.tolist()
    return {
        "format": FORMAT,
        "format_version": FORMAT_VERSION,
        "intended_use": INTENDED_USE,
        "versions": _versions(),
        "classes": classes,
        "feature_names": [str(name) for name in model.feature_names_in_],
        "parameters": {name: _as_plain(value) for name, value in model.get_params().items()},
        "training": {
            "n_patients": int(model.n_patients_),
            "n_distinct_patients": int(model.n_distinct_patients_),
            "class_counts": {str(name): int(n) for name, n in zip(classes, model.class_counts_, strict=True)},
            "calibrated": bool(model.is_calibrated_),
        },
        "data_dictionary": data_dictionary().to_records(),
        "self_test": {
            "rows": [[None if np.isnan(value) else float(value) for value in row] for row in rows],
            "probabilities": probabilities(model, rows).tolist(),
        },
        "background": None if background is None else {"n_patients": _n_patients(background)},
    }


def _n_patients(background: pd.DataFrame | Background) -> int:
    return background.n_patients if isinstance(background, Background) else len(background)


def _versions() -> dict[str, str]:
    packages = {name: version(name) for name in ("scikit-learn", "numpy", "skops")}
    return {"asthma_ml": __version__, "python": platform.python_version(), **packages}


def _as_plain(value: Any) -> Any:
    """A parameter as JSON holds it; a random state has no better form than its text."""
    if isinstance(value, np.generic):
        return value.item()
    return value if isinstance(value, str | int | float | None) else str(value)


def _self_test_rows(model: PhenotypeClassifier) -> np.ndarray:
    """Five rows that are nobody: all low, all high, the middle, low and high in turn, nothing measured."""
    low, high = model.feature_range_.astype(np.float64)
    in_turn = np.where(np.arange(len(low)) % 2, low, high)
    return np.array([low, high, (low + high) / 2, in_turn, np.full_like(low, np.nan)], dtype=np.float32)


def load_compiled(path: str | os.PathLike[str]) -> CompiledClassifier:
    """Read the compiled part of a model file.

    Parameters
    ----------
    path : path
        Model file.

    Returns
    -------
    CompiledClassifier
        Predicts and explains as the classifier in the file does, which is not rebuilt: neither
        scikit-learn nor shap are needed, and their versions do not matter.

    Raises
    ------
    ModelFileError
        If the file is missing, damaged or no model file, has a newer format or another data dictionary,
        has no compiled part, or fails its self-test.

    Examples
    --------
    >>> import asthma_ml as aml
    >>> load_compiled(aml.shipped_model_path()).classes_.tolist()
    ['neutrophilic_th2_low', 'th2_high']
    """
    card, members = open_archive(path)
    if COMPILED not in members:
        check_card(card, str(path))
        raise ModelFileError(
            f"{path}: has no compiled part, because it is from an older version or its trees ask more than three "
            "questions in a row; use load_model, or write it again with save_model(load_model(path), path)"
        )
    return load_compiled_member(card, members, str(path))


def load_predictor(path: str | os.PathLike[str]) -> CompiledClassifier | PhenotypeClassifier:
    """Read what predicts and explains soonest: the compiled part of a model file where there is one.

    Parameters
    ----------
    path : path
        Model file.

    Returns
    -------
    CompiledClassifier or PhenotypeClassifier
        Both predict the same.

    Raises
    ------
    ModelFileError
        As `load_compiled` and `load_model` do.
    """
    card, members = open_archive(path)
    if COMPILED in members:
        return load_compiled_member(card, members, str(path))
    from asthma_ml.model_files.files import load_model

    return load_model(Path(path))
