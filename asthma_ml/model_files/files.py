"""Save and load model files: a card, the estimator and its compiled form."""

from __future__ import annotations

import os
import platform
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, overload

import numpy as np

from asthma_ml.classifier import FEWEST_PATIENTS, Background, CompiledClassifier, compile_shallow, with_background
from asthma_ml.errors import UnusableInputError
from asthma_ml.files import write_bytes, write_with_companion
from asthma_ml.model_files.archive import (
    FORMAT,
    FORMAT_VERSION,
    card_text,
    pack_archive,
    read_archive,
    self_test_probabilities,
    unpack_archive,
)
from asthma_ml.model_files.arrays import bytes_of_arrays
from asthma_ml.model_files.compiled import COMPILED, compiled_member, read_compiled
from asthma_ml.model_files.mechanisms import MECHANISMS
from asthma_ml.variables import data_dictionary
from asthma_ml.version import __version__
from asthma_ml.wording import first_names

if TYPE_CHECKING:
    import pandas as pd

    from asthma_ml.classifier import PhenotypeClassifier

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
    """Save a fitted classifier; an interrupted write leaves no partial file.

    Parameters
    ----------
    model : PhenotypeClassifier
        Fitted.
    path : path
        Conventionally ends with ``.aml``.
    card : mapping of str, default=None
        Further entries of the card, such as metrics, seed and checksum of the training data; must be valid JSON.
        ``intended_use`` replaces the default text.
    background : DataFrame of shape (n_background, n_columns) or Background, default=None
        Reference patients for interventional explanations, such as the training patients. Only the summary that
        `compile_model` computes is stored.

    Raises
    ------
    UnusableInputError
        If the model was fitted without column names, the background has fewer than ten patients, the card is not valid
        JSON or sets an entry that the program writes, or the folder cannot be written to.
    ModelFileError
        If the written file could not be loaded again.

    Notes
    -----
    Nothing in the file is the value of fewer than ten patients, see docs/privacy.md. The rows of the self-test are
    built from the range of each feature, which is estimated from means of ten patients. Of a background only
    frequencies and means are stored. The same classifier fitted on the same patients gives the same bytes with the
    same versions of the packages.
    """
    write_bytes(_checked_archive(model, path, card, background), path)


def save_model_with_card(
    model: PhenotypeClassifier,
    path: str | os.PathLike[str],
    card: Mapping[str, Any] | None = None,
    background: pd.DataFrame | Background | None = None,
) -> Path:
    """Save a fitted classifier, and its card as a JSON file beside it; either both are written or neither.

    Parameters
    ----------
    model, path, card, background
        As for `save_model`.

    Returns
    -------
    Path
        Path of the card.

    Raises
    ------
    UnusableInputError, ModelFileError
        As for `save_model`; existing files are unchanged then.
    """
    data, target = _checked_archive(model, path, card, background), card_path(path)
    write_with_companion(data, path, card_text(unpack_archive(data, str(path))[0]), target)
    return target


def card_path(path: str | os.PathLike[str]) -> Path:
    """Path of the card beside a model file, ``.card.json``.

    Examples
    --------
    >>> card_path("model.aml").name
    'model.card.json'
    """
    return Path(path).with_suffix(".card.json")


@overload
def load_model(path: str | os.PathLike[str], *, compiled: Literal[False] = False) -> PhenotypeClassifier: ...
@overload
def load_model(
    path: str | os.PathLike[str], *, compiled: Literal[True], mechanisms: bool = True
) -> CompiledClassifier | PhenotypeClassifier: ...
def load_model(
    path: str | os.PathLike[str], *, compiled: bool = False, mechanisms: bool = True
) -> CompiledClassifier | PhenotypeClassifier:
    """Load a classifier from a model file.

    Parameters
    ----------
    path : path or "shipped"
        Model file.
    compiled : bool, default=False
        Load the compiled classifier where the file contains one. It predicts and explains in the same way, but needs
        neither scikit-learn nor shap, loads faster and cannot be fitted.
    mechanisms : bool, default=True
        Also load the mechanism regression, if the file has one; a compiled classifier loads faster without.

    Returns
    -------
    PhenotypeClassifier or CompiledClassifier
        Its predictions equal those of the saved classifier. With `compiled`, a file without a compiled classifier
        (trees deeper than three levels) gives the `PhenotypeClassifier`.

    Raises
    ------
    ModelFileError
        If the file is missing, damaged or not a model file, has another format version or another data dictionary,
        or fails its self-test. A `PhenotypeClassifier` is also refused if the minor version of scikit-learn differs
        or the file contains a type that is not on the reviewed list; no code from the file has run then.

    Examples
    --------
    >>> load_model("shipped", compiled=True)
    <CompiledClassifier of 2 classes, 53 features>
    """
    card, members = read_archive(path)
    if compiled and COMPILED in members:
        return read_compiled(card, members, str(path), mechanisms=mechanisms)
    from asthma_ml.model_files.estimator import read_estimator

    return read_estimator(card, members, str(path))


def load_model_with_card(path: str | os.PathLike[str]) -> tuple[PhenotypeClassifier, dict[str, Any]]:
    """Load a classifier as `load_model` does, and its card, reading the file once."""
    from asthma_ml.model_files.estimator import read_estimator

    card, members = read_archive(path)
    return read_estimator(card, members, str(path)), card


def load_compiled(path: str | os.PathLike[str]) -> CompiledClassifier | PhenotypeClassifier:
    """Short form of ``load_model(path, compiled=True)``, for scripts that use the older name."""
    return load_model(path, compiled=True)


def _checked_archive(
    model: PhenotypeClassifier,
    path: str | os.PathLike[str],
    card: Mapping[str, Any] | None,
    background: pd.DataFrame | Background | None,
) -> bytes:
    """The bytes of a model file, checked by loading them."""
    from sklearn.utils.validation import check_is_fitted

    from asthma_ml.model_files.estimator import read_estimator

    check_is_fitted(model)
    if getattr(model, "feature_names_in_", None) is None:
        raise UnusableInputError(
            "the model was fitted without column names, so its file could not be used on tables; fit it on a DataFrame"
        )
    if background is not None and _n_patients(background) < FEWEST_PATIENTS:
        raise UnusableInputError(
            f"background: {_n_patients(background)} patients, whose values could be found in the file; "
            f"give {FEWEST_PATIENTS} or more"
        )
    data = _archive(model, card or {}, background)
    written, members = unpack_archive(data, str(path))
    read_estimator(written, members, str(path))
    if COMPILED in members:
        read_compiled(written, members, str(path))
    return data


def _archive(
    model: PhenotypeClassifier, additions: Mapping[str, Any], background: pd.DataFrame | Background | None
) -> bytes:
    """The bytes of a model file."""
    from asthma_ml.model_files.estimator import ESTIMATOR, estimator_member

    members = {ESTIMATOR: estimator_member(model)}
    compiled = compile_shallow(model)
    if compiled is not None:
        members[COMPILED] = compiled_member(with_background(compiled, background))
    if model.mechanisms_ is not None:
        members[MECHANISMS] = bytes_of_arrays(model.mechanisms_)
    written = _card_of(model, background) | {
        f"{name.split('.')[0]}_sha256": sha256(content).hexdigest() for name, content in members.items()
    }
    if taken := sorted(set(additions) & set(written) - {"intended_use"}):
        raise UnusableInputError(f"card: the program writes {first_names(taken)} itself; choose other names")
    try:
        return pack_archive(written | dict(additions), members)
    except (TypeError, ValueError) as error:
        raise UnusableInputError(f"card: not valid JSON ({error})") from error


def _card_of(model: PhenotypeClassifier, background: pd.DataFrame | Background | None) -> dict[str, Any]:
    """Entries of the card that the program writes."""
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
            "probabilities": self_test_probabilities(model, rows).tolist(),
        },
        "background": None if background is None else {"n_patients": _n_patients(background)},
    }


def _n_patients(background: pd.DataFrame | Background) -> int:
    return background.n_patients if isinstance(background, Background) else len(background)


def _versions() -> dict[str, str]:
    from importlib.metadata import version

    packages = {name: version(name) for name in ("scikit-learn", "numpy", "skops")}
    return {"asthma_ml": __version__, "python": platform.python_version(), **packages}


def _as_plain(value: Any) -> Any:
    """A parameter as a JSON value; other types, such as a random state, as text."""
    if isinstance(value, np.generic):
        return value.item()
    return value if isinstance(value, str | int | float | None) else str(value)


def _self_test_rows(model: PhenotypeClassifier) -> np.ndarray:
    """Five artificial rows: all low, all high, all in the middle, low and high alternating, nothing measured."""
    low, high = model.feature_range_.astype(np.float64)
    alternating = np.where(np.arange(len(low)) % 2, low, high)
    return np.array([low, high, (low + high) / 2, alternating, np.full_like(low, np.nan)], dtype=np.float32)
