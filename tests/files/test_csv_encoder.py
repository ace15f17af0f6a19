"""Compiled CSV encoder: same bytes as Arrow, or Arrow is used."""

from __future__ import annotations

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
from asthma_ml.files import table_files
from asthma_ml.files.csv_encoder import CsvEncoder

UP_TO_SIX_DECIMALS = st.one_of(
    st.integers(-(10**15) + 1, 10**15 - 1).map(lambda millionths: millionths / 1e6),
    st.integers(-(10**9) + 1, 10**9 - 1).map(float),
    st.sampled_from([0.0, -0.0, np.nan, 0.1, 1e-6, -1e-6, 0.000012, 999.999999, 0.3, 100.0, 1 / 8]),
)


def by_arrow(table, whole=()):
    return bytes(CsvEncoder(",", whole).encode_with_arrow(table))


@given(numbers=st.lists(UP_TO_SIX_DECIMALS, min_size=1, max_size=30))
@settings(deadline=None)
def test_numbers_with_up_to_six_decimals_equal_those_of_arrow(numbers):
    table = pd.DataFrame({"x": numbers, "y": numbers[::-1]})
    text = bytes(CsvEncoder(",").encode_compiled(table))
    assert text == by_arrow(table)
    read = np.array([line.split(b",")[0] or b"nan" for line in text.splitlines()], dtype=float)
    np.testing.assert_array_equal(read, np.array(numbers))


@pytest.mark.parametrize("number", [1e9, -1e12, 1e300, np.inf, 0.1 + 0.2, 1e-7, 1 / 3, 123456.7890123])
def test_other_numbers_are_left_to_arrow(number):
    assert CsvEncoder(",").encode_compiled(pd.DataFrame({"x": [1.0, number]})) is None


@pytest.mark.parametrize("column", [[True, False], pd.to_datetime(["2026-01-01", "2026-01-02"])])
def test_other_columns_are_left_to_arrow(column):
    assert CsvEncoder(",").encode_compiled(pd.DataFrame({"x": column})) is None


@given(
    texts=st.lists(st.one_of(st.none(), st.text("abcäß π_-0123456789", max_size=40)), min_size=1, max_size=20),
    skipped=st.integers(0, 3),
)
@settings(deadline=None)
def test_texts_and_levels_equal_those_of_arrow(texts, skipped):
    table = pd.DataFrame({"text": pd.array(texts, dtype="str"), "level": pd.Categorical(texts), "n": 7})
    table = table.iloc[skipped:]
    assert bytes(CsvEncoder(",").encode_compiled(table)) == by_arrow(table)


def test_whole_numbers_have_no_decimal_point_and_missing_values_are_empty():
    table = pd.DataFrame({"a": [1.0, np.nan, -0.0], "b": pd.array([2, None, -3], dtype="Int64"), "c": [1, 2, 3]})
    assert bytes(CsvEncoder(";", ["a"]).encode_compiled(table)) == b"1;2;1\n;;2\n0;-3;3\n"
    assert CsvEncoder(",", ["a"]).encode_compiled(pd.DataFrame({"a": [1.5]})) is None


def test_rows_do_not_depend_on_the_size_of_parts():
    table = generate_cohort(300, seed=3).truth
    encoder, whole = CsvEncoder(","), bytes(CsvEncoder(",").encode_compiled(table))
    assert (
        b"".join(bytes(encoder.encode_compiled(table.iloc[start : start + 70])) for start in range(0, 300, 70))
        == whole
        == by_arrow(table)
    )


@pytest.mark.parametrize("suffix", [".csv", ".tsv"])
def test_compiled_file_equals_the_file_of_arrow(suffix, tmp_path, monkeypatch):
    write_cohort(tmp_path / f"a{suffix}", 700, seed=4, truth=tmp_path / f"at{suffix}")
    monkeypatch.setattr(table_files, "MANY_ROWS", 1)
    monkeypatch.setattr(CsvEncoder, "encode_with_arrow", None)
    write_cohort(tmp_path / f"b{suffix}", 700, seed=4, truth=tmp_path / f"bt{suffix}", jobs=2)
    for name in ("", "t"):
        assert (tmp_path / f"a{name}{suffix}").read_bytes() == (tmp_path / f"b{name}{suffix}").read_bytes()


def test_small_cohorts_do_not_import_numba(tmp_path):
    code = "import sys; from asthma_ml.cohort import write_cohort; write_cohort(sys.argv[1], 50);"
    code += "assert 'numba' not in sys.modules"
    subprocess.run([sys.executable, "-c", code, str(tmp_path / "c.csv")], check=True)


@pytest.mark.skipif(sys.platform == "win32", reason="folders cannot be made read-only")
def test_encoder_works_in_a_read_only_installation(tmp_path):
    """Compiled code cannot be cached: files replace the cache folders, which stops even root."""
    package = tmp_path / "site" / "asthma_ml"
    shutil.copytree(Path(asthma_ml.__file__).parent, package, ignore=shutil.ignore_patterns("__pycache__"))
    (package / "files" / "__pycache__").write_text("")
    (tmp_path / "home").write_text("")
    code = "import pandas as pd; from asthma_ml.files.csv_encoder import CsvEncoder;"
    code += "print(bytes(CsvEncoder(',').encode_compiled(pd.DataFrame({'x': [0.5]}))))"
    where = {"PYTHONPATH": str(package.parent), "HOME": str(tmp_path / "home"), "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, cwd=tmp_path, env=where
    )
    assert done.stdout.strip() == r"b'0.5\n'", done.stderr
