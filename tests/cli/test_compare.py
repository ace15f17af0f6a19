"""``compare`` accepts or refuses a challenger, by its exit code and in words."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
from click.testing import CliRunner, Result

from asthma_ml.cli import commands
from asthma_ml.cli.compare import comparison_report


@pytest.fixture(scope="module")
def ward(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a model of few patients, the cohort it was trained on, and the patients of a later test."""
    folder = tmp_path_factory.mktemp("ward")
    for call in (
        ["generate", "--patients", "200", "--seed", "3", "-o", folder / "cohort.csv"],
        ["generate", "--patients", "400", "--seed", "8", "-o", folder / "test.csv"],
        ["train", folder / "cohort.csv", "--label", "phenotype", "-o", folder / "ours.aml"],
    ):
        result = CliRunner().invoke(commands, [str(part) for part in call])
        assert result.exit_code == 0, result.stderr
    cohort = pd.read_csv(folder / "cohort.csv")
    cohort.rename(columns={"phenotype": "endotype"}).to_csv(folder / "renamed.csv", index=False)
    return folder


def test_the_better_challenger_is_accepted(ward: Path, run: Callable[..., Result]) -> None:
    result = run("compare", ward / "ours.aml", "shipped", ward / "test.csv")
    assert result.exit_code == 0, result.stderr
    assert result.stdout.startswith("Modelled classes, ")
    assert result.stdout.splitlines()[-2:] == ["Challenger accepted", "  met      [log_loss] better_by_at_least = 0"]
    assert "excluded from modelled classes: " in result.stderr
    assert "not a medical device" in result.stderr


def test_the_worse_challenger_is_refused_with_exit_code_5_and_the_reason(
    ward: Path, tmp_path: Path, run: Callable[..., Result]
) -> None:
    """The JSON is complete, also for a refused challenger."""
    path = tmp_path / "comparison.json"
    result = run("compare", "shipped", ward / "ours.aml", ward / "test.csv", "-o", path)
    assert result.exit_code == 5
    assert result.stdout == ""
    *_, reason = result.stderr.splitlines()
    assert reason.startswith("asthma-ml: challenger refused: log_loss: difference 0.")
    found = json.loads(path.read_text())
    assert comparison_report(found) in result.stderr
    assert found["accepted"] is False
    assert reason.endswith(found["reasons"][0])


def test_a_challenger_that_is_worse_may_be_good_enough_for_criteria_of_ones_own(
    ward: Path, tmp_path: Path, run: Callable[..., Result]
) -> None:
    criteria = tmp_path / "acceptance.toml"
    criteria.write_text("[log_loss]\nworse_by_at_most = 0.5\n[auc]\nat_least = 0.7\n")
    call = ("compare", "shipped", ward / "ours.aml", ward / "test.csv", "--criteria", criteria)
    result = run(*call)
    assert result.exit_code == 0, result.stderr
    assert "  met      [auc] at_least = 0.7" in result.stdout
    criteria.write_text("[log_loss]\nworse_by_at_most = 0.001\n[auc]\nat_least = 0.999\n[coverage]\nat_least = 0.5\n")
    result = run(*call)
    assert result.exit_code == 5
    refused = [line for line in result.stderr.splitlines() if line.startswith("asthma-ml: challenger refused: ")]
    assert ["log_loss" in line for line in refused] == [True, False]
    assert "  met      [coverage] at_least = 0.5" in result.stdout


def test_training_patients_of_either_model_are_noticed(ward: Path, run: Callable[..., Result]) -> None:
    for models, expected in (
        (("shipped", ward / "ours.aml"), "challenger"),
        ((ward / "ours.aml", "shipped"), "champion"),
    ):
        result = run("compare", *models, ward / "cohort.csv")
        (warning,) = [line for line in result.stderr.splitlines() if "are training patients of the model" in line]
        assert warning.startswith(f"warning: {expected}: about ")
        assert "; warnings: " in result.stdout.splitlines()[-2]


def test_models_of_different_labels_are_compared_on_a_named_label_only(
    ward: Path, tmp_path: Path, run: Callable[..., Result]
) -> None:
    own = tmp_path / "own.aml"
    assert run("train", ward / "renamed.csv", "--label", "endotype", "-o", own).exit_code == 0
    call = ("compare", "shipped", own, ward / "test.csv")
    result = run(*call)
    assert result.exit_code == 2
    (line,) = result.stderr.splitlines()
    assert "different labels: the champion on phenotype, the challenger on endotype; name the label" in line
    assert run(*call, "--label", "phenotype").exit_code == 5
    renamed = run("compare", own, own, ward / "renamed.csv")
    assert renamed.exit_code == 5
    assert "label: endotype, as in training" in renamed.stderr


def test_models_of_different_classes_are_refused_in_one_line(
    ward: Path, tmp_path: Path, run: Callable[..., Result]
) -> None:
    feno = tmp_path / "feno.aml"
    assert run("train", ward / "cohort.csv", "--label", "feno_ppb", "--at-least", 25, "-o", feno).exit_code == 0
    result = run("compare", "shipped", feno, ward / "test.csv")
    assert result.exit_code == 2
    (line,) = result.stderr.splitlines()
    assert "different classes" in line
    assert "feno_ppb_at_least_25" in line


def test_an_output_that_is_a_model_is_refused(ward: Path, run: Callable[..., Result]) -> None:
    result = run("compare", "shipped", ward / "ours.aml", ward / "test.csv", "-o", ward / "ours.aml")
    assert result.exit_code == 2
    assert "would overwrite the input" in result.stderr
