"""``variables`` lists the data dictionary for people, programs and spreadsheets."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from pathlib import Path

from click.testing import Result

from asthma_ml.variables import data_dictionary


def test_the_list_names_every_variable_with_its_limits(run: Callable[..., Result]) -> None:
    lines = run("variables").stdout.splitlines()
    assert [line.split()[0] for line in lines] == list(data_dictionary())
    assert next(line for line in lines if line.startswith("feno_ppb")).endswith("0 to 400 ppb")


def test_json_and_csv_agree(run: Callable[..., Result], tmp_path: Path) -> None:
    records = json.loads(run("variables", "--json").stdout)["variables"]
    assert run("variables", "--csv", "-o", tmp_path / "variables.csv").exit_code == 0
    rows = list(csv.DictReader(io.StringIO((tmp_path / "variables.csv").read_text(encoding="utf-8"))))
    assert [record["name"] for record in records] == [row["name"] for row in rows]
    assert [record.get("unit", "") for record in records] == [row["unit"] for row in rows]


def test_csv_cells_are_numbers_or_texts(run: Callable[..., Result]) -> None:
    """Each limit has its own column and lists are joined by a bar; no cell is Python syntax."""
    rows = {row["name"]: row for row in csv.DictReader(io.StringIO(run("variables", "--csv").stdout))}
    feno, smoking = rows["feno_ppb"], rows["smoking_status"]
    assert [float(feno[name]) for name in ("lower", "upper", "usual_lower", "usual_upper")] == [0, 400, 5, 200]
    assert smoking["levels"] == "never|former|current"
    assert (smoking["lower"], smoking["units"]) == ("", "")
    assert all("=" in part for part in rows["blood_eosinophils_cells_ul"]["units"].split("|"))
    assert not {sign for row in rows.values() for cell in row.values() for sign in cell} & {"{", "[", "'"}
