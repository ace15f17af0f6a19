"""Conversions that need other columns of the row, against worked cases from published figures."""

from __future__ import annotations

import math
import sys

import numpy as np
import pandas as pd
import pytest

from asthma_ml.errors import UnusableInputError
from asthma_ml.patients import ColumnMap, PatientTable, read_patients
from asthma_ml.patients.columns.conversions import dose_factor, percent_predicted
from asthma_ml.variables import data_dictionary

COUNTS = {"blood_eosinophils_cells_ul": {"from": "eos_pct", "unit": "%", "with": {"leukocytes": "wbc"}}}
LITRES = {"fev1_pct_predicted": {"from": "litres", "unit": "L", "with": {"height": "cm"}}}
DOSES = {
    "ics_dose_ug_day": {"from": "ics", "with": {"drug": "ics_product"}},
    "ocs_dose_mg_day": {"from": "ocs", "with": {"drug": "ocs_product"}},
}


def read(columns: dict[str, object], **cells: list[str]) -> PatientTable:
    return read_patients(pd.DataFrame(cells, dtype="str"), ColumnMap.from_mapping({"columns": columns}))


def found(patients: PatientTable) -> list[tuple[int | None, str, str]]:
    return [(problem.line, problem.rule, problem.severity) for problem in patients.problems]


def test_eosinophils_as_percent_of_leukocytes() -> None:
    """4 % of 6.5 x 10^9/L are 0.26 x 10^9/L, which are 260 cells/uL."""
    patients = read(COUNTS, eos_pct=["4", "0", "11", "", "101", "3", "3"], wbc=["6.5", "7", "", "8", "8", "6500", "-9"])
    assert patients.values["blood_eosinophils_cells_ul"].tolist()[:2] == [260.0, 0.0]
    assert patients.values["blood_eosinophils_cells_ul"].isna().tolist()[2:] == [True] * 5
    assert found(patients) == [
        (4, "conversion", "warning"),
        (6, "limits", "error"),
        (7, "conversion", "error"),
        (8, "conversion", "error"),
    ]


def test_litres_of_fev1_are_converted_by_the_gli_equations() -> None:
    """A man of 40 years and 175 cm.

    Bowerman 2023, table of coefficients: ln M = -11.399108 + 2.462664 ln(height) - 0.011394 ln(age) + Mspline, with
    Mspline = 0.0662960 for men of 40 in the published look-up table.
    """
    predicted = math.exp(-11.399108 + 2.462664 * math.log(175) - 0.011394 * math.log(40) + 0.0662960102378776)
    assert predicted == pytest.approx(3.835, abs=0.001)
    found = percent_predicted(np.array([3.0]), np.array([40.0]), np.array([175.0]), ["male"])
    assert found[0] == pytest.approx(100 * 3.0 / predicted, abs=0.005)


def test_a_woman_of_the_same_age_and_height() -> None:
    """Bowerman 2023: ln M = -10.901689 + 2.385928 ln(height) - 0.076386 ln(age) + 0.0879960."""
    predicted = math.exp(-10.901689 + 2.385928 * math.log(165) - 0.076386 * math.log(40) + 0.0879959512639363)
    found = percent_predicted(np.array([2.0]), np.array([40.0]), np.array([165.0]), ["female"])
    assert found[0] == pytest.approx(100 * 2.0 / predicted, abs=0.005)


def test_litres_need_height_age_and_sex_of_the_row() -> None:
    patients = read(
        LITRES,
        litres=["3.0", "3.0", "3.0", "3.0", "12", "3.0"],
        cm=["175", "", "175", "1.75", "175", "175"],
        age_years=["40", "40", "40", "40", "40", "99"],
        sex=["male", "male", "", "male", "male", "male"],
    )
    assert patients.values["fev1_pct_predicted"].tolist()[0] == 78.22
    assert patients.values["fev1_pct_predicted"].isna().tolist()[1:] == [True] * 5
    assert [each for each in found(patients) if each[1] != "usual"] == [
        (3, "conversion", "warning"),
        (4, "conversion", "warning"),
        (5, "conversion", "error"),
        (6, "limits", "error"),
        (7, "conversion", "warning"),
    ]


def test_litres_without_age_or_sex_in_the_table_are_refused_with_the_reason() -> None:
    with pytest.raises(UnusableInputError, match="height, age and sex, and the table has no age_years and no sex"):
        read(LITRES, litres=["3.0"], cm=["175"])


def test_without_the_library_litres_are_refused_with_instructions(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyspiro", None)
    with pytest.raises(UnusableInputError, match=r"pip install asthma-ml\[gli\]"):
        read(LITRES, litres=["3.0"], cm=["175"], age_years=["40"], sex=["male"])


def test_a_column_named_in_litres_is_not_read_as_percent() -> None:
    patients = read_patients(pd.DataFrame({"patient_id": ["1"], "FEV1_pp (L)": ["2.1"]}))
    assert "fev1_pct_predicted" not in patients.values
    assert "`with` height" in str(patients.problems[0])


@pytest.mark.parametrize(
    ("drug", "dose", "equivalent"),
    [
        # GINA 2019, box 3-6, adults: the highest dose that is not yet high, for each drug.
        ("Beclomethasone dipropionate", 1000, 1000),
        ("extrafine beclometasone", 400, 1000),
        ("Budesonide", 800, 1000),
        ("ciclesonide", 320, 1000),
        ("Fluticasone furoate", 100, 1000),
        ("FLUTICASONE PROPIONATE", 500, 1000),
        ("mometasone furoate", 440, 1000),
        ("Triamcinolone acetonide", 2000, 1000),
    ],
)
def test_inhaled_steroid_doses_convert_as_in_gina(drug: str, dose: float, equivalent: float) -> None:
    factor = dose_factor(drug, data_dictionary()["ics_dose_ug_day"])
    assert factor is not None
    assert dose * factor == pytest.approx(equivalent)


@pytest.mark.parametrize(
    ("drug", "dose"),
    [
        # British National Formulary: as much as 5 mg of prednisolone.
        ("prednisone", 5),
        ("methylprednisolone", 4),
        ("Methylprednisolone acetate", 4),
        ("hydrocortisone", 20),
        ("dexamethasone", 0.75),
        ("betamethasone", 0.75),
        ("deflazacort", 6),
        ("triamcinolone", 4),
        ("cortisone", 25),
    ],
)
def test_oral_steroid_doses_convert_to_5_mg_prednisolone(drug: str, dose: float) -> None:
    factor = dose_factor(drug, data_dictionary()["ocs_dose_mg_day"])
    assert factor is not None
    assert dose * factor == pytest.approx(5.0)


def test_doses_are_converted_by_the_drug_of_the_row() -> None:
    patients = read(
        DOSES,
        ics=["800", "184", "0", "400", "500", ""],
        ics_product=["Budesonide", "fluticasone furoate", "", "", "Fluticasone", "Budesonide"],
        ocs=["8", "1.5", "0", "", "5", "5"],
        ocs_product=["Methylprednisolone", "dexamethasone", "unknown", "", "prednisone", "aspirin"],
    )
    assert patients.values["ics_dose_ug_day"].tolist()[:3] == [1000.0, 1840.0, 0.0]
    assert patients.values["ocs_dose_mg_day"].tolist()[:3] == [10.0, 10.0, 0.0]
    assert found(patients) == [
        (5, "conversion", "warning"),  # no drug
        (6, "conversion", "error"),  # propionate or furoate: a factor of 5 lies between them
        (7, "conversion", "error"),
    ]
    assert patients.values["ocs_dose_mg_day"].tolist()[4] == 5.0


def test_a_drug_column_that_no_map_names_gives_a_warning() -> None:
    patients = read_patients(pd.DataFrame({"ics_dose": ["500"], "ICS drug": ["Fluticasone propionate"]}))
    assert "not converted; is `ICS drug` the drug? Then add it to `with` in a column map" in " ".join(
        map(str, patients.problems)
    )


def test_faults_of_companion_columns_are_in_one_message() -> None:
    with pytest.raises(UnusableInputError) as refusal:
        ColumnMap.from_mapping(
            {
                "columns": {
                    "fev1_pct_predicted": {"from": "a", "unit": "L"},
                    "blood_eosinophils_cells_ul": {"from": "b", "with": {"leukocytes": "wbc"}},
                    "feno_ppb": {"from": "c", "with": {"drug": "d"}},
                    "ics_dose_ug_day": {"from": "e", "unit": "ug/day budesonide", "with": {"drug": "f"}},
                    "ocs_dose_mg_day": {"from": "g", "with": "h"},
                }
            }
        )
    for expected in (
        '[columns.fev1_pct_predicted] unit `L` needs `with = { height = "COLUMN" }`',
        '[columns.blood_eosinophils_cells_ul] `with` leukocytes needs `unit = "%"`',
        "[columns.feno_ppb] `with` `drug` is not known; allowed: nothing",
        "[columns.ics_dose_ug_day] unit `ug/day budesonide` already states",
        "[columns.ocs_dose_mg_day] `with` must be a table",
    ):
        assert expected in str(refusal.value)


def test_a_missing_companion_column_is_named() -> None:
    columns = {"blood_eosinophils_cells_ul": {"from": "eos_pct", "unit": "%", "with": {"leukocytes": "wbcs"}}}
    with pytest.raises(UnusableInputError, match=r"`with` `wbcs` is not in .* \(did you mean `wbc`\?\)"):
        read(columns, eos_pct=["4"], wbc=["6.5"])
