"""``train`` makes a model from a labelled table, and refuses tables that tell the answer."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
from click.testing import Result

from asthma_ml import training
from asthma_ml.cli import label_options


def test_training_counts_what_it_leaves_out_and_reports_metrics(
    clinic: Path, tmp_path: Path, run: Callable[..., Result]
) -> None:
    cohort = pd.read_csv(clinic / "cohort.csv", dtype=str)
    cohort.loc[:4, "phenotype"] = None
    cohort.to_csv(tmp_path / "cohort.csv", index=False)
    result = run("train", tmp_path / "cohort.csv", "-o", tmp_path / "model.aml")
    assert result.exit_code == 0, result.stderr
    assert "left out: 5 rows, no label" in result.stderr
    assert "another label" in result.stderr
    assert "auc" in result.stdout
    assert (tmp_path / "model.aml").is_file()


def test_a_model_has_a_card_beside_it(clinic: Path, run: Callable[..., Result]) -> None:
    assert [path.name for path in clinic.iterdir() if "model" in path.name and path.suffix == ".json"]
    assert "intended_use" in run("inspect", clinic / "model.aml").stdout


@pytest.mark.parametrize("column", ["true_phenotype", "aml_p_th2_high"])
def test_columns_that_tell_the_answer_are_refused(
    column: str, clinic: Path, tmp_path: Path, run: Callable[..., Result]
) -> None:
    pd.read_csv(clinic / "cohort.csv").assign(**{column: 1}).to_csv(tmp_path / "cohort.csv", index=False)
    result = run("train", tmp_path / "cohort.csv", "-o", tmp_path / "model.aml")
    assert result.exit_code == 2
    assert column in result.stderr
    assert not (tmp_path / "model.aml").exists()


def test_an_absent_label_is_named(clinic: Path, tmp_path: Path, run: Callable[..., Result]) -> None:
    result = run("train", clinic / "cohort.csv", "--label", "diagnosis", "-o", tmp_path / "model.aml")
    assert result.exit_code == 2
    assert "diagnosis" in result.stderr


def test_too_few_patients_are_refused(clinic: Path, tmp_path: Path, run: Callable[..., Result]) -> None:
    pd.read_csv(clinic / "cohort.csv").head(10).to_csv(tmp_path / "few.csv", index=False)
    result = run("train", tmp_path / "few.csv", "-o", tmp_path / "model.aml")
    assert result.exit_code == 2
    assert [path.name for path in tmp_path.iterdir()] == ["few.csv"]


def test_the_input_is_never_overwritten(clinic: Path, run: Callable[..., Result]) -> None:
    before = (clinic / "cohort.csv").read_bytes()
    assert run("train", clinic / "cohort.csv", "-o", clinic / "cohort.csv").exit_code == 2
    assert (clinic / "cohort.csv").read_bytes() == before


@pytest.mark.parametrize("output", [[], ["-o", "-"], ["-o", "model.csv"], ["-o", "model"]])
def test_a_model_needs_a_file_and_is_asked_for_it_before_the_work(
    output: list[str], clinic: Path, tmp_path: Path, run: Callable[..., Result], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("asthma_ml.training.train_classifier", lambda *_, **__: pytest.fail("trained"))
    result = run("train", clinic / "cohort.csv", *output)
    assert result.exit_code == 2
    assert len(result.stderr.strip().splitlines()) == 1
    assert list(tmp_path.iterdir()) == []


def test_the_card_overwrites_no_input_either(clinic: Path, tmp_path: Path, run: Callable[..., Result]) -> None:
    """The card of model.aml is model.card.json, which here is a link to the column map."""
    (tmp_path / "map.toml").write_text("", encoding="utf-8")
    (tmp_path / "model.card.json").symlink_to(tmp_path / "map.toml")
    call = ("train", clinic / "cohort.csv", "--columns", tmp_path / "map.toml", "-o", tmp_path / "model.aml")
    result = run(*call)
    assert result.exit_code == 2
    assert "would overwrite the input" in result.stderr


def test_model_and_card_come_together_or_not_at_all(clinic: Path, tmp_path: Path, run: Callable[..., Result]) -> None:
    (tmp_path / "model.card.json").mkdir()
    assert run("train", clinic / "cohort.csv", "-o", tmp_path / "model.aml").exit_code == 2
    assert [path.name for path in tmp_path.iterdir()] == ["model.card.json"]


def test_a_label_alone_teaches_nothing(clinic: Path, tmp_path: Path, run: Callable[..., Result]) -> None:
    cohort = pd.read_csv(clinic / "cohort.csv", dtype=str)
    cohort[["patient_id", "phenotype"]].to_csv(tmp_path / "labels.csv", index=False)
    result = run("train", tmp_path / "labels.csv", "-o", tmp_path / "model.aml")
    assert result.exit_code == 2
    assert "no column is one of the" in result.stderr


def test_what_becomes_of_other_patients_and_of_repeated_ones_is_said(
    clinic: Path, tmp_path: Path, run: Callable[..., Result]
) -> None:
    cohort = pd.read_csv(clinic / "cohort.csv", dtype=str)
    cohort.loc[1, "patient_id"] = cohort.loc[0, "patient_id"]
    cohort.to_csv(tmp_path / "cohort.csv", index=False)
    result = run("train", tmp_path / "cohort.csv", "--groups", "site", "-o", tmp_path / "model.aml")
    assert result.exit_code == 0, result.stderr
    assert "warning: 2 rows share their patient_id with another row" in result.stderr
    assert re.search(
        r"of \d+ paucigranulocytic the model calls \d+% neutrophilic_th2_low, \d+% th2_high", result.stderr
    )
    assert "other_labels.paucigranulocytic.called.th2_high" in run("inspect", tmp_path / "model.aml").stdout


def test_a_model_is_recalibrated_to_other_patients(clinic: Path, tmp_path: Path, run: Callable[..., Result]) -> None:
    cohort = pd.read_csv(clinic / "cohort.csv", dtype=str)
    cohort[(cohort["phenotype"] == "th2_high") | (cohort.index % 2 == 0)].to_csv(tmp_path / "ours.csv", index=False)
    given = ("train", tmp_path / "ours.csv", "--recalibrate-only", clinic / "model.aml")
    result = run(*given, "-o", tmp_path / "ours.aml")
    assert result.exit_code == 0, result.stderr
    assert "as it was" in result.stderr
    assert "log_loss" in result.stdout
    assert "recalibrated_on" in run("inspect", tmp_path / "ours.aml").stdout
    assert run(*given, "-o", clinic / "model.aml").exit_code == 2
    assert run(*given, "--groups", "site", "-o", tmp_path / "theirs.aml").exit_code == 2


def test_fifty_patients_start_from_the_shipped_model(clinic: Path, tmp_path: Path, run: Callable[..., Result]) -> None:
    two = pd.read_csv(clinic / "cohort.csv", dtype=str)
    two = two[two["phenotype"].isin(["th2_high", "neutrophilic_th2_low"])].head(50)
    own = two.replace({"phenotype": {"th2_high": "T2", "neutrophilic_th2_low": "nonT2"}}).rename(
        columns={"phenotype": "endotype"}
    )
    own.to_csv(tmp_path / "ours.csv", index=False)
    levels = "T2=th2_high, nonT2=neutrophilic_th2_low"
    given = ("train", tmp_path / "ours.csv", "--label", "endotype", "--levels", levels, "--start-from", "shipped")
    result = run(*given, "-o", tmp_path / "ours.aml")
    assert result.exit_code == 0, result.stderr
    assert "start from th2_vs_neutrophilic.aml" in result.stderr
    card = json.loads((tmp_path / "ours.card.json").read_text(encoding="utf-8"))
    assert card["command"]["start_from"] == "shipped"
    assert card["command"]["file"] == "ours.csv"
    assert card["levels"] == {"T2": "th2_high", "nonT2": "neutrophilic_th2_low"}
    assert run("predict", tmp_path / "ours.csv", "--model", tmp_path / "ours.aml").exit_code == 0


def test_a_cut_of_a_marker_is_a_task_as_well(clinic: Path, tmp_path: Path, run: Callable[..., Result]) -> None:
    pd.read_csv(clinic / "cohort.csv", dtype=str).head(80).to_csv(tmp_path / "cohort.csv", index=False)
    given = ("train", tmp_path / "cohort.csv", "--label", "feno_ppb", "--at-least", "25", "--without", "total_ige_ku_l")
    result = run(*given, "-o", tmp_path / "feno.aml")
    assert result.exit_code == 0, result.stderr
    card = json.loads((tmp_path / "feno.card.json").read_text(encoding="utf-8"))
    assert card["classes"] == ["feno_ppb_at_least_25", "feno_ppb_below_25"]
    assert not {"feno_ppb", "total_ige_ku_l"} & set(card["feature_names"])
    predicted = run("predict", tmp_path / "cohort.csv", "--model", tmp_path / "feno.aml")
    assert "aml_p_feno_ppb_at_least_25" in predicted.stdout


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--label-rule", "sputum_3_61", "--label", "site"), "--label-rule and --label exclude each other"),
        (("--groups", "site", "--time", "age_years"), "--groups and --time exclude each other"),
        (("--at-least", "25"), "--at-least needs --label"),
        (("--budget", "5"), "--budget goes with --tune"),
        (("--levels", "T2=th2_high"), "give two classes or more"),
        (("--levels", "a=b|c,d=e"), "give two classes or more"),
        (("--levels", "a=b,c=d", "--classes", "four"), "--classes says nothing beside --levels"),
        (("--recalibrate-only", "m.aml", "--start-from", "shipped", "--tune"), "--start-from, --tune: of no use"),
        (("--start-from", "nowhere.aml"), "nowhere.aml"),
        (("--label-rule", "sputum_9_9"), "sputum_3_61"),
    ],
)
def test_options_that_mean_nothing_together_are_refused(
    options: tuple[str, ...], message: str, clinic: Path, tmp_path: Path, run: Callable[..., Result]
) -> None:
    result = run("train", clinic / "cohort.csv", *options, "-o", tmp_path / "model.aml")
    assert result.exit_code in (2, 4)
    assert message in result.stderr
    assert list(tmp_path.iterdir()) == []


def test_the_command_line_offers_the_rules_that_there_are() -> None:
    assert tuple(training.LABEL_RULES) == label_options.LABEL_RULES
