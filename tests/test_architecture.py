"""The house: imports point one way, mechanisms know only themselves, the cohort and the classifier never meet."""

import ast
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "asthma_ml"
FLOORS = (
    {"errors", "machine_code"},
    {"evidence", "variables"},
    {"patients"},
    {"classifier", "cohort"},
    {"explanation"},
    {"compiled_files", "model_archive", "persistence", "prediction", "training", "shipped"},
    {"evaluation"},
    {"report"},
    {"cli"},
    {"__main__"},
)
STRANGERS = {"cohort": {"classifier", "explanation"}, "classifier": {"cohort"}, "explanation": {"cohort"}}


def modules():
    return sorted(PACKAGE.rglob("*.py"))


def room_of(path):
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imported_by(path):
    """Names of the asthma_ml modules that a file imports, also inside functions."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("asthma_ml"):
            yield node.module
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name.startswith("asthma_ml"))


def floor_of(room):
    found = [number for number, rooms in enumerate(FLOORS) if room in rooms]
    assert found, f"{room} has no place in the house: add it to FLOORS"
    return found[0]


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_point_down_the_house(path):
    room = room_of(path)
    if room == "__init__":
        return
    for name in imported_by(path):
        other = [*name.split("."), "__init__"][1]
        if other in (room, "__init__"):
            continue
        assert floor_of(other) <= floor_of(room), f"{room} must not import {other}"
        assert other not in STRANGERS.get(room, ()), f"{room} and {other} must not know one another"


def test_a_mechanism_never_imports_another_mechanism():
    for path in (PACKAGE / "cohort" / "mechanisms").glob("*.py"):
        for name in imported_by(path):
            assert "mechanisms" not in name, f"{path.name} imports {name}"


def mentions_shap(path):
    """Whether a file imports shap, by statement or by name."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import) and any(alias.name.split(".")[0] == "shap" for alias in node.names):
            return True
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "shap":
            return True
        if isinstance(node, ast.Call) and any(isinstance(a, ast.Constant) and a.value == "shap" for a in node.args):
            return True
    return False


def test_only_the_adapter_imports_shap():
    assert [path.name for path in modules() if mentions_shap(path)] == ["tree_shap.py"]
