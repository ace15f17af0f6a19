"""Table files are written atomically and read back unchanged."""

from __future__ import annotations

import os
from pathlib import Path

import hypothesis.strategies as st
import numpy as np
import pandas as pd
import pytest
from hypothesis import assume, given, settings

from asthma_ml.errors import UnusableInputError
from asthma_ml.files import table_file, write_bytes, write_table, write_text
from asthma_ml.patients.opening import whole_table

TABLE = pd.DataFrame({"patient_id": ["007", None], "feno_ppb": [0.1 + 0.2, np.nan], "n": [1, 2]})


@pytest.mark.parametrize(
    ("suffix", "expected"),
    [
        (".csv", "patient_id,feno_ppb,n\n007,0.30000000000000004,1\n,,2\n"),
        (".tsv", "patient_id\tfeno_ppb\tn\n007\t0.30000000000000004\t1\n\t\t2\n"),
    ],
)
def test_csv_is_utf_8_with_line_feeds_and_exact_numbers(tmp_path: Path, suffix: str, expected: str) -> None:
    path = tmp_path / f"table{suffix}"
    write_table(TABLE, path)
    assert path.read_bytes() == expected.encode()


def test_columns_of_whole_numbers_have_no_negative_zero(tmp_path: Path) -> None:
    with table_file(tmp_path / "table.csv", whole=["attacks"]) as append:
        append(pd.DataFrame({"attacks": [-0.0, 3.0, np.nan], "change": [-0.0, 1.5, 2.0]}))
    assert (tmp_path / "table.csv").read_text() == "attacks,change\n0,-0\n3,1.5\n,2\n"


def test_parquet_keeps_types(tmp_path: Path) -> None:
    write_table(TABLE, tmp_path / "table.parquet")
    pd.testing.assert_frame_equal(pd.read_parquet(tmp_path / "table.parquet"), TABLE)


def test_equal_tables_give_equal_compressed_bytes(tmp_path: Path) -> None:
    write_table(TABLE, tmp_path / "one.csv.gz")
    write_table(TABLE, tmp_path / "two.csv.gz")
    no_time = bytes(4)
    assert (tmp_path / "one.csv.gz").read_bytes()[4:8] == no_time
    assert (tmp_path / "one.csv.gz").read_bytes() == (tmp_path / "two.csv.gz").read_bytes()
    assert whole_table(tmp_path / "one.csv.gz")[0].frame["patient_id"].tolist() == ["007", ""]


def test_table_is_written_to_standard_output(
    capfdbinary: pytest.CaptureFixture[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    with open(1, "w", encoding="ascii", closefd=False) as stdout:
        monkeypatch.setattr("sys.stdout", stdout)
        write_table(pd.DataFrame({"name": ["Müller"]}), "-")
    assert capfdbinary.readouterr().out == "name\nMüller\n".encode()


TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=8)
TABLES = st.lists(TEXT, min_size=1, max_size=4, unique=True).flatmap(
    lambda names: st.tuples(
        st.just(names), st.lists(st.lists(TEXT, min_size=len(names), max_size=len(names)), max_size=4)
    )
)


def test_column_name_with_another_delimiter_is_quoted(tmp_path: Path) -> None:
    write_table(pd.DataFrame({"a;b;c": ["1"], "d": ["2"]}), tmp_path / "table.csv")
    assert list(whole_table(tmp_path / "table.csv")[0].frame) == ["a;b;c", "d"]


@settings(deadline=None, max_examples=300)
@given(TABLES)
def test_any_text_is_read_back_unchanged(
    tmp_path_factory: pytest.TempPathFactory, table: tuple[list[str], list[list[str]]]
) -> None:
    names, rows = table
    path = tmp_path_factory.getbasetemp() / "round_trip.csv"
    write_table(pd.DataFrame(rows, columns=names, dtype="str"), path)
    try:
        read = whole_table(path)[0]
    except UnusableInputError as refusal:
        # A name such as "EO:N" alone looks like two columns with another delimiter.
        if "the cells are separated by" not in str(refusal):
            raise
        assume(False)
    # An empty last column without a name is left out, and several columns without a name are numbered.
    assume(names[-1].strip() and sum(not name.strip() for name in names) < 2)
    # A row that looks like a header, such as "ID" alone, is taken for one, with a warning.
    assume("preamble" not in {finding.rule for finding in read.findings})
    assert list(read.frame.columns) == names
    assert read.frame.to_numpy().tolist() == rows


@settings(deadline=None)
@given(st.lists(st.floats(allow_nan=False), min_size=1))
def test_any_number_is_read_back_unchanged(tmp_path_factory: pytest.TempPathFactory, numbers: list[float]) -> None:
    path = tmp_path_factory.getbasetemp() / "numbers.csv"
    write_table(pd.DataFrame({"number": numbers}), path)
    assert [float(cell) for cell in whole_table(path)[0].frame["number"]] == numbers


def test_many_rows_are_written_in_order(tmp_path: Path) -> None:
    many = pd.DataFrame({"row": np.arange(25_001)})
    write_table(many, tmp_path / "many.csv")
    assert whole_table(tmp_path / "many.csv")[0].frame["row"].astype(int).tolist() == many["row"].tolist()


class Unwritable:
    """A cell that raises an error when it is written."""

    def __str__(self) -> str:
        raise RuntimeError("broken")


def test_failure_keeps_the_previous_file_and_leaves_no_other(tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    write_text("old", path)
    with pytest.raises(RuntimeError):
        write_table(pd.DataFrame({"cell": [Unwritable()]}), path)
    with pytest.raises(UnusableInputError, match="not Unicode"):
        write_text("\ud800", path)
    assert path.read_text(encoding="utf-8") == "old"
    assert [file.name for file in tmp_path.iterdir()] == ["table.csv"]


def test_replaced_file_keeps_its_permissions_and_its_symbolic_link(tmp_path: Path) -> None:
    path, link = tmp_path / "table.csv", tmp_path / "link.csv"
    write_bytes(b"old", path)
    path.chmod(0o640)
    link.symlink_to(path)
    write_bytes(b"new", link)
    assert link.is_symlink()
    assert path.read_bytes() == b"new"
    assert path.stat().st_mode & 0o777 == 0o640


def test_devices_are_not_replaced() -> None:
    write_table(TABLE, os.devnull)
    assert Path(os.devnull).is_char_device()


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("none/table.csv", "there is no folder"),
        ("folder.csv", "this is a folder"),
        ("table.xlsx", r"written as \.csv"),
        ("table.parquet.gz", r"written as \.csv"),
    ],
)
def test_unusable_targets_are_refused_in_one_line(tmp_path: Path, name: str, message: str) -> None:
    (tmp_path / "folder.csv").mkdir()
    with pytest.raises(UnusableInputError, match=message) as refusal:
        write_table(TABLE, tmp_path / name)
    assert "\n" not in str(refusal.value)
    assert [file.name for file in tmp_path.iterdir()] == ["folder.csv"]


def test_mixed_types_are_refused_for_parquet(tmp_path: Path) -> None:
    with pytest.raises(UnusableInputError, match="does not fit Parquet"):
        write_table(pd.DataFrame({"cell": [1, "one"]}), tmp_path / "table.parquet")
    assert list(tmp_path.iterdir()) == []
