"""Files with many problems, unusual encodings and formats, and files without a table."""

from __future__ import annotations

import gzip
import sys
from collections.abc import Callable
from pathlib import Path

import hypothesis.strategies as st
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given, settings

from asthma_ml.errors import AsthmaMLError, UnusableInputError
from asthma_ml.files import write_table
from asthma_ml.patients import ColumnMap, PatientTable, read_patients, summarise_problems
from asthma_ml.patients.opening import whole_table
from asthma_ml.patients.patient_file import PatientFile
from asthma_ml.variables import data_dictionary

ROOT = Path(__file__).parents[2]
COHORT = ROOT / "data" / "synthetic" / "example_patients.csv"

FAULTY = """\
Asthma clinic\t

patient_id;age_years;sex;age_at_onset_years;blood_eosinophils_cells_ul;feno_ppb;fev1_fvc_ratio;smoking_status;\
pack_years;sputum_eosinophils_pct;sputum_neutrophils_pct;fev1_pct_predicted;fev1_post_bd_pct_predicted;biologic;\
exacerbations_12m;atopy;note
a;50;female;20;300;38,5;0,62;never;0;3;50;60;65;none;2;1;fine
b;200;male;20;300;30;0,7;never;0;;;60;65;none;2;1;
c;50;femal;20;300;30;0,7;never;0;;;60;65;none;2;1;
d;50;male;60;300;30;0,7;never;0;;;60;65;none;2;1;
e;50;male;20;0,3;30;0,7;never;0;;;60;65;none;2;1;
f;50;male;20;300;-9;0,7;never;0;;;60;65;none;2;1;
g;50;male;20;300;30;66;never;0;;;60;65;none;2;1;
h;50;male;20;300;30;0,7;current;0;;;60;65;none;2;1;
i;50;male;20;300;30;0,7;never;12;;;60;65;none;2;1;
j;50;male;20;300;30;0,7;never;0;70;40;60;65;none;2;1;
k;50;male;20;300;30;0,7;never;0;;;80;60;none;2;1;
l;50;male;20;700;30;0,7;never;0;;;60;65;anti_il5;2;1;
m;50;male;20;300;<5;0,7;never;0;;;60;65;none;2;1;
n;50;male;20;300;30;0,7;never;0;;;60;65;none;1,5;1;
o;50;male;20;300;30;0,7;never;0;;;60;65;none;2;maybe;
a;50;male;20;1.234;30;0,7;never;0;;;60;65;none;2;1;
q;fifty;male;20;300;inf;0,7;never;0;;;60;65;none;2;1;"=cmd|' /C calc'!A0"
r;50;male
s;50;male;20;300;30;0,7;never;0;;;60;65;none;2;1;cough;worse; again
"""


def read_bytes(data: bytes, tmp_path: Path, columns: ColumnMap | None = None) -> list[tuple[int | None, str, str]]:
    path = tmp_path / "clinic.csv"
    path.write_bytes(data)
    return [(problem.line, problem.column, problem.rule) for problem in read_patients(path, columns).problems]


def test_all_problems_are_reported_with_their_lines_and_columns(tmp_path: Path) -> None:
    found = read_bytes(FAULTY.encode(), tmp_path)
    assert set(found) == {
        (None, "", "preamble"),
        (4, "patient_id", "identifier_repeated"),
        (5, "age_years", "limits"),
        (6, "sex", "unknown_level"),
        (7, "age_at_onset_years", "onset_after_age"),
        (8, "blood_eosinophils_cells_ul", "unit"),
        (9, "feno_ppb", "missing_code"),
        (10, "fev1_fvc_ratio", "unit"),
        (11, "pack_years", "smoker_without_pack_years"),
        (12, "pack_years", "pack_years_without_smoking"),
        (13, "sputum_eosinophils_pct", "sputum_total"),
        (14, "fev1_post_bd_pct_predicted", "falls_after_bronchodilator"),
        (15, "blood_eosinophils_cells_ul", "eosinophils_on_anti_il5"),
        (16, "feno_ppb", "censored"),
        (17, "exacerbations_12m", "whole_number"),
        (18, "atopy", "flag"),
        (19, "patient_id", "identifier_repeated"),
        (19, "blood_eosinophils_cells_ul", "thousands"),
        (20, "age_years", "number"),
        (20, "feno_ppb", "number"),
        (20, "`note`", "formula"),
        (21, "row", "row_length"),
        (22, "row", "row_length"),
    }


@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
def test_a_file_with_many_problems_reads_the_same_in_parts(newline: str, tmp_path: Path) -> None:
    """Lines before the header, units, decimal commas and repeated identifiers across parts; compressed by zstd."""
    data = FAULTY.replace("\n", newline).encode()
    path = tmp_path / "clinic.csv.zst"
    path.write_bytes(bytes(pa.Codec("zstd").compress(data, asbytes=True)))
    whole = read_patients(path)
    with PatientFile(path, chunk_rows=5) as patients:
        parts = [patients.read(part) for part in patients.parts()]
    values = [PatientTable(part, "clinic").values for part in parts]
    pd.testing.assert_frame_equal(pd.concat(values, ignore_index=True), whole.values)
    assert [line for part in parts for line in part.lines.tolist()] == whole.lines.tolist()
    found = [problem for part in parts for problem in part.problems]
    assert sorted(map(str, found)) == sorted(str(problem) for problem in whole.problems if problem.line is not None)


def test_no_message_contains_a_value_of_the_table(tmp_path: Path) -> None:
    path = tmp_path / "clinic.csv"
    path.write_text(FAULTY, encoding="utf-8")
    summary = summarise_problems(read_patients(path).problems)
    for value in ("fifty", "femal ", "maybe", "1.234", "cmd", "200 "):
        assert value not in summary


def in_another_dialect(plain: pd.DataFrame) -> bytes:
    """The same patients with a byte order mark, semicolons, decimal commas, CRLF, other names, units and order."""
    table = plain[plain.columns[::-1]].copy()

    def scaled(factor: float) -> Callable[[str], str]:
        return lambda cell: f"{float(cell) * factor:.10g}" if cell else ""

    for name in ("blood_eosinophils_cells_ul", "blood_eosinophils_max_cells_ul", "blood_neutrophils_cells_ul"):
        table[name] = table[name].map(scaled(0.001))
    for name in ("fev1_fvc_ratio", "fev1_fvc_post_bd_ratio", "ics_adherence_fraction"):
        table[name] = table[name].map(scaled(100))
    table["total_ige_ku_l"] = table["total_ige_ku_l"].map(scaled(2.4))
    table["ics_dose_ug_day"] = table["ics_dose_ug_day"].map(scaled(0.8))
    table["sex"] = table["sex"].str[0].str.upper()
    numbers = [name for name in table if name in data_dictionary() and data_dictionary()[name].is_numeric]
    table[numbers] = table[numbers].apply(lambda column: column.str.replace(".", ","))
    lines = [";".join(f'"{cell}"' for cell in row) for row in [list(table), *table.to_numpy().tolist()]]
    return ("\ufeff" + "\r\n".join(lines) + "\r\n").encode()


MAP = {
    "columns": {
        "blood_eosinophils_cells_ul": {"unit": "10^9/L"},
        "blood_eosinophils_max_cells_ul": {"unit": "10^9/L"},
        "blood_neutrophils_cells_ul": {"unit": "10^3/uL"},
        "fev1_fvc_ratio": {"unit": "%"},
        "fev1_fvc_post_bd_ratio": {"unit": "%"},
        "ics_adherence_fraction": {"unit": "%"},
        "total_ige_ku_l": {"unit": "ng/mL"},
        "ics_dose_ug_day": {"unit": "ug/day budesonide"},
    }
}


def test_predictions_do_not_depend_on_encoding_and_delimiter(tmp_path: Path) -> None:
    from asthma_ml.model_files.files import load_model
    from asthma_ml.model_files.shipped import shipped_model_path
    from asthma_ml.prediction import predict_table

    plain, path = whole_table(COHORT)[0].frame, tmp_path / "export.csv"
    path.write_bytes(in_another_dialect(plain))
    model, column_map = load_model(shipped_model_path()), ColumnMap.from_mapping(MAP)
    written = []
    for source, columns in ((COHORT, None), (path, column_map)):
        table = predict_table(model, read_patients(source, columns))
        appended = table[[name for name in table if str(name).startswith("aml_")]]
        write_table(appended, tmp_path / "appended.csv")
        written.append((tmp_path / "appended.csv").read_bytes())
    assert written[0] == written[1]
    assert written[0].count(b"\n") == len(plain) + 1


@pytest.mark.parametrize("convert", [pd.DataFrame, pa.Table.from_pandas, pl.from_pandas])
def test_frames_of_pandas_arrow_and_polars_read_the_same(convert: Callable[[pd.DataFrame], pd.DataFrame]) -> None:
    plain = read_patients(COHORT)
    pd.testing.assert_frame_equal(read_patients(convert(plain.raw)).values, plain.values)
    typed = plain.values.drop(columns=["patient_id", "site"])
    pd.testing.assert_frame_equal(read_patients(convert(typed)).values, typed)


@pytest.mark.parametrize(
    "pack",
    [
        lambda data: data,
        gzip.compress,
        lambda data: bytes(pa.Codec("zstd").compress(data, asbytes=True)),
    ],
    ids=["plain", "gzip", "zstd"],
)
def test_compressed_files_are_recognised_by_content(pack: Callable[[bytes], bytes], tmp_path: Path) -> None:
    path = tmp_path / "patients"
    path.write_bytes(pack(COHORT.read_bytes()))
    pd.testing.assert_frame_equal(read_patients(path).values, read_patients(COHORT).values)


def test_a_truncated_zstd_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "patients.csv.zst"
    path.write_bytes(bytes(pa.Codec("zstd").compress(COHORT.read_bytes(), asbytes=True))[:-20])
    with pytest.raises(UnusableInputError, match="damaged zstd"):
        read_patients(path)


@pytest.mark.parametrize("suffix", [".csv", ".tsv", ".csv.gz", ".parquet"])
def test_written_tables_are_read_back_identically(suffix: str, tmp_path: Path) -> None:
    once = read_patients(COHORT)
    write_table(once.values, tmp_path / f"once{suffix}")
    twice = read_patients(tmp_path / f"once{suffix}")
    pd.testing.assert_frame_equal(twice.values, once.values)
    write_table(twice.values, tmp_path / f"twice{suffix}")
    assert (tmp_path / f"twice{suffix}").read_bytes() == (tmp_path / f"once{suffix}").read_bytes()


def test_formulas_are_kept_unchanged_with_a_warning(tmp_path: Path) -> None:
    """Input cells are never changed; text in the added columns never begins like a formula."""
    cells = ["=1+1", "@SUM(A1)", "+cmd|x", "-2+cmd(1)", "-", "+ve", "-5", "ordinary"]
    table = pd.DataFrame({"feno_ppb": ["20"] * 8, "note": cells}, dtype="str")
    patients = read_patients(table)
    assert [problem.line for problem in patients.problems if problem.rule == "formula"] == [2, 3, 4, 5]
    write_table(patients.raw, tmp_path / "back.csv")
    assert whole_table(tmp_path / "back.csv")[0].frame["note"].tolist() == cells


def header_of(n_columns: int) -> bytes:
    return b"feno_ppb," + b",".join(b"x%d" % number for number in range(n_columns - 1))


@pytest.mark.parametrize(
    ("data", "n_patients", "n_columns"),
    [
        (header_of(10_000) + b"\n20" + b"," * 9_999 + b"\n", 1, 10_000),
        (b"feno_ppb\n20\n", 1, 1),
        (b"feno_ppb\n", 0, 1),
        (b"feno_ppb", 0, 1),
        (b"feno_ppb,age\n", 0, 2),
    ],
)
def test_wide_narrow_and_empty_tables_are_read(data: bytes, n_patients: int, n_columns: int, tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    path.write_bytes(data)
    patients = read_patients(path)
    assert (len(patients), len(patients.raw.columns)) == (n_patients, n_columns)


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"feno_ppb,feno_ppb\n1,2\n", "repeated: `feno_ppb`"),
        (b"feno_ppb," + b"x," * 9_999 + b"x\n", "repeated: `x`"),
        (b"feno_ppb\n2\x000\n", "a NUL byte"),
        (b"feno_ppb," + b"a" * 200_000 + b"\n", "a cell has more than"),
        (b'feno_ppb\n"' + b"1" * 2_000_000, "line 2: a cell has more than"),
        (b"feno_ppb" + b",x" * 1_000_000 + b"\n", "line 1: more than 100,000 cells"),
        (b"\xff\xfe\x00", "damaged UTF-16"),
    ],
    ids=["twice", "wide and twice", "NUL", "header of 0.2 MB", "cell of 2 MB", "a million columns", "half a character"],
)
def test_files_without_a_table_are_refused_in_one_line(data: bytes, expected: str, tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    path.write_bytes(data)
    with pytest.raises(UnusableInputError) as refusal:
        read_patients(path)
    assert expected in str(refusal.value)
    assert str(refusal.value).startswith(str(path))
    assert "\n" not in str(refusal.value)
    assert len(str(refusal.value)) < 1000


@pytest.mark.parametrize(
    "number", ["1e400", "-1e400", "9" * 5000, "inf", "-Infinity", "nan", "1e308", "1e-400", "0x10"]
)
def test_infinite_and_huge_numbers_are_never_values(number: str) -> None:
    patients = read_patients(pd.DataFrame({"feno_ppb": [number, "20"], "ics_dose_ug_day": [number, "400"]}))
    assert (patients.values.max() <= 5000).all()
    assert patients.invalid.tolist() == [number != "1e-400", False]


@settings(deadline=None, max_examples=80)
@given(st.data())
def test_a_truncated_or_damaged_file_is_read_or_refused(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    path = tmp_path_factory.getbasetemp() / "damaged.csv"
    whole = data.draw(st.sampled_from([FAULTY.encode(), FAULTY.encode("utf-16"), gzip.compress(FAULTY.encode())]))
    place = data.draw(st.integers(0, len(whole)))
    path.write_bytes(whole[:place] + data.draw(st.binary(max_size=4)) + whole[place + data.draw(st.integers(0, 3)) :])
    try:
        patients = read_patients(path)
    except AsthmaMLError:
        return
    assert len(patients.values) == len(patients.raw)
    flagged = {problem.line for problem in patients.problems if problem.severity == "error"}
    assert flagged == set(patients.lines[patients.invalid].tolist())


def test_the_fuzzer_finds_nothing_in_a_hundred_inputs(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    monkeypatch.setattr(sys, "argv", ["fuzz_patients.py", "--inputs", "100", "--seed", "7"])
    import fuzz_patients  # type: ignore[import-not-found]

    assert fuzz_patients.main() == 0
    assert capsys.readouterr().out.startswith("100 inputs")
