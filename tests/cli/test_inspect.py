"""``inspect`` shows the card of a model."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from click.testing import Result


def test_the_card_says_what_the_model_is_for_and_learned_from(clinic: Path, run: Callable[..., Result]) -> None:
    card = json.loads(run("inspect", clinic / "model.aml", "--json").stdout)
    assert "not a medical device" in json.dumps(card)
    text = run("inspect", clinic / "model.aml").stdout
    assert "classes" in text
    assert "n_patients" in text


def test_without_a_name_the_shipped_model_is_shown(run: Callable[..., Result]) -> None:
    result = run("inspect")
    assert result.exit_code == 0, result.stderr
    assert "th2_high" in result.stdout


def test_the_model_is_not_overwritten_by_its_card(clinic: Path, run: Callable[..., Result]) -> None:
    before = (clinic / "model.aml").read_bytes()
    assert run("inspect", clinic / "model.aml", "-o", clinic / "model.aml").exit_code == 2
    assert (clinic / "model.aml").read_bytes() == before
