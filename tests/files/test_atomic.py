"""Files appear whole or not at all; what a killed run leaves is deleted by the next one."""

from __future__ import annotations

import multiprocessing
import os
import signal
import stat
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from asthma_ml.cohort import write_cohort
from asthma_ml.errors import UnusableInputError
from asthma_ml.files import (
    open_atomically,
    table_file,
    temporary_folder_beside,
    write_bytes,
    write_with_companion,
)


def names_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def in_a_killed_process(work) -> None:
    """Run `work` in a process that is killed at the first rename, as by a power cut."""

    def killed_at_a_rename() -> None:
        Path.replace = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
        work()

    process = multiprocessing.get_context("fork").Process(target=killed_at_a_rename)
    process.start()
    process.join()
    assert process.exitcode == -signal.SIGKILL


def test_the_temporary_file_of_a_killed_run_is_deleted_by_the_next_run_of_the_same_target(tmp_path):
    in_a_killed_process(lambda: write_bytes(b"one", tmp_path / "model.aml"))
    in_a_killed_process(lambda: write_bytes(b"one", tmp_path / "other.aml"))
    assert [name[:11] for name in names_in(tmp_path)] == [".model.aml.", ".other.aml."]
    write_bytes(b"two", tmp_path / "model.aml")
    assert [name[:11] for name in names_in(tmp_path)] == [".other.aml.", "model.aml"]


def test_the_temporary_folder_of_a_killed_run_is_deleted_and_that_of_a_living_run_stays(tmp_path):
    target = tmp_path / "explanations"

    def dies_in_its_folder() -> None:
        with temporary_folder_beside(target) as folder:
            (folder / "P001.png").write_bytes(b"a patient")
            (folder / "x").replace(folder / "y")

    in_a_killed_process(dies_in_its_folder)
    assert len(names_in(tmp_path)) == 1
    with temporary_folder_beside(target) as folder, temporary_folder_beside(target) as another:
        assert names_in(tmp_path) == sorted([folder.name, another.name])
    assert names_in(tmp_path) == []


def test_files_that_only_look_like_temporary_ones_stay(tmp_path):
    elsewhere = tmp_path / "elsewhere"
    elsewhere.write_bytes(b"patients")
    (tmp_path / ".t.csv.01234567.tmp").symlink_to(elsewhere)
    (tmp_path / ".t.csv.notes.tmp").write_bytes(b"notes")
    write_bytes(b"id\n", tmp_path / "t.csv")
    assert names_in(tmp_path) == [".t.csv.01234567.tmp", ".t.csv.notes.tmp", "elsewhere", "t.csv"]
    assert elsewhere.read_bytes() == b"patients"


def test_a_table_that_another_run_is_writing_is_refused_and_the_other_run_goes_on(tmp_path):
    path = tmp_path / "cohort.csv"
    with table_file(path), pytest.raises(UnusableInputError, match="another run is writing it"):
        write_cohort(path, 5)
    assert names_in(tmp_path) == ["cohort.csv"]
    write_cohort(path, 5)
    assert names_in(tmp_path) == ["cohort.csv", "cohort.schema.json"]


def test_of_three_runs_that_start_together_exactly_one_writes_the_table(tmp_path):
    start, decided = threading.Barrier(3), threading.Barrier(3)

    def run(_: int) -> bool:
        start.wait()
        try:
            with open_atomically(tmp_path / "cohort.csv", alone=True):
                decided.wait()
        except UnusableInputError:
            decided.wait()
            return False
        return True

    with ThreadPoolExecutor(3) as runs:
        assert all(sum(runs.map(run, range(3))) == 1 for _ in range(100))
    assert names_in(tmp_path) == ["cohort.csv"]


def test_a_run_goes_on_under_a_program_that_holds_the_lock_of_the_folder(tmp_path):
    """`flock folder asthma-ml generate ...` runs one command at a time."""
    fcntl = pytest.importorskip("fcntl")
    lock = os.open(tmp_path, os.O_RDONLY)
    fcntl.flock(lock, fcntl.LOCK_EX)
    write_cohort(tmp_path / "cohort.csv", 5)
    os.close(lock)
    assert names_in(tmp_path) == ["cohort.csv", "cohort.schema.json"]


def test_a_kill_leaves_no_card_or_schema_beside_another_file(tmp_path):
    model, card = tmp_path / "model.aml", tmp_path / "model.card.json"
    write_with_companion(b"old", model, "card of old", card)
    in_a_killed_process(lambda: write_with_companion(b"new", model, "card of new", card))
    assert model.read_bytes() == b"old"
    assert not card.exists()
    write_with_companion(b"new", model, "card of new", card)
    assert (model.read_bytes(), card.read_text()) == (b"new", "card of new")
    write_cohort(tmp_path / "c.csv", 5, seed=1, truth=tmp_path / "t.csv")
    in_a_killed_process(lambda: write_cohort(tmp_path / "c.csv", 5, seed=2, truth=tmp_path / "t.csv"))
    assert [name for name in names_in(tmp_path) if name[0] in "ct"] == ["c.csv"]


def test_after_an_error_a_file_and_its_companion_are_unchanged(tmp_path, monkeypatch):
    model, card = tmp_path / "model.aml", tmp_path / "model.card.json"
    write_with_companion(b"old", model, "card of old", card)
    monkeypatch.setattr(os, "fsync", lambda _: (_ for _ in ()).throw(OSError(28, "No space left on device")))
    with pytest.raises(UnusableInputError, match="No space left"):
        write_with_companion(b"new", model, "card of new", card)
    assert (model.read_bytes(), card.read_text()) == (b"old", "card of old")
    assert names_in(tmp_path) == ["model.aml", "model.card.json"]


def test_a_new_file_has_the_mode_of_the_old_one(tmp_path):
    path = tmp_path / "t.csv"
    write_bytes(b"old", path)
    path.chmod(0o600)
    write_bytes(b"new", path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
