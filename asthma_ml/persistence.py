"""Model files: a zip archive of a readable card and the estimator, without pickle anywhere.

The estimator is stored by skops, which rebuilds objects from data. A file is loaded only if everything
in it is on a reviewed list, it was made with the same minor version of scikit-learn, nothing in it was
damaged, and it still predicts a few rows as it did when it was written.
"""

from __future__ import annotations

import io
import json
import os
import platform
import zipfile
from collections.abc import Iterator, Mapping
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from sklearn.utils.validation import check_is_fitted

import asthma_ml
from asthma_ml.classifier import PhenotypeClassifier, first_names
from asthma_ml.errors import AsthmaMLError, ModelFileError, UnusableInputError
from asthma_ml.patients import write_bytes, write_text
from asthma_ml.variables import data_dictionary

FORMAT_VERSION = 2
SELF_TEST_TOLERANCE = 1e-9
"""Largest difference of a probability between writing and loading."""

INTENDED_USE = (
    "Research on which inflammation drives treatment-resistant severe asthma. Research software, not a "
    "medical device. SHAP explains the model, not the disease."
)

_FORMAT = "asthma_ml model"
_CARD, _ESTIMATOR, _SCHEMA = "card.json", "estimator.skops", "schema.json"
_LARGEST_FILE = 512 * 2**20
_NO_DATE = (1980, 1, 1, 0, 0, 0)

# What a fitted classifier consists of, by the way skops rebuilds it. Reviewed: none of it runs code
# from the file. The list is tighter than what skops trusts by itself.
_REVIEWED = {
    "JsonNode": {"builtins.str"},
    "TypeNode": {"builtins.str"},
    "DictNode": {"builtins.dict"},
    "ListNode": {"builtins.list"},
    "TupleNode": {"builtins.tuple"},
    "NdArrayNode": {
        *(f"numpy.{name}" for name in ("ndarray", "bool", "int32", "int64", "uint32", "uint64", "float32", "float64"))
    },
    "RandomGeneratorNode": {"numpy.random._generator.Generator"},
    "RandomStateNode": {"numpy.random.mtrand.RandomState"},
    "LossNode": {"sklearn._loss._loss.CyHalfBinomialLoss", "sklearn._loss._loss.CyHalfMultinomialLoss"},
    "ObjectNode": {
        "asthma_ml.classifier.linear_part.LinearPart",
        "asthma_ml.classifier.normal_scores.NormalScores",
        "asthma_ml.classifier.phenotype_classifier.PhenotypeClassifier",
        "sklearn._loss.link.Interval",
        "sklearn._loss.link.LogitLink",
        "sklearn._loss.link.MultinomialLogit",
        "sklearn._loss.loss.HalfBinomialLoss",
        "sklearn._loss.loss.HalfMultinomialLoss",
        "sklearn.ensemble._hist_gradient_boosting.binning._BinMapper",
        "sklearn.ensemble._hist_gradient_boosting.gradient_boosting.HistGradientBoostingClassifier",
        "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor",
        "sklearn.frozen._frozen.FrozenEstimator",
        "sklearn.preprocessing._label.LabelEncoder",
    },
}
# The part of it that skops does not trust by itself.
_TRUSTED = [
    "asthma_ml.classifier.linear_part.LinearPart",
    "asthma_ml.classifier.normal_scores.NormalScores",
    "asthma_ml.classifier.phenotype_classifier.PhenotypeClassifier",
    "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor",
]


def save_model(model: PhenotypeClassifier, path: str | os.PathLike[str], card: Mapping[str, Any] | None = None) -> None:
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

    Raises
    ------
    UnusableInputError
        If the model was fitted without column names, the card does not fit into JSON or names an entry
        that the program writes, or the folder cannot be written to.
    ModelFileError
        If what would be written could not be loaded again.

    Notes
    -----
    Holds no patient: the rows of the self-test are made up from the range of each feature. Fitting the
    same classifier on the same patients gives the same bytes on the same versions.
    """
    write_bytes(_checked_archive(model, path, card), path)


def save_model_with_card(
    model: PhenotypeClassifier, path: str | os.PathLike[str], card: Mapping[str, Any] | None = None
) -> Path:
    """Write a fitted classifier and its card beside it, both or neither.

    Parameters
    ----------
    model, path, card
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
    data, target = _checked_archive(model, path, card), card_path(path)
    before = target.read_bytes() if target.is_file() else None
    write_text(_as_json(_unpack(data, str(path))[0]), target)
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
    return _load(_read(path), str(path))


def read_card(path: str | os.PathLike[str]) -> dict[str, Any]:
    """Read the card of a model file without loading the model.

    Parameters
    ----------
    path : path
        Model file, of any version.

    Returns
    -------
    dict
        Versions, classes, features, parameters, training, data dictionary, self-test, and what the
        caller of `save_model` added.

    Raises
    ------
    ModelFileError
        If the file is missing, damaged or no model file.
    """
    return _unpack(_read(path), str(path))[0]


def _checked_archive(model: PhenotypeClassifier, path: str | os.PathLike[str], card: Mapping[str, Any] | None) -> bytes:
    """The bytes of a model file, which have been loaded once already."""
    check_is_fitted(model)
    if getattr(model, "feature_names_in_", None) is None:
        raise UnusableInputError(
            "the model knows no column names, so that no table could be predicted from its file; fit it on a DataFrame"
        )
    data = _archive(model, card or {})
    _load(data, str(path))
    return data


def _archive(model: PhenotypeClassifier, additions: Mapping[str, Any]) -> bytes:
    """The bytes of a model file."""
    from skops.io import dumps

    estimator = _reproducible(dumps(model))
    written = _card_of(model, estimator)
    if taken := sorted(set(additions) & set(written) - {"intended_use"}):
        raise UnusableInputError(f"card: {first_names(taken)} are written by the program; choose other names")
    try:
        text = _as_json(written | dict(additions))
    except (TypeError, ValueError) as error:
        raise UnusableInputError(f"card: does not fit into JSON ({error})") from error
    return _zipped({_CARD: text.encode(), _ESTIMATOR: estimator}, zipfile.ZIP_STORED)


def _card_of(model: PhenotypeClassifier, estimator: bytes) -> dict[str, Any]:
    """What the program itself says of a model."""
    rows = _self_test_rows(model)
    classes = model.classes_.tolist()
    return {
        "format": _FORMAT,
        "format_version": FORMAT_VERSION,
        "intended_use": INTENDED_USE,
        "versions": _versions(),
        "classes": classes,
        "feature_names": _feature_names(model),
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
            "probabilities": _probabilities(model, rows).tolist(),
        },
        "estimator_sha256": sha256(estimator).hexdigest(),
    }


def _versions() -> dict[str, str]:
    packages = {name: version(name) for name in ("scikit-learn", "numpy", "skops")}
    return {"asthma_ml": asthma_ml.__version__, "python": platform.python_version(), **packages}


def _feature_names(model: PhenotypeClassifier) -> list[str]:
    return [str(name) for name in model.feature_names_in_]


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


def _probabilities(model: PhenotypeClassifier, rows: np.ndarray) -> np.ndarray:
    return model.predict_proba(pd.DataFrame(rows, columns=_feature_names(model)))


def _reproducible(estimator: bytes) -> bytes:
    """The same skops file without memory addresses and dates, so that equal models are equal bytes."""
    with zipfile.ZipFile(io.BytesIO(estimator)) as archive:
        schema = json.loads(archive.read(_SCHEMA))
        members: dict[str, bytes] = {}
        for number, node in enumerate(_nodes(schema), start=1):
            if "__id__" in node:
                node["__id__"] = number
            if "file" in node:
                content = archive.read(node["file"])
                node["file"] = f"{sha256(content).hexdigest()}.npy"
                members[node["file"]] = content
    return _zipped({**members, _SCHEMA: json.dumps(schema).encode()}, zipfile.ZIP_DEFLATED)


def _nodes(schema: Any) -> Iterator[dict[str, Any]]:
    """All objects of a skops schema, outer before inner."""
    waiting = [schema]
    while waiting:
        node = waiting.pop()
        if isinstance(node, dict):
            yield node
        if isinstance(node, dict | list):
            waiting += reversed(list(node.values() if isinstance(node, dict) else node))


def _zipped(members: Mapping[str, bytes], compression: int) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", compression) as archive:
        for name, content in members.items():
            archive.writestr(zipfile.ZipInfo(name, _NO_DATE), content, compression)
    return buffer.getvalue()


def _read(path: str | os.PathLike[str]) -> bytes:
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise ModelFileError(f"{path}: cannot be read ({error.strerror or error})") from error


def _load(data: bytes, source: str) -> PhenotypeClassifier:
    """A model from the bytes of its file, after every check."""
    card, estimator = _unpack(data, source)
    _check_card(card, source)
    if sha256(estimator).hexdigest() != card.get("estimator_sha256"):
        raise ModelFileError(f"{source}: damaged, the estimator does not match its checksum; get the file again")
    _check_contents(estimator, source)
    model = _rebuilt(estimator, source)
    _self_test(model, card, source)
    return model


def _unpack(data: bytes, source: str) -> tuple[dict[str, Any], bytes]:
    """Card and estimator of a file that claims to be ours."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            members = {name: _member(archive, name) for name in (_CARD, _ESTIMATOR)}
        card = json.loads(members[_CARD])
        ours = card.get("format") == _FORMAT
    except Exception as error:
        raise ModelFileError(f"{source}: damaged or no asthma_ml model file ({_short(error)})") from error
    if not ours:
        raise ModelFileError(f"{source}: no asthma_ml model file")
    return card, members[_ESTIMATOR]


def _member(archive: zipfile.ZipFile, name: str) -> bytes:
    if archive.getinfo(name).file_size > _LARGEST_FILE:
        raise ModelFileError(f"{name} is larger than {_LARGEST_FILE // 2**20} MiB")
    return archive.read(name)


def _check_card(card: dict[str, Any], source: str) -> None:
    """Versions and data dictionary of the card against those at hand."""
    if card.get("format_version") != FORMAT_VERSION:
        raise ModelFileError(
            f"{source}: has model format {card.get('format_version')}, this version reads {FORMAT_VERSION}; "
            "train the model again or use the version of asthma_ml that made it"
        )
    made, here = str(card.get("versions", {}).get("scikit-learn")), version("scikit-learn")
    if _minor(made) != _minor(here):
        raise ModelFileError(
            f"{source}: made with scikit-learn {made}, installed is {here}; "
            f"train the model again or install scikit-learn {_minor(made)}"
        )
    changed = _changed_variables(card)
    if changed:
        raise ModelFileError(
            f"{source}: unit or levels of {first_names(changed)} have changed since it was made; train the model again"
        )


def _changed_variables(card: dict[str, Any]) -> list[str]:
    """Features whose numbers would mean something else today."""

    def meaning(records: list[dict[str, Any]]) -> dict[str, tuple[str, str, list[str]]]:
        return {r["name"]: (r["kind"], r.get("unit", ""), list(r.get("levels", []))) for r in records}

    then, now = meaning(card.get("data_dictionary", [])), meaning(data_dictionary().to_records())
    return [name for name in card.get("feature_names") or [] if then.get(name) != now.get(name)]


def _minor(number: str) -> str:
    return ".".join(number.split(".")[:2])


def _check_contents(estimator: bytes, source: str) -> None:
    """Refuse whatever is not on the reviewed list, before anything is rebuilt."""
    try:
        with zipfile.ZipFile(io.BytesIO(estimator)) as archive:
            if sum(info.file_size for info in archive.infolist()) > _LARGEST_FILE:
                raise ModelFileError(f"larger than {_LARGEST_FILE // 2**20} MiB")
            nodes = [node for node in _nodes(json.loads(archive.read(_SCHEMA))) if "__class__" in node]
        strange = {name for node in nodes if (name := _type_name(node)) not in _REVIEWED.get(node["__loader__"], ())}
    except Exception as error:
        raise ModelFileError(f"{source}: damaged, the estimator cannot be read ({_short(error)})") from error
    if strange:
        raise ModelFileError(
            f"{source}: not loaded, it holds {first_names(sorted(strange))}, which no model file needs"
        )


def _type_name(node: dict[str, Any]) -> str:
    return f"{node['__module__']}.{node['__class__']}"


def _rebuilt(estimator: bytes, source: str) -> PhenotypeClassifier:
    from skops.io import loads

    try:
        model = loads(estimator, trusted=_TRUSTED)
    except Exception as error:
        raise ModelFileError(f"{source}: the estimator cannot be rebuilt ({_short(error)})") from error
    if not isinstance(model, PhenotypeClassifier):
        raise ModelFileError(f"{source}: holds no PhenotypeClassifier")
    return model


def _self_test(model: PhenotypeClassifier, card: dict[str, Any], source: str) -> None:
    """Predict the rows of the card again."""
    try:
        expected = np.array(card["self_test"]["probabilities"])
        rows = np.array(card["self_test"]["rows"], dtype=np.float32)
        same = np.allclose(_probabilities(model, rows), expected, rtol=0, atol=SELF_TEST_TOLERANCE)
    except (AsthmaMLError, AttributeError, KeyError, TypeError, ValueError) as error:
        raise ModelFileError(f"{source}: the self-test cannot be run ({_short(error)})") from error
    if not same:
        raise ModelFileError(f"{source}: fails its self-test, it predicts otherwise than when it was written")


def _short(error: Exception) -> str:
    """First line of what went wrong."""
    return (str(error) or type(error).__name__).splitlines()[0]


def _as_json(card: Mapping[str, Any]) -> str:
    return json.dumps(card, indent=2, ensure_ascii=False, allow_nan=False) + "\n"
