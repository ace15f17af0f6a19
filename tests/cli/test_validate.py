"""``validate`` lists all problems of a table and shows no values of patients."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result

TABLE = "patient_id,feno_ppb,sex,blood_eos\n007,45,female,300\n008,912,female,120\n009,20,3,40\n"


@pytest.fixture
def faulty(tmp_path: Path) -> Path:
    """Three patients: one FeNO is impossible, one sex is not a level."""
    path = tmp_path / "patients.csv"
    path.write_text(TABLE, encoding="utf-8")
    return path


def test_all_problems_are_listed_with_their_lines(faulty: Path, run: Callable[..., Result]) -> None:
    result = run("validate", faulty)
    assert result.exit_code == 0
    assert "3 patients" in result.stdout
    assert "error: feno_ppb" in result.stdout
    assert "(line 3)" in result.stdout
    assert "error: sex" in result.stdout
    assert "warning: blood_eosinophils_cells_ul" in result.stdout


def test_values_are_shown_only_on_request(faulty: Path, run: Callable[..., Result]) -> None:
    assert "912" not in run("validate", faulty).output
    assert "912" not in run("validate", faulty, "--json").output
    assert "912" in run("validate", faulty, "--show-values").stdout
    assert "912" in run("validate", faulty, "--json", "--show-values").stdout


def test_json_counts_rows_and_problems(faulty: Path, run: Callable[..., Result]) -> None:
    found = json.loads(run("validate", faulty, "--json").stdout)
    assert (found["patients"], found["invalid_rows"]) == (3, 2)
    errors = {(problem["line"], problem["column"]) for problem in found["problems"] if problem["severity"] == "error"}
    assert errors == {(3, "feno_ppb"), (4, "sex")}


def test_strict_has_its_own_exit_code(faulty: Path, run: Callable[..., Result]) -> None:
    result = run("validate", faulty, "--strict")
    assert result.exit_code == 3
    assert len(result.stderr.strip().splitlines()) == 1


def test_a_clean_table_passes_strict(tmp_path: Path, run: Callable[..., Result]) -> None:
    (tmp_path / "patients.csv").write_text("patient_id,feno_ppb\n007,45\n", encoding="utf-8")
    assert run("validate", tmp_path / "patients.csv", "--strict").exit_code == 0


def test_the_table_can_come_from_standard_input(run: Callable[..., Result]) -> None:
    assert "3 patients" in run("validate", "-", text=TABLE).stdout


def test_a_column_map_renames_and_converts(tmp_path: Path, run: Callable[..., Result]) -> None:
    (tmp_path / "export.csv").write_text("patient_id,eos_abs\n007,0.3\n", encoding="utf-8")
    (tmp_path / "map.toml").write_text(
        '[columns.blood_eosinophils_cells_ul]\nfrom = "eos_abs"\nunit = "10^9/L"\n', encoding="utf-8"
    )
    found = json.loads(run("validate", tmp_path / "export.csv", "--columns", tmp_path / "map.toml", "--json").stdout)
    assert "blood_eosinophils_cells_ul" in found["columns_found"]


def test_a_table_without_any_feature_is_reported_and_refused(tmp_path: Path, run: Callable[..., Result]) -> None:
    (tmp_path / "ids.csv").write_text("patient_id,fenno\n007,45\n", encoding="utf-8")
    result = run("validate", tmp_path / "ids.csv")
    assert result.exit_code == 2
    assert "1 patients" in result.stdout
    assert "did you mean feno_ppb by `fenno`?" in result.stderr


def test_columns_that_are_not_read_are_named_whatever_their_language(
    tmp_path: Path, run: Callable[..., Result]
) -> None:
    path = tmp_path / "clinic.csv"
    path.write_text("patient_id,備考,FeNO,note\n007,50,38,\n", encoding="utf-8")
    assert "columns not read: 備考, note" in run("validate", path).stdout.splitlines()
    assert "columns not read: 備考, note" in run("predict", path, "-o", tmp_path / "out.csv").stderr.splitlines()


def test_missing_columns_are_counted_and_few_are_named(faulty: Path, run: Callable[..., Result]) -> None:
    absent = next(line for line in run("validate", faulty).stdout.splitlines() if line.startswith("not in the table"))
    assert absent.count(",") == 4
    assert absent.endswith(" more")


@pytest.mark.parametrize("target", ["patients.csv", "map.toml"])
def test_no_input_is_overwritten(target: str, faulty: Path, run: Callable[..., Result]) -> None:
    (faulty.parent / "map.toml").write_text("", encoding="utf-8")
    before = (faulty.parent / target).read_bytes()
    call = ("validate", faulty, "--columns", faulty.parent / "map.toml", "-o", faulty.parent / target)
    assert run(*call).exit_code == 2
    assert (faulty.parent / target).read_bytes() == before


def test_encoding_delimiter_and_header_line_are_printed(tmp_path: Path, run: Callable[..., Result]) -> None:
    path = tmp_path / "clinic.csv"
    path.write_bytes("Station Müller\npatient_id;FeNO\n007;38,5\n".encode("cp1252"))
    assert (
        "read as Windows-1252 text, semicolon-delimited, header on line 2, decimal comma"
        in run("validate", path).stdout
    )
    found = json.loads(run("validate", path, "--json").stdout)
    assert found["columns_read"]["feno_ppb"] == {"from": ["FeNO"], "unit": "ppb"}


def test_refused_rows_are_copied_with_their_line_and_errors(
    faulty: Path, tmp_path: Path, run: Callable[..., Result]
) -> None:
    assert run("validate", faulty, "--refused", tmp_path / "refused.csv").exit_code == 0
    assert (tmp_path / "refused.csv").read_text(encoding="utf-8").splitlines() == [
        "aml_line,aml_errors,patient_id,feno_ppb,sex,blood_eos",
        "3,feno_ppb: outside 0-400 ppb (limits),008,912,female,120",
        '4,"sex: not among female, male; state what a code means in a column map: '
        '[columns.sex] levels = { ""CODE"" = ""male"" } (unknown_level)",009,20,3,40',
    ]


def test_rows_that_do_not_fit_the_header_are_invalid_rows(tmp_path: Path, run: Callable[..., Result]) -> None:
    path, refused = tmp_path / "patients.csv", tmp_path / "refused.csv"
    path.write_text("patient_id,feno_ppb,note\n007,45,\n008,912\n009,20,cough,cold\n010,20,\n", encoding="utf-8")
    result = run("validate", path, "--refused", refused)
    assert result.exit_code == 0
    assert "error: 1 row with 2 cells where the header has 3 (line 3)" in result.stdout
    assert run("validate", path, "--strict").exit_code == 3
    found = json.loads(run("validate", path, "--json").stdout)
    assert (found["patients"], found["invalid_rows"]) == (4, 2)
    assert [(each["line"], each["column"], each["rule"]) for each in found["problems"]] == [
        (3, "row", "row_length"),
        (4, "row", "row_length"),
    ]
    assert refused.read_text(encoding="utf-8").splitlines()[1:] == [
        "3,row with 2 cells where the header has 3 (row_length),008,912,",
        "4,row with 4 cells where the header has 3; quote text that contains the delimiter (row_length),"
        '009,20,"cough,cold"',
    ]


def test_a_clean_table_has_no_refused_rows(tmp_path: Path, run: Callable[..., Result]) -> None:
    (tmp_path / "patients.csv").write_text("patient_id,feno_ppb\n007,45\n", encoding="utf-8")
    assert run("validate", tmp_path / "patients.csv", "--refused", tmp_path / "refused.csv").exit_code == 0
    assert (tmp_path / "refused.csv").read_text(encoding="utf-8") == "aml_line,aml_errors,patient_id,feno_ppb\n"


def test_a_draft_map_makes_a_refused_table_readable(tmp_path: Path, run: Callable[..., Result]) -> None:
    (tmp_path / "export.csv").write_text("patient_id,EOS,FEV1/FVC\n007,0.3,66\n008,0.1,71\n", encoding="utf-8")
    refused = run("validate", tmp_path / "export.csv")
    assert refused.exit_code == 2
    assert "values look like 10^9/L" in refused.stderr
    assert run("validate", tmp_path / "export.csv", "--suggest-map", "-o", tmp_path / "map.toml").exit_code == 0
    assert run("validate", tmp_path / "export.csv", "--columns", tmp_path / "map.toml", "--strict").exit_code == 0
