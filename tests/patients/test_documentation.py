"""docs/patients.md: its examples run, its column map loads, its tables agree with the data dictionary."""

from __future__ import annotations

import ast
import doctest
import re
import tomllib
from pathlib import Path

import pytest

from asthma_ml.files import write_table
from asthma_ml.patients import ColumnMap, read_patients
from asthma_ml.patients.columns.conversions import dose_factor
from asthma_ml.variables import data_dictionary

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "patients.md"
TEXT = PAGE.read_text(encoding="utf-8")


def test_examples_run() -> None:
    results = doctest.testfile(str(PAGE), module_relative=False)
    assert results.attempted >= 4
    assert results.failed == 0


def test_the_map_loads() -> None:
    (block,) = re.findall(r"```toml\n(.*?)```", TEXT, re.DOTALL)
    assert len(ColumnMap.from_mapping(tomllib.loads(block)).columns) == 5


def test_linked_files_exist() -> None:
    for target in re.findall(r"\]\((\.\./[^)]+)\)", TEXT):
        assert (PAGE.parent / target).exists()


@pytest.mark.parametrize(
    ("drug", "dose"), re.findall(r"^\| ([a-z ,]+?) \| (\d+) \| [\d.]+ \|$", TEXT, re.MULTILINE), ids=lambda cell: cell
)
def test_documented_doses_equal_those_of_the_dictionary(drug: str, dose: str) -> None:
    name = "extrafine beclometasone" if "extrafine" in drug else drug
    factor = dose_factor(name, data_dictionary()["ics_dose_ug_day"])
    assert factor is not None
    assert float(dose) * factor == pytest.approx(1000)


def test_every_rule_is_documented() -> None:
    """Rules are the second word of a finding, a reading or a relation in the code."""
    known = set(re.findall(r"`([a-z_0-9]+)`", TEXT))
    for path in (ROOT / "asthma_ml" / "patients").glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            name = getattr(node.func, "id", "") if isinstance(node, ast.Call) else ""
            place = {"Finding": 1, "Reading": 1, "Misfit": 0}.get(name)
            words = relation(node)[1:] if place is None else node.args[place:]
            if words and isinstance(words[0], ast.Constant) and words[0].value:
                assert words[0].value in known, f"{path.name}: {words[0].value}"


def test_misfits_are_written_as_documented(tmp_path: Path) -> None:
    rows = re.findall(r"^\| `(00[789][^|]*)` \| `([^|]*)` \|", TEXT, re.MULTILINE)
    assert len(rows) == 3
    given, back = tmp_path / "given.csv", tmp_path / "back.csv"
    given.write_text("patient_id,feno_ppb,note\n" + "".join(f"{row}\n" for row, _ in rows), encoding="utf-8")
    patients = read_patients(given)
    write_table(patients.raw, back)
    assert back.read_text(encoding="utf-8").splitlines()[1:] == [goes_out for _, goes_out in rows]
    assert patients.invalid.all()
    assert patients.values["feno_ppb"].isna().all()


def relation(node: ast.AST) -> list[ast.expr]:
    return node.value.elts if isinstance(node, ast.Yield) and isinstance(node.value, ast.Tuple) else []
