"""Commands under hostile options, files and surroundings: one clear line, or the work is done."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from asthma_ml.cli.explain import _file_stems
from asthma_ml.cohort import generate_cohort
from asthma_ml.errors import UnusableInputError
from asthma_ml.jobs import in_order, usable_jobs
from asthma_ml.patients import read_patients
from asthma_ml.training import labelled_patients

PATIENT = b"patient_id,feno_ppb\n007,42\n"


def test_a_million_jobs_are_as_many_threads_as_the_computer_can_run():
    started = set()

    def thread(_: int) -> None:
        time.sleep(0.001)
        started.add(threading.get_ident())

    list(in_order(thread, range(200), 1_000_000))
    assert len(started) <= usable_jobs(1_000_000) < 10_000
    many = generate_cohort(30, jobs=1_000_000)
    assert many.observed.equals(generate_cohort(30).observed)
    assert len(many.truth) == 30


@pytest.mark.parametrize(
    "condition",
    ["patient_id == 'a' * 3000000000", "patient_id * 3000000000 == 'a'", "age_years in [1] * 10", "sex * 2 == 'x'"],
)
def test_texts_and_lists_are_not_multiplied(condition):
    started = time.monotonic()
    with pytest.raises(UnusableInputError, match="only numbers can be multiplied"):
        generate_cohort(5, where=condition)
    assert time.monotonic() - started < 20


def test_numbers_are_multiplied():
    assert generate_cohort(5, where="feno_ppb * 2 > 80").observed["feno_ppb"].min() > 40


def test_the_figure_of_a_patient_with_a_long_identifier_gets_a_name_that_every_file_system_takes(tmp_path):
    stems = _file_stems(["\u60a3" * 300, "\u60a3" * 300 + "b", "007"], [2, 3, 4])
    assert len(set(stems)) == 3
    for stem in stems:
        (tmp_path / f"{stem}.png").write_bytes(b"")


def test_help_is_there_without_docstrings():
    for command, text in ([], "severe asthma.\n\n  Research software"), (["generate"], "Generate a synthetic cohort"):
        call = [sys.executable, "-OO", "-m", "asthma_ml", *command, "--help"]
        assert text in subprocess.run(call, capture_output=True, text=True, check=True).stdout


def test_a_file_without_a_header_shows_no_value_of_its_first_patient(tmp_path, run):
    path = tmp_path / "clinic.csv"
    for rows in (b"007,61,Meier,42\n008,44,Weber,20\n", b"007,61,Meier,61\n008,44,Weber,20\n"):
        path.write_bytes(rows)
        for call in (["validate"], ["validate", "--suggest-map"], ["predict"], ["explain", "--all"], ["evaluate"]):
            refused = run(*call, path)
            assert refused.exit_code == 2
            assert "number" in refused.stderr
            assert "Meier" not in refused.output
            assert "61" not in refused.output.replace(str(path), "")


def test_a_wrong_label_column_shows_no_value_of_fewer_than_ten_rows():
    patients = read_patients(generate_cohort(60, seed=3).observed.assign(endotype=["T2"] * 50 + ["Meier"] * 9 + ["x"]))
    with pytest.raises(UnusableInputError) as refusal:
        labelled_patients(patients, "endotype")
    assert "values found: T2 (50), 2 values of fewer than 10 rows, not shown" in str(refusal.value)
    with pytest.raises(UnusableInputError) as refusal:
        labelled_patients(patients, "patient_id")
    assert "values found: 60 values of fewer than 10 rows, not shown" in str(refusal.value)


def test_links_in_a_circle_are_refused(tmp_path, run):
    (tmp_path / "a.csv").symlink_to(tmp_path / "b.csv")
    (tmp_path / "b.csv").symlink_to(tmp_path / "a.csv")
    (tmp_path / "clinic.csv").write_bytes(PATIENT)
    for call in (
        ("validate", tmp_path / "a.csv"),
        ("predict", tmp_path / "clinic.csv", "-o", tmp_path / "a.csv"),
        ("generate", "--patients", "5", "-o", tmp_path / "a.csv"),
        ("explain", tmp_path / "clinic.csv", "--all", "-o", tmp_path / "a.csv"),
        ("explain", tmp_path / "clinic.csv", "--all", "--values", tmp_path / "a.csv"),
        ("demo", "-o", tmp_path / "a.csv"),
    ):
        result = run(*call)
        assert result.exit_code == 2, (call, result.stderr)
        assert "unexpected" not in result.stderr


@pytest.mark.skipif(not Path("/dev/zero").exists(), reason="a device of Unix")
def test_a_device_that_never_ends_is_no_model_and_no_table(tmp_path, run):
    (tmp_path / "clinic.csv").write_bytes(PATIENT)
    for call, code, message in (
        (("inspect", "/dev/zero"), 4, "larger than 128 MiB"),
        (("predict", tmp_path / "clinic.csv", "--model", "/dev/zero", "-o", tmp_path / "p.csv"), 4, "larger than 128"),
        (("predict", tmp_path / "clinic.csv", "--columns", "/dev/zero"), 2, "larger than 4 MB"),
        (("validate", "/dev/zero"), 2, "asthma-ml: /dev/zero: this is a device, which may never end"),
    ):
        result = run(*call)
        assert result.exit_code == code, result.stderr
        assert message in result.stderr


@pytest.mark.parametrize("seed", [2**32, 10**400])
def test_a_seed_that_no_model_can_take_is_refused_before_any_work(tmp_path, run, seed):
    (tmp_path / "clinic.csv").write_bytes(PATIENT)
    for call in (("train", tmp_path / "clinic.csv", "-o", tmp_path / "m.aml"), ("demo", "-o", tmp_path / "out")):
        result = run(*call, "--seed", seed)
        assert result.exit_code == 2
        assert "is not in the range 0<=x<=4294967295" in result.stderr


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="a device of Linux")
def test_a_full_device_is_one_line(tmp_path, run):
    (tmp_path / "clinic.csv").write_bytes(PATIENT)
    (tmp_path / "full.csv").symlink_to("/dev/full")
    for call in (
        ("generate", "--patients", "5", "-o", tmp_path / "full.csv"),
        ("predict", tmp_path / "clinic.csv", "-o", tmp_path / "full.csv"),
        ("validate", tmp_path / "clinic.csv", "-o", "/dev/full"),
    ):
        result = run(*call)
        assert result.exit_code == 2, (call, result.stderr)
        assert "No space left on device" in result.stderr
