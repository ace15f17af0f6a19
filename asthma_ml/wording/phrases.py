"""Phrases, names and findings as they appear in sentences; the words are in ``sentences.toml``."""

from __future__ import annotations

import math
import tomllib
from collections.abc import Sequence
from functools import cache
from importlib.resources import files
from typing import Any

from asthma_ml.variables import Variable, data_dictionary

_UNPRINTED_UNITS = ("", "ratio", "fraction", "score")
_RECORDED_FACTORS = ("environment", "adherence", "patient_context")
_QUARTILES = (0.25, 0.75)


@cache
def _words() -> dict[str, Any]:
    text = files("asthma_ml.wording").joinpath("sentences.toml").read_text(encoding="utf-8")
    words: dict[str, Any] = tomllib.loads(text)
    return words


def phrase(name: str, **words: str) -> str:
    """Phrase with this name, filled in.

    Examples
    --------
    >>> phrase("higher", percent="93 %")
    'higher than 93 %'
    """
    return str(_words()["phrases"][name]).format(**words)


def phrase_around(name: str, word: str, **words: str) -> tuple[str, str]:
    """Texts of a phrase before and after one of its words.

    Examples
    --------
    >>> phrase_around("short_call", "probability", **{"class": "Th2-high"})
    ('Th2-high, probability ', '')
    """
    before, _, after = phrase(name, **{word: "\0"}, **words).partition("\0")
    return before, after


def plain_name(name: object) -> str:
    """Name of a class, a factor or a level in a sentence.

    Examples
    --------
    >>> plain_name("neutrophilic_th2_low")
    'neutrophilic Th2-low'
    >>> plain_name("anti_il4r"), plain_name("never")
    ('anti-IL-4R', 'never')
    """
    return str(_words()["names"].get(str(name), str(name).replace("_", " ")))


def disease_name(name: object) -> str:
    """Name of a granulocyte class before the word disease.

    Examples
    --------
    >>> disease_name("mixed_granulocytic")
    'mixed'
    """
    return plain_name(name).removesuffix(" granulocytic")


def masking_text(name: str) -> str:
    """Clause on something that masks or mimics Th2 inflammation; empty for any other name.

    Examples
    --------
    >>> masking_text("current_smoking")
    'current smoking is associated with lower FeNO'
    """
    found = _words()["masking"].get(name)
    return str(found["text"]) if found else ""


def short_name(column: str) -> str:
    """Short name of a finding; the column itself if it has none.

    Examples
    --------
    >>> short_name("feno_ppb")
    'FeNO'
    """
    found = _words()["findings"].get(column)
    return str(found["short"]) if found else column


def mechanism(column: str) -> str:
    """Mechanism that a finding is associated with; empty for an unknown column.

    Examples
    --------
    >>> mechanism("ct_mucus_score")
    'mucus plugs are associated with type-2 activity'
    """
    found = _words()["findings"].get(column)
    return str(found["mechanism"]) if found else ""


def mechanism_cause(name: str, *, adds: bool) -> str:
    """Subject and verb of a clause on what a cause contributes in the causal model.

    Examples
    --------
    >>> mechanism_cause("adherence", adds=True), mechanism_cause("oral_steroid", adds=False)
    ('missed doses or poor technique add', 'patient context with an oral steroid takes away')
    """
    return str(_words()["mechanisms"][name]["adds" if adds else "takes"])


def mechanism_label(name: str) -> str:
    """Label of a cause in a figure of mechanism contributions.

    Examples
    --------
    >>> mechanism_label("adherence")
    'missed doses, technique'
    """
    return str(_words()["mechanisms"][name]["what"])


def sources() -> dict[str, tuple[str, ...]]:
    """Evidence for each masking clause and each mechanism, by name: rows of the evidence table, or ``assumed``."""
    return {name: tuple(entry["sources"]) for part in ("masking", "findings") for name, entry in _words()[part].items()}


def listed(words: Sequence[str], last: str = "and") -> str:
    """Words as a list in a sentence.

    Examples
    --------
    >>> listed(["FeNO", "age", "sex"])
    'FeNO, age and sex'
    """
    return f" {last} ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)


def position_phrase(proportion_below: float) -> str:
    """Position of a value among those of the training patients; empty if it is not known.

    Parameters
    ----------
    proportion_below : float
        Proportion [0-1] of the training patients with a smaller value; NaN if not known.

    Examples
    --------
    >>> position_phrase(0.931), position_phrase(0.06)
    ('higher than 93 %', 'lower than 94 %')
    >>> position_phrase(0.5)
    'in the interquartile range'
    """
    if math.isnan(proportion_below):
        return ""
    if _QUARTILES[0] <= proportion_below <= _QUARTILES[1]:
        return phrase("middle")
    side, part = ("higher", proportion_below) if proportion_below > 0.5 else ("lower", 1 - proportion_below)
    return phrase(side, percent=f"{min(int(100 * part), 99)} %")


def describe_finding(name: str, value: Any, *, short: bool = False) -> str:
    """Value of a finding with its name and unit.

    Parameters
    ----------
    name : str
        Column, of the data dictionary or not.
    value : float, str or missing
        Number or level.
    short : bool, default=False
        Use the short name and unit.

    Returns
    -------
    str
        A few words.

    Examples
    --------
    >>> describe_finding("blood_eosinophils_cells_ul", 450.0)
    'blood eosinophils 450 cells/uL'
    >>> describe_finding("nasal_polyps", 1.0)
    'nasal polyps, present or past: yes'
    >>> describe_finding("sputum_eosinophils_pct", float("nan"))
    'sputum eosinophils not measured'
    >>> describe_finding("smoking_status", None)
    'tobacco smoking not recorded'
    >>> describe_finding("feno_ppb", 62.0, short=True)
    'FeNO 62 ppb'
    """
    variable = data_dictionary().get(name)
    label = short_name(name) if short else variable.label if variable else name
    if _is_missing(value):
        is_recorded = variable is not None and variable.factor in _RECORDED_FACTORS
        return f"{label} not {'recorded' if is_recorded else 'measured'}"
    if isinstance(value, str):
        return f"{label}: {plain_name(value)}"
    number = float(value)
    if variable is None:
        return f"{label} {number:g}"
    if variable.kind == "flag":
        return f"{label}: {'yes' if number else 'no'}"
    if variable.kind == "category" and number in range(len(variable.levels)):
        return f"{label}: {plain_name(variable.levels[int(number)])}"
    return f"{label} {number:.6g}{_unit(variable, short)}"


def _is_missing(value: Any) -> bool:
    """Whether a value is None, NaN or the missing value of a data frame."""
    if value is None or isinstance(value, str):
        return value is None
    try:
        return math.isnan(value)
    except TypeError:
        return True


def _unit(variable: Variable, short: bool) -> str:
    if variable.unit in _UNPRINTED_UNITS or (short and variable.kind == "count"):
        return ""
    return " " + (variable.unit.partition(" of ")[0] if short else variable.unit)
