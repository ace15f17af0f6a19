"""Tables made to exhaust memory or time, and Parquet files of every type, whole or damaged."""

from __future__ import annotations

import bz2
import gzip
import lzma
import random
import tracemalloc
from collections.abc import Callable
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from asthma_ml.errors import AsthmaMLError, UnusableInputError
from asthma_ml.files import write_table
from asthma_ml.patients import PatientFile, read_patients
from asthma_ml.patients.text import expansion, file_rows, parquet_tables, plain_files, text_tables

HEADER = b"patient_id,age_years,feno_ppb\n"
ROW = b"007,61,42\n"


def written(folder: Path, data: bytes, name: str = "clinic.csv") -> Path:
    path = folder / name
    path.write_bytes(data)
    return path


def outcome(read: Callable[[Path], Any], path: Path) -> Any:
    """What reading gives: an object, or the message of the refusal."""
    try:
        return read(path)
    except AsthmaMLError as refusal:
        return str(refusal)


def rows_in_parts(path: Path) -> int:
    with PatientFile(path, chunk_rows=2) as parts:
        return sum(len(parts.read(part).lines) for part in parts.parts())


def read_both_ways(path: Path) -> Any:
    """Read a table as a whole, and in parts of two rows; both must give as many rows, or be refused alike."""
    in_parts, whole = outcome(rows_in_parts, path), outcome(read_patients, path)
    if isinstance(whole, str):
        assert isinstance(in_parts, str)
        raise UnusableInputError(whole)
    assert in_parts == len(whole)
    return whole


@pytest.mark.parametrize("compress", [gzip.compress, bz2.compress, lzma.compress])
@pytest.mark.parametrize("filling", [b"\n", b",", b" "], ids=["line breaks", "commas", "blanks"])
def test_a_compressed_file_that_expands_without_end_is_refused(tmp_path, monkeypatch, compress, filling):
    """A megabyte may hold a gigabyte of line breaks: here 10 MB in a few kilobytes, with a limit of 4 MB."""
    monkeypatch.setattr(expansion, "LEAST_LIMIT", 2**22)
    path = written(tmp_path, compress(HEADER + ROW + filling * 10_000_000))
    with pytest.raises(UnusableInputError, match=r"expands to more than 200 times .* decompress it yourself"):
        read_both_ways(path)


def test_a_file_that_compresses_well_is_read(tmp_path, monkeypatch):
    """Patients who differ in their number alone compress about fourfold; the limit is two hundredfold."""
    monkeypatch.setattr(expansion, "LEAST_LIMIT", 100)
    data = gzip.compress(HEADER + b"".join(b"%d,61,42\n" % i for i in range(3_000)))
    assert len(read_patients(written(tmp_path, data))) == 3_000


def test_millions_of_blanks_in_a_row_are_refused_but_blank_lines_are_not(tmp_path, monkeypatch):
    monkeypatch.setattr(plain_files, "BLOCK_BYTES", 1_000)
    monkeypatch.setattr(expansion, "MOST_BLANKS", 10_000)
    few = written(tmp_path, HEADER + ROW + b"\r\n" * 4_000 + b"008,44,20\n")
    assert read_patients(few).lines.tolist() == [2, 4_003]
    with pytest.raises(UnusableInputError, match=r"line \d+: more than 0 million blanks and line breaks"):
        read_both_ways(written(tmp_path, HEADER + ROW + b"\n" * 20_000 + ROW))


@pytest.mark.parametrize("compiled_bytes", [0, 10**9], ids=["machine code", "csv module"])
def test_a_row_of_very_many_cells_is_refused_by_its_line(tmp_path, monkeypatch, compiled_bytes):
    monkeypatch.setattr(file_rows, "COMPILED_BYTES", compiled_bytes)
    path = written(tmp_path, HEADER + ROW + b"008" + b"," * 100_000 + b"\n")
    with pytest.raises(UnusableInputError, match=r"line 3: more than 100,000 cells; give one row per patient"):
        read_both_ways(path)
    path = written(tmp_path, HEADER + ROW + b"008" + b"," * 99_999 + b"\n")
    assert read_both_ways(path).invalid.tolist() == [False, True]


@pytest.mark.parametrize("filling", [b",", b"x", b'"x', b'""'], ids=["commas", "letters", "quotation", "quotations"])
def test_a_row_of_very_many_bytes_is_refused_before_it_is_held_in_memory(tmp_path, filling):
    """A row of 200 MB took 1.5 GB; here one of 40 MB must take less than it has itself."""
    path = written(tmp_path, HEADER + ROW + b"008," + filling * (40_000_000 // len(filling)) + b"\n" + ROW)
    tracemalloc.start()
    with pytest.raises(UnusableInputError, match=r"line 3: the row has more than 16 million bytes; give one row per"):
        read_both_ways(path)
    assert tracemalloc.get_traced_memory()[1] < 20_000_000
    tracemalloc.stop()


def test_a_quotation_that_is_never_closed_does_not_collect_the_rest_of_the_file(tmp_path, monkeypatch):
    monkeypatch.setattr(file_rows, "LONGEST_ROW", 2**16)
    monkeypatch.setattr(file_rows, "COMPILED_BYTES", 0)
    path = written(tmp_path, HEADER + ROW + b'008,"4' + b"4,\n" * 400_000)
    with pytest.raises(UnusableInputError, match=r"line 3: the row has more than 16 million bytes.*quotation mark"):
        rows_in_parts(path)


def test_a_header_that_is_cut_is_refused_rather_than_read_in_part(tmp_path):
    names = b",".join(b"column_%d_%s" % (i, b"x" * 1_000) for i in range(1_000))
    with pytest.raises(UnusableInputError, match=r"line 1: the header has more than 1,000,000 characters"):
        read_both_ways(written(tmp_path, b"patient_id,feno_ppb," + names + b"\n007,42\n"))


def test_very_many_rows_that_do_not_fit_are_refused_if_they_are_more_than_a_tenth(tmp_path, monkeypatch):
    monkeypatch.setattr(file_rows, "COMPILED_BYTES", 0)
    monkeypatch.setattr(text_tables, "MOST_MISFITS", 10)
    with pytest.raises(UnusableInputError, match=r"1\d rows before this line do not fit the header"):
        read_both_ways(written(tmp_path, HEADER + ROW * 30 + b"7\n" * 12))
    assert read_patients(written(tmp_path, HEADER + ROW * 300 + b"7\n" * 12)).invalid.sum() == 12


def test_rows_far_shorter_than_a_wide_header_take_no_memory_of_full_rows(tmp_path, monkeypatch):
    """2,000 rows of one cell under 1,000 columns would ask for two million places of cells."""
    monkeypatch.setattr(file_rows, "COMPILED_BYTES", 0)
    monkeypatch.setattr(text_tables, "_MOST_SHORT_CELLS", 1)
    header = b"patient_id,feno_ppb," + b",".join(b"c%d" % i for i in range(1_000)) + b"\n"
    with pytest.raises(UnusableInputError, match=r"1,000 rows before this line do not fit the header"):
        read_patients(written(tmp_path, header + b"7\n" * 2_000))


@pytest.mark.skipif(not Path("/dev/zero").exists(), reason="a device of Unix")
def test_a_device_that_never_ends_is_refused():
    with pytest.raises(UnusableInputError, match="this is a device, which may never end"):
        read_both_ways(Path("/dev/zero"))


def text_of(value: str, n_rows: int) -> pa.DictionaryArray:
    """One text in many rows, which Parquet stores once."""
    return pa.DictionaryArray.from_arrays(pa.array(np.zeros(n_rows, dtype=np.int32)), pa.array([value]))


@pytest.mark.parametrize("stores_schema", [True, False])
def test_a_text_that_parquet_stores_once_for_many_rows_is_measured_before_it_is_written_out(
    tmp_path, monkeypatch, stores_schema
):
    """A few hundred bytes for 20,000 rows of one text of 650,000 characters asked for 13 GB."""
    monkeypatch.setattr(expansion, "LEAST_LIMIT", 2**27)
    path = tmp_path / "clinic.parquet"
    table = pa.table({"patient_id": text_of("7" * 650_000, 20_000), "feno_ppb": pa.array(np.full(20_000, 20.0))})
    pq.write_table(table, path, compression="zstd", store_schema=stores_schema, write_statistics=False)
    assert path.stat().st_size < 2_000
    with pytest.raises(UnusableInputError, match=r"the texts from line 2 on take more than 134 MB, far more than the"):
        read_patients(path)
    with pytest.raises(UnusableInputError, match="far more than the file"), PatientFile(path, chunk_rows=2_000):
        pass


def test_far_more_rows_than_a_file_of_its_size_can_hold_are_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(parquet_tables, "_MOST_CELLS", 2**17)
    path = tmp_path / "clinic.parquet"
    pq.write_table(pa.table({"patient_id": text_of("7", 1_000_000)}), path, write_statistics=False)
    with pytest.raises(UnusableInputError, match=r"1,000,000 rows of 1 columns in [\d,]+ bytes, which no table"):
        read_both_ways(path)


INVALID_UTF8 = pa.Array.from_buffers(
    pa.string(), 2, [None, pa.py_buffer(np.array([0, 1, 2], dtype=np.int32)), pa.py_buffer(b"a\xff")]
)


@pytest.mark.parametrize(
    ("column", "texts"),
    [
        (pa.array(["a", None]).dictionary_encode(), ["a", ""]),
        (pa.array([Decimal("1.50"), None]), ["1.50", ""]),
        (
            pa.array([1_777_629_600] * 2, pa.timestamp("s", "Europe/Berlin")),
            ["2026-05-01 12:00:00+02:00"] * 2,
        ),
        (pa.array([date(2026, 5, 1), None]), ["2026-05-01", ""]),
        (pa.array([2**64 - 1, 1], pa.uint64()), ["18446744073709551615", "1"]),
        (pa.array(np.array([1.5, 2], dtype=np.float16)), ["1.5", "2"]),
        (pa.array([b"a1", None]), ["a1", ""]),
        (pa.array([b"\xff", b"a"]), ["b'\\xff'", "b'a'"]),
        (pa.array(["a", None], pa.large_string()), ["a", ""]),
        (pa.nulls(2), ["", ""]),
    ],
    ids=lambda each: str(each.type) if isinstance(each, pa.Array) else "",
)
@pytest.mark.parametrize("compiled_rows", [0, 10**9], ids=["machine code", "numpy"])
def test_columns_of_every_plain_type_are_read(tmp_path, monkeypatch, column, texts, compiled_rows):
    monkeypatch.setattr(file_rows, "COMPILED_ROWS", compiled_rows)
    path = tmp_path / "clinic.parquet"
    pq.write_table(pa.table({"patient_id": ["7", "8"], "feno_ppb": [20.0, 30.0], "note": column}), path)
    with PatientFile(path, chunk_rows=5) as parts:
        [part] = parts.parts()
        assert parts.read(part).table.texts("note") == texts
    assert read_patients(path).raw["note"].notna().sum() == sum(text != "" for text in texts)


@pytest.mark.parametrize(
    ("column", "message"),
    [
        (pa.array([[1], [2, 3]]), "column `note` holds lists or structures"),
        (pa.array([{"a": 1}, None]), "column `note` holds lists or structures"),
        (pa.array([2**30, 1], pa.int32()).cast(pa.date32()), "dates after the year 9999"),
        (pa.array([1, 2], pa.timestamp("us", "Nowhere/Else")), "an unknown time zone"),
        (INVALID_UTF8, "column `note` of type string holds values that cannot be read as text, such as text that is"),
        (pa.DictionaryArray.from_arrays(pa.array([0, 1]), INVALID_UTF8), "text that is not UTF-8"),
    ],
    ids=lambda each: str(each.type) if isinstance(each, pa.Array) else "",
)
@pytest.mark.parametrize("compiled_rows", [0, 10**9], ids=["machine code", "numpy"])
def test_columns_that_cannot_be_read_are_named(tmp_path, monkeypatch, column, message, compiled_rows):
    monkeypatch.setattr(file_rows, "COMPILED_ROWS", compiled_rows)
    path = tmp_path / "clinic.parquet"
    others = {f"other_{i}": [1.0, 2.0] for i in range(12)}  # the first rows of a wide table are not looked at
    pq.write_table(pa.table({"patient_id": ["7", "8"], "feno_ppb": [20.0, 30.0], "note": column} | others), path)
    with pytest.raises(UnusableInputError, match=message):
        read_both_ways(path)


@pytest.mark.parametrize("rows_of_group", [3, 100])
def test_categories_of_pandas_are_read_and_written_whatever_the_row_groups(tmp_path, rows_of_group):
    """The dictionaries of two row groups differ, and Arrow ends a batch between them."""
    path, again = tmp_path / "clinic.parquet", tmp_path / "again.parquet"
    frame = pd.DataFrame(
        {
            "patient_id": pd.Categorical([f"P{i}" for i in range(10)]),
            "sex": pd.Categorical(["male"] * 5 + ["female"] * 5, ["male", "female"], ordered=True),
            "feno_ppb": pd.Categorical([20, 30] * 5),
        }
    )
    frame.to_parquet(path, row_group_size=rows_of_group)
    patients = read_both_ways(path)
    assert patients.values["sex"].tolist() == ["male"] * 5 + ["female"] * 5
    write_table(patients.raw, again)
    assert read_patients(again).values.equals(patients.values)


def test_damaged_parquet_files_are_read_or_refused_in_one_line(tmp_path):
    """Bits flipped in pages and in the footer; 700 more, each in a process of its own, are in benchmarks/fuzzing.md."""
    rng, path = random.Random(3), tmp_path / "clinic.parquet"  # noqa: S311
    table = pa.table({"patient_id": [f"P{i}" for i in range(60)], "feno_ppb": np.arange(60.0), "sex": ["male"] * 60})
    pq.write_table(table, path, row_group_size=25)
    whole = path.read_bytes()
    for _ in range(40):
        data = bytearray(whole)
        data[rng.randrange(4, len(data))] ^= 1 << rng.randrange(8)
        path.write_bytes(data)
        read = outcome(read_patients, path)
        assert not isinstance(read, str) or (str(path) in read and "\n" not in read)
