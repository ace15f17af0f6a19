"""docs/mechanisms.md agrees with the code, coefficient by coefficient."""

import re
from pathlib import Path

import pytest
from graph_figures import causal_graph_figure, generations, mechanism_graph_figure, mechanisms_in_causal_order
from mechanism_book import mechanism_book

from asthma_ml.cohort import PRESETS, CausalModel, Coefficient, severe_asthma_model, structural_equation
from asthma_ml.cohort.engine.distributions import Normal
from asthma_ml.evidence import GRADES, evidence_table
from asthma_ml.variables import data_dictionary

COMMITTED = Path(__file__).parents[2] / "docs" / "mechanisms.md"


@pytest.fixture(scope="module")
def model():
    return severe_asthma_model()


@pytest.fixture(scope="module")
def book(model):
    return mechanism_book(model)


def section(book, name):
    return re.search(rf"^### {name}\n(.*?)(?=^##)", book, re.DOTALL | re.MULTILINE).group(1)


def test_committed_page_is_up_to_date(book):
    assert COMMITTED.read_text(encoding="utf-8") == book, "the mechanisms changed: run `make docs`"


def test_all_variables_have_a_section_and_all_links_a_target(book, model):
    headings = re.findall(r"^### (\w+)$", book, re.MULTILINE)
    assert sorted(headings) == sorted(model.order)
    targets = {re.sub(r" ", "-", title.lower()) for title in re.findall(r"^##+ (.+)$", book, re.MULTILINE)}
    targets |= set(re.findall(r'<a id="(\w+)">', book))
    assert set(re.findall(r"\]\(#([\w-]+)\)", book)) <= targets


def test_all_coefficients_are_listed_with_their_grade(book, model):
    for name, equation in model.equations.items():
        rows = re.findall(r"^\| `(\w+)` \| (\S+) \| .*? \| (\w+) \|", section(book, name), re.MULTILINE)
        expected = [(key, f"{number:g}", number.evidence) for key, number in equation.coefficients.items()]
        assert rows == expected, name


def test_section_shows_title_parents_and_source_code(book):
    equation = severe_asthma_model().equations["feno_ppb"]
    text = section(book, "feno_ppb")
    assert equation.title in text
    assert f"- Observed: {data_dictionary()['feno_ppb'].label}" in text
    for cause in equation.parents:
        assert f"[{cause}](#{cause})" in text
    assert "def feno_ppb" not in text
    assert '"""' not in text
    assert "return " in text


def test_sources_have_citations(book, model):
    cited = {s for e in model.equations.values() for n in e.coefficients.values() for s in n.source.split(",") if s}
    table = evidence_table()
    for source in cited:
        line = re.search(rf"^- .*\*\*{source}\*\* .*$", book, re.MULTILINE).group(0)
        assert str(table.loc[source, "citation"]) in line
        assert ("(recalled)" in line) == (table.loc[source, "verified"] == "recalled")
    assert f"https://doi.org/{table.loc['IMM067', 'doi_or_pmid']}" in book


def test_overrides_of_presets_are_listed_with_the_coefficient(book):
    preset, (address, value) = next((p, item) for p in PRESETS.values() for item in p.overrides.items())
    name, _, key = address.partition(".")
    row = next(line for line in section(book, name).splitlines() if line.startswith(f"| `{key}` "))
    assert f"{preset.name} {value:g}" in row


def test_grades_are_counted(book, model):
    numbers = [number for equation in model.equations.values() for number in equation.coefficients.values()]
    counts = [sum(number.evidence == grade for number in numbers) for grade in GRADES]
    assert f"| All | {counts[0]} | {counts[1]} | {counts[2]} | {len(numbers)} |" in book


def test_causes_come_before_effects(model):
    depth = generations(model)
    assert all(depth[cause] < depth[effect] for cause, effect in model.graph())
    chapters = list(mechanisms_in_causal_order(model))
    assert chapters.index("environment") < chapters.index("neutrophilic_inflammation") < chapters.index("outcomes")
    assert set(chapters[-2:]) == {"selection", "clinic"}


@structural_equation
def dose(*, usual=Coefficient(10.0, "mg", source="IMM067", evidence="derived")):
    """Dose [mg]."""
    return Normal(usual, 2.0)


@structural_equation
def feno_ppb(dose):
    """FeNO under the dose."""
    fall = SLOPE * dose
    return Normal(fall, 1.0)


SLOPE = -0.5


def test_page_of_a_small_model():
    book = mechanism_book(CausalModel([feno_ppb, dose]))
    assert "fall = SLOPE * dose\nreturn Normal(fall, 1.0)" in section(book, "feno_ppb")
    assert "SLOPE = -0.5" in book
    assert "- Latent\n- Causes: none\n- Effects: [feno_ppb](#feno_ppb)" in section(book, "dose")


def texts_of(figure):
    return [text.get_text() for axes in figure.axes for text in axes.texts]


def test_causal_graph_shows_all_variables_without_overlap(model):
    figure = causal_graph_figure(model)
    labels = [text.replace("\n", "") for text in texts_of(figure)]
    assert set(model.order) <= set(labels)
    boxes = [patch for patch in figure.axes[0].patches if hasattr(patch, "get_boxstyle")]
    assert len({(box.get_x(), box.get_y()) for box in boxes}) == len(model.order)
    filled = sum(box.get_linestyle() in ("-", "solid") for box in boxes)
    assert filled == sum(name in data_dictionary() for name in model.order)


def test_overview_counts_variables_and_arrows(model):
    chapters = mechanisms_in_causal_order(model)
    labels = texts_of(mechanism_graph_figure(model))
    boxes = [label for label in labels if "observed" in label]
    assert len(boxes) == len(chapters)
    assert sum(int(re.search(r"(\d+) \(", label).group(1)) for label in boxes) == len(model.order)
    genetics = sum(a == "ancestry" and "_rs" in b for a, b in model.graph())
    assert str(genetics) in labels
