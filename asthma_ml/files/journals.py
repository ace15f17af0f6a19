"""The journal of an unfinished table: how many rows are safely on the disk, and what the table is made from."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any, BinaryIO

from asthma_ml.files.atomic import open_atomically

PART, JOURNAL = ".part", ".part.json"
_MOST_BYTES = 2**20
_BLOCK_BYTES = 2**20


@dataclass(frozen=True, slots=True)
class Journal:
    """Progress of a part file.

    Attributes
    ----------
    made_from : mapping of str to str
        Everything that determines the table (input, model, options), by name.
    rows, bytes : int
        Rows and bytes that are safely on the disk.
    counts : mapping of str to int
        Number of rows by status.
    sha256 : str
        Checksum of those bytes and of the fields above.
    """

    made_from: Mapping[str, str] = field(default_factory=dict)
    rows: int = 0
    bytes: int = 0
    counts: Mapping[str, int] = field(default_factory=dict)
    sha256: str = ""


def beside(path: str | os.PathLike[str]) -> tuple[Path, Path]:
    """Part file and journal of a table."""
    target = Path(path).resolve()
    return target.with_name(target.name + PART), target.with_name(target.name + JOURNAL)


def read_journal(path: str | os.PathLike[str]) -> Journal | None:
    """Read the journal of an unfinished table.

    Returns
    -------
    Journal or None
        None if there is no unfinished table; a journal of no rows and no checksum if it cannot be read.
    """
    part, journal = beside(path)
    if not (part.is_file() and journal.is_file()) or journal.is_symlink():
        return None
    try:
        with journal.open("rb") as file:
            found = Journal(**json.loads(file.read(_MOST_BYTES)))
    except (OSError, ValueError, TypeError, RecursionError):
        return Journal()
    return found if _is_sound(found) else Journal()


def write_journal(path: Path, journal: Journal) -> None:
    """Write a journal, atomically; a link of its name is replaced, not followed."""
    with open_atomically(path, follow_links=False) as file:
        file.write(json.dumps(asdict(journal)).encode())


def signed(made_from: Mapping[str, str], rows: int, n_bytes: int, counts: Mapping[str, int], digest: Any) -> Journal:
    """Return a journal with its checksum; `digest` is the SHA-256 object of the bytes written so far."""
    journal = Journal(made_from, rows, n_bytes, counts)
    whole = digest.copy()
    whole.update(json.dumps(asdict(journal), sort_keys=True).encode())
    return Journal(made_from, rows, n_bytes, counts, whole.hexdigest())


def damage(journal: Journal, part: BinaryIO) -> tuple[str, Any]:
    """Compare a journal with its part file.

    Parameters
    ----------
    journal : Journal
        The journal.
    part : BinaryIO
        The part file.

    Returns
    -------
    reason : str
        Why the table cannot be continued; empty if it can.
    digest : hash object
        SHA-256 of the bytes of the part file that the journal states.
    """
    digest, left = sha256(), journal.bytes
    part.seek(0)
    while left and (block := part.read(min(left, _BLOCK_BYTES))):
        digest.update(block)
        left -= len(block)
    if not journal.sha256:
        return "the journal cannot be read", digest
    if left:
        return "the file is shorter than its journal states", digest
    if signed(journal.made_from, journal.rows, journal.bytes, journal.counts, digest) != journal:
        return "the file or its journal was changed", digest
    return "", digest


def _is_sound(journal: Journal) -> bool:
    """Whether the fields of a journal from a file have the types that they are used as."""
    numbers = [journal.rows, journal.bytes]
    if not (isinstance(journal.counts, dict) and isinstance(journal.made_from, dict)):
        return False
    return isinstance(journal.sha256, str) and all(
        type(number) is int and 0 <= number < 2**62 for number in (*numbers, *journal.counts.values())
    )
