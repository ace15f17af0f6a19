"""The example column maps read their tables."""

from __future__ import annotations

from pathlib import Path

import pytest

from asthma_ml.patients import ColumnMap, read_patients

EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*.toml")), ids=lambda path: path.name)
def test_every_example_is_a_column_map(path: Path) -> None:
    assert ColumnMap.from_toml(path).columns


def test_the_omop_export_is_read_completely() -> None:
    """Three lines of title, concept ids, LOINC codes, thousands per microlitre, doses by drug, FEV1 in litres."""
    patients = read_patients(EXAMPLES / "omop_export.csv", EXAMPLES / "omop.toml")
    values = patients.values
    assert values["patient_id"].tolist() == ["000017", "000018", "000023", "000031", "000044", "000052"]
    assert patients.lines.tolist() == [5, 6, 7, 8, 9, 10]
    assert values["blood_eosinophils_cells_ul"].tolist() == [620.0, 80.0, 450.0, 20.0, 190.0, 330.0]
    # 800 budesonide, 1000 fluticasone propionate, 184 furoate, 440 mometasone, 2000 beclometasone, 320 ciclesonide.
    assert values["ics_dose_ug_day"].tolist() == [1000.0, 2000.0, 1840.0, 1000.0, 2000.0, 1000.0]
    # None, 10 mg prednisone, 8 mg methylprednisolone, none, 1.5 mg dexamethasone, none.
    assert values["ocs_dose_mg_day"].tolist() == [0.0, 10.0, 10.0, 0.0, 10.0, 0.0]
    assert values["biologic"].tolist() == ["none", "none", "none", "anti_il5", "none", "anti_ige"]
    assert values["smoking_status"].tolist() == ["never", "former", "never", "never", "current", "never"]
    assert values["fev1_fvc_ratio"].tolist() == [0.61, 0.58, 0.66, 0.7, 0.64, 0.72]
    assert values["fev1_pct_predicted"].round().tolist()[:4] == [66.0, 58.0, 80.0, 76.0]
    assert values[["feno_ppb", "total_ige_ku_l", "fev1_pct_predicted"]].isna().sum().tolist() == [1, 1, 1]
    censored = [(problem.line, problem.column) for problem in patients.problems if problem.rule == "censored"]
    assert censored == [(7, "total_ige_ku_l"), (9, "feno_ppb")]
    assert not patients.invalid.any()
