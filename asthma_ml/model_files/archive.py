"""The container of a model file: a zip archive of a readable card and the members that it describes."""

from __future__ import annotations

import io
import json
import os
import zipfile
from collections.abc import Iterable, Mapping
from hashlib import sha256
from typing import Any

import numpy as np

from asthma_ml.classifier import Classifier
from asthma_ml.errors import AsthmaMLError, ModelFileError
from asthma_ml.model_files.model_card import ModelCard
from asthma_ml.model_files.shipped import resolve_model_path
from asthma_ml.variables import Variable, data_dictionary
from asthma_ml.wording import first_names

FORMAT, FORMAT_VERSION = "asthma_ml model", 4
SELF_TEST_TOLERANCE = 1e-9
"""Largest difference of a probability between writing and loading."""

LARGEST_FILE, MOST_MEMBERS = 128 * 2**20, 20_000
"""Largest total size [bytes] and number of the unzipped members."""

_MOST_SELF_TESTS = 100
_CARD_TYPES: dict[str, type] = {
    "versions": dict,
    "classes": list,
    "feature_names": list,
    "parameters": dict,
    "training": dict,
    "data_dictionary": list,
    "self_test": dict,
}
_ADDED_TYPES: dict[str, type] = {"training_patients": list, "levels": dict}
_ITEM_TYPES: dict[str, type] = {"feature_names": str, "data_dictionary": dict, "levels": str}

_CARD = "card.json"
_NO_DATE = (1980, 1, 1, 0, 0, 0)


def read_card(path: str | os.PathLike[str]) -> ModelCard:
    """Read the card of a model file without loading the model.

    Parameters
    ----------
    path : path or "shipped"
        Model file of any format version.

    Returns
    -------
    ModelCard
        A dict: versions, classes, features, parameters, training, data dictionary, self-test, and the entries that the
        caller of `save_model` added.

    Raises
    ------
    ModelFileError
        If the file is missing, damaged or not a model file.
    """
    return ModelCard(read_archive(path)[0])


def read_archive(path: str | os.PathLike[str]) -> tuple[dict[str, Any], dict[str, bytes]]:
    """Read the card and the other members of a model file.

    Parameters
    ----------
    path : path or "shipped"
        Model file of any format version.

    Returns
    -------
    card : dict
        See `read_card`.
    members : dict of str to bytes
        The other members by name.

    Raises
    ------
    ModelFileError
        If the file is missing, damaged or not a model file.
    """
    file = resolve_model_path(path)
    try:
        with file.open("rb") as opened:
            data = opened.read(LARGEST_FILE + 1)
    except OSError as error:
        raise ModelFileError(f"{file}: cannot be read ({error.strerror or error})") from error
    return unpack_archive(data, str(file))


def pack_archive(card: Mapping[str, Any], members: Mapping[str, bytes]) -> bytes:
    """Return the bytes of a model file."""
    return zip_members({_CARD: card_text(card).encode(), **members}, zipfile.ZIP_STORED)


def unpack_archive(data: bytes, source: str) -> tuple[dict[str, Any], dict[str, bytes]]:
    """Return the card and the other members from the bytes of a model file."""
    try:
        refuse_large(len(data))
        members = unzip_members(data)
        card = json.loads(members.pop(_CARD))
        is_model_file = card.get("format") == FORMAT
    except Exception as error:
        raise ModelFileError(f"{source}: damaged, or not an asthma_ml model file ({first_line(error)})") from error
    if not is_model_file:
        raise ModelFileError(f"{source}: not an asthma_ml model file")
    return card, members


def verified_member(members: Mapping[str, bytes], name: str, card: Mapping[str, Any], source: str) -> bytes:
    """Return a member whose checksum equals the one in the card, which has no other members than those of the file."""
    if unknown := [each for each in members if f"{_stem(each)}_sha256" not in card]:
        raise ModelFileError(f"{source}: it holds members that the card does not name: {first_names(unknown)}")
    what = _stem(name)
    content = members.get(name, b"")
    if sha256(content).hexdigest() != card.get(f"{what}_sha256"):
        raise ModelFileError(f"{source}: damaged, the {what} does not match its checksum; get the file again")
    return content


def _stem(name: str) -> str:
    return name.split(".", maxsplit=1)[0]


def check_card(card: Mapping[str, Any], source: str) -> None:
    """Refuse another format version, and features whose unit or levels have changed."""
    if card.get("format_version") != FORMAT_VERSION:
        raise ModelFileError(
            f"{source}: model format {card.get('format_version')} is not supported, this version reads format "
            f"{FORMAT_VERSION}; train the model again, or use the version of asthma_ml that wrote it"
        )
    _refuse_other_types(card, source)
    changed = _changed_variables(card)
    if changed:
        raise ModelFileError(
            f"{source}: unit or levels of {first_names(changed)} have changed since training; train the model again"
        )


def _refuse_other_types(card: Mapping[str, Any], source: str) -> None:
    """Refuse entries of the card that are not what the program writes."""
    wrong = [name for name, kind in _CARD_TYPES.items() if not isinstance(card.get(name), kind)]
    wrong += [name for name, kind in _ADDED_TYPES.items() if not isinstance(card.get(name, kind()), kind)]
    wrong = wrong or [
        name for name, kind in _ITEM_TYPES.items() if not all(isinstance(each, kind) for each in _items(card, name))
    ]
    if wrong:
        raise ModelFileError(f"{source}: damaged, the card has a wrong entry {first_names(wrong)}; get the file again")


def _items(card: Mapping[str, Any], name: str) -> Iterable[Any]:
    entry = card.get(name, ())
    return entry.values() if isinstance(entry, dict) else entry


def check_agreement(model: Any, card: Mapping[str, Any], source: str) -> None:
    """Refuse a model of other classes or features than those of the card."""
    classes, features = [*map(str, model.classes_)], [*map(str, model.feature_names_in_)]
    if classes != [*map(str, card["classes"])] or features != card["feature_names"]:
        raise ModelFileError(f"{source}: damaged, the card names other classes or features than the model")


def check_self_test(model: Classifier, card: Mapping[str, Any], source: str) -> None:
    """Refuse a model whose probabilities of the rows in the card differ from those at writing."""
    try:
        expected = np.array(card["self_test"]["probabilities"])
        rows = np.array(card["self_test"]["rows"], dtype=np.float32).reshape(-1, len(model.feature_names_in_))
        if not 0 < len(rows) <= _MOST_SELF_TESTS:
            raise ValueError(f"it has {len(rows)} rows; 1 to {_MOST_SELF_TESTS} are allowed")
        found = self_test_probabilities(model, rows)
        same = np.allclose(found, expected, rtol=0, atol=SELF_TEST_TOLERANCE)
    except (AsthmaMLError, AttributeError, IndexError, KeyError, TypeError, ValueError) as error:
        raise ModelFileError(f"{source}: the self-test cannot be run ({first_line(error)})") from error
    if not same:
        raise ModelFileError(f"{source}: self-test failed, probabilities differ from those when the file was written")


def self_test_probabilities(model: Classifier, rows: np.ndarray) -> np.ndarray:
    """Return the probabilities of encoded rows, of shape (n_rows, n_classes)."""
    return model.predict_proba(rows)


def _changed_variables(card: Mapping[str, Any]) -> list[str]:
    """Features whose kind, unit or levels differ between the card and today's data dictionary."""
    dictionary, then = data_dictionary(), {str(record.get("name")): record for record in card["data_dictionary"]}
    return [name for name in card["feature_names"] if not _is_unchanged(then.get(name), dictionary.get(name))]


def _is_unchanged(then: Mapping[str, Any] | None, now: Variable | None) -> bool:
    """Whether an entry of the card equals that of the dictionary; a unit of factor 1 is another name of the unit."""
    if then is None or now is None:
        return then is None and now is None
    names = [now.unit, *(unit for unit, factor in now.units.items() if factor == 1)]
    same_type = (then.get("kind"), then.get("levels", [])) == (now.kind, [*now.levels])
    return same_type and then.get("unit", "") in names


def zip_members(members: Mapping[str, bytes], compression: int = zipfile.ZIP_DEFLATED) -> bytes:
    """Return a zip archive without dates: equal members give equal bytes."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", compression) as archive:
        for name, content in members.items():
            archive.writestr(zipfile.ZipInfo(name, _NO_DATE), content, compression)
    return buffer.getvalue()


def unzip_members(data: bytes) -> dict[str, bytes]:
    """Return the members of a zip archive; refuse more than `LARGEST_FILE` bytes and repeated names."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        names = archive.namelist()
        if len(names) > MOST_MEMBERS or len(set(names)) < len(names):
            raise ModelFileError(f"it holds a name twice, or more than {MOST_MEMBERS} members")
        refuse_large(sum(info.file_size for info in archive.infolist()))
        return {name: archive.read(name) for name in names}


def refuse_large(n_bytes: int) -> None:
    """Refuse content of more than `LARGEST_FILE` bytes."""
    if n_bytes > LARGEST_FILE:
        raise ModelFileError(f"its content is larger than {LARGEST_FILE // 2**20} MiB")


def first_line(error: Exception) -> str:
    """Return the first line of an error message."""
    return (str(error) or type(error).__name__).splitlines()[0]


def card_text(card: Mapping[str, Any]) -> str:
    """Return a card as JSON."""
    return json.dumps(card, indent=2, ensure_ascii=False, allow_nan=False) + "\n"
