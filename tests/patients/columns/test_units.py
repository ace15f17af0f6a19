"""Units: spellings, conversion factors against published figures, and values in another unit."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from asthma_ml.errors import UnusableInputError
from asthma_ml.patients import ColumnMap, MappedColumn, read_patients
from asthma_ml.patients.columns.units import (
    convert,
    find_unit,
    fits_other_unit,
    known_units,
)
from asthma_ml.variables import data_dictionary


@pytest.mark.parametrize(
    ("name", "spelling", "given", "expected"),
    [
        # 0.15 x 10^9/L is the threshold that GINA writes as 150 cells/uL.
        ("blood_eosinophils_cells_ul", "10^9/L", 0.15, 150.0),
        ("blood_eosinophils_cells_ul", "x10E9/l", 0.3, 300.0),
        ("blood_eosinophils_cells_ul", "10*3/µL", 0.45, 450.0),
        ("blood_eosinophils_cells_ul", "cells/mm³", 300.0, 300.0),
        ("blood_neutrophils_cells_ul", "10⁹/L", 4.7, 4700.0),
        # WHO standard 75/502: 1 IU of IgE is 2.4 ng.
        ("total_ige_ku_l", "ng/mL", 240.0, 100.0),
        ("total_ige_ku_l", "IU/mL", 176.0, 176.0),
        ("fev1_fvc_ratio", "%", 66.0, 0.66),
        ("fev1_fvc_ratio", "percent", 57.0, 0.57),
        ("fev1_pct_predicted", "fraction predicted", 0.62, 62.0),
        ("ics_adherence_fraction", "%", 82.0, 0.82),
        ("ics_dose_ug_day", "mg/day", 1.6, 1600.0),
        ("ics_dose_ug_day", "mcg/day fluticasone propionate", 500.0, 1000.0),
        ("ocs_dose_mg_day", "mg/day methylprednisolone", 8.0, 10.0),
        ("bronchodilator_reversibility_pct", "fraction", 0.18, 18.0),
        ("sputum_eosinophils_pct", "fraction", 0.03, 3.0),
        ("age_years", "months", 528.0, 44.0),
        ("feno_ppb", "ppm", 0.025, 25.0),
        ("plasma_il6_pg_ml", "ng/L", 2.1, 2.1),
    ],
)
def test_units_convert_as_published(name: str, spelling: str, given: float, expected: float) -> None:
    variable = data_dictionary()[name]
    unit = find_unit(spelling, variable)
    assert unit is not None
    assert convert(given, known_units(variable)[unit]) == expected


def test_an_unknown_unit_is_none() -> None:
    assert find_unit("furlongs", data_dictionary()["feno_ppb"]) is None
    assert find_unit("10^6/L", data_dictionary()["blood_eosinophils_cells_ul"]) is None


def test_single_values_of_another_unit_are_named_by_line() -> None:
    table = pd.DataFrame(
        {
            "blood_eosinophils_cells_ul": ["300", "0.3", "150", "420"],
            "fev1_fvc_ratio": ["0.7", "0.66", "66", "0.8"],
            "fev1_pct_predicted": ["70", "66", "81", "2.1"],
        }
    )
    patients = read_patients(table)
    assert [(problem.line, problem.column, problem.rule) for problem in patients.problems] == [
        (3, "blood_eosinophils_cells_ul", "unit"),
        (4, "fev1_fvc_ratio", "unit"),
        (5, "fev1_pct_predicted", "unit"),
    ]
    assert "plausible in 10^9/L but not in cells/uL" in patients.problems[0].message
    assert patients.invalid.tolist() == [False, True, True, True]
    assert patients.values.isna().sum().sum() == 3


def test_a_stated_unit_is_not_checked() -> None:
    stated = ColumnMap({"blood_eosinophils_cells_ul": MappedColumn("blood_eosinophils_cells_ul", unit="cells/uL")})
    patients = read_patients(pd.DataFrame({"blood_eosinophils_cells_ul": ["3", "1", "2"]}), stated)
    assert patients.values["blood_eosinophils_cells_ul"].tolist() == [3.0, 1.0, 2.0]
    assert not patients.problems


def test_each_column_in_another_unit_is_a_line_of_the_message() -> None:
    table = pd.DataFrame({"eos": ["0.3", "0.2"], "fev1_fvc": ["66", "70"], "fev1_pct": ["2.1", "1.9"]})
    with pytest.raises(UnusableInputError) as refusal:
        read_patients(table)
    named = [line.split(": ")[1] for line in str(refusal.value).splitlines() if ": values look like " in line]
    assert sorted(named) == ["blood_eosinophils_cells_ul", "fev1_fvc_ratio", "fev1_pct_predicted"]


def test_huge_numbers_fit_no_unit() -> None:
    fits = fits_other_unit(np.array([1e308, -1e308, np.inf]), data_dictionary()["blood_eosinophils_cells_ul"])
    assert not any(found.any() for found in fits.values())
