"""Nested dataclasses of arrays as bytes in numpy's ``.npz`` format, and back."""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields, is_dataclass
from typing import Any, TypeVar

import numpy as np

from asthma_ml.model_files.archive import unzip_members, zip_members
from asthma_ml.wording import first_names

_Arrays = TypeVar("_Arrays")


def bytes_of_arrays(part: Any) -> bytes:
    """Arrays of a dataclass in numpy's ``.npz`` format; equal arrays give equal bytes."""
    members: dict[str, bytes] = {}
    for name, array in _named_arrays(part):
        buffer = io.BytesIO()
        np.lib.format.write_array(buffer, array, allow_pickle=False)
        members[f"{name}.npy"] = buffer.getvalue()
    return zip_members(members)


def arrays_of_bytes(content: bytes) -> dict[str, np.ndarray]:
    """Arrays by the path of their field, such as ``branches/leaf``."""
    return {
        name.removesuffix(".npy"): np.lib.format.read_array(io.BytesIO(data), allow_pickle=False)
        for name, data in unzip_members(content).items()
    }


def _named_arrays(part: Any, path: str = "") -> Iterator[tuple[str, np.ndarray]]:
    """All arrays in nested dataclasses, each with the path of its field."""
    for field in fields(part):
        value, name = getattr(part, field.name), f"{path}{field.name}"
        if is_dataclass(value):
            yield from _named_arrays(value, f"{name}/")
        elif isinstance(value, list):
            yield from ((f"{name}/{i}", np.asarray(each)) for i, each in enumerate(value))
        elif value is not None:
            array = np.ascontiguousarray(value).reshape(np.shape(value))
            yield name, array.astype(str) if array.dtype == object else array


def refuse_other_names(part: Any, arrays: Mapping[str, np.ndarray]) -> None:
    """Raise ValueError if there are arrays that are none of a dataclass made of them."""
    if unknown := set(arrays) - {name for name, _ in _named_arrays(part)}:
        raise ValueError(f"it holds unknown arrays: {first_names(sorted(unknown))}")


def of_arrays(kind: type[_Arrays], arrays: Mapping[str, np.ndarray], path: str, **known: Any) -> _Arrays:
    """A dataclass from its named arrays; text arrays become object arrays, as in pandas."""
    given = {field.name: arrays[f"{path}{field.name}"] for field in fields(kind) if field.name not in known}  # type: ignore[arg-type]
    texts = {name: array.astype(object) for name, array in given.items() if array.dtype.kind == "U"}
    return kind(**given | texts | known)


def numbered(arrays: Mapping[str, np.ndarray], name: str) -> Sequence[np.ndarray]:
    """Arrays of a list."""
    n = sum(key.startswith(f"{name}/") for key in arrays)
    return [arrays[f"{name}/{i}"] for i in range(n)]
