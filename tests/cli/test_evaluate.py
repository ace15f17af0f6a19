"""``evaluate`` reports the performance of a model on labelled patients."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from click.testing import CliRunner, Result

from asthma_ml.cli import commands
from asthma_ml.cli.evaluation_tables import evaluation_tables, headline, readable


def metrics_of(result: Result) -> dict[str, Any]:
    """Metrics from the standard output of ``evaluate -o -``."""
    assert result.exit_code == 0, result.stderr
    found: dict[str, Any] = json.loads(result.stdout)
    return found


def test_the_headline_goes_to_stdout_and_messages_to_stderr(
    clinic: Path, tmp_path: Path, run: Callable[..., Result]
) -> None:
    other = tmp_path / "other.csv"
    assert run("generate", "--patients", 200, "--seed", 8, "-o", other).exit_code == 0
    result = run("evaluate", other, "--model", clinic / "model.aml")
    assert result.exit_code == 0, result.stderr
    lines = result.stdout.splitlines()
    assert len(lines) <= 20
    assert lines[0].startswith("Labelled ")
    for text in (
        "AUC",
        "log-loss",
        "Brier",
        "calibration slope",
        "calibration intercept",
        "nominal 90 %",
        "classified",
    ):
        assert any(text in line for line in lines), text
    assert {"PPV of th2_high", "PPV of neutrophilic_th2_low"} <= {
        line.split("  ")[1] for line in lines if "PPV" in line
    }
    assert "best rule in use" in result.stdout
    assert "excluded from modelled classes" in result.stderr
    assert "not a medical device" in result.stderr


def test_training_patients_among_others_are_noticed(clinic: Path, tmp_path: Path, run: Callable[..., Result]) -> None:
    others = tmp_path / "others.csv"
    assert run("generate", "--patients", 200, "--seed", 8, "-o", others).exit_code == 0
    both = pd.concat([pd.read_csv(others), pd.read_csv(clinic / "cohort.csv").head(100)]).sample(frac=1, random_state=1)
    both.to_csv(tmp_path / "both.csv", index=False)
    for name, expected in (("others.csv", False), ("both.csv", True)):
        result = run("evaluate", tmp_path / name, "--model", clinic / "model.aml")
        assert result.exit_code == 0, result.stderr
        assert ("of these patients are training patients of the model" in result.stderr) is expected


def test_visits_are_counted_as_patients(clinic: Path, tmp_path: Path, run: Callable[..., Result]) -> None:
    """Nine rows of each patient: the same headline and messages, with the number of rows beside that of patients."""
    table = pd.read_csv(clinic / "cohort.csv").head(150)
    table.to_csv(tmp_path / "once.csv", index=False)
    pd.concat([table.assign(weight=2.5)] * 9).to_csv(tmp_path / "nine.csv", index=False)
    once = run("evaluate", tmp_path / "once.csv", "--model", clinic / "model.aml")
    nine = run("evaluate", tmp_path / "nine.csv", "--model", clinic / "model.aml", "--weights", "weight")
    assert nine.exit_code == once.exit_code == 0, nine.stderr
    first, *lines = nine.stdout.splitlines()
    assert lines == once.stdout.splitlines()[1:]
    assert "  150 patients (1,350 rows), of modelled classes " in first
    n_others = table["phenotype"].isin(["mixed_granulocytic", "paucigranulocytic"]).sum()
    assert f"excluded from modelled classes: {n_others} rows, another label" in once.stderr
    assert f"excluded from modelled classes: {9 * n_others} rows of {n_others} patients, another label" in nine.stderr


def test_json_goes_to_the_output_and_the_headline_to_stderr(clinic: Path, run: Callable[..., Result]) -> None:
    call = ("evaluate", clinic / "cohort.csv", "--model", clinic / "model.aml")
    result = run(*call, "-o", "-")
    metrics = metrics_of(result)
    assert (
        sum(metrics["excluded"].values()) == metrics["all_diagnoses"]["n"] - metrics["modelled_classes"]["n_patients"]
    )
    assert headline(metrics) == run(*call).stdout.rstrip("\n")
    assert headline(metrics) in result.stderr


def test_full_prints_every_table(clinic: Path, run: Callable[..., Result]) -> None:
    result = run("evaluate", clinic / "cohort.csv", "--model", clinic / "model.aml", "--full")
    assert result.exit_code == 0, result.stderr
    for text in ("Rules in use", "Net benefit", "by subgroup", "Abstention and calls", "Accuracy by call rate"):
        assert text in result.stdout
    assert "modelled_classes.prediction_sets.single_class" in result.stdout


def test_the_shipped_model_has_a_name(clinic: Path, run: Callable[..., Result]) -> None:
    named = run("evaluate", clinic / "cohort.csv", "--model", "shipped")
    assert named.exit_code == 0, named.stderr
    assert named.stdout == run("evaluate", clinic / "cohort.csv").stdout


def test_labels_may_have_other_levels_or_follow_a_rule(
    clinic: Path, tmp_path: Path, run: Callable[..., Result]
) -> None:
    cohort = pd.read_csv(clinic / "cohort.csv", dtype=str)
    words = {"th2_high": "T2", "neutrophilic_th2_low": "nonT2"}
    cohort.assign(endotype=cohort.pop("phenotype").map(words)).to_csv(tmp_path / "ours.csv", index=False)
    model = ("--model", clinic / "model.aml")
    usual = metrics_of(run("evaluate", clinic / "cohort.csv", *model, "-o", "-"))["modelled_classes"]
    levels = ("--label", "endotype", "--levels", "T2=th2_high,nonT2=neutrophilic_th2_low")
    ours = metrics_of(run("evaluate", tmp_path / "ours.csv", *model, *levels, "-o", "-"))["modelled_classes"]
    assert ours["auc"] == usual["auc"]
    rule = ("--label-rule", "sputum_3_61", "-o", "-")
    by_rule = metrics_of(run("evaluate", tmp_path / "ours.csv", *model, *rule))["modelled_classes"]
    assert by_rule["auc"] != usual["auc"]
    result = run("evaluate", tmp_path / "ours.csv", *model, *levels, "--label-rule", "sputum_3_61")
    assert result.exit_code == 2
    assert "exclude each other" in result.stderr


def test_unlabelled_patients_are_refused(clinic: Path, tmp_path: Path, run: Callable[..., Result]) -> None:
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


def test_metrics_are_flat_aligned_and_without_tables() -> None:
    metrics = {
        "n": 40,
        "auc": {"value": 0.8712, "lower": 0.8, "upper": 0.9},
        "classified": {"proportion": 0.9996},
        "rows": [0] * 9,
    }
    assert readable(metrics).splitlines() == [
        "n                      40",
        "auc                    0.871 (0.800 to 0.900)",
        "classified.proportion  0.9996",
    ]


@pytest.fixture(scope="module")
def generated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cohort file with its schema."""
    path = tmp_path_factory.mktemp("generated") / "other.csv"
    call = ["generate", "--patients", "120", "--seed", "9", "-o", str(path)]
    assert CliRunner().invoke(commands, call).exit_code == 0
    return path


def limited(clinic: Path, file: Path, *more: object) -> tuple[object, ...]:
    sizes = ("--limit", "--limit-patients", 40, "--particles", 60)
    return ("evaluate", file, "--model", clinic / "model.aml", *sizes, *more)


def test_the_model_is_compared_with_the_bayes_limit(clinic: Path, generated: Path, run: Callable[..., Result]) -> None:
    result = run(*limited(clinic, generated), "-o", "-")
    limit = metrics_of(result)["bayes_limit"]
    assert limit["n_patients"] == 40
    assert {"log_loss", "auc", "brier"} <= limit.keys() & limit["model"].keys()
    difference = limit["model"]["log_loss"]["value"] - limit["log_loss"]["value"]
    assert limit["excess_log_loss"]["value"] == pytest.approx(difference)
    assert "excess log-loss over the Bayes limit" in result.stderr


def test_limit_of_few_patients_is_refused_before_it_is_computed(
    clinic: Path, generated: Path, run: Callable[..., Result], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("asthma_ml.evaluation.causal.limit.bayes_limit", None)
    result = run(*limited(clinic, generated), "--limit-patients", 20)
    assert result.exit_code == 2
    assert "10 patients of each class; the first 20 rows of modelled classes have " in result.stderr
    assert "compare more patients (--limit-patients)" in result.stderr


def test_limit_needs_the_origin_of_the_cohort(
    clinic: Path, generated: Path, tmp_path: Path, run: Callable[..., Result]
) -> None:
    alone = tmp_path / "alone.csv"
    alone.write_bytes(generated.read_bytes())
    refused = run(*limited(clinic, alone))
    assert refused.exit_code == 2
    assert "alone.schema.json was not found" in refused.stderr
    assert run(*limited(clinic, alone, "--preset", "severe_clinic", "--seed", 9)).exit_code == 0


def test_limit_refuses_patients_of_another_preset(clinic: Path, generated: Path, run: Callable[..., Result]) -> None:
    result = run(*limited(clinic, generated, "--preset", "sputum_study"))
    assert result.exit_code == 2
    assert "not the patients of preset sputum_study, seed 9" in result.stderr


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"do": {"smoking_status": "never"}}, "generated with interventions"),
        ({"where": "true_phenotype == 'th2_high'"}, "selected by true_phenotype"),
        ({"overrides": {"sex.female": 0.1}}, "whose coefficients differ in this version"),
        ({"preset": "our_clinic"}, "give --preset with its TOML file"),
    ],
)
def test_limit_refuses_cohorts_of_unknown_origin(
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
        (("--limit-patients", 500), "--limit-patients needs --limit."),
        (("--particles", 60, "--twins"), "--particles needs --limit."),
        (("--faithfulness-patients", 9, "--limit"), "--faithfulness-patients needs --faithfulness."),
        (
            ("--seed", 9, "--preset", "severe_clinic"),
            "--preset and --seed need --limit, --twins or --faithfulness.",
        ),
    ],
)
def test_options_without_effect_are_refused(
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
def test_limit_is_refused_for_other_labels(
    clinic: Path, generated: Path, run: Callable[..., Result], options: tuple[object, ...]
) -> None:
    result = run(*limited(clinic, generated), *options)
    assert result.exit_code == 2
    assert "--limit is the Bayes limit of the generated label phenotype, not of" in result.stderr
    assert result.stdout == ""


def test_a_wrong_seed_is_refused(clinic: Path, generated: Path, run: Callable[..., Result]) -> None:
    result = run(*limited(clinic, generated, "--seed", 99))
    assert result.exit_code == 2
    assert "none of these patients is of preset severe_clinic, seed 99" in result.stderr


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
def test_figures_are_written(clinic: Path, tmp_path: Path, run: Callable[..., Result], suffix: str) -> None:
    figure, output, risk = tmp_path / f"curves.{suffix}", tmp_path / "metrics.json", tmp_path / f"risk.{suffix}"
    call = ("evaluate", clinic / "cohort.csv", "--model", clinic / "model.aml", "--plot", figure, "-o", output)
    result = run(*call, "--risk-plot", risk)
    assert result.exit_code == 0, result.stderr
    found = json.loads(output.read_text(encoding="utf-8"))["modelled_classes"]["reference_rules"]
    assert {"gina_type2", "isar_gradient"} <= {rule["rule"] for rule in found["rules"]}
    assert result.stdout == ""
    assert "not a medical device" in result.stderr
    for drawn in (figure, risk):
        assert drawn.read_bytes()[:4] == (b"\x89PNG" if suffix == "png" else b"<?xm")


def test_an_unknown_figure_format_is_refused(clinic: Path, tmp_path: Path, run: Callable[..., Result]) -> None:
    call = ("evaluate", clinic / "cohort.csv", "--model", clinic / "model.aml", "--plot", tmp_path / "curves.bmp")
    result = run(*call)
    assert result.exit_code == 2
    assert "must end in .png or .svg" in result.stderr


def test_the_adherence_gate_is_evaluated_with_the_truth(clinic: Path, run: Callable[..., Result]) -> None:
    call = ("evaluate", clinic / "cohort.csv", "--model", clinic / "model.aml", "--truth", clinic / "truth.csv")
    result = run(*call, "--full", "-o", "-")
    metrics = metrics_of(result)
    gate = metrics["adherence_gate"]
    truth = pd.read_csv(clinic / "truth.csv")["true_resistance"].value_counts()
    assert gate["apparent_resistance"]["n_positive"] == truth["apparent"]
    assert gate["true_adherence_below_80_pct"]["n"] == 300
    assert "sensitivity of physicians 15 %" in result.stderr
    rows = {row["diagnosis"]: row for row in metrics["all_diagnoses"]["abstention_by_diagnosis"]}
    assert 0 < rows["clear-cut by the generated truth"]["n"] < rows["all modelled classes"]["n"]
    assert "Reasons for abstention" in result.stderr


def test_dataset_shift_and_low_coverage_give_warnings(clinic: Path, tmp_path: Path, run: Callable[..., Result]) -> None:
    cohort = pd.read_csv(clinic / "cohort.csv", dtype=str)
    for name in ("feno_ppb", "blood_eosinophils_cells_ul", "blood_eosinophils_max_cells_ul"):
        cohort[name] = (cohort[name].astype(float) / 4).round().clip(lower=5)
    cohort.to_csv(tmp_path / "other.csv", index=False)
    result = run("evaluate", tmp_path / "other.csv", "--model", clinic / "model.aml", "-o", "-")
    warnings = metrics_of(result)["warnings"]
    assert "training patients" in warnings[0]
    assert any("empirical coverage of th2_high" in line and "below the nominal 90 %" in line for line in warnings)
    assert all(f"warning: {line}" in result.stderr for line in warnings)


def test_the_truth_of_other_patients_is_refused(clinic: Path, generated: Path, run: Callable[..., Result]) -> None:
    result = run("evaluate", generated, "--model", clinic / "model.aml", "--truth", clinic / "truth.csv")
    assert result.exit_code == 2
    assert "no row for 120 of 120 patients" in result.stderr


def test_predictions_are_compared_with_twins_without_oral_steroids(
    clinic: Path, generated: Path, run: Callable[..., Result]
) -> None:
    result = run("evaluate", generated, "--model", clinic / "model.aml", "--twins", "--full", "-o", "-")
    masked = metrics_of(result)["steroid_masking"]
    on_steroids = (pd.read_csv(generated)["ocs_dose_mg_day"] > 0).sum()
    assert {rows[0]["n"] for rows in masked.values()} == {on_steroids}
    assert "never prescribed" in result.stderr


def test_part_of_a_cohort_has_its_own_twins(
    clinic: Path, generated: Path, tmp_path: Path, run: Callable[..., Result]
) -> None:
    last = pd.read_csv(generated, dtype=str).tail(70)
    last.to_csv(tmp_path / "other.csv", index=False)
    (tmp_path / "other.schema.json").write_bytes(generated.with_suffix(".schema.json").read_bytes())
    result = run("evaluate", tmp_path / "other.csv", "--model", clinic / "model.aml", "--twins", "-o", "-")
    on_steroids = (last["ocs_dose_mg_day"].astype(float) > 0).sum()
    assert metrics_of(result)["steroid_masking"]["never_prescribed"][0]["n"] == on_steroids


@pytest.fixture(scope="module")
def trained_here(clinic: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Models of other levels, of sputum counts and of a FeNO cut-off; and a table of other patients."""
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
    ("name", "message"),
    [("words", "label: endotype,"), ("sputum", "label: sputum_3_61,"), ("feno", "label: feno_ppb >= 25 ppb,")],
)
def test_the_label_of_the_card_is_used(trained_here: Path, run: Callable[..., Result], name: str, message: str) -> None:
    call = ("evaluate", trained_here / "ours.csv", "--model", trained_here / f"{name}.aml")
    by_card, by_hand = run(*call), run(*call, *TRAINED[name])
    assert by_card.exit_code == 0, by_card.stderr
    assert f"{message} as in training" in by_card.stderr
    assert by_card.stdout == by_hand.stdout
    assert "as in training" not in by_hand.stderr


def test_label_options_override_the_card(trained_here: Path, run: Callable[..., Result]) -> None:
    call = ("evaluate", trained_here / "ours.csv", "--model", trained_here / "sputum.aml")
    result = run(*call, "--label", "endotype", "--levels", "T2=th2_high,nonT2=neutrophilic_th2_low")
    assert result.exit_code == 0, result.stderr
    assert "as in training" not in result.stderr
    assert result.stdout != run(*call).stdout


def test_a_file_without_the_label_of_the_card_uses_its_phenotype(
    clinic: Path, trained_here: Path, tmp_path: Path, run: Callable[..., Result]
) -> None:
    columns = ["sputum_eosinophils_pct", "sputum_neutrophils_pct"]
    pd.read_csv(clinic / "cohort.csv", dtype=str).drop(columns=columns).to_csv(tmp_path / "other.csv", index=False)
    result = run("evaluate", tmp_path / "other.csv", "--model", trained_here / "sputum.aml")
    assert result.exit_code == 0, result.stderr
    assert "as in training" not in result.stderr


def test_a_missing_label_column_is_named(trained_here: Path, tmp_path: Path, run: Callable[..., Result]) -> None:
    pd.read_csv(trained_here / "ours.csv", dtype=str).drop(columns="endotype").to_csv(tmp_path / "o.csv", index=False)
    result = run("evaluate", tmp_path / "o.csv", "--model", trained_here / "words.aml")
    assert result.exit_code == 2
    assert "no column endotype" in result.stderr


def test_limit_is_refused_for_a_model_of_another_label(
    generated: Path, trained_here: Path, run: Callable[..., Result]
) -> None:
    result = run("evaluate", generated, "--model", trained_here / "sputum.aml", "--limit")
    assert result.exit_code == 2
    assert "not of sputum_3_61; leave --limit out" in result.stderr


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--plot", "curves.png"), "need a model with the class th2_high"),
        (("--limit",), "the Bayes limit is known for"),
        (("--faithfulness",), "faithfulness is evaluated for models of"),
    ],
)
def test_unsuitable_models_are_refused_before_any_work(
    generated: Path,
    trained_here: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    run: Callable[..., Result],
    options: tuple[str, ...],
    message: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("asthma_ml.evaluation.metrics.predict_labelled", lambda *_, **__: pytest.fail("worked"))
    result = run("evaluate", generated, "--model", trained_here / "words.aml", *options)
    assert result.exit_code == 2
    assert message in result.stderr
    assert not list(tmp_path.iterdir())


def test_miscalibrated_subgroups_are_counted() -> None:
    def row(subgroup: str, large: float, slope: float) -> dict[str, object]:
        fit = {
            name: {"value": value, "lower": value - 0.2, "upper": value + 0.2}
            for name, value in (("in_the_large", large), ("slope", slope), ("intercept", 0.0))
        }
        return {"characteristic": "sex", "subgroup": subgroup, "n": 90, "calibration": fit, "coverage": {}}

    small = {"characteristic": "sex", "subgroup": "not recorded", "n": 3, "calibration": None, "coverage": {}}
    (text,) = evaluation_tables({"subgroups": [row("female", 0.0, 1.0), row("male", 0.5, 1.1), small]})
    assert "In 1 of 2 subgroups the interval in the large excludes 0, in 0 the interval of the slope" in text
    assert text.splitlines()[4].split()[-3:] == ["-", "-", "-"]


def test_faithfulness_is_compared_with_the_causal_model(clinic: Path, run: Callable[..., Result]) -> None:
    options = ("--faithfulness", "--faithfulness-patients", "0", "--full", "-o", "-")
    result = run("evaluate", clinic / "cohort.csv", "--model", clinic / "model.aml", *options)
    found = metrics_of(result)["faithfulness"]
    immune = next(row for row in found["agreement"] if (row["factor"], row["label"]) == ("immune_profile", "all"))
    assert immune["endotype"]["spearman"]["value"] > 0.4
    assert "true_log_odds" not in immune
    assert "FeNO and eosinophils are proxies of adherence" in result.stderr
    assert "Contributions that change when a factor is set to its reference" in result.stderr


def test_mechanism_contributions_have_their_own_table_of_agreement() -> None:
    figure = {"value": 0.75, "lower": 0.7, "upper": 0.8}
    compared = {"endotype": {"spearman": figure, "sign_agreement": None}}
    row = {"factor": "genetics", "label": "all", "mean_abs_contribution": 0.17, **compared}
    nobody = {"factor": "genetics", "label": "th2_high", "mean_abs_contribution": None, **compared}
    found = {"agreement": [row], "contribution_changes": {}, "adherence_proxy": None}
    (without,) = evaluation_tables({"faithfulness": found})
    assert "mechanism" not in without
    (text,) = evaluation_tables({"faithfulness": found | {"mechanisms": {"endotype": [row, nobody]}}})
    _, _, of_mechanisms = text.partition("Agreement of mechanism effects on the endotype")
    assert "0.17" in of_mechanisms
    assert "0.75 (0.70 to 0.80)" in of_mechanisms
    assert of_mechanisms.splitlines()[-1].split()[:3] == ["genetics", "th2_high", "-"]
