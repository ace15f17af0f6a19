"""``inspect`` shows the card of a model."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from itertools import product
from pathlib import Path

import pytest
from click.testing import Result

from asthma_ml.model_files import load_model, read_card, save_model
from asthma_ml.model_files.archive import pack_archive, read_archive


def test_card_is_readable_and_short(clinic: Path, run: Callable[..., Result]) -> None:
    text = run("inspect", clinic / "model.aml").stdout
    assert len(text.splitlines()) <= 28
    for part in ("not a medical device", "Classes", "5-fold cross-validation", "Features", "scikit-learn", "Limits"):
        assert part in text
    assert re.search(r"AUC +0\.\d+ \(0\.\d+ to \d\.\d+\)", text)


@pytest.mark.parametrize("as_file", [False, True])
def test_complete_card_is_json(clinic: Path, tmp_path: Path, run: Callable[..., Result], as_file: bool) -> None:
    given = ("-o", tmp_path / "card.json") if as_file else ("--json",)
    result = run("inspect", clinic / "model.aml", *given)
    text = (tmp_path / "card.json").read_text(encoding="utf-8") if as_file else result.stdout
    assert json.loads(text) == json.loads((clinic / "model.card.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("name", [[], ["shipped"]])
def test_shipped_model_is_the_default(name: list[str], run: Callable[..., Result]) -> None:
    result = run("inspect", *name)
    assert result.exit_code == 0, result.stderr
    assert result.stdout.startswith("th2_vs_neutrophilic.aml\n")


def test_the_card_does_not_name_the_training_table(clinic: Path, run: Callable[..., Result]) -> None:
    assert "cohort" not in run("inspect", clinic / "model.aml", "--json").stdout


ODD = [5, "x", [], {}, None, [5], [None], {"a": 5}, {"a": {"b": None}}, 1e308]


def test_entries_of_another_form_are_named_and_the_others_shown(
    clinic: Path, tmp_path: Path, run: Callable[..., Result]
) -> None:
    """Whoever writes a model file may add entries of any form to the card, and change those of the program."""
    card, members = read_archive(clinic / "model.aml")
    for name, odd in product(card, ODD):
        (tmp_path / "odd.aml").write_bytes(pack_archive(card | {name: odd}, members))
        result = run("inspect", tmp_path / "odd.aml")
        assert result.exit_code in (0, 4), (name, odd, result.output)
        assert "unexpected" not in result.output
        if result.exit_code == 0:
            assert "not a medical device" in result.output or name == "intended_use"
            assert repr(read_card(tmp_path / "odd.aml")).startswith("<ModelCard of ")
    (tmp_path / "odd.aml").write_bytes(pack_archive(card | {"excluded": 5}, members))
    shown = run("inspect", tmp_path / "odd.aml").stdout
    assert re.search("Training patients +not shown, because the card has another form here", shown)
    assert "Held-out metrics" in shown


def test_absent_model_is_refused(run: Callable[..., Result]) -> None:
    result = run("inspect", "absent.aml")
    assert result.exit_code == 2
    assert "absent.aml" in result.stderr


def test_card_never_overwrites_the_model(clinic: Path, run: Callable[..., Result]) -> None:
    before = (clinic / "model.aml").read_bytes()
    assert run("inspect", clinic / "model.aml", "-o", clinic / "model.aml").exit_code == 2
    assert (clinic / "model.aml").read_bytes() == before


def test_mechanisms_that_were_set_in_python_are_not_denied(tmp_path: Path, run: Callable[..., Result]) -> None:
    save_model(load_model("shipped"), tmp_path / "model.aml")
    found = run("inspect", tmp_path / "model.aml").stdout
    assert re.search(r"^Mechanisms +stored; the card does not name the preset$", found, re.MULTILINE)
