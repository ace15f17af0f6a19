"""An unfinished table is continued only if it is what its journal states, and never written to a place of others."""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import hypothesis.strategies as st
import pytest
from hypothesis import given

from asthma_ml.errors import UnusableInputError
from asthma_ml.files import PartFile, read_journal

ORIGIN = {"model": "shipped"}
HEADER, ROWS = b"patient_id,aml_status\n", [b"007,called\n", b"008,invalid\n"]
WHOLE = HEADER + b"".join(ROWS)


def interrupted(folder: Path) -> Path:
    """A table of two rows of which the first is written."""
    with PartFile(folder / "out.csv", ORIGIN) as part:
        part.append(HEADER + ROWS[0], 1, {"called": 1})
    return folder / "out.csv"


def finished(target: Path) -> PartFile:
    """Continue or begin the table and complete it."""
    with PartFile(target, ORIGIN, read_journal(target)) as part:
        if not part.rows:
            part.append(HEADER + ROWS[0], 1, {"called": 1})
        part.append(ROWS[1], 1, {"invalid": 1})
        part.finish()
    assert target.read_bytes() == WHOLE
    assert part.counts == {"called": 1, "invalid": 1}
    assert [file.name for file in target.parent.iterdir()] == ["out.csv"]
    return part


def changed_journal(**fields: Any) -> Callable[[Path, Path], object]:
    def change(_: Path, journal: Path) -> None:
        journal.write_text(json.dumps(json.loads(journal.read_text()) | fields))

    return change


def test_an_untouched_part_file_is_continued(tmp_path: Path) -> None:
    assert finished(interrupted(tmp_path)).warning == ""


@pytest.mark.parametrize(
    "change",
    [
        changed_journal(rows=0),
        changed_journal(rows=2),
        changed_journal(rows=-1),
        changed_journal(rows="1"),
        changed_journal(rows=10**30),
        changed_journal(rows=1.0),
        changed_journal(rows=True),
        changed_journal(bytes=22),
        changed_journal(bytes=10**30),
        changed_journal(counts={"invalid": 1}),
        changed_journal(counts=[1]),
        changed_journal(counts={"called": "1"}),
        changed_journal(made_from=["model"]),
        changed_journal(sha256=5),
        changed_journal(sha256=""),
        changed_journal(more="fields"),
        lambda _, journal: journal.write_text("{"),
        lambda _, journal: journal.write_text("[" * 100_000),
        lambda _, journal: journal.write_bytes(b"\xff\x00"),
        lambda part, _: part.write_bytes(part.read_bytes().replace(b"called", b"denied")),
        lambda part, _: part.write_bytes(part.read_bytes()[:-1]),
        lambda part, _: part.write_bytes(b""),
    ],
)
def test_a_changed_part_file_or_journal_is_not_continued(
    tmp_path: Path, change: Callable[[Path, Path], object]
) -> None:
    target = interrupted(tmp_path)
    change(tmp_path / "out.csv.part", tmp_path / "out.csv.part.json")
    assert "all rows were predicted again" in finished(target).warning


@given(st.sampled_from(["out.csv.part", "out.csv.part.json"]), st.data())
def test_no_flipped_bit_gives_another_table(name: str, data: st.DataObject) -> None:
    with TemporaryDirectory() as folder:
        target = interrupted(Path(folder))
        content = bytearray(Path(folder, name).read_bytes())
        content[data.draw(st.integers(0, len(content) - 1))] ^= 1 << data.draw(st.integers(0, 7))
        Path(folder, name).write_bytes(content)
        finished(target)


def test_bytes_behind_those_of_the_journal_are_dropped(tmp_path: Path) -> None:
    target = interrupted(tmp_path)
    with (tmp_path / "out.csv.part").open("ab") as file:
        file.write(b"half a row of a run that was kil")
    assert finished(target).warning == ""


def test_a_table_made_from_something_else_is_refused(tmp_path: Path) -> None:
    target = interrupted(tmp_path)
    with pytest.raises(UnusableInputError, match="made with another model; run without --resume to start again"):
        PartFile(target, {"model": "mine"}, read_journal(target))


@pytest.mark.parametrize("link", [os.symlink, os.link])
def test_patients_are_not_written_through_links(tmp_path: Path, link: Callable[[Path, Path], None]) -> None:
    other = tmp_path / "elsewhere.txt"
    other.write_text("kept")
    link(other, tmp_path / "out.csv.part")
    with pytest.raises(UnusableInputError, match=r"out\.csv\.part: this .* delete it"):
        PartFile(tmp_path / "out.csv", ORIGIN)
    assert other.read_text() == "kept"


def test_a_link_at_the_name_of_the_journal_is_replaced(tmp_path: Path) -> None:
    other = tmp_path / "elsewhere.txt"
    other.write_text("kept")
    with PartFile(tmp_path / "out.csv", ORIGIN) as part:
        (tmp_path / "out.csv.part.json").symlink_to(other)
        part.append(WHOLE, 2)
        assert not (tmp_path / "out.csv.part.json").is_symlink()
    assert other.read_text() == "kept"
    (tmp_path / "out.csv.part.json").unlink()
    (tmp_path / "out.csv.part.json").symlink_to(other)
    assert read_journal(tmp_path / "out.csv") is None


@pytest.mark.skipif(not hasattr(os, "fchmod"), reason="Windows has no such modes")
def test_rows_are_as_private_as_the_table_that_they_replace(tmp_path: Path) -> None:
    target = tmp_path / "out.csv"
    target.touch(mode=0o600)
    (tmp_path / "out.csv.part").touch(mode=0o644)
    with PartFile(target, ORIGIN) as part:
        assert stat.S_IMODE((tmp_path / "out.csv.part").stat().st_mode) == 0o600
        part.append(WHOLE, 2)
        part.finish()
    assert stat.S_IMODE(target.stat().st_mode) == 0o600
