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
from asthma_ml.model_files.files import load_compiled, load_model


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
    called = r"the model calls \d+% neutrophilic_th2_low, \d+% th2_high"
    assert re.search(rf"of \d+ paucigranulocytic, whom it learned to recognise .*, {called}", result.stderr)
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
    assert "no features, because they tell the label: feno_suppression_pct" in result.stderr
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
        (("--levels", "a=b,c=d,a=d"), "the same text stands there twice"),
        (("--label", "feno_ppb", "--at-least", "25", "--classes", "four"), "--classes says nothing beside --at-least"),
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


def in_own_words(clinic: Path, n_sites: int = 3) -> pd.DataFrame:
    """A hospital's table: its own words for the four classes, weights with a decimal comma, dates with dots."""
    cohort = pd.read_csv(clinic / "cohort.csv", dtype=str)
    words = {
        "th2_high": "T2",
        "neutrophilic_th2_low": "nonT2",
        "mixed_granulocytic": "mixed",
        "paucigranulocytic": "pauci",
    }
    days = pd.Series(pd.date_range("2021-01-01", periods=len(cohort)).strftime("%d.%m.%Y"))
    ward = [f"ward {i % n_sites}" for i in range(len(cohort))]
    own = cohort.assign(endotype=cohort["phenotype"].map(words), Gewicht="1,5", Datum=days, Station=ward)
    return own.drop(columns="phenotype")


TWO_OF_THEM = "T2=th2_high,nonT2=neutrophilic_th2_low"


def test_other_classes_in_own_words_are_recognised_where_they_are_named(
    clinic: Path, tmp_path: Path, run: Callable[..., Result]
) -> None:
    in_own_words(clinic).to_csv(tmp_path / "own.csv", index=False)
    call = ("train", tmp_path / "own.csv", "--label", "endotype", "-o", tmp_path / "m.aml")
    unnamed = run(*call, "--levels", TWO_OF_THEM)
    assert unnamed.exit_code == 0, unnamed.stderr
    assert "patients of other labels are not recognised as such" in unnamed.stderr
    assert load_model(tmp_path / "m.aml").auxiliary_ is None
    others = "mixed=mixed_granulocytic,pauci=paucigranulocytic"
    named = run(*call, "--levels", f"{TWO_OF_THEM},{others}", "--classes", "two")
    assert named.exit_code == 0, named.stderr
    assert "not recognised" not in named.stderr
    assert load_model(tmp_path / "m.aml").unmodelled_classes == ("mixed_granulocytic", "paucigranulocytic")


def test_a_label_in_own_words_is_read_under_the_usual_name_too(
    clinic: Path, tmp_path: Path, run: Callable[..., Result]
) -> None:
    in_own_words(clinic).rename(columns={"endotype": "phenotype"}).to_csv(tmp_path / "own.csv", index=False)
    result = run("train", tmp_path / "own.csv", "--levels", TWO_OF_THEM, "-o", tmp_path / "m.aml")
    assert result.exit_code == 0, result.stderr


def test_forgotten_and_mistyped_words_are_told_with_what_the_column_holds(
    clinic: Path, tmp_path: Path, run: Callable[..., Result]
) -> None:
    in_own_words(clinic).to_csv(tmp_path / "own.csv", index=False)
    call = ("train", tmp_path / "own.csv", "--label", "endotype", "-o", tmp_path / "m.aml")
    assert "it holds T2, mixed, nonT2, pauci: say with --levels which" in run(*call).stderr
    mistyped = run(*call, "--levels", TWO_OF_THEM.replace("T2=th2_high", "t2=th2_high", 1)).stderr
    assert "endotype nowhere holds t2; it holds T2, mixed, nonT2, pauci" in mistyped


def test_classes_that_nobody_has_are_told(clinic: Path, tmp_path: Path, run: Callable[..., Result]) -> None:
    cohort = pd.read_csv(clinic / "cohort.csv", dtype=str)
    cohort[cohort["phenotype"] != "mixed_granulocytic"].to_csv(tmp_path / "three.csv", index=False)
    result = run("train", tmp_path / "three.csv", "--classes", "four", "-o", tmp_path / "m.aml")
    assert "no patient is mixed_granulocytic: the model does not know that class" in result.stderr


def test_weights_and_dates_are_read_as_the_hospital_writes_them(
    clinic: Path, tmp_path: Path, run: Callable[..., Result]
) -> None:
    own = in_own_words(clinic)
    own.to_csv(tmp_path / "own.csv", index=False, sep=";")
    call = ("train", tmp_path / "own.csv", "--label", "endotype", "--levels", TWO_OF_THEM, "-o", tmp_path / "m.aml")
    result = run(*call, "--weights", "Gewicht", "--time", "Datum", "--without", "feno_ppb")
    assert result.exit_code == 0, result.stderr
    assert re.search(r"auc .*\(on \d+ later rows, in \d steps\)", result.stdout)


def test_a_model_recalibrated_or_started_on_the_patients_it_was_trained_on_says_so_and_keeps_its_background(
    clinic: Path, tmp_path: Path, run: Callable[..., Result]
) -> None:
    call = ("train", clinic / "cohort.csv", "-o")
    assert "these very patients" not in run(*call, tmp_path / "m.aml").stderr
    for option in ("--recalibrate-only", "--start-from"):
        result = run(*call, tmp_path / "again.aml", option, tmp_path / "m.aml")
        assert "it was trained on these very patients" in result.stderr
        assert load_compiled(tmp_path / "again.aml").background is not None


def test_too_few_groups_to_tune_are_told(clinic: Path, tmp_path: Path, run: Callable[..., Result]) -> None:
    in_own_words(clinic, n_sites=2).to_csv(tmp_path / "own.csv", index=False)
    call = ("train", tmp_path / "own.csv", "--label", "endotype", "--levels", TWO_OF_THEM, "-o", tmp_path / "m.aml")
    result = run(*call, "--groups", "Station", "--tune", "--budget", "2")
    assert result.exit_code == 2
    assert "--tune needs each class in 4 groups or more; found" in result.stderr
