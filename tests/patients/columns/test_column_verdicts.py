"""Columns as a whole: other units, fractions, percentages, logarithms, z-scores and codes in place of measurements."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import hypothesis.strategies as st
import numba  # noqa: F401 - so that columns are summarised by machine code
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings

from asthma_ml.errors import UnusableInputError
from asthma_ml.patients import ColumnMap, MappedColumn, PatientFile, read_patients
from asthma_ml.patients.columns import column_summary
from asthma_ml.patients.columns.column_summary import ColumnSummary
from asthma_ml.patients.columns.column_verdicts import judge, verdict_message
from asthma_ml.patients.columns.missing_codes import RareValues
from asthma_ml.variables import data_dictionary

EOSINOPHILS = "blood_eosinophils_cells_ul"


def summary_of(name: str, values: list[float] | tuple[float, ...]) -> ColumnSummary:
    return ColumnSummary.of(data_dictionary()[name], np.array(values, dtype=float))


def likeliest(name: str, *values: float) -> tuple[str, bool]:
    """Likeliest scale, empty if the column looks right, and whether the table is refused."""
    verdict = judge(summary_of(name, values))
    return (verdict.scales[0].name, verdict.refused) if verdict else ("", False)


@pytest.mark.parametrize(
    ("name", "values", "scale"),
    [
        (EOSINOPHILS, (12, 6, 8, 15, 7), "%"),
        (EOSINOPHILS, (3.1, 6.3, 11.2, 2.0), "%"),
        (EOSINOPHILS, (0.3, 0.0, 0.12, 1.1), "10^9/L"),
        # One high count must not make percentages of them.
        (EOSINOPHILS, (0.31, 0.15, 0.62, 2.04), "10^9/L"),
        ("blood_neutrophils_cells_ul", (40, 78, 25, 66), "%"),
        ("blood_neutrophils_cells_ul", (4.7, 3.9, 7.2), "10^9/L"),
        ("fev1_pct_predicted", (1.7, 2.4, 3.1), "L"),
        ("fev1_pct_predicted", (2100, 1800, 2500), "mL"),
        ("fev1_pct_predicted", (0.62, 0.71, 1.02), "fraction predicted"),
        ("fev1_fvc_ratio", (62, 71, 66), "%"),
        ("ics_adherence_fraction", (80, 95, 60), "%"),
        ("sputum_eosinophils_pct", (0.03, 0.002, 0.15, 0.4), "fraction"),
        ("bronchodilator_reversibility_pct", (0.18, 0.04, 0.25, 0.11), "fraction"),
        ("age_years", (528, 610, 400), "months"),
        # Whole kU/L times 2.4.
        ("total_ige_ku_l", (216.0, 98.4, 14.4, 1034.4, 55.2), "ng/mL"),
        ("feno_ppb", (0.025, 0.031, 0.012), "ppm"),
        ("ics_dose_ug_day", (1.6, 2.0, 0.8, 0.4), "mg/day"),
        ("ics_dose_ug_day", (3, 2, 3), "steps or categories"),
        ("total_ige_ku_l", (1, 0, 1), "yes or no"),
        ("total_ige_ku_l", (4.5, 5.1, 3.3, 6.8, 4.1), "natural log"),
        ("total_ige_ku_l", (2.1, 1.9, 2.6, 1.4, 3.0), "log10"),
        ("feno_ppb", (0.2, -1.0, 0.8, -0.3, 1.2), "z-scores"),
        ("sputum_il5_log2", (0.2, -1.0, 0.8, -0.3, 1.2), "z-scores"),
        (EOSINOPHILS, (35, 12, 61, 18, 2, 0.5), "% of sputum cells"),
        ("glcci1_rs37973", (1, 2, 3, 1), "codes from 1 to 3"),
        ("acq6_score", (12, 22, 18), "ACT (5 to 25)"),
    ],
)
def test_a_column_on_another_scale_is_refused(name: str, values: tuple[float, ...], scale: str) -> None:
    assert likeliest(name, *values) == (scale, True)


@pytest.mark.parametrize(
    ("name", "values", "scale"),
    [
        ("total_ige_ku_l", (1, 0), "yes or no"),
        ("bronchodilator_reversibility_pct", (0.18, 0.04, 0.25), "fraction"),
        ("acq6_score", (1, 2, 2, 3, 1, 3) * 3, "categories or rounded values"),
        # Yes or no instead of a number; a dozen of mild patients may have had one attack each.
        ("exacerbations_12m", (0, 1) * 12, "yes or no"),
        # Few rows, all far from what is usual.
        (EOSINOPHILS, (31, 15, 22, 20, 14, 8), "another unit (10 times as small)"),
        ("feno_ppb", (0.3, 0.8), "another unit (100 times as small)"),
        (EOSINOPHILS, (0, 8, 3, 2, 0), "%"),
        ("feno_ppb", (-12, -31, -8), "another scale"),
        ("total_ige_ku_l", (0,) * 10, "another scale"),
        ("feno_ppb", (3, 1, 2, 5, 4, 6), "numbers of the rows"),
        ("age_years", tuple(range(5, 101, 5)), "ranks or percentiles"),
    ],
)
def test_a_column_that_is_odd_only_is_warned_of(name: str, values: tuple[float, ...], scale: str) -> None:
    assert likeliest(name, *values) == (scale, False)


@pytest.mark.parametrize(
    ("name", "values"),
    [
        # Counts under a biologic, in steps of 10.
        (EOSINOPHILS, (0, 10, 20, 10)),
        (EOSINOPHILS, (0, 0, 0)),
        (EOSINOPHILS, (68.8, 473.0, 112.7, 210.2)),
        (EOSINOPHILS, (310, 150, 0.62, 2040)),
        ("glcci1_rs37973", (1, 2, 0, 1)),
        ("glcci1_rs37973", (1, 2, 2, 1)),
        ("ics_dose_ug_day", (100, 200, 100)),
        ("ics_dose_ug_day", (92, 184, 184)),
        ("total_ige_ku_l", (2, 5)),
        ("total_ige_ku_l", (216.1, 98.4, 13.9, 1034.4, 55.2, 8.1)),
        ("total_ige_ku_l", (24, 12, 120, 48, 240)),
        ("total_ige_ku_l", (1,)),
        ("ocs_dose_mg_day", (0, 0, 0, 0, 5)),
        # All below the limit of detection; non-atopic patients; a polluted city.
        ("feno_ppb", (5,) * 10),
        ("total_ige_ku_l", (2.1, 5.3, 8.7, 3.3, 12.4)),
        ("pm25_ug_m3", (35, 42, 51, 38, 60)),
        ("pack_years", (0, 0, 1, 0, 0)),
        ("sputum_eosinophils_pct", (0.5, 0.0, 1.25, 0.75)),
        ("bronchodilator_reversibility_pct", (12, -2, 5, 0)),
        ("age_years", (18, 19, 21)),
        ("bmi_kg_m2", (24, 31, 28, 35, 22)),
        ("acq6_score", (1, 2, 3, 2, 4, 0, 1)),
        ("ics_adherence_fraction", (1,) * 20),
        ("age_at_onset_years", (2, 3, 1, 5, 4, 2, 6, 11)),
        ("exacerbations_12m", (0, 1, 0, 0, 1)),
    ],
)
def test_what_clinics_send_is_not_suspected(name: str, values: tuple[float, ...]) -> None:
    assert likeliest(name, *values) == ("", False)


@given(st.lists(st.floats(0, 100) | st.just(float("nan")), max_size=30), st.integers(0, 30))
def test_summaries_of_parts_add_up_to_that_of_the_whole(values: list[float], cut: int) -> None:
    whole, first, second = (summary_of(EOSINOPHILS, part) for part in (values, values[:cut], values[cut:]))
    assert everything(first + second) == everything(whole)


def everything(summary: ColumnSummary) -> tuple[list[float], list[int]]:
    counts = [summary.n_whole, summary.n_on_step, summary.n_on_other_step, summary.n_impossible]
    return summary.histogram.tolist() + summary.least.tolist(), counts


@settings(deadline=None)
@given(
    st.sampled_from([EOSINOPHILS, "total_ige_ku_l", "bronchodilator_reversibility_pct", "sputum_il5_log2"]),
    st.lists(st.floats() | st.integers(-100, 1000).map(float) | st.floats(-10, 10).map(lambda x: round(x, 1))),
)
def test_machine_code_counts_the_same(name: str, values: list[float]) -> None:
    by_python = summary_of(name, values)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(column_summary, "COMPILED_VALUES", 0)
        by_machine_code = summary_of(name, values)
    assert everything(by_machine_code) == everything(by_python)


@given(st.floats(0, 1e6))
def test_one_extreme_value_does_not_change_the_advice(extreme: float) -> None:
    assert likeliest(EOSINOPHILS, 0.31, 0.15, 0.62, 0.2, 0.44, extreme) == ("10^9/L", True)
    assert likeliest(EOSINOPHILS, 310, 150, 620, 200, 440, extreme) == ("", False)


@pytest.mark.parametrize(
    ("name", "values", "expected"),
    [
        (EOSINOPHILS, (12, 6, 8, 15, 7), ['unit = "%"', 'with = { leukocytes = "COLUMN" }', 'unit = "cells/uL"']),
        ("fev1_fvc_ratio", (62, 71, 66), ['`unit = "%"`', "multiply them by 0.01", '`unit = "ratio"`']),
        ("ics_dose_ug_day", (3, 2, 3), ["steps or categories", "levels = { ", "ignore = "]),
        ("total_ige_ku_l", (4.5, 5.1, 3.3, 6.8, 4.1), ["natural log", 'ignore = ["COL"]', 'unit = "kU/L"']),
    ],
)
def test_the_message_says_what_settles_it(name: str, values: tuple[float, ...], expected: list[str]) -> None:
    verdict = judge(summary_of(name, values))
    assert verdict is not None
    message = verdict_message(verdict, "COL")
    assert f"such as {', '.join(f'{value:g}' for value in sorted(values)[:1])}" in message
    assert [each for each in expected if each not in message] == []


@pytest.mark.parametrize(
    ("unit", "levels"), [("cells/uL", {}), ("10^9/L", {}), (None, {"1": 100.0, "2": 500.0, "3": 50.0})]
)
def test_a_column_that_the_map_explains_is_not_judged(unit: str | None, levels: dict[str, float]) -> None:
    column_map = ColumnMap({EOSINOPHILS: MappedColumn(EOSINOPHILS, unit=unit, levels=levels)})
    assert not [
        problem for problem in read_patients(pd.DataFrame({EOSINOPHILS: ["3", "1", "2"]}), column_map).problems
        if problem.rule in ("scale", "unit")
    ]  # fmt: skip


def test_a_unit_in_the_header_does_not_outweigh_values_that_contradict_it() -> None:
    """Exports repeat the header of their form, whatever the values are."""
    values = ["0.31", "0.75", "0.62", "0.76"]
    with pytest.raises(UnusableInputError, match=r"values look like 10\^9/L, not cells/uL"):
        read_patients(pd.DataFrame({"Eosinophils (cells/uL)": values}))
    assert read_patients(pd.DataFrame({"Eosinophils (10^9/L)": values})).values[EOSINOPHILS].tolist() == [
        310.0,
        750.0,
        620.0,
        760.0,
    ]
    stated = ColumnMap({EOSINOPHILS: MappedColumn(EOSINOPHILS, ("Eosinophils (cells/uL)",), unit="cells/uL")})
    assert len(read_patients(pd.DataFrame({"Eosinophils (cells/uL)": values}), stated)) == 4


@pytest.mark.parametrize("ages", [(6, 7, 9, 11, 8, 10, 6, 7, 9, 11), (6, 12, 17, 9, 8, 15, 13), (7,) * 20])
def test_children_are_patients(ages: tuple[int, ...]) -> None:
    read_patients(pd.DataFrame({"age_years": [str(age) for age in ages], EOSINOPHILS: ["410"] * len(ages)}))


@pytest.mark.parametrize(
    ("name", "values", "codes"),
    [
        ("bronchodilator_reversibility_pct", (-8, -7, 12), (-8.0, -7.0)),
        ("sputum_il5_log2", (6.1, 7.4, -1, 5.2, -1), (-1.0,)),
        ("feno_suppression_pct", (-88, -77, 40), (-88.0, -77.0)),
        ("bmi_kg_m2", (24, 31, 99, 22, 99, 88), (88.0, 99.0)),
        # FeNO may rise by 9 % after a week of treatment, but not in every third patient.
        ("feno_suppression_pct", (-9, 40, 12, -20, 33, 61), ()),
        ("feno_suppression_pct", (-9, 40, -9, -20, 33, 61), (-9.0,)),
        # Percentages of 77 are common, and a reversibility of -4 is noise.
        ("sputum_neutrophils_pct", (77, 88, 77, 12), ()),
        ("bronchodilator_reversibility_pct", (-4, -5, -4, 12, -8), ()),
        ("pack_years", (0, 40, 77), ()),
    ],
)
def test_codes_for_missing_that_stand_out_are_suspected(
    name: str, values: tuple[float, ...], codes: tuple[float, ...]
) -> None:
    assert RareValues.of(data_dictionary()[name], np.array(values, dtype=float)).suspected() == codes


TABLE = """patient_id,sex,nasal_polyps,reversibility,acq6,feno
1,H,1,12,1,52
2,M,1,-8,2,14
3,M,1,4.5,3,33
4,H,1,9.1,2,71
5,M,2,-7,1,10
6,M,1,3.2,0,44
"""


@pytest.mark.parametrize("chunk_rows", [1, 2, 100])
@pytest.mark.parametrize("jobs", [1, 3])
def test_a_column_is_judged_by_the_whole_file_whatever_its_parts(tmp_path: Path, chunk_rows: int, jobs: int) -> None:
    path = tmp_path / "clinic.csv"
    path.write_text(TABLE)
    whole = read_patients(path)
    with PatientFile(path, chunk_rows=chunk_rows, jobs=jobs, count_errors=True) as patients:
        parts = [patients.read(part) for part in patients.parts()]
        assert [found.message for found in patients.findings] == [
            found.message for found in whole.findings if found.rows is None
        ]
        assert patients.n_invalid == whole.invalid.sum()
    for name, expected in whole.read.values.columns.items():
        found = [value for part in parts for value in _cells(part.values[name])]
        assert found == pytest.approx(_cells(expected), nan_ok=True), name


def _cells(column: Any) -> list[Any]:
    return column.tolist() if isinstance(column, np.ndarray) else column.strings().tolist()


def test_codes_are_believed_by_the_whole_column_only(tmp_path: Path) -> None:
    path = tmp_path / "clinic.csv"
    path.write_text(TABLE)
    patients = read_patients(path)
    # H and M are hombre and mujer; a 2 says that 1 is not yes.
    assert patients.values["sex"].tolist() == ["male", "female", "female", "male", "female", "female"]
    assert patients.values["nasal_polyps"].isna().all()
    assert {"nasal_polyps", "bronchodilator_reversibility_pct", "acq6_score"} <= {
        problem.column for problem in patients.problems
    }


def test_swapped_columns_are_named_together() -> None:
    eosinophils, neutrophils = ["210", "180", "460", "90"], ["4100", "3900", "6200", "5500"]
    swapped = pd.DataFrame({EOSINOPHILS: neutrophils, "blood_neutrophils_cells_ul": eosinophils})
    with pytest.raises(UnusableInputError, match=r"blood_neutrophils_cells_ul, .*are the two columns swapped"):
        read_patients(swapped)
    right = pd.DataFrame({EOSINOPHILS: eosinophils, "blood_neutrophils_cells_ul": neutrophils})
    assert not [problem for problem in read_patients(right).problems if problem.rule == "scale"]


@pytest.mark.parametrize("values", [("3", "2", "8", "5"), ("0", "8", "3", "0")])
def test_the_line_of_a_map_settles_counts_of_depleted_eosinophils(values: tuple[str, ...]) -> None:
    column_map = ColumnMap({EOSINOPHILS: MappedColumn(EOSINOPHILS, unit="cells/uL")})
    read = read_patients(pd.DataFrame({EOSINOPHILS: values}), column_map)
    assert read.values[EOSINOPHILS].tolist() == [float(value) for value in values]
    assert not [problem for problem in read.problems if problem.rule == "scale"]


SUMMARIES = ["Mean", "SD", "Median", "Min", "Max"]


def test_rows_that_are_no_patients_are_not_judged() -> None:
    """Two patients, and below them rows of summaries in another scale."""
    table = {"patient_id": ["A", "B", *SUMMARIES], "total_ige_ku_l": ["120", "310", *["0.2"] * len(SUMMARIES)]}
    read = read_patients(pd.DataFrame(table))
    assert not [problem for problem in read.problems if problem.rule == "scale"]
