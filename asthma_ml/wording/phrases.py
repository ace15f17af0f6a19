"""The words of ``sentences.toml``, read once."""

from __future__ import annotations

import tomllib
from functools import cache
from importlib.resources import files
from typing import Any


@cache
def _book() -> dict[str, Any]:
    book: dict[str, Any] = tomllib.loads(
        files("asthma_ml.wording").joinpath("sentences.toml").read_text(encoding="utf-8")
    )
    return book


def remark(name: str, **words: str) -> str:
    """A whole clause by its name, filled in.

    Examples
    --------
    >>> remark("explains_the_model")
    'SHAP explains the model, not the disease.'
    """
    return str(_book()["remarks"][name]).format(**words)


def framed(name: str, **words: str) -> str:
    """A part of a sentence by its name, filled in.

    Examples
    --------
    >>> framed("above", share="93 %")
    'above 93 %'
    """
    return str(_book()["frames"][name]).format(**words)


def plain_name(name: object) -> str:
    """Return how a class, a factor or a level of a column is called in a sentence.

    Examples
    --------
    >>> plain_name("neutrophilic_th2_low")
    'neutrophilic Th2-low'
    >>> plain_name("anti_il4r"), plain_name("never")
    ('anti-IL-4R', 'never')
    """
    return str(_book()["names"].get(str(name), str(name).replace("_", " ")))


def masking_text(name: str) -> str:
    """What is said of something that hides or feigns Th2 inflammation; empty where nothing is known to.

    Examples
    --------
    >>> masking_text("current_smoking")
    'current smoking goes with lower FeNO'
    """
    found = _book()["masking"].get(name)
    return str(found["text"]) if found else ""


def short_name(column: str) -> str:
    """How a finding is called in a short sentence; the column itself where it is not in the book.

    Examples
    --------
    >>> short_name("feno_ppb")
    'FeNO'
    """
    found = _book()["findings"].get(column)
    return str(found["short"]) if found else column


def mechanism(column: str) -> str:
    """By which mechanism a finding speaks; empty where it is not in the book.

    Examples
    --------
    >>> mechanism("ct_mucus_score")
    'mucus plugs go with type-2 activity'
    """
    found = _book()["findings"].get(column)
    return str(found["mechanism"]) if found else ""


def sources() -> dict[str, tuple[str, ...]]:
    """Evidence behind each masking line and each mechanism, by name: rows of the evidence table, or ``assumed``."""
    return {name: tuple(entry["sources"]) for part in ("masking", "findings") for name, entry in _book()[part].items()}
