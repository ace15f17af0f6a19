"""README and docs: links, commands and examples work, and the glossary and the lists are complete."""

from __future__ import annotations

import json
import re
import shlex
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
from click import Context
from readme_table import with_table

from asthma_ml.cli import commands as cli
from asthma_ml.fidelity.literature import COLUMNS as FIDELITY_COLUMNS
from asthma_ml.fidelity.real_patients import COLUMNS as REAL_COLUMNS
from asthma_ml.fidelity.sensitivity_analysis import COLUMNS as SENSITIVITY_COLUMNS
from asthma_ml.model_files import example_patients_path, load_model
from asthma_ml.patients import read_patients
from asthma_ml.prediction import predict_table
from asthma_ml.variables import FACTORS, FOUR_CLASSES

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
GLOSSARY = (ROOT / "docs" / "glossary.md").read_text(encoding="utf-8")
EVALUATION = ROOT / "models" / "th2_vs_neutrophilic.evaluation.json"
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *ROOT.glob("benchmarks/*.md")])


def anchors(page: Path) -> set[str]:
    """Anchors of the headings of a page, as GitHub makes them."""
    text = page.read_text(encoding="utf-8")
    headings = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings} | set(
        re.findall(r'<a id="([\w-]+)">', text)
    )


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_relative_links_exist(page: Path) -> None:
    links = re.findall(r"\]\((?!https?:)([^)#\s]*)(?:#([^)\s]+))?\)", page.read_text(encoding="utf-8"))
    for target, anchor in links:
        linked = page.parent / target if target else page
        assert linked.exists(), target
        assert not anchor or anchor in anchors(linked), f"{target}#{anchor}"


def test_readme_is_short() -> None:
    assert len(README.splitlines()) <= 130


def test_readme_table_is_the_output_of_predict() -> None:
    assert with_table(README) == README, "predictions changed: run `make docs`"


def test_readme_python_example_runs(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    (example,) = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    names: dict[str, object] = {}
    exec(compile(example, "README.md", "exec"), names)  # noqa: S102
    assert {"aml_status", "aml_p_th2_high"} <= set(names["table"])  # type: ignore[call-overload]


def test_readme_figures_are_those_of_the_evaluation() -> None:
    found = json.loads(EVALUATION.read_text(encoding="utf-8"))["modelled_classes"]
    for name in ("auc", "log_loss", "brier", "calibration_slope", "calibration_intercept"):
        estimate = found[name]
        assert f"{estimate['value']:.3f} ({estimate['lower']:.3f} to {estimate['upper']:.3f})" in README, name


def documented_commands() -> Iterator[tuple[str, str]]:
    for page in PAGES:
        text = page.read_text(encoding="utf-8").replace("\\\n", " ")
        for line in re.findall(r"^ +(asthma-ml [a-z].*)$", text, re.MULTILINE):
            yield page.name, line


@pytest.mark.parametrize(("page", "line"), list(documented_commands()))
def test_documented_commands_have_their_options(page: str, line: str) -> None:
    words = shlex.split(line, comments=True)
    command = cli.get_command(Context(cli), words[1])
    assert command is not None
    options = {name for parameter in command.params for name in parameter.opts}
    used = {word.partition("=")[0] for word in words[2:] if re.match(r"-[a-z-]", word)}
    assert used <= options, f"{page}: {sorted(used - options)}"


def explained(section: str) -> set[str]:
    """Names in the first column of the tables of a section of the glossary."""
    (text,) = re.findall(rf"^## {section}\n(.*?)(?=^## |\Z)", GLOSSARY, re.DOTALL | re.MULTILINE)
    return set(re.findall(r"`([^`]+)`", "\n".join(re.findall(r"^\| ([^|]+) \|", text, re.MULTILINE))))


def test_glossary_explains_every_column_of_predict() -> None:
    patients = read_patients(example_patients_path())
    model = load_model("shipped")
    added = {
        name
        for level in ("features", "mechanisms")
        for name in predict_table(model, patients, level)
        if name.startswith("aml_")
    }
    patterns = {
        "aml_p_<class>": rf"aml_p_({'|'.join(FOUR_CLASSES)})",
        "aml_factor_<factor>": rf"aml_factor_({'|'.join(FACTORS)})",
        "aml_mechanism_<factor>": rf"aml_mechanism_({'|'.join(FACTORS)})",
        "aml_shap_<column>": r"aml_shap_\w+",
    }
    names = {name for name in added if not any(re.fullmatch(pattern, name) for pattern in patterns.values())}
    assert names | set(patterns) == explained("Columns of `predict`")


@pytest.mark.parametrize(
    ("command", "columns"),
    [("fidelity", FIDELITY_COLUMNS), ("compare-real", REAL_COLUMNS), ("sensitivity", SENSITIVITY_COLUMNS)],
)
def test_glossary_explains_the_columns_of_tables(command: str, columns: tuple[str, ...]) -> None:
    assert set(columns) == explained(f"Columns of `{command}`")


def test_glossary_explains_the_keys_of_evaluate() -> None:
    text = GLOSSARY[GLOSSARY.index("## Keys of `evaluate`") :]
    words = set(re.findall(r"`([^`]+)`", text))
    assert keys(json.loads(EVALUATION.read_text(encoding="utf-8"))) <= words


DATA_KEYS = {"class_counts", "gates", "net_benefit", "net_benefit_difference", "predictive_values", "excluded"}
DATA_KEYS |= {"classified_as", "abstention_reasons", "changed_to", "coverage", "published"}
"""Keys whose own keys are classes, rules, statuses or sources."""


def keys(found: object) -> set[str]:
    if isinstance(found, list):
        return set().union(*map(keys, found)) if found else set()
    if not isinstance(found, dict):
        return set()
    return set(found).union(*(keys(value) for name, value in found.items() if name not in DATA_KEYS))


@pytest.mark.parametrize("section", ["Clinical terms", "Statistics and machine learning", "Terms of the project"])
def test_glossary_terms_are_in_alphabetical_order(section: str) -> None:
    (text,) = re.findall(rf"^## {section}\n(.*?)(?=^## )", GLOSSARY, re.DOTALL | re.MULTILINE)
    terms = [term.lower() for term in re.findall(r"^\| ([^|]+) \|", text, re.MULTILINE)][1:]
    assert terms == sorted(terms)
    assert len(terms) == len(set(terms))


def test_architecture_page_names_every_subpackage() -> None:
    page = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    subpackages = {path.parent.name for path in (ROOT / "asthma_ml").glob("*/__init__.py")}
    assert subpackages == set(re.findall(r"^\| `(\w+)/` \|", page, re.MULTILINE))


def test_architecture_page_shows_the_layers_that_are_checked() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    (layers,) = [c["layers"] for c in project["tool"]["importlinter"]["contracts"] if c["type"] == "layers"]
    shown = [re.findall(r"\w+", layer.replace("asthma_ml.", "")) for layer in layers]
    page = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    (drawn,) = re.findall(
        r"((?:^    [\w |,]+\n)+)", page[page.index("## Layers") : page.index("## Subpackages")], re.MULTILINE
    )
    assert [re.findall(r"\w+", line) for line in drawn.splitlines()] == [row for row in shown if row != ["__main__"]]


def test_dependencies_page_names_every_dependency() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    optional = project["project"]["optional-dependencies"].values()
    groups = project["dependency-groups"].values()
    wanted = [project["project"]["dependencies"], *optional, *groups]
    names = {re.match(r"[\w-]+", spec)[0] for specs in wanted for spec in specs if isinstance(spec, str)}  # type: ignore[index]
    page = (ROOT / "docs" / "dependencies.md").read_text(encoding="utf-8")
    rows = "\n".join(re.findall(r"^\| ([^|]+) \|", page, re.MULTILINE))
    assert names <= set(re.findall(r"[\w-]+", rows))
