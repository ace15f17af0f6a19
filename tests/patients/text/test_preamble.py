"""Lines before the header are skipped and line numbers are kept."""

from __future__ import annotations

from pathlib import Path

import pytest

from asthma_ml.errors import UnusableInputError
from asthma_ml.files import DELIMITERS
from asthma_ml.patients import ColumnMap, MappedColumn, read_patients
from asthma_ml.patients.columns.matching import variable_of_name
from asthma_ml.patients.text.preamble import find_preamble
from tests.text_files import parse_text_table


def test_a_title_is_skipped_and_line_numbers_are_kept() -> None:
    text = 'Asthma clinic, ward 3\r\n"made 1.5.2026; by hand"\r\n\r\npatient_id;FeNO\r\n007;38,5\r\n'
    table = parse_text_table(text.encode(), "clinic.csv")
    assert list(table.frame) == ["patient_id", "FeNO"]
    assert (table.lines.tolist(), table.decimal_comma) == ([5], True)
    assert table.layout == "UTF-8 text, semicolon-delimited, header on line 4"
    assert [finding.message for finding in table.findings] == ["the lines before the header on line 4 are not read"]


def test_a_header_in_the_first_line_is_kept() -> None:
    """Even if a later row contains two names of variables."""
    assert find_preamble("patient_id,x\nage,sex\n", DELIMITERS, variable_of_name).n_lines == 0


def test_a_single_known_name_is_a_header_only_alone() -> None:
    assert find_preamble("Export\nfeno_ppb\n25\n", DELIMITERS, variable_of_name).n_lines == 1
    assert find_preamble("Export\nx,hospital,y\n", DELIMITERS, variable_of_name).n_lines == 0


def test_names_in_the_column_map_identify_the_header(tmp_path: Path) -> None:
    path = tmp_path / "clinic.csv"
    path.write_text("Export\nNR;STICKSTOFF\n1;20\n", encoding="utf-8")
    column_map = ColumnMap(
        {"patient_id": MappedColumn("patient_id", ("NR",)), "feno_ppb": MappedColumn("feno_ppb", ("STICKSTOFF",))}
    )
    patients = read_patients(path, column_map)
    assert patients.values["feno_ppb"].tolist() == [20.0]
    assert patients.lines.tolist() == [3]


def test_a_title_before_unknown_names_is_refused_with_instructions(tmp_path: Path) -> None:
    path = tmp_path / "clinic.csv"
    path.write_text("Export\nNR;STICKSTOFF\n1;20\n", encoding="utf-8")
    with pytest.raises(UnusableInputError, match="the first line must name the columns"):
        read_patients(path)
