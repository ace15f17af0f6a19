"""Encodings, delimiters, quotation and line breaks of text files."""

from __future__ import annotations

import codecs
import csv
import gzip
import io
from pathlib import Path

import hypothesis.strategies as st
import pytest
from hypothesis import assume, given

from asthma_ml.errors import UnusableInputError
from asthma_ml.patients.opening import whole_table
from asthma_ml.patients.text.dialect import find_delimiter
from asthma_ml.patients.text.text_tables import TextTable
from tests.text_files import parse_text_table

PLAIN = "patient_id,biologic,note\n007,none,Müller\n008,NA,\n"
CELLS = [["007", "none", "Müller"], ["008", "NA", ""]]


def parse(text: str) -> TextTable:
    return parse_text_table(text.encode(), "clinic.csv")


@pytest.mark.parametrize(
    "data",
    [
        PLAIN.encode(),
        codecs.BOM_UTF8 + PLAIN.encode(),
        PLAIN.encode("utf-16"),
        PLAIN.encode("cp1252"),
        PLAIN.replace("\n", "\r\n").encode(),
        PLAIN.replace("\n", "\r").encode(),
        PLAIN.replace("\n", "\n\n").encode(),
        PLAIN.rstrip("\n").encode(),
        *(PLAIN.replace(",", delimiter).encode() for delimiter in ";\t|"),
        b"\n" + PLAIN.encode(),
    ],
)
def test_text_formats_give_the_same_cells(data: bytes) -> None:
    table = parse_text_table(data, "clinic.csv")
    assert list(table.frame.columns) == ["patient_id", "biologic", "note"]
    assert table.frame.to_numpy().tolist() == CELLS


def test_latin_1_gives_a_warning_with_its_line() -> None:
    (finding,) = parse_text_table(PLAIN.encode("cp1252"), "clinic.csv").findings
    assert (finding.severity, finding.rule) == ("warning", "encoding")
    assert "line 2" in finding.message


def test_lines_are_counted_through_quoted_line_breaks_and_blank_lines() -> None:
    table = parse('patient_id,note\n1,"two\nlines"\n\n2,"a ""quoted"" word, and a comma"\n3,\n')
    assert table.lines.tolist() == [2, 5, 6]
    assert table.frame["note"].tolist() == ["two\nlines", 'a "quoted" word, and a comma', ""]


def test_the_header_determines_the_delimiter() -> None:
    assert find_delimiter('id;"FeNO, ppb";eos\n1;2,5;3,5\n') == ";"
    assert find_delimiter("age\n50\n") == ","


def test_a_semicolon_implies_a_decimal_comma() -> None:
    assert parse("a;b\n1;2\n").decimal_comma
    assert not parse("a\tb\n1\t2\n").decimal_comma


def test_a_header_alone_is_a_table_of_no_patients() -> None:
    table = parse("patient_id,feno_ppb\n")
    assert table.frame.shape == (0, 2)
    assert table.lines.tolist() == []


@pytest.mark.parametrize(
    ("line", "cells", "rule"),
    [
        ("1,2", ["1", "2", ""], "row_length"),
        ("1", ["1", "", ""], "row_length"),
        ("1,2,3,4", ["1", "2", "3,4"], "row_length"),
        ('1,2,3,"a, b"', ["1", "2", '3,"a, b"'], "row_length"),
        ("1,2,3,", ["1", "2", "3,"], "row_length"),
        ('1,"2"3,4', ["1", '"2"3', "4"], "quotation"),
        ('1,"2"3', ["1", '"2"3', ""], "quotation"),
        ('"1"2,"3,4",5', ['"1"2', '"3', '4",5'], "quotation"),
    ],
)
def test_a_row_that_does_not_fit_the_header_is_kept(line: str, cells: list[str], rule: str) -> None:
    table = parse(f"a,b,c\n{line}\n5,6,7\n")
    assert table.frame.to_numpy().tolist() == [cells, ["5", "6", "7"]]
    assert {row: misfit.rule for row, misfit in table.misfits.items()} == {0: rule}
    assert table.lines.tolist() == [2, 3]
    assert table.texts("b") == ["", "6"]


@given(
    rows=st.lists(st.lists(st.text('ab,";\n\r ', max_size=4), min_size=2, max_size=6), max_size=4),
    delimiter=st.sampled_from(",;\t|"),
)
def test_nothing_of_any_row_is_lost(rows: list[list[str]], delimiter: str) -> None:
    """Surplus cells are joined in the last cell as in the file; empty ones in every row are a column to leave out."""
    assume({*map(len, rows)} != {4} or any(row[3].strip() for row in rows))
    written = io.StringIO()
    csv.writer(written, delimiter=delimiter).writerows([["a", "b", "c"], *rows])
    table = parse(written.getvalue())
    for i, (got, given_row) in enumerate(zip(table.frame.to_numpy().tolist(), rows, strict=True)):
        *cells, last = got
        rest = (
            next(csv.reader(io.StringIO(last, newline=""), delimiter=delimiter), [""]) if i in table.misfits else [last]
        )
        assert [*cells, *rest][: len(given_row)] == given_row
        assert (i in table.misfits) == (len(given_row) != 3)


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"", "the file is empty"),
        (b"\n\n", "the file is empty"),
        (codecs.BOM_UTF8, "the file is empty"),
        (b"a,b,a\n1,2,3\n", "line 1: column names must be unique; repeated: `a`"),
        (b"a,b\n1,\0\n", "line 2: a NUL byte"),
        (b'a,b\n1,2\n3,"4\n5,6\n', "line 3: a quotation mark is opened and never closed"),
        (b'a,"b"c\n1,2\n', "line 1: header with text after a closing quotation mark"),
        (b'a,b\n1,"2\n3"4\n', "line 2: a row of several lines with text after a closing quotation mark"),
        (b'a,b\n1,"' + b"x" * 200_000, "line 2: a cell has more than 131072 characters"),
        (b"\x89\x01\x02\xff" * 9, "neither UTF-8 nor Windows-1252"),
        (codecs.BOM_UTF16_LE + b"a", "damaged UTF-16"),
    ],
)
def test_files_without_a_table_are_refused_with_the_line(data: bytes, expected: str) -> None:
    with pytest.raises(UnusableInputError) as refusal:
        parse_text_table(data, "clinic.csv")
    assert str(refusal.value).startswith("clinic.csv")
    assert expected in str(refusal.value)
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (None, "no such file"),
        (b"PK\x03\x04rest", "Excel workbook"),
        (gzip.compress(b"a,b\n1,2\n", mtime=0)[:-9], "damaged gzip"),
        (b"PAR1 and nothing else", "damaged Parquet"),
    ],
)
def test_unusable_files_are_named(tmp_path: Path, content: bytes | None, expected: str) -> None:
    path = tmp_path / "patients.csv"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(UnusableInputError, match=expected) as refusal:
        whole_table(path)
    assert str(refusal.value).startswith(str(path))


def test_a_folder_is_not_a_table(tmp_path: Path) -> None:
    with pytest.raises(UnusableInputError, match="folder"):
        whole_table(tmp_path)


def test_gzip_is_recognised_by_content(tmp_path: Path) -> None:
    path = tmp_path / "patients.csv"
    path.write_bytes(gzip.compress(PLAIN.encode()))
    assert whole_table(path)[0].frame.to_numpy().tolist() == CELLS
