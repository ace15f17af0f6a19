"""1.234 beside 87 and 310 is 1234 in half of Europe; such a column is refused until the decimal sign is stated."""

from __future__ import annotations

from pathlib import Path

import pytest

from asthma_ml.errors import UnusableInputError
from asthma_ml.patients import PatientFile, read_patients

IGE = ["1.234", "87", "310", "2.450", "55", "640"]


def table(cells: list[str], delimiter: str = "\t", name: str = "total_ige_ku_l") -> str:
    """A table with one number for each patient."""
    rows = [f"S{i:02d}{delimiter}{cell}" for i, cell in enumerate(cells)]
    return "\n".join([f"patient_id{delimiter}{name}", *rows]) + "\n"


def written(folder: Path, text: str, decimal: str = "") -> tuple[Path, Path | None]:
    """A file and, if the decimal sign is stated, its column map."""
    file, column_map = folder / "clinic.csv", folder / "map.toml"
    file.write_text(text)
    column_map.write_text(f'decimal = "{decimal}"\n')
    return file, column_map if decimal else None


@pytest.mark.parametrize(
    ("cells", "delimiter", "name"),
    [
        (IGE, "\t", "total_ige_ku_l"),
        (IGE, ",", "total_ige_ku_l"),
        ([cell.replace(".", ",") for cell in IGE], ";", "total_ige_ku_l"),
        (["1.600", "500", "250", "1.000", "400"], ",", "ics_dose_ug_day"),
        (["310", "95", "1.250", "410", "77"], "\t", "blood_eosinophils_cells_ul"),
    ],
)
def test_thousands_or_decimals_are_refused(tmp_path: Path, cells: list[str], delimiter: str, name: str) -> None:
    file, _ = written(tmp_path, table(cells, delimiter, name))
    with pytest.raises(UnusableInputError, match=r"before three digits among whole numbers.*decimal = ") as refusal:
        read_patients(file)
    with pytest.raises(UnusableInputError) as in_parts:
        PatientFile(file, chunk_rows=2)
    assert str(in_parts.value) == str(refusal.value)


@pytest.mark.parametrize(("decimal", "first"), [(",", 1234.0), (".", 1.234)])
def test_the_column_map_settles_it(tmp_path: Path, decimal: str, first: float) -> None:
    assert read_patients(*written(tmp_path, table(IGE), decimal)).values["total_ige_ku_l"][0] == first


@pytest.mark.parametrize(
    ("cells", "name"),
    [
        (["1.234", "87.451", "310.2", "55"], "total_ige_ku_l"),
        (["101.234", "87.000", "310.200"], "total_ige_ku_l"),
        (["1'234", "87", "310"], "total_ige_ku_l"),
        (["1 234", "87", "310"], "total_ige_ku_l"),
        (["44.125", "52", "38"], "age_years"),
        (["71.125", "62", "85"], "fev1_pct_predicted"),
    ],
)
def test_decimals_and_clear_separators_are_read(tmp_path: Path, cells: list[str], name: str) -> None:
    values = read_patients(*written(tmp_path, table(cells, name=name))).values[name]
    assert values.tolist() == [float(cell.replace("'", "").replace(" ", "")) for cell in cells]
