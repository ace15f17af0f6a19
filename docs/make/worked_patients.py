"""Four patients worked through: what is on record, what the model says and why, and what a physician makes of it."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from asthma_ml.errors import UnusableInputError
from asthma_ml.variables import ID, data_dictionary
from asthma_ml.wording.phrases import plain_name
from asthma_ml.wording.sentences import finding

if TYPE_CHECKING:
    from asthma_ml.explanation.explanations import Explanation

_HEAD = """# Four worked patients

{made} The patients are made up.
Research software, not a medical device. **SHAP explains the model, not the disease.** A number with a sign is how far a
finding moves the log-odds of the predicted class; figures show the log-odds of Th2-high.
"""
_OF_THE_SHIPPED_MODEL = """\
Made by `asthma-ml worked-patients -o docs/worked_patients.md` (or `make docs`) from the shipped model and
`data/synthetic/example_patients.csv`; a test checks that it is what the model says today."""
_OF_ANOTHER_MODEL = "Made by `asthma-ml worked-patients` from the model {model}; the comments speak of the shipped one."


def stories() -> Mapping[str, Mapping[str, str]]:
    """Title, story and comment of each worked patient, by identifier."""
    text = Path(__file__).with_name("worked_patients.toml").read_text(encoding="utf-8")
    found: Mapping[str, Mapping[str, str]] = tomllib.loads(text)
    return found


def worked_patients_page(explanation: Explanation, figures: Mapping[str, str], model: str | None = None) -> str:
    """Write the page.

    Parameters
    ----------
    explanation : Explanation
        Of a table that holds the worked patients.
    figures : mapping of str to str
        Where the figure of each patient lies, relative to the page.
    model : str, default=None
        Name of the model; the shipped one if left out.

    Returns
    -------
    str
        Markdown.

    Raises
    ------
    UnusableInputError
        If a worked patient is not in the table.
    """
    places = places_of_stories(explanation)
    made = _OF_THE_SHIPPED_MODEL if model is None else _OF_ANOTHER_MODEL.format(model=model)
    sections = (_section(explanation, places[name], name, figures[name]) for name in places)
    return "\n".join([_HEAD.format(made=made), *sections])


def places_of_stories(explanation: Explanation) -> dict[str, int]:
    """Where each worked patient stands in the table that was explained.

    Raises
    ------
    UnusableInputError
        If one is not there.
    """
    ids = explanation.patients[ID].astype(str).tolist() if ID in explanation.patients else []
    missing = [name for name in stories() if name not in ids]
    if missing:
        raise UnusableInputError(f"no patient {', '.join(missing)} in the table; give the example patients")
    return {name: ids.index(name) for name in stories()}


def _section(explanation: Explanation, i: int, name: str, figure: str) -> str:
    story = stories()[name]
    return "\n".join(
        [
            f"## {story['title']} (patient {name})\n",
            story["story"] + "\n",
            _record(explanation, i),
            f"**In a line.** {explanation.sentence(i, 'short')}\n",
            f"**In full.** {explanation.sentence(i, 'long')}\n",
            f"![Contributions of each factor, patient {name}]({figure})\n",
            f"**What a physician makes of it.** {story['comment']}\n",
        ]
    )


def _record(explanation: Explanation, i: int) -> str:
    """What is on record, factor by factor."""
    shown = explanation.findings(i)
    rows = ["| factor | on record |", "| --- | --- |"]
    factor_of = data_dictionary().factor_of
    for factor in explanation.factors:
        known = [n for n in map(str, shown.index) if factor_of(n) == factor and not pd.isna(shown[n])]
        said = "; ".join(finding(n, shown[n], short=True) for n in known)
        rows.append(f"| {plain_name(factor)} | {said or 'nothing'} |")
    return "\n".join(rows) + "\n"
