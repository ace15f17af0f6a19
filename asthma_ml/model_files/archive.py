"""The archive that a model file is: a readable card, and what it describes."""

from __future__ import annotations

import io
import json
import os
import zipfile
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from asthma_ml.classifier import Classifier
from asthma_ml.errors import AsthmaMLError, ModelFileError
from asthma_ml.variables import data_dictionary
from asthma_ml.wording import first_names

FORMAT, FORMAT_VERSION = "asthma_ml model", 4
SELF_TEST_TOLERANCE = 1e-9
"""Largest difference of a probability between writing and loading."""

LARGEST_FILE = 512 * 2**20

_CARD = "card.json"
_NO_DATE = (1980, 1, 1, 0, 0, 0)


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
    return open_archive(path)[0]


def open_archive(path: str | os.PathLike[str]) -> tuple[dict[str, Any], dict[str, bytes]]:
    """Return the card and the other members of a model file.

    Parameters
    ----------
    path : path
        Model file, of any version.

    Returns
    -------
    card : dict
        What it says.
    members : dict of str to bytes
        What it describes, by name.

    Raises
    ------
    ModelFileError
        If the file is missing, damaged or no model file.
    """
    try:
        data = Path(path).read_bytes()
    except OSError as error:
        raise ModelFileError(f"{path}: cannot be read ({error.strerror or error})") from error
    return unpacked(data, str(path))


def packed(card: Mapping[str, Any], members: Mapping[str, bytes]) -> bytes:
    """Return the bytes of a model file."""
    return zipped({_CARD: card_text(card).encode(), **members}, zipfile.ZIP_STORED)


def unpacked(data: bytes, source: str) -> tuple[dict[str, Any], dict[str, bytes]]:
    """Return the card and the other members of a file that claims to be ours."""
    try:
        members = unzipped(data)
        card = json.loads(members.pop(_CARD))
        ours = card.get("format") == FORMAT
    except Exception as error:
        raise ModelFileError(f"{source}: damaged or no asthma_ml model file ({first_line(error)})") from error
    if not ours:
        raise ModelFileError(f"{source}: no asthma_ml model file")
    return card, members


def member(members: Mapping[str, bytes], name: str, card: Mapping[str, Any], source: str) -> bytes:
    """Return a member, which has the checksum that the card names."""
    what = name.split(".", maxsplit=1)[0]
    content = members.get(name, b"")
    if sha256(content).hexdigest() != card.get(f"{what}_sha256"):
        raise ModelFileError(f"{source}: damaged, the {what} does not match its checksum; get the file again")
    return content


def check_card(card: Mapping[str, Any], source: str) -> None:
    """Refuse another format, and features whose numbers would mean something else today."""
    if card.get("format_version") != FORMAT_VERSION:
        raise ModelFileError(
            f"{source}: has model format {card.get('format_version')}, this version reads {FORMAT_VERSION}; "
            "train the model again or use the version of asthma_ml that made it"
        )
    changed = _changed_variables(card)
    if changed:
        raise ModelFileError(
            f"{source}: unit or levels of {first_names(changed)} have changed since it was made; train the model again"
        )


def self_test(model: Classifier, card: Mapping[str, Any], source: str) -> None:
    """Predict the rows of the card again."""
    try:
        expected = np.array(card["self_test"]["probabilities"])
        rows = np.array(card["self_test"]["rows"], dtype=np.float32)
        found = probabilities(model, rows)
        same = np.allclose(found, expected, rtol=0, atol=SELF_TEST_TOLERANCE)
    except (AsthmaMLError, AttributeError, IndexError, KeyError, TypeError, ValueError) as error:
        raise ModelFileError(f"{source}: the self-test cannot be run ({first_line(error)})") from error
    if not same:
        raise ModelFileError(f"{source}: fails its self-test, it predicts otherwise than when it was written")


def probabilities(model: Classifier, rows: np.ndarray) -> np.ndarray:
    """Return probabilities of encoded rows."""
    return model.predict_proba(pd.DataFrame(rows, columns=[str(name) for name in model.feature_names_in_]))


def _changed_variables(card: Mapping[str, Any]) -> list[str]:
    """Features whose numbers would mean something else today."""

    def meaning(records: list[dict[str, Any]]) -> dict[str, tuple[str, str, list[str]]]:
        return {r["name"]: (r["kind"], r.get("unit", ""), list(r.get("levels", []))) for r in records}

    then, now = meaning(card.get("data_dictionary", [])), meaning(data_dictionary().to_records())
    return [name for name in card.get("feature_names") or [] if then.get(name) != now.get(name)]


def zipped(members: Mapping[str, bytes], compression: int = zipfile.ZIP_DEFLATED) -> bytes:
    """Return a zip archive, the same bytes for the same members."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", compression) as archive:
        for name, content in members.items():
            archive.writestr(zipfile.ZipInfo(name, _NO_DATE), content, compression)
    return buffer.getvalue()


def unzipped(data: bytes) -> dict[str, bytes]:
    """Return the members of a zip archive, unless they are too large."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        if sum(info.file_size for info in archive.infolist()) > LARGEST_FILE:
            raise ModelFileError(f"what is in it is larger than {LARGEST_FILE // 2**20} MiB")
        return {name: archive.read(name) for name in archive.namelist()}


def first_line(error: Exception) -> str:
    """Return the first line of what went wrong."""
    return (str(error) or type(error).__name__).splitlines()[0]


def card_text(card: Mapping[str, Any]) -> str:
    """Return a card as JSON."""
    return json.dumps(card, indent=2, ensure_ascii=False, allow_nan=False) + "\n"
