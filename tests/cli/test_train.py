"""``train`` writes a model from a labelled table and refuses tables that reveal the label."""

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
from asthma_ml.cohort import generate_cohort
from asthma_ml.model_files.files import load_model


def test_training_reports_excluded_rows_and_metrics_with_intervals(
    clinic: Path, tmp_path: Path, run: Callable[..., Result]
) -> None:
    cohort = pd.read_csv(clinic / "cohort.csv", dtype=str)
    cohort.loc[:4, "phenotype"] = None
    cohort.to_csv(tmp_path / "cohort.csv", index=False)
    result = run("train", tmp_path / "cohort.csv", "-o", tmp_path / "model.aml")
    assert result.exit_code == 0, result.stderr
    assert "excluded: 5 rows, no label" in result.stderr
    assert "another label" in result.stderr
    assert re.search(r"AUC +0\.\d+ \(0\.\d+ to \d\.\d+\)", result.stdout)
    assert "5-fold cross-validation" in result.stdout
    assert (tmp_path / "model.aml").is_file()


@pytest.mark.parametrize("options", [[], ["--class-weight", "balanced"]])
def test_the_number_of_processes_changes_no_byte(
    options: list[str],
    clinic: Path,
    tmp_path: Path,
    run: Callable[..., Result],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """With balanced class weights each fold is a fit of its own; otherwise the folds share their fits."""
    monkeypatch.setattr("asthma_ml.classifier.fold_fits._WORK_FOR_PROCESSES", 0)
    written = []
    for jobs in (1, 2):
        result = run("train", clinic / "cohort.csv", *options, "--jobs", jobs, "-o", tmp_path / "model.aml")
        assert result.exit_code == 0, result.stderr
        written.append([path.read_bytes() for path in sorted(tmp_path.iterdir())] + [result.stdout.encode()])
    assert len(written[0]) == 3
    assert written[0] == written[1]


def test_recalibration_takes_no_jobs(clinic: Path, tmp_path: Path, run: Callable[..., Result]) -> None:
    options = ("--recalibrate-only", "shipped", "--jobs", 2)
    result = run("train", clinic / "cohort.csv", *options, "-o", tmp_path / "model.aml")
    assert result.exit_code == 2
    assert "--jobs" in result.stderr


def test_card_is_written_beside_the_model(clinic: Path, run: Callable[..., Result]) -> None:
    assert [path.name for path in clinic.iterdir() if "model" in path.name and path.suffix == ".json"]
    assert "Intended use" in run("inspect", clinic / "model.aml").stdout


@pytest.mark.parametrize("column", ["true_phenotype", "aml_p_th2_high"])
def test_truth_and_prediction_columns_are_refused(
    column: str, clinic: Path, tmp_path: Path, run: Callable[..., Result]
) -> None:
    pd.read_csv(clinic / "cohort.csv").assign(**{column: 1}).to_csv(tmp_path / "cohort.csv", index=False)
    result = run("train", tmp_path / "cohort.csv", "-o", tmp_path / "model.aml")
    assert result.exit_code == 2
    assert column in result.stderr
    assert not (tmp_path / "model.aml").exists()


def test_absent_label_column_is_refused(clinic: Path, tmp_path: Path, run: Callable[..., Result]) -> None:
    result = run("train", clinic / "cohort.csv", "--label", "diagnosis", "-o", tmp_path / "model.aml")
    assert result.exit_code == 2
    assert "diagnosis" in result.stderr


def test_too_few_patients_are_refused(clinic: Path, tmp_path: Path, run: Callable[..., Result]) -> None:
    pd.read_csv(clinic / "cohort.csv").head(10).to_csv(tmp_path / "few.csv", index=False)
    result = run("train", tmp_path / "few.csv", "-o", tmp_path / "model.aml")
    assert result.exit_code == 2
    assert [path.name for path in tmp_path.iterdir()] == ["few.csv"]


def test_input_is_never_overwritten(clinic: Path, run: Callable[..., Result]) -> None:
    before = (clinic / "cohort.csv").read_bytes()
    assert run("train", clinic / "cohort.csv", "-o", clinic / "cohort.csv").exit_code == 2
    assert (clinic / "cohort.csv").read_bytes() == before


@pytest.mark.parametrize("output", [[], ["-o", "-"], ["-o", "model.csv"], ["-o", "model"]])
def test_output_file_is_checked_before_training(
    output: list[str], clinic: Path, tmp_path: Path, run: Callable[..., Result], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("asthma_ml.training.train_classifier", lambda *_, **__: pytest.fail("trained"))
    result = run("train", clinic / "cohort.csv", *output)
    assert result.exit_code == 2
    assert len(result.stderr.strip().splitlines()) == 1
    assert list(tmp_path.iterdir()) == []


def test_card_never_overwrites_an_input(clinic: Path, tmp_path: Path, run: Callable[..., Result]) -> None:
    """The card of model.aml is model.card.json, which here is a link to the column map."""
    (tmp_path / "map.toml").write_text("", encoding="utf-8")
    (tmp_path / "model.card.json").symlink_to(tmp_path / "map.toml")
    call = ("train", clinic / "cohort.csv", "--columns", tmp_path / "map.toml", "-o", tmp_path / "model.aml")
    result = run(*call)
    assert result.exit_code == 2
    assert "would overwrite the input" in result.stderr


def test_model_and_card_are_written_together_or_not_at_all(
    clinic: Path, tmp_path: Path, run: Callable[..., Result]
) -> None:
    (tmp_path / "model.card.json").mkdir()
    assert run("train", clinic / "cohort.csv", "-o", tmp_path / "model.aml").exit_code == 2
    assert [path.name for path in tmp_path.iterdir()] == ["model.card.json"]


def test_table_without_features_is_refused(clinic: Path, tmp_path: Path, run: Callable[..., Result]) -> None:
    cohort = pd.read_csv(clinic / "cohort.csv", dtype=str)
    cohort[["patient_id", "phenotype"]].to_csv(tmp_path / "labels.csv", index=False)
    result = run("train", tmp_path / "labels.csv", "-o", tmp_path / "model.aml")
    assert result.exit_code == 2
    assert "no column is one of the" in result.stderr


def test_other_labels_and_repeated_patients_are_reported(
    clinic: Path, tmp_path: Path, run: Callable[..., Result]
) -> None:
    cohort = pd.read_csv(clinic / "cohort.csv", dtype=str)
    cohort.loc[1, "patient_id"] = cohort.loc[0, "patient_id"]
    cohort.to_csv(tmp_path / "cohort.csv", index=False)
    result = run("train", tmp_path / "cohort.csv", "--groups", "site", "-o", tmp_path / "model.aml")
    assert result.exit_code == 0, result.stderr
    assert "warning: 2 rows share their patient_id with another row" in result.stderr
    calls = r"[\d.]+ % neutrophilic_th2_low, [\d.]+ % th2_high, [\d.]+ % no call"
    assert re.search(
        rf"\d+ excluded paucigranulocytic patients are classified as: {calls}; the auxiliary classifier was trained",
        result.stderr,
    )
    assert re.search(rf"Calls for paucigranulocytic +{calls}", run("inspect", tmp_path / "model.aml").stdout)


def test_recalibration_says_that_it_drops_the_mechanisms(
    clinic: Path, tmp_path: Path, run: Callable[..., Result]
) -> None:
    cohort = generate_cohort(150, seed=41).observed
    cohort.to_csv(tmp_path / "ours.csv", index=False)
    result = run("train", tmp_path / "ours.csv", "--recalibrate-only", "shipped", "-o", tmp_path / "model.aml")
    assert result.exit_code == 0, result.stderr
    assert "the mechanisms of the model are not kept" in result.stderr


def test_model_is_recalibrated_to_other_patients(clinic: Path, tmp_path: Path, run: Callable[..., Result]) -> None:
    cohort = pd.read_csv(clinic / "cohort.csv", dtype=str)
    cohort[(cohort["phenotype"] == "th2_high") | (cohort.index % 2 == 0)].to_csv(tmp_path / "ours.csv", index=False)
    given = ("train", tmp_path / "ours.csv", "--recalibrate-only", clinic / "model.aml")
    result = run(*given, "-o", tmp_path / "ours.aml")
    assert result.exit_code == 0, result.stderr
    assert "log-loss before recalibration: 0." in result.stderr
    assert "log-loss" in result.stdout
    assert "Recalibrated on" in run("inspect", tmp_path / "ours.aml").stdout
    assert run(*given, "-o", clinic / "model.aml").exit_code == 2
    assert run(*given, "--groups", "site", "-o", tmp_path / "theirs.aml").exit_code == 2


def test_starting_model_is_reported_with_both_log_losses(
    clinic: Path, tmp_path: Path, run: Callable[..., Result]
) -> None:
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
    log_loss = r"0\.\d+ \(0\.\d+ to \d\.\d+\)"
    message = rf"starting model th2_vs_neutrophilic.aml \(\d+ patients\): used; held-out log-loss {log_loss} with it"
    assert re.search(rf"{message}, {log_loss} without it", result.stderr)
    card = json.loads((tmp_path / "ours.card.json").read_text(encoding="utf-8"))
    assert card["command"]["start_from"] == "th2_vs_neutrophilic.aml"
    assert "file" not in card["command"]
    assert card["levels"] == {"T2": "th2_high", "nonT2": "neutrophilic_th2_low"}
    assert run("predict", tmp_path / "ours.csv", "--model", tmp_path / "ours.aml").exit_code == 0


def test_threshold_of_a_marker_is_a_label(clinic: Path, tmp_path: Path, run: Callable[..., Result]) -> None:
    pd.read_csv(clinic / "cohort.csv", dtype=str).head(80).to_csv(tmp_path / "cohort.csv", index=False)
    given = ("train", tmp_path / "cohort.csv", "--label", "feno_ppb", "--at-least", "25", "--without", "total_ige_ku_l")
    result = run(*given, "-o", tmp_path / "feno.aml")
    assert result.exit_code == 0, result.stderr
    assert "excluded from the features, because they determine the label: feno_suppression_pct" in result.stderr
    card = json.loads((tmp_path / "feno.card.json").read_text(encoding="utf-8"))
    assert card["classes"] == ["feno_ppb_at_least_25", "feno_ppb_below_25"]
    assert not {"feno_ppb", "total_ige_ku_l"} & set(card["feature_names"])
    predicted = run("predict", tmp_path / "cohort.csv", "--model", tmp_path / "feno.aml")
    assert "aml_p_feno_ppb_at_least_25" in predicted.stdout


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--label-rule", "sputum_3_61", "--label", "site"), "--label-rule and --label exclude each other"),
        (("--at-least", "25"), "--at-least needs --label"),
        (("--budget", "5"), "--budget needs --tune"),
        (("--levels", "T2=th2_high"), "at least two classes"),
        (("--levels", "a=b|c,d=e"), "at least two classes"),
        (("--levels", "a=b,c=d,a=d"), "contains the same value twice"),
        (
            ("--label", "feno_ppb", "--at-least", "25", "--classes", "four"),
            "--classes and --at-least exclude each other",
        ),
        (
            ("--recalibrate-only", "shipped", "--start-from", "shipped", "--tune"),
            "--start-from, --tune cannot be combined",
        ),
        (("--start-from", "nowhere.aml"), "nowhere.aml"),
        (("--label-rule", "sputum_9_9"), "sputum_3_61"),
        (("--label-rule", "sputum_3_6"), "Did you mean 'sputum_3_76'?"),
        (("--classes", "for"), "Did you mean 'four'?"),
        (("--label", "phenotyp"), "phenotyp (did you mean phenotype?)"),
        (("--groups", "sit"), "sit (did you mean site?)"),
        (("--without", "feno_pbb"), "feno_pbb (did you mean feno_ppb?)"),
    ],
)
def test_contradictory_options_are_refused(
    options: tuple[str, ...], message: str, clinic: Path, tmp_path: Path, run: Callable[..., Result]
) -> None:
    result = run("train", clinic / "cohort.csv", *options, "-o", tmp_path / "model.aml")
    assert result.exit_code in (2, 4)
    assert message in result.stderr
    assert list(tmp_path.iterdir()) == []


def test_label_rule_option_offers_all_rules() -> None:
    assert tuple(training.LABEL_RULES) == label_options.LABEL_RULES


def table_with_own_values(clinic: Path, n_sites: int = 3) -> pd.DataFrame:
    """Table with its own values for the four classes, weights with a decimal comma and dates with dots."""
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


TWO_LEVELS = "T2=th2_high,nonT2=neutrophilic_th2_low"


def test_unmodelled_classes_are_learned_if_mapped_with_levels(
    clinic: Path, tmp_path: Path, run: Callable[..., Result]
) -> None:
    table_with_own_values(clinic).to_csv(tmp_path / "own.csv", index=False)
    call = ("train", tmp_path / "own.csv", "--label", "endotype", "-o", tmp_path / "m.aml")
    unnamed = run(*call, "--levels", TWO_LEVELS)
    assert unnamed.exit_code == 0, unnamed.stderr
    assert "patients with other labels are not recognised as unmodelled" in unnamed.stderr
    assert load_model(tmp_path / "m.aml").auxiliary_ is None
    others = "mixed=mixed_granulocytic,pauci=paucigranulocytic"
    named = run(*call, "--levels", f"{TWO_LEVELS},{others}", "--classes", "two")
    assert named.exit_code == 0, named.stderr
    assert "not recognised" not in named.stderr
    assert load_model(tmp_path / "m.aml").unmodelled_classes == ("mixed_granulocytic", "paucigranulocytic")


def test_own_values_are_read_from_the_default_label_column(
    clinic: Path, tmp_path: Path, run: Callable[..., Result]
) -> None:
    table_with_own_values(clinic).rename(columns={"endotype": "phenotype"}).to_csv(tmp_path / "own.csv", index=False)
    result = run("train", tmp_path / "own.csv", "--levels", TWO_LEVELS, "-o", tmp_path / "m.aml")
    assert result.exit_code == 0, result.stderr


def test_unknown_levels_are_refused_with_the_values_found(
    clinic: Path, tmp_path: Path, run: Callable[..., Result]
) -> None:
    table_with_own_values(clinic).to_csv(tmp_path / "own.csv", index=False)
    call = ("train", tmp_path / "own.csv", "--label", "endotype", "-o", tmp_path / "m.aml")
    unmapped = run(*call).stderr
    assert re.search(r"values found: .*T2 \(\d+\).*; map them to classes with --levels", unmapped)
    mistyped = run(*call, "--levels", TWO_LEVELS.replace("T2=th2_high", "t2=th2_high", 1)).stderr
    assert re.search(r"column endotype does not contain t2 \(did you mean T2\?\); values found: .*T2 \(", mistyped)
    misspelt = run(*call, "--levels", TWO_LEVELS.replace("th2_high", "th2_hihg", 1)).stderr
    assert "th2_hihg is not one of the four granulocyte classes (did you mean th2_high?)" in misspelt


def test_classes_without_patients_are_reported(clinic: Path, tmp_path: Path, run: Callable[..., Result]) -> None:
    cohort = pd.read_csv(clinic / "cohort.csv", dtype=str)
    cohort[cohort["phenotype"] != "mixed_granulocytic"].to_csv(tmp_path / "three.csv", index=False)
    result = run("train", tmp_path / "three.csv", "--classes", "four", "-o", tmp_path / "m.aml")
    assert "no patient has class mixed_granulocytic: the model cannot predict it" in result.stderr


def test_weights_with_decimal_commas_and_dates_with_dots_are_read(
    clinic: Path, tmp_path: Path, run: Callable[..., Result]
) -> None:
    own = table_with_own_values(clinic)
    own.to_csv(tmp_path / "own.csv", index=False, sep=";")
    call = ("train", tmp_path / "own.csv", "--label", "endotype", "--levels", TWO_LEVELS, "-o", tmp_path / "m.aml")
    result = run(*call, "--weights", "Gewicht", "--time", "Datum", "--without", "feno_ppb")
    assert result.exit_code == 0, result.stderr
    assert re.search(r"temporal validation by Datum, \d steps, \d+ patients", result.stdout)


def test_reuse_of_training_patients_is_reported_and_the_background_is_kept(
    clinic: Path, tmp_path: Path, run: Callable[..., Result]
) -> None:
    call = ("train", clinic / "cohort.csv", "-o")
    assert "training patients" not in run(*call, tmp_path / "m.aml").stderr
    for option in ("--recalibrate-only", "--start-from"):
        result = run(*call, tmp_path / "again.aml", option, tmp_path / "m.aml")
        assert re.search(r"about \d+ of these patients are training patients of the model", result.stderr)
        assert load_model(tmp_path / "again.aml", compiled=True).background is not None


def test_too_few_groups_to_tune_are_refused(clinic: Path, tmp_path: Path, run: Callable[..., Result]) -> None:
    table_with_own_values(clinic, n_sites=2).to_csv(tmp_path / "own.csv", index=False)
    call = ("train", tmp_path / "own.csv", "--label", "endotype", "--levels", TWO_LEVELS, "-o", tmp_path / "m.aml")
    result = run(*call, "--groups", "Station", "--tune", "--budget", "2")
    assert result.exit_code == 2
    assert "--tune needs every class in at least 4 groups; found" in result.stderr


def test_a_cohort_repeated_nine_times_has_the_card_of_the_cohort(tmp_path: Path, run: Callable[..., Result]) -> None:
    cohort = generate_cohort(80, seed=3).observed
    pd.concat([cohort] * 9).to_csv(tmp_path / "visits.csv", index=False)
    result = run("train", tmp_path / "visits.csv", "-o", tmp_path / "model.aml")
    assert result.exit_code == 0
    card = json.loads((tmp_path / "model.card.json").read_text(encoding="utf-8"))
    counts = cohort["phenotype"].value_counts()[["th2_high", "neutrophilic_th2_low"]]
    assert card["training"]["class_counts"] == counts.to_dict()
    assert {card["training"][name] for name in ("n_patients", "n_distinct_patients")} == {counts.sum()}
    assert card["background"]["n_patients"] == counts.sum()


@pytest.mark.parametrize("options", [(), ("--time", "age_years")], ids=["cross-validation", "temporal validation"])
def test_too_few_patients_for_any_feature_give_one_warning(tmp_path: Path, run: Callable[..., Result], options) -> None:
    cohort = generate_cohort(60, seed=3).observed
    few = cohort[cohort["phenotype"].isin(["th2_high", "neutrophilic_th2_low"])].groupby("phenotype").head(7)
    few.to_csv(tmp_path / "few.csv", index=False)
    result = run("train", tmp_path / "few.csv", "-o", tmp_path / "model.aml", *options)
    assert result.exit_code == 0
    assert result.stderr.count("warning: no feature can be used, so the model predicts the class frequencies") == 1
    assert "UserWarning" not in result.stderr
