"""``evaluate`` measures a model on labelled patients."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
from click.testing import CliRunner, Result

from asthma_ml.cli import commands
from asthma_ml.cli.evaluate import readable
from asthma_ml.cli.evaluation_tables import evaluation_tables


def test_metrics_are_json_and_a_summary_for_people(clinic: Path, tmp_path: Path, run: Callable[..., Result]) -> None:
    other = tmp_path / "other.csv"
    assert run("generate", "--patients", 200, "--seed", 8, "-o", other).exit_code == 0
    result = run("evaluate", other, "--model", clinic / "model.aml")
    assert result.exit_code == 0, result.stderr
    metrics = json.loads(result.stdout)
    assert set(metrics["other_labels"]) <= {"mixed_granulocytic", "paucigranulocytic", "rare labels"}
    assert sum(found["n"] for found in metrics["other_labels"].values()) == metrics["left_out"]["another label"]
    assert "left out" in result.stderr
    assert "called.predictive_value.th2_high" in result.stderr


def test_labels_may_be_in_words_of_the_hospital_or_follow_a_rule(
    clinic: Path, tmp_path: Path, run: Callable[..., Result]
) -> None:
    cohort = pd.read_csv(clinic / "cohort.csv", dtype=str)
    words = {"th2_high": "T2", "neutrophilic_th2_low": "nonT2"}
    cohort.assign(endotype=cohort.pop("phenotype").map(words)).to_csv(tmp_path / "ours.csv", index=False)
    model = ("--model", clinic / "model.aml")
    usual = json.loads(run("evaluate", clinic / "cohort.csv", *model).stdout)
    levels = ("--label", "endotype", "--levels", "T2=th2_high,nonT2=neutrophilic_th2_low")
    ours = json.loads(run("evaluate", tmp_path / "ours.csv", *model, *levels).stdout)
    assert ours["auc"] == usual["auc"]
    by_rule = json.loads(run("evaluate", tmp_path / "ours.csv", *model, "--label-rule", "sputum_3_61").stdout)
    assert by_rule["auc"] != usual["auc"]
    result = run("evaluate", tmp_path / "ours.csv", *model, *levels, "--label-rule", "sputum_3_61")
    assert result.exit_code == 2
    assert "exclude each other" in result.stderr


def test_unlabelled_patients_cannot_be_measured_on(clinic: Path, tmp_path: Path, run: Callable[..., Result]) -> None:
    (tmp_path / "patients.csv").write_text("patient_id,feno_ppb\n007,45\n", encoding="utf-8")
    result = run("evaluate", tmp_path / "patients.csv", "--model", clinic / "model.aml")
    assert result.exit_code == 2
    assert "phenotype" in result.stderr


def test_three_patients_are_refused(clinic: Path, tmp_path: Path, run: Callable[..., Result]) -> None:
    cohort = pd.read_csv(clinic / "cohort.csv", dtype=str)
    cohort.groupby("phenotype").head(2).to_csv(tmp_path / "few.csv", index=False)
    result = run("evaluate", tmp_path / "few.csv", "--model", clinic / "model.aml")
    assert result.exit_code == 2
    assert "10 of each class are needed" in result.stderr


def test_neither_table_nor_model_is_overwritten(clinic: Path, run: Callable[..., Result]) -> None:
    for name in ("cohort.csv", "model.aml"):
        before = (clinic / name).read_bytes()
        call = ("evaluate", clinic / "cohort.csv", "--model", clinic / "model.aml", "-o", clinic / name)
        assert run(*call).exit_code == 2
        assert (clinic / name).read_bytes() == before


def test_a_summary_is_flat_aligned_and_leaves_tables_out() -> None:
    metrics = {
        "n": 40,
        "auc": {"value": 0.8712, "lower": 0.8, "upper": 0.9},
        "decisions": {"share": 0.5},
        "rows": [0] * 9,
    }
    assert readable(metrics).splitlines() == [
        "n                40",
        "auc              0.871 (0.800 to 0.900)",
        "decisions.share  0.500",
    ]


@pytest.fixture(scope="module")
def generated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cohort file with its schema beside it."""
    path = tmp_path_factory.mktemp("generated") / "other.csv"
    call = ["generate", "--patients", "120", "--seed", "9", "-o", str(path)]
    assert CliRunner().invoke(commands, call).exit_code == 0
    return path


def limited(clinic: Path, file: Path, *more: object) -> tuple[object, ...]:
    sizes = ("--limit", "--limit-patients", 40, "--particles", 60)
    return ("evaluate", file, "--model", clinic / "model.aml", *sizes, *more)


def test_limit_stands_beside_the_model(clinic: Path, generated: Path, run: Callable[..., Result]) -> None:
    result = run(*limited(clinic, generated))
    assert result.exit_code == 0, result.stderr
    limit = json.loads(result.stdout)["limit"]
    assert limit["n_patients"] == 40
    assert {"log_loss", "auc", "brier"} <= limit.keys() & limit["model"].keys()
    difference = limit["model"]["log_loss"]["value"] - limit["log_loss"]["value"]
    assert limit["log_loss_above_limit"]["value"] == pytest.approx(difference)
    assert "limit.log_loss" in result.stderr
    assert "limit.model.log_loss" in result.stderr


def test_limit_needs_to_know_how_patients_were_generated(
    clinic: Path, generated: Path, tmp_path: Path, run: Callable[..., Result]
) -> None:
    lonely = tmp_path / "lonely.csv"
    lonely.write_bytes(generated.read_bytes())
    refused = run(*limited(clinic, lonely))
    assert refused.exit_code == 2
    assert "lonely.schema.json is not beside it" in refused.stderr
    assert run(*limited(clinic, lonely, "--preset", "severe_clinic", "--seed", 9)).exit_code == 0


def test_limit_refuses_patients_of_another_preset(clinic: Path, generated: Path, run: Callable[..., Result]) -> None:
    result = run(*limited(clinic, generated, "--preset", "sputum_study"))
    assert result.exit_code == 2
    assert "not the patients of preset sputum_study, seed 9" in result.stderr


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"do": {"smoking_status": "never"}}, "generated with interventions"),
        ({"where": "true_phenotype == 'th2_high'"}, "chosen by true_phenotype"),
        ({"overrides": {"sex.female": 0.1}}, "coefficients that this version does not have"),
        ({"preset": "our_clinic"}, "give --preset with its TOML file"),
    ],
)
def test_limit_refuses_cohorts_that_it_does_not_know(
    clinic: Path, generated: Path, tmp_path: Path, run: Callable[..., Result], change: dict[str, object], message: str
) -> None:
    (tmp_path / "other.csv").write_bytes(generated.read_bytes())
    schema = json.loads(generated.with_suffix(".schema.json").read_text(encoding="utf-8")) | change
    (tmp_path / "other.schema.json").write_text(json.dumps(schema), encoding="utf-8")
    result = run(*limited(clinic, tmp_path / "other.csv"))
    assert result.exit_code == 2
    assert message in result.stderr


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--limit-patients", 500), "--limit-patients only mean something with --limit."),
        (("--particles", 60, "--twins"), "--particles only mean something with --limit."),
        (("--reasons-patients", 9, "--limit"), "--reasons-patients only mean something with --reasons."),
        (
            ("--seed", 9, "--preset", "severe_clinic"),
            "--preset and --seed only mean something with --limit, --twins or",
        ),
    ],
)
def test_options_about_what_was_not_asked_for_are_a_mistake(
    clinic: Path, generated: Path, run: Callable[..., Result], options: tuple[object, ...], message: str
) -> None:
    result = run("evaluate", generated, "--model", clinic / "model.aml", *options)
    assert result.exit_code == 2
    assert message in result.stderr


@pytest.mark.parametrize(
    "options",
    [
        ("--label-rule", "sputum_3_61"),
        ("--label", "feno_ppb", "--at-least", 25),
        ("--levels", "th2_high=neutrophilic_th2_low,neutrophilic_th2_low=th2_high"),
        ("--label", "site"),
    ],
)
def test_limit_stands_beside_no_model_judged_on_other_labels(
    clinic: Path, generated: Path, run: Callable[..., Result], options: tuple[object, ...]
) -> None:
    result = run(*limited(clinic, generated), *options)
    assert result.exit_code == 2
    assert "--limit is that of the generated label phenotype as it stands, not of" in result.stderr
    assert result.stdout == ""


def test_the_seed_of_another_file_is_found_out(clinic: Path, generated: Path, run: Callable[..., Result]) -> None:
    """It is given to see that the file is what it is said to be."""
    result = run(*limited(clinic, generated, "--seed", 99))
    assert result.exit_code == 2
    assert "none of these patients is one of preset severe_clinic, seed 99" in result.stderr


@pytest.mark.parametrize(
    ("options", "names"),
    [
        (("--plot", "x.png", "--risk-plot", "./x.png"), "--plot and --risk-plot"),
        (("-o", "x.png", "--plot", "x.png"), "-o and --plot"),
        (("--risk-plot", "x.svg", "-o", "x.svg"), "-o and --risk-plot"),
    ],
)
def test_two_results_never_go_to_one_file(
    clinic: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    run: Callable[..., Result],
    options: tuple[str, ...],
    names: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    result = run("evaluate", clinic / "cohort.csv", "--model", clinic / "model.aml", *options)
    assert result.exit_code == 2
    assert f"{names} both write" in result.stderr
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("suffix", ["png", "svg"])
def test_reference_rules_stand_beside_the_model(
    clinic: Path, tmp_path: Path, run: Callable[..., Result], suffix: str
) -> None:
    figure, output, risk = tmp_path / f"curves.{suffix}", tmp_path / "metrics.json", tmp_path / f"risk.{suffix}"
    call = ("evaluate", clinic / "cohort.csv", "--model", clinic / "model.aml", "--plot", figure, "-o", output)
    result = run(*call, "--risk-plot", risk)
    assert result.exit_code == 0, result.stderr
    found = json.loads(output.read_text(encoding="utf-8"))["reference_rules"]
    assert {"gina_type2", "isar_gradient"} <= {rule["rule"] for rule in found["rules"]}
    assert "gina_type2" in result.stderr
    assert "not a medical device" in result.stderr
    for drawn in (figure, risk):
        assert drawn.read_bytes()[:4] == (b"\x89PNG" if suffix == "png" else b"<?xm")


def test_a_figure_of_another_kind_is_refused_before_any_work(
    clinic: Path, tmp_path: Path, run: Callable[..., Result]
) -> None:
    call = ("evaluate", clinic / "cohort.csv", "--model", clinic / "model.aml", "--plot", tmp_path / "curves.bmp")
    result = run(*call)
    assert result.exit_code == 2
    assert "should end in .png or .svg" in result.stderr


def test_the_gate_is_judged_on_the_truth(clinic: Path, run: Callable[..., Result]) -> None:
    call = ("evaluate", clinic / "cohort.csv", "--model", clinic / "model.aml", "--truth", clinic / "truth.csv")
    result = run(*call)
    assert result.exit_code == 0, result.stderr
    gate = json.loads(result.stdout)["adherence_gate"]
    truth = pd.read_csv(clinic / "truth.csv")["true_resistance"].value_counts()
    assert gate["apparent_resistance"]["n_with"] == truth["apparent"]
    assert gate["untaken_inhaled_steroid"]["n"] == 300
    assert "physicians find 15 %" in result.stderr
    clear_cut = next(row for row in json.loads(result.stdout)["kinds"] if row["kind"] == "clear-cut by the truth")
    assert 0 < clear_cut["n"] < 300
    assert "Why they are not called" in result.stderr


def test_other_patients_and_falls_of_coverage_are_warned_of(
    clinic: Path, tmp_path: Path, run: Callable[..., Result]
) -> None:
    cohort = pd.read_csv(clinic / "cohort.csv", dtype=str)
    for name in ("feno_ppb", "blood_eosinophils_cells_ul", "blood_eosinophils_max_cells_ul"):
        cohort[name] = (cohort[name].astype(float) / 4).round().clip(lower=5)
    cohort.to_csv(tmp_path / "other.csv", index=False)
    result = run("evaluate", tmp_path / "other.csv", "--model", clinic / "model.aml")
    assert result.exit_code == 0, result.stderr
    said = json.loads(result.stdout)["warnings"]
    assert "not like the training patients (" in said[0]
    assert any("prediction sets hold th2_high in" in line and "though 90% were promised" in line for line in said)
    assert all(f"warning: {line}" in result.stderr for line in said)


def test_the_truth_of_other_patients_is_refused(clinic: Path, generated: Path, run: Callable[..., Result]) -> None:
    result = run("evaluate", generated, "--model", clinic / "model.aml", "--truth", clinic / "truth.csv")
    assert result.exit_code == 2
    assert "120 of 120 patients are not in it" in result.stderr


def test_twins_without_oral_steroids_are_counted(clinic: Path, generated: Path, run: Callable[..., Result]) -> None:
    result = run("evaluate", generated, "--model", clinic / "model.aml", "--twins")
    assert result.exit_code == 0, result.stderr
    masked = json.loads(result.stdout)["steroid_masking"]
    on_steroids = (pd.read_csv(generated)["ocs_dose_mg_day"] > 0).sum()
    assert {rows[0]["n"] for rows in masked.values()} == {on_steroids}
    assert "never prescribed" in result.stderr


def test_some_patients_of_a_cohort_keep_their_own_twins(
    clinic: Path, generated: Path, tmp_path: Path, run: Callable[..., Result]
) -> None:
    last = pd.read_csv(generated, dtype=str).tail(70)
    last.to_csv(tmp_path / "other.csv", index=False)
    (tmp_path / "other.schema.json").write_bytes(generated.with_suffix(".schema.json").read_bytes())
    result = run("evaluate", tmp_path / "other.csv", "--model", clinic / "model.aml", "--twins")
    assert result.exit_code == 0, result.stderr
    on_steroids = (last["ocs_dose_mg_day"].astype(float) > 0).sum()
    assert json.loads(result.stdout)["steroid_masking"]["never_prescribed"][0]["n"] == on_steroids


@pytest.fixture(scope="module")
def trained_here(clinic: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Models of a hospital's own words, of sputum counts and of a cut of FeNO; and the hospital's other patients."""
    folder = tmp_path_factory.mktemp("hospital")
    cohort = pd.read_csv(clinic / "cohort.csv", dtype=str)
    words = {"th2_high": "T2", "neutrophilic_th2_low": "nonT2"}
    cohort.assign(endotype=cohort.pop("phenotype").map(words)).to_csv(folder / "ours.csv", index=False)
    for name, options in TRAINED.items():
        call = ["train", str(folder / "ours.csv"), *options, "-o", str(folder / f"{name}.aml")]
        result = CliRunner().invoke(commands, call)
        assert result.exit_code == 0, result.stderr
    return folder


TRAINED = {
    "words": ("--label", "endotype", "--levels", "T2=type 2,nonT2=other"),
    "sputum": ("--label-rule", "sputum_3_61"),
    "feno": ("--label", "feno_ppb", "--at-least", "25"),
}


@pytest.mark.parametrize(
    ("name", "said"),
    [("words", "label: endotype,"), ("sputum", "label: sputum_3_61,"), ("feno", "label: feno_ppb >= 25 ppb,")],
)
def test_a_model_is_judged_on_the_label_that_it_was_trained_on(
    trained_here: Path, run: Callable[..., Result], name: str, said: str
) -> None:
    call = ("evaluate", trained_here / "ours.csv", "--model", trained_here / f"{name}.aml")
    by_card, by_hand = run(*call), run(*call, *TRAINED[name])
    assert by_card.exit_code == 0, by_card.stderr
    assert f"{said} as the model was trained" in by_card.stderr
    assert by_card.stdout == by_hand.stdout
    assert "as the model was trained" not in by_hand.stderr


def test_what_the_user_says_of_the_label_goes_before_the_card(trained_here: Path, run: Callable[..., Result]) -> None:
    call = ("evaluate", trained_here / "ours.csv", "--model", trained_here / "sputum.aml")
    result = run(*call, "--label", "endotype", "--levels", "T2=th2_high,nonT2=neutrophilic_th2_low")
    assert result.exit_code == 0, result.stderr
    assert "as the model was trained" not in result.stderr
    assert result.stdout != run(*call).stdout


def test_a_file_without_the_card_s_column_is_judged_on_its_phenotype(
    clinic: Path, trained_here: Path, tmp_path: Path, run: Callable[..., Result]
) -> None:
    columns = ["sputum_eosinophils_pct", "sputum_neutrophils_pct"]
    pd.read_csv(clinic / "cohort.csv", dtype=str).drop(columns=columns).to_csv(tmp_path / "other.csv", index=False)
    result = run("evaluate", tmp_path / "other.csv", "--model", trained_here / "sputum.aml")
    assert result.exit_code == 0, result.stderr
    assert "as the model was trained" not in result.stderr


def test_the_column_that_a_file_lacks_is_the_one_of_the_card(
    trained_here: Path, tmp_path: Path, run: Callable[..., Result]
) -> None:
    pd.read_csv(trained_here / "ours.csv", dtype=str).drop(columns="endotype").to_csv(tmp_path / "o.csv", index=False)
    result = run("evaluate", tmp_path / "o.csv", "--model", trained_here / "words.aml")
    assert result.exit_code == 2
    assert "no column endotype" in result.stderr


def test_limit_is_refused_to_a_model_of_another_label(
    generated: Path, trained_here: Path, run: Callable[..., Result]
) -> None:
    result = run("evaluate", generated, "--model", trained_here / "sputum.aml", "--limit")
    assert result.exit_code == 2
    assert "not of sputum_3_61; leave --limit out" in result.stderr


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--plot", "curves.png"), "need a model with the class th2_high"),
        (("--limit",), "the limit is known for"),
        (("--reasons",), "reasons are judged for models of"),
    ],
)
def test_what_needs_other_classes_is_refused_before_the_work(
    generated: Path,
    trained_here: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    run: Callable[..., Result],
    options: tuple[str, ...],
    message: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("asthma_ml.evaluation.metrics.evaluate_patients", lambda *_, **__: pytest.fail("worked"))
    result = run("evaluate", generated, "--model", trained_here / "words.aml", *options)
    assert result.exit_code == 2
    assert message in result.stderr
    assert not list(tmp_path.iterdir())


def test_subgroups_off_are_counted_beside_what_chance_gives() -> None:
    def row(subgroup: str, large: float, slope: float) -> dict[str, object]:
        figures = {
            name: {"value": value, "lower": value - 0.2, "upper": value + 0.2}
            for name, value in (("in_the_large", large), ("slope", slope), ("intercept", 0.0))
        }
        return {"characteristic": "sex", "subgroup": subgroup, "n": 90, "judged": True, "coverage": {}} | figures

    small = {"characteristic": "sex", "subgroup": "not recorded", "n": 3, "judged": False, "coverage": {}}
    (text,) = evaluation_tables({"subgroups": [row("female", 0.0, 1.0), row("male", 0.5, 1.1), small]})
    assert "of 2 judged subgroups 1 have an interval in the large without 0 and 0 one" in text
    assert text.splitlines()[4].split()[-3:] == ["-", "-", "-"]


def test_reasons_are_compared_with_the_causal_model(clinic: Path, run: Callable[..., Result]) -> None:
    call = ("evaluate", clinic / "cohort.csv", "--model", clinic / "model.aml", "--reasons", "--reasons-patients", "0")
    result = run(*call)
    assert result.exit_code == 0, result.stderr
    found = json.loads(result.stdout)["reasons"]
    immune = next(row for row in found["agreement"] if (row["factor"], row["label"]) == ("immune_profile", "all"))
    assert immune["endotype"]["spearman"]["value"] > 0.4
    assert "log_odds" not in immune
    assert "FeNO and eosinophils stand in for adherence" in result.stderr
    assert "Whose value moves when a factor is set to its reference" in result.stderr
