"""Read tables from bytes, as if they were files."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from tempfile import TemporaryDirectory

from asthma_ml.errors import UnusableInputError
from asthma_ml.patients import ColumnMap, TextTable
from asthma_ml.patients.opening import whole_table


def parse_text_table(data: bytes, source: str, known: Collection[str] = ()) -> TextTable:
    """Read the bytes of a file of this name."""
    with TemporaryDirectory() as folder:
        path = Path(folder, source)
        path.write_bytes(data)
        try:
            return whole_table(path, ColumnMap(ignore=tuple(known)))[0]
        except UnusableInputError as error:
            raise UnusableInputError(str(error).replace(str(path), source)) from None
