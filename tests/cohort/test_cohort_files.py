"""Cohort files: equal to cohorts in memory, written in constant memory and atomically."""

from __future__ import annotations

import gzip
import json
import signal
import subprocess
import sys
import time

import numpy as np
import pandas as pd
import pyarrow.parquet
import pytest

from asthma_ml.cohort import PRESETS, generate_cohort, patient_stream, write_cohort
from asthma_ml.cohort.patient_tables import whole_columns
from asthma_ml.errors import UnusableInputError
from asthma_ml.files import arrow_tables, table_file
from asthma_ml.variables import ID, data_dictionary


def bytes_in(folder):
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


@pytest.mark.parametrize(
    ("suffix", "where"),
    [(".csv", None), (".tsv", None), (".csv.gz", None), (".parquet", None), (".csv", "smoking_status != 'current'")],
)
def test_streamed_files_equal_the_files_of_a_cohort_in_memory(suffix, where, tmp_path, monkeypatch):
    monkeypatch.setattr(patient_stream, "MOST_BLOCKS_AT_ONCE", 1)
    monkeypatch.setattr(arrow_tables, "ROW_GROUP", 1_000)
    memory, stream, threads = (tmp_path / name for name in ("memory", "stream", "threads"))
    for folder in (memory, stream, threads):
        folder.mkdir()
    cohort = generate_cohort(1_700, seed=6, where=where)
    cohort.write(memory / f"c{suffix}", memory / f"t{suffix}")
    schema = write_cohort(stream / f"c{suffix}", 1_700, seed=6, where=where, truth=stream / f"t{suffix}")
    write_cohort(threads / f"c{suffix}", 1_700, seed=6, where=where, truth=threads / f"t{suffix}", jobs=3)
    assert bytes_in(stream) == bytes_in(memory) == bytes_in(threads)
    assert len(bytes_in(stream)) == 3
    assert schema == cohort.schema


@pytest.mark.parametrize("preset", PRESETS)
def test_small_file_is_the_beginning_of_a_large_file(preset, tmp_path):
    write_cohort(tmp_path / "small.csv", 40, preset=preset, truth=tmp_path / "small_truth.csv")
    write_cohort(tmp_path / "large.csv", 900, preset=preset, truth=tmp_path / "large_truth.csv")
    for name in ("", "_truth"):
        small, large = ((tmp_path / f"{size}{name}.csv").read_bytes() for size in ("small", "large"))
        assert large.startswith(small)


def test_numbers_are_read_back_unchanged(tmp_path):
    cohort = generate_cohort(800, seed=6)
    cohort.write(tmp_path / "c.csv", tmp_path / "t.csv")
    kept = {"keep_default_na": False, "na_values": [""]}
    texts = dict.fromkeys(cohort.observed.select_dtypes("str"), "str")
    observed = pd.read_csv(tmp_path / "c.csv", dtype=texts, **kept)
    pd.testing.assert_frame_equal(observed, cohort.observed, check_dtype=False, check_exact=True)
    truth = pd.read_csv(tmp_path / "t.csv", **kept)
    pd.testing.assert_frame_equal(truth, cohort.truth, check_dtype=False, check_exact=True)


def test_whole_numbers_are_written_as_integers_and_missing_values_as_empty_cells(tmp_path):
    cohort = generate_cohort(300, seed=6)
    cohort.write(tmp_path / "c.csv")
    text = pd.read_csv(tmp_path / "c.csv", dtype=str, keep_default_na=False)
    assert text[ID].tolist() == cohort.observed[ID].tolist()
    for name in (name for name, variable in data_dictionary().items() if variable.is_whole):
        assert text[name].str.fullmatch(r"-?\d*").all(), name
    assert ((text == "") == cohort.observed.isna()).all(axis=None)


def test_parquet_keeps_types_in_row_groups_of_one_size(tmp_path, monkeypatch):
    monkeypatch.setattr(arrow_tables, "ROW_GROUP", 700)
    write_cohort(tmp_path / "c.parquet", 2_000, seed=6)
    cohort = generate_cohort(2_000, seed=6)
    pd.testing.assert_frame_equal(
        pd.read_parquet(tmp_path / "c.parquet"), cohort.observed.astype(dict.fromkeys(whole_columns(), "Int64"))
    )
    with pyarrow.parquet.ParquetFile(tmp_path / "c.parquet") as file:
        groups = [file.metadata.row_group(i).num_rows for i in range(file.num_row_groups)]
    assert groups == [700, 700, 600]


def test_cohort_is_streamed_to_standard_output(capfdbinary):
    write_cohort("-", 25, seed=6)
    lines = capfdbinary.readouterr().out.decode().splitlines()
    assert lines[0] == ",".join(data_dictionary())
    assert len(lines) == 26


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_failure_keeps_the_previous_file(suffix, tmp_path):
    path = tmp_path / f"c{suffix}"
    path.write_text("kept")
    frame = pd.DataFrame({"x": np.arange(arrow_tables.ROW_GROUP + 1)})
    with pytest.raises(RuntimeError), table_file(path) as append:  # noqa: PT012
        append(frame)
        raise RuntimeError
    assert bytes_in(tmp_path) == {path.name: b"kept"}


@pytest.mark.parametrize(
    ("path", "truth", "message"),
    [
        ("c.xlsx", None, "written as .csv"),
        ("c.parquet.gz", None, "written as .csv"),
        ("none/c.csv", None, "no folder"),
        ("c.csv", "none/t.csv", "no folder"),
        ("c.csv", "c.csv", "needs a different file"),
    ],
)
def test_unwritable_files_are_refused_and_nothing_is_left(path, truth, message, tmp_path):
    with pytest.raises(UnusableInputError, match=message):
        write_cohort(tmp_path / path, 10, truth=None if truth is None else tmp_path / truth)
    assert list(tmp_path.iterdir()) == []


def peak_mb(n_patients, folder):
    """Peak resident memory of a separate process that writes a cohort [MB]."""
    code = (
        "import sys; from pathlib import Path; from asthma_ml.cohort import write_cohort;"
        f"write_cohort(sys.argv[1] + '/c.csv', {n_patients}, preset='population_asthma',"
        "             truth=sys.argv[1] + '/t.parquet');"
        "print(Path('/proc/self/status').read_text())"
    )
    done = subprocess.run([sys.executable, "-c", code, str(folder)], capture_output=True, text=True, check=True)
    # `ru_maxrss` would be inherited from the parent process.
    peak = next(line for line in done.stdout.splitlines() if line.startswith("VmHWM"))
    return int(peak.split()[1]) / 2**10


@pytest.mark.skipif(sys.platform != "linux", reason="the peak is read from /proc")
def test_memory_does_not_grow_with_the_number_of_patients(tmp_path):
    """In memory the tables of 300,000 patients take about 600 MB."""
    some, many = peak_mb(100_000, tmp_path), peak_mb(300_000, tmp_path)
    assert many < some + 60
    assert many < 550


@pytest.mark.skipif(sys.platform == "win32", reason="no signals")
@pytest.mark.parametrize(("request_to_end", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_interrupted_command_leaves_no_files(request_to_end, code, tmp_path):
    # A background job ignores SIGINT and so do its children, unless they restore the handler.
    start = "import signal, sys; signal.signal(signal.SIGINT, signal.default_int_handler);"
    start += "from asthma_ml.cli import main; main(sys.argv[1:])"
    call = ["generate", "--patients", "5000000", "--preset", "population_asthma", "--jobs", "2"]
    files = ["-o", str(tmp_path / "c.csv"), "--truth", str(tmp_path / "t.parquet")]
    process = subprocess.Popen([sys.executable, "-c", start, *call, *files], stderr=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + 60
        while not any(path.stat().st_size for path in tmp_path.glob(".c.csv*")) and time.monotonic() < deadline:
            time.sleep(0.05)
        written = [path.name for path in tmp_path.iterdir()]
        process.send_signal(request_to_end)
        assert process.wait(60) == code
    finally:
        process.kill()
        process.wait()
    assert len(written) == 3
    assert all(name.startswith(".") for name in written)
    assert list(tmp_path.iterdir()) == []


def test_schema_states_how_the_file_was_made(tmp_path):
    schema = write_cohort(tmp_path / "c.csv", 30, seed=6, do={"smoking_status": "never"}, where="age_years > 50")
    assert json.loads((tmp_path / "c.schema.json").read_text()) == schema
    assert schema["do"] == {"smoking_status": "never"}
    assert schema["truth_columns"] == list(generate_cohort(5).truth.columns)


def test_compressed_file_holds_the_plain_text(tmp_path):
    write_cohort(tmp_path / "c.csv", 30)
    write_cohort(tmp_path / "c.csv.gz", 30)
    assert gzip.decompress((tmp_path / "c.csv.gz").read_bytes()) == (tmp_path / "c.csv").read_bytes()
