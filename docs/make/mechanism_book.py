"""The mechanisms as a document: every equation with its numbers, their sources and who overrides them.

The code is the only place where a mechanism is written down; this module turns it into Markdown,
so that a reader who does not program can open an equation and dispute a number.
"""

from __future__ import annotations

import ast
import inspect
import sys
import textwrap
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from statistics import mean
from types import ModuleType

import pandas as pd

from asthma_ml.cohort.clinic import KNOBS
from asthma_ml.cohort.engine.causal_model import CausalModel
from asthma_ml.cohort.engine.structural_equations import Coefficient, StructuralEquation
from asthma_ml.cohort.enrolment import severe_asthma_model
from asthma_ml.cohort.presets import PRESETS, Preset
from asthma_ml.evidence import GRADES, evidence_table
from asthma_ml.variables import data_dictionary

RECALLED = "recalled"
KNOBS_HEADING = "How dirty the clinic is"
GRADES_HEADING = "How the numbers are founded"
PRESETS_HEADING = "Presets"
INTRODUCTION = """# Mechanisms

Generated from the code by `make docs`: change an equation in `asthma_ml/cohort/`, not this file.

The cohort is one causal model. Each variable has one equation: its causes, its numbers, and the
distribution that they give. An **observed** variable is a column that a clinic sees; a **latent**
one is known in the truth table only. Each number says how well it is founded: *measured* is the
number of its source, *derived* was calculated from its source, *assumed* is a choice of this model
without a direct source, and how much it matters is in [sensitivity.md](sensitivity.md). A source
marked *recalled* was not looked up again.

This is research software, not a medical device.

![Mechanisms and the number of arrows between them](mechanism_graph.svg)

Every variable and every arrow: [causal_graph.svg](causal_graph.svg).
"""


def mechanism_book(model: CausalModel | None = None) -> str:
    """The mechanisms as Markdown.

    Parameters
    ----------
    model : CausalModel, optional
        The model of the package if left out.

    Returns
    -------
    str
        A chapter for each mechanism, causes before effects; then how the numbers are founded, the
        presets, and the sources.

    Examples
    --------
    >>> book = mechanism_book()
    >>> "### feno_ppb" in book
    True
    """
    model = model or severe_asthma_model()
    chapters = mechanisms_in_causal_order(model)
    parts = [INTRODUCTION, _contents(chapters)]
    parts += [_chapter(name, equations, model) for name, equations in chapters.items()]
    parts += [_knobs(model), _grades(chapters), _presets(PRESETS.values()), _sources(model)]
    return "\n".join(parts)


def generations(model: CausalModel) -> dict[str, int]:
    """How many arrows the longest path to each variable has."""
    found: dict[str, int] = {}
    for name in model.order:
        found[name] = 1 + max((found[parent] for parent in model.equations[name].parents), default=-1)
    return found


def mechanisms_in_causal_order(model: CausalModel) -> dict[str, list[StructuralEquation]]:
    """Equations of each mechanism as its file has them, mechanisms from what comes first to what comes last.

    Examples
    --------
    >>> chapters = list(mechanisms_in_causal_order(severe_asthma_model()))
    >>> chapters.index("genetics") < chapters.index("type2_inflammation") < chapters.index("outcomes")
    True
    """
    found: dict[str, list[StructuralEquation]] = {}
    for equation in model.equations.values():
        found.setdefault(equation.mechanism, []).append(equation)
    depth = generations(model)
    # Who enrols and what is measured comes last, although chance alone decides about many a test.
    order = sorted(
        found,
        key=lambda name: (
            ".mechanisms." not in found[name][0].function.__module__,
            mean(depth[equation.name] for equation in found[name]),
            name,
        ),
    )
    return {name: sorted(found[name], key=lambda equation: equation.function.__code__.co_firstlineno) for name in order}


def plain(mechanism: str) -> str:
    """Name of a mechanism as a heading."""
    return mechanism.replace("_", " ").replace("type2", "type-2").capitalize()


def _contents(chapters: Mapping[str, list[StructuralEquation]]) -> str:
    lines = ["## Contents", ""]
    for name, equations in chapters.items():
        variables = ", ".join(f"[{equation.name}](#{equation.name})" for equation in equations)
        lines.append(f"- [{plain(name)}](#{_anchor(plain(name))}): {variables}")
    lines += [f"- [{heading}](#{_anchor(heading)})" for heading in (KNOBS_HEADING, GRADES_HEADING, PRESETS_HEADING)]
    return "\n".join(lines) + "\n"


def _anchor(heading: str) -> str:
    return heading.lower().replace(" ", "-")


def _chapter(name: str, equations: list[StructuralEquation], model: CausalModel) -> str:
    module = sys.modules[equations[0].function.__module__]
    shared = _shared_code(module, equations)
    lines = [f"## {plain(name)}", "", inspect.getdoc(module) or "", ""]
    if shared:
        lines += ["Shared by the equations below:", "", "```python", *shared, "```", ""]
    lines += [f"File: `{module.__name__.replace('.', '/')}.py`", ""]
    return "\n".join([*lines, *(_section(equation, model) for equation in equations)])


def _shared_code(module: ModuleType, equations: Iterable[StructuralEquation]) -> list[str]:
    """Plain functions and constants of a mechanism's file that its equations name."""
    tree = ast.parse(inspect.getsource(module))
    used = {word.id for e in equations for word in ast.walk(_definition(e)) if isinstance(word, ast.Name)}
    named = [
        node
        for node in tree.body
        if (isinstance(node, ast.FunctionDef) and not node.decorator_list and node.name in used)
        or (isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name) and node.targets[0].id in used)
    ]
    lines = inspect.getsource(module).splitlines()
    return [line for node in named for line in lines[node.lineno - 1 : node.end_lineno]]


def _section(equation: StructuralEquation, model: CausalModel) -> str:
    effects = [name for name in model.order if equation.name in model.equations[name].parents]
    lines = [
        f"### {equation.name}",
        "",
        inspect.getdoc(equation.function) or "",
        "",
        f"- {_seen(equation.name)}",
        f"- Causes: {_links(equation.parents)}",
        f"- Effects: {_links(effects)}",
        "",
        "```python",
        *_body(equation),
        "```",
        "",
    ]
    return "\n".join([*lines, *_numbers(equation)])


def _seen(name: str) -> str:
    variable = data_dictionary().get(name)
    return f"Observed: {variable.label}" if variable else "Latent"


def _links(names: Iterable[str]) -> str:
    return ", ".join(f"[{name}](#{name})" for name in names) or "none"


def _definition(equation: StructuralEquation) -> ast.FunctionDef:
    tree = ast.parse(textwrap.dedent(inspect.getsource(equation.function)))
    found = tree.body[0]
    assert isinstance(found, ast.FunctionDef)  # noqa: S101
    return found


def _body(equation: StructuralEquation) -> list[str]:
    """Source lines of an equation below its docstring."""
    source = textwrap.dedent(inspect.getsource(equation.function))
    statements = _definition(equation).body
    documented = ast.get_docstring(_definition(equation)) is not None
    return textwrap.dedent("\n".join(source.splitlines()[statements[int(documented)].lineno - 1 :])).splitlines()


def _numbers(equation: StructuralEquation) -> list[str]:
    if not equation.coefficients:
        return []
    lines = [
        "| number | value | unit | founded | source | presets that differ |",
        "| --- | ---: | --- | --- | --- | --- |",
    ]
    for name, number in equation.coefficients.items():
        cells = (f"`{name}`", f"{number:g}", number.unit, number.evidence, _cited(number), _overridden(equation, name))
        lines.append(f"| {' | '.join(cells)} |")
    return [*lines, ""]


def _cited(number: Coefficient) -> str:
    recalled = evidence_table()["verified"] == RECALLED
    return ", ".join(
        f"[{source}](#{source.lower()}){' (recalled)' if recalled[source] else ''}" for source in _source_ids(number)
    )


def _source_ids(number: Coefficient) -> list[str]:
    return [source for source in number.source.split(",") if source]


def _overridden(equation: StructuralEquation, name: str) -> str:
    address = f"{equation.name}.{name}"
    found = [(preset.name, preset.overrides[address]) for preset in PRESETS.values() if address in preset.overrides]
    return ", ".join(f"{preset} {number:g}" for preset, number in found)


def _knobs(model: CausalModel) -> str:
    """What a user may turn to make the clinic cleaner or dirtier, with the defaults."""
    defaults = dict(_coefficients(model))
    lines = [
        f"## {KNOBS_HEADING}",
        "",
        "Name any of these in the `[overrides]` of a preset of your own.",
        "",
        "| knob | name in a preset | default | unit | what it does |",
        "| --- | --- | ---: | --- | --- |",
    ]
    for knob, addresses in KNOBS.items():
        for address in (address for address in addresses if address in defaults):
            number, equation = defaults[address], model.equations[address.partition(".")[0]]
            cells = (knob, f"`{address}`", f"{number:g}", number.unit, f"[{equation.title}](#{equation.name})")
            lines.append(f"| {' | '.join(cells)} |")
    return "\n".join([*lines, ""])


def _grades(chapters: Mapping[str, list[StructuralEquation]]) -> str:
    counts = {
        name: Counter(number.evidence for equation in equations for number in equation.coefficients.values())
        for name, equations in chapters.items()
    }
    total = sum(counts.values(), Counter())
    lines = [
        f"## {GRADES_HEADING}",
        "",
        f"| mechanism | {' | '.join(GRADES)} | all |",
        "| --- | ---: | ---: | ---: | ---: |",
    ]
    for name, count in [*counts.items(), ("all", total)]:
        cells = [str(count[grade]) for grade in GRADES]
        lines.append(f"| {plain(name)} | {' | '.join(cells)} | {count.total()} |")
    return "\n".join([*lines, ""])


def _presets(presets: Iterable[Preset]) -> str:
    lines = [
        f"## {PRESETS_HEADING}",
        "",
        "| preset | stands for | people enter | numbers of its own |",
        "| --- | --- | --- | ---: |",
    ]
    for preset in presets:
        enter = "by selection" if preset.selects else "all"
        lines.append(f"| `{preset.name}` | {preset.description} | {enter} | {len(preset.overrides)} |")
    return "\n".join([*lines, ""])


def _sources(model: CausalModel) -> str:
    cited = {source for _, number in _coefficients(model) for source in _source_ids(number)}
    table = evidence_table().loc[sorted(cited)]
    lines = ["## Sources", "", "Rows of the evidence table that a number above rests on.", ""]
    return "\n".join([*lines, *(_source(figure) for figure in table.itertuples())]) + "\n"


def _coefficients(model: CausalModel) -> Iterator[tuple[str, Coefficient]]:
    for equation in model.equations.values():
        for name, number in equation.coefficients.items():
            yield f"{equation.name}.{name}", number


def _source(figure: object) -> str:
    def text(field: str) -> str:
        value = getattr(figure, field)
        return "" if pd.isna(value) else f"{value:g}" if isinstance(value, float) else str(value)

    interval = f" ({text('lower')} to {text('upper')})" if text("lower") and text("upper") else ""
    value = f"{text('value')} {text('unit')}{interval}".strip() or "direction only"
    size = f", n = {text('n')}" if text("n") else ""
    place = text("doi_or_pmid")
    link = f"[{place}](https://doi.org/{place})" if place.startswith("10.") else place
    checked = "recalled" if text("verified") == RECALLED else "seen in the source"
    anchor = f'<a id="{text("Index").lower()}"></a>'
    what = f"{text('quantity')}, {text('population')}: {value}{size}"
    where = " ".join(part for part in (f"{text('citation')}.", link, f"({checked})") if part)
    return f"- {anchor}**{text('Index')}** {what}. {where}"
