"""Rows of CSV: the same bytes by Python and by compiled code, and every cell is read back."""

from __future__ import annotations

import csv
import io
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import asthma_ml
from asthma_ml.cohort import generate_cohort, write_cohort
from asthma_ml.columns import Column, Joined, Slices, Texts
from asthma_ml.files import arrow_array, row_encoder
from asthma_ml.files.csv_text import number_text
from asthma_ml.files.frame_columns import frame_columns
from asthma_ml.files.row_encoder import encode_compiled, encode_plainly
from asthma_ml.machine_code import Patience

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
CELL = st.one_of(TEXT, st.sampled_from(["", '"', "a,b", 'say "no"', "two\nlines", "\r", "Müller", "0" * 40]))
ANY_BITS = st.integers(0, 2**64 - 1).map(lambda bits: float(np.uint64(bits).view(np.float64)))
FEW_DECIMALS = st.tuples(st.integers(-(10**12), 10**12), st.integers(0, 8)).map(lambda pair: pair[0] / 10 ** pair[1])
NUMBER = st.one_of(st.floats(), ANY_BITS, FEW_DECIMALS, st.sampled_from([0.0, -0.0, 1e15, 1e16, 1e-6, 1e-7, 5e-324]))


@st.composite
def columns(draw: st.DrawFn) -> list[Column]:
    """Columns of every kind with the same number of rows."""
    n = draw(st.integers(1, 6))
    optional = st.lists(st.one_of(st.none(), CELL), min_size=n, max_size=n).map(Texts.of)
    kinds: st.SearchStrategy[Column] = st.one_of(
        st.lists(NUMBER, min_size=n, max_size=n).map(np.array),
        optional,
        st.lists(CELL, min_size=n, max_size=n).map(Slices.of),
        st.lists(optional, min_size=1, max_size=3).map(Joined),
    )
    return draw(st.lists(kinds, min_size=1, max_size=4))


@settings(deadline=None, max_examples=300)
@given(columns(), st.sampled_from(",;\t"))
def test_compiled_code_writes_the_bytes_of_python(table: list[Column], delimiter: str) -> None:
    assert bytes(encode_compiled(table, delimiter)) == encode_plainly(table, delimiter)


@settings(deadline=None, max_examples=100)
@given(columns(), st.text("abc019.-;", max_size=20))
def test_copied_cells_come_first(table: list[Column], row: str) -> None:
    numbered = [f"{row}{i}" for i in range(len(table[0]))]
    rows = bytes(encode_compiled(table, ",", Slices.of(numbered)))
    assert rows == encode_plainly(table, ",", Slices.of(numbered))
    assert rows == encode_plainly([Texts.of(numbered), *table], ",")


@settings(deadline=None, max_examples=200)
@given(columns())
def test_every_cell_is_read_back(table: list[Column]) -> None:
    text = bytes(encode_compiled(table, ",")).decode()
    back = list(zip(*csv.reader(io.StringIO(text, newline=""), strict=True), strict=True))
    for read, column in zip(back, table, strict=True):
        if isinstance(column, np.ndarray):
            np.testing.assert_array_equal([float(cell or "nan") for cell in read], column)
        else:
            assert list(read) == [cell or "" for cell in column.strings()]


@settings(deadline=None, max_examples=200)
@given(columns())
def test_arrow_has_the_cells_of_every_column(table: list[Column]) -> None:
    for column in table:
        cells = arrow_array(column)
        cells.validate(full=True)
        expected = column if isinstance(column, np.ndarray) else column.strings()
        assert cells.to_pylist() == [None if pd.isna(cell) else cell for cell in expected]


@settings(deadline=None, max_examples=400)
@given(NUMBER)
def test_a_number_has_no_shorter_text(number: float) -> None:
    """Python's own text is the shortest; beside it only the point of whole numbers and small exponents differ."""
    cell = bytes(encode_compiled([np.array([number]), np.array([1.0])], ",")).decode().removesuffix(",1\n")
    assert cell == ("" if np.isnan(number) else number_text(number))
    assert len(cell) <= len(repr(number)) + 5


def test_whole_numbers_have_no_decimal_point_and_missing_values_are_empty() -> None:
    table = pd.DataFrame({"a": [1.0, np.nan, -3.0], "b": pd.array([2, None, -3], dtype="Int64"), "c": [1, 2, 3]})
    for encode in (encode_plainly, encode_compiled):
        assert bytes(encode(frame_columns(table), ";")) == b"1;2;1\n;;2\n-3;-3;3\n"


def test_columns_of_a_data_frame_are_written_as_they_are_shown() -> None:
    table = pd.DataFrame(
        {
            "flag": [True, False],
            "day": pd.to_datetime(["2026-01-01", "2026-01-02"]),
            "sex": pd.Categorical(["male", None]),
            "large": [2**60 + 1, 1],
            "any": ["x", 2.5],
        }
    )
    expected = b"True,2026-01-01 00:00:00,male,1152921504606846977,x\nFalse,2026-01-02 00:00:00,,1,2.5\n"
    assert encode_plainly(frame_columns(table), ",") == expected
    assert bytes(encode_compiled(frame_columns(table), ",")) == expected


def test_rows_do_not_depend_on_the_size_of_parts() -> None:
    table = generate_cohort(300, seed=3).truth
    whole = bytes(encode_compiled(frame_columns(table), ","))
    parts = [bytes(encode_compiled(frame_columns(table.iloc[i : i + 70]), ",")) for i in range(0, 300, 70)]
    assert b"".join(parts) == whole


@pytest.mark.parametrize("suffix", [".csv", ".tsv"])
def test_compiled_code_writes_the_same_cohort(suffix: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_cohort(tmp_path / f"a{suffix}", 700, seed=4, truth=tmp_path / f"at{suffix}")
    monkeypatch.setattr(row_encoder, "PATIENCE", Patience(1))
    monkeypatch.setattr(row_encoder, "encode_plainly", None)
    write_cohort(tmp_path / f"b{suffix}", 700, seed=4, truth=tmp_path / f"bt{suffix}", jobs=2)
    for name in ("", "t"):
        assert (tmp_path / f"a{name}{suffix}").read_bytes() == (tmp_path / f"b{name}{suffix}").read_bytes()


def test_small_cohorts_do_not_import_numba(tmp_path: Path) -> None:
    code = "import sys; from asthma_ml.cohort import write_cohort; write_cohort(sys.argv[1], 50);"
    code += "assert 'numba' not in sys.modules"
    subprocess.run([sys.executable, "-c", code, str(tmp_path / "c.csv")], check=True)


@pytest.mark.skipif(sys.platform == "win32", reason="folders cannot be made read-only")
def test_encoder_works_in_a_read_only_installation(tmp_path: Path) -> None:
    """Compiled code cannot be cached: files replace the cache folders, which stops even root."""
    package = tmp_path / "site" / "asthma_ml"
    shutil.copytree(Path(asthma_ml.__file__).parent, package, ignore=shutil.ignore_patterns("__pycache__"))
    (package / "files" / "__pycache__").write_text("")
    (tmp_path / "home").write_text("")
    code = "import numpy as np; from asthma_ml.files.row_encoder import encode_compiled;"
    code += "print(bytes(encode_compiled([np.array([0.5])], ',')))"
    where = {"PYTHONPATH": str(package.parent), "HOME": str(tmp_path / "home"), "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, cwd=tmp_path, env=where
    )
    assert done.stdout.strip() == r"b'0.5\n'", done.stderr
