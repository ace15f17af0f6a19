"""Column maps: names, units, levels and codes of other tables, and all faults of a map in one message."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from asthma_ml.errors import UnusableInputError
from asthma_ml.patients import ColumnMap, read_patients
from asthma_ml.patients.columns.column_map import canonical

SURVEY = pd.DataFrame(
    {
        "seqn": ["01", "02", "03", "04", "05"],
        "EOS": ["0.3", "0.57", "-9", "", "1.2"],
        "ever_smoked": ["0.0", "1.0", "1", "", "0"],
        "smokes_now": ["0.0", "0.0", "1", "1.0", "1"],
        "ics": ["0.0", "1.0", "0", "", "0.0"],
    }
)
MAP = """
missing = ["-9"]
[columns.patient_id]
from = "seqn"
[columns.blood_eosinophils_cells_ul]
from = "EOS"
unit = "x10*9 / l"
[columns.smoking_status]
from = ["ever_smoked", "smokes_now"]
levels = { "0.0|0.0" = "never", "1.0|0.0" = "former", "1.0|1.0" = "current" }
[columns.ics_dose_ug_day]
from = "ics"
levels = { "0" = 0, "1" = "" }
"""


def read_map(tmp_path: Path, text: str) -> ColumnMap:
    path = tmp_path / "map.toml"
    path.write_text(text, encoding="utf-8")
    return ColumnMap.from_toml(path)


def test_worked_survey(tmp_path: Path) -> None:
    patients = read_patients(SURVEY, read_map(tmp_path, MAP))
    expected = pd.DataFrame(
        {
            "patient_id": pd.Series(["01", "02", "03", "04", "05"], dtype="str"),
            "ics_dose_ug_day": [0.0, None, 0.0, None, 0.0],
            "blood_eosinophils_cells_ul": [300.0, 570.0, None, None, 1200.0],
            "smoking_status": pd.Series(["never", "former", "current", None, None], dtype="str"),
        }
    )
    pd.testing.assert_frame_equal(patients.values, expected)
    # Never smoked and smokes now: the map names no such combination.
    assert [(problem.line, problem.rule, problem.value) for problem in patients.problems] == [
        (5, "no_data", None),
        (6, "unknown_level", "0|1"),
    ]
    assert patients.invalid.tolist() == [False, False, False, True, True]


def test_a_map_of_one_column_leaves_the_others_matched_by_name(tmp_path: Path) -> None:
    column_map = read_map(tmp_path, '[columns.blood_eosinophils_cells_ul]\nunit = "10^9/L"')
    table = pd.DataFrame({"patient_id": ["1"], "EOS": ["0.3"], "FeNO ppb": ["40"]})
    values = read_patients(table, column_map).values
    assert values[["blood_eosinophils_cells_ul", "feno_ppb"]].to_numpy().tolist() == [[300.0, 40.0]]


def test_ignored_columns_are_not_read(tmp_path: Path) -> None:
    table = pd.DataFrame({"patient_id": ["1"], "smoker": ["N"]})
    patients = read_patients(table, read_map(tmp_path, 'ignore = ["smoker"]'))
    assert list(patients.values) == ["patient_id"]
    assert patients.problems == []


def test_all_faults_of_a_map_are_in_one_message(tmp_path: Path) -> None:
    with pytest.raises(UnusableInputError) as refusal:
        read_map(
            tmp_path,
            """
            misssing = ["-9"]
            [columns.feno]
            from = "x"
            [columns.bmi_kg_m2]
            form = "bmi"
            [columns.blood_eosinophils_cells_ul]
            unit = "furlongs"
            [columns.sex]
            from = ["a", "b"]
            [columns.smoking_status]
            levels = { "1" = "curent" }
            [columns.age_years]
            from = "true_age"
            [columns.patient_id]
            levels = { "1" = "2" }
            [columns.atopy]
            levels = { "2" = 2 }
            [columns.pack_years]
            levels = { "99" = inf }
            """,
        )
    message = str(refusal.value)
    for expected in (
        "key `misssing` is not known; did you mean missing? allowed: missing, ignore, decimal, columns",
        "[columns.feno] is not known; did you mean feno_ppb?",
        "[columns.bmi_kg_m2] key `form` is not known; did you mean from? allowed: from,",
        "unit `furlongs` is not known; allowed: cells/uL, 10^9/L",
        "[columns.sex] several source columns need `levels`",
        'level `curent` is not known; did you mean current? allowed: never, former, current, "" for missing',
        "`true_age` is a column of the simulated truth",
        "[columns.patient_id] is kept unchanged",
        '[columns.atopy] level `2` is not known; allowed: 0, 1, no, yes, false, true, "" for missing',
        '[columns.pack_years] level `inf` is not known; allowed: a number without quotes, "" for missing',
    ):
        assert expected in message
    assert len({line.partition(".toml: ")[0] for line in message.splitlines()}) == 1


@pytest.mark.parametrize(
    ("yes", "no"),
    [("1", "0"), ('"1"', '"0"'), ("1.0", '"0.0"'), ('"Yes"', '"n"'), ('"true"', '"false"'), ("true", "false")],
)
def test_flag_levels_accept_every_spelling_of_yes_and_no(tmp_path: Path, yes: str, no: str) -> None:
    levels = f'levels = {{ ja = {yes}, nein = {no}, unbekannt = "" }}'
    column_map = read_map(tmp_path, f"[columns.nasal_polyps]\n{levels}")
    patients = read_patients(pd.DataFrame({"nasal_polyps": ["ja", "nein", "unbekannt", "yes"]}), column_map)
    pd.testing.assert_series_equal(
        patients.values["nasal_polyps"], pd.Series([1.0, 0.0, None, 1.0], name="nasal_polyps", dtype="float64")
    )
    assert not patients.problems


def test_a_quoted_number_is_refused_with_the_allowed_levels(tmp_path: Path) -> None:
    with pytest.raises(UnusableInputError, match="level `5` is not known; allowed: a number without quotes, "):
        read_map(tmp_path, '[columns.pack_years]\nlevels = { wenig = "5" }')


@pytest.mark.parametrize(
    "text", ["columns = 3", "[columns]\nsex = 3", "missing = [[1]]", "= 3", "[columns.sex]\nlevels = 3"]
)
def test_a_map_of_another_shape_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(UnusableInputError, match=r"map\.toml"):
        read_map(tmp_path, text)


def test_a_missing_map_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UnusableInputError, match="cannot be read"):
        ColumnMap.from_toml(tmp_path / "none.toml")


def test_all_columns_that_the_table_lacks_are_in_one_message(tmp_path: Path) -> None:
    column_map = read_map(tmp_path, MAP.replace('"seqn"', '"seqm"').replace('"ics"', '"inhaled"'))
    with pytest.raises(
        UnusableInputError, match=r"`seqm` is not in table in memory \(did you mean `seqn`\?\)\n.*`inhaled`"
    ):
        read_patients(SURVEY, column_map)
    with pytest.raises(UnusableInputError, match=r"\[columns.pack_years\] has no `from`"):
        read_patients(SURVEY, read_map(tmp_path, MAP + "[columns.pack_years]"))


def test_codes_have_a_canonical_spelling() -> None:
    assert canonical(" 1.0|-9.00|Yes ") == canonical("1|-9|yes")
    assert canonical("1_0") == "1_0"
