"""A challenger is compared with the model in use on the same patients, and must be shown to be better."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from comparison import CRITERIA, verdicts
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import balanced_accuracy_score, log_loss, roc_auc_score

import asthma_ml as aml
from asthma_ml.classifier import PhenotypeClassifier
from asthma_ml.cohort import generate_cohort
from asthma_ml.errors import UnusableInputError
from asthma_ml.evaluation import compare_models, evaluate_patients, paired
from asthma_ml.evaluation.comparison import NO_CALL
from asthma_ml.evaluation.criteria import Criteria, judge
from asthma_ml.evaluation.paired import OF_CALLS, Predicted, paired_figures
from asthma_ml.evaluation.subgroups import log_odds_of
from asthma_ml.intervals import PatientRows, resampled
from asthma_ml.patients import read_patients
from asthma_ml.variables import FOUR_CLASSES, TWO_CLASSES


def trained_on(n_patients: int, **options: Any) -> PhenotypeClassifier:
    """A model that also knows the unmodelled classes."""
    X, y = generate_cohort(n_patients, seed=n_patients).training_data(FOUR_CLASSES)
    two = y.isin(TWO_CLASSES)
    return PhenotypeClassifier(n_trees=10, **options).fit(X[two], y[two]).fit_auxiliary(X, y)


@pytest.fixture(scope="module")
def old() -> PhenotypeClassifier:
    return trained_on(120)


@pytest.fixture(scope="module")
def new() -> PhenotypeClassifier:
    return trained_on(900)


@pytest.fixture(scope="module")
def clinic() -> pd.DataFrame:
    return generate_cohort(500, seed=4).observed


@pytest.fixture(scope="module")
def found(old, new, clinic) -> dict[str, Any]:
    return compare_models(old, new, clinic)


def test_a_model_of_more_patients_replaces_one_of_few(found) -> None:
    assert found["accepted"]
    assert found["reasons"] == []
    figures = found["modelled_classes"]["figures"]
    assert figures["log_loss"]["difference"]["upper"] < 0 < figures["auc"]["difference"]["lower"]
    assert json.loads(json.dumps(found, allow_nan=False)) == found


def test_the_glossary_explains_every_key(found) -> None:
    glossary = (Path(__file__).parents[2] / "docs" / "glossary.md").read_text(encoding="utf-8")
    (section,) = re.findall(r"^## Keys of `compare`\n(.*?)^## ", glossary, re.DOTALL | re.MULTILINE)
    data = {"class_counts", "excluded"}

    def keys(part: Any) -> set[str]:
        if isinstance(part, list):
            return set().union(*map(keys, part))
        if not isinstance(part, dict):
            return set()
        return set(part).union(*(keys(value) for name, value in part.items() if name not in data))

    assert keys(found) <= set(re.findall(r"`([^`]+)`", section))


def test_the_worse_model_is_refused_and_every_difference_has_the_other_sign(old, new, clinic, found) -> None:
    back = compare_models(new, old, clinic)
    assert not back["accepted"]
    (reason,) = back["reasons"]
    assert reason.startswith("log_loss: difference 0.")
    assert "must lie below 0" in reason
    for name, estimates in found["modelled_classes"]["figures"].items():
        there, again = estimates["difference"], back["modelled_classes"]["figures"][name]["difference"]
        assert [again["value"], again["lower"], again["upper"]] == pytest.approx(
            [-there["value"], -there["upper"], -there["lower"]], abs=1e-3
        ), name


def test_a_model_is_not_better_than_itself_and_not_worse_either(new, clinic) -> None:
    same = compare_models(new, new, clinic)
    assert not same["accepted"]
    nothing = {"value": 0.0, "lower": 0.0, "upper": 0.0}
    assert all(each["difference"] == nothing for each in same["modelled_classes"]["figures"].values())
    assert aml.compare(new, new, clinic, criteria={"log_loss": {"worse_by_at_most": 0.0}})["accepted"]


def test_the_figures_of_each_model_are_those_of_evaluate(old, new, clinic, found) -> None:
    for name, model in (("champion", old), ("challenger", new)):
        expected = evaluate_patients(model, clinic)
        of_model = {figure: each[name] for figure, each in found["modelled_classes"]["figures"].items()}
        modelled = expected["modelled_classes"]
        for figure in ("auc", "log_loss", "brier", "calibration_slope", "calibration_intercept"):
            assert of_model[figure] == modelled[figure]
        assert of_model["coverage"] == modelled["prediction_sets"]["coverage"]
        assert of_model["called"] == modelled["classified"]["proportion"]
        accuracy = modelled["classified"]["accuracy"]["value"]
        assert of_model["error_among_calls"]["value"] == pytest.approx(1 - accuracy)
        everyone = found["all_diagnoses"]["figures"]
        assert everyone["called"][name] == expected["all_diagnoses"]["classified"]["proportion"]
    subgroups = [(row["characteristic"], row["subgroup"]) for row in expected["modelled_classes"]["subgroups"][1:]]
    assert [(row["characteristic"], row["subgroup"]) for row in found["modelled_classes"]["subgroups"]] == subgroups


def test_subgroups_of_few_patients_are_counted_only(found) -> None:
    rows = found["modelled_classes"]["subgroups"]
    assert {min(row["class_counts"].values()) >= 20 for row in rows} == {True, False}
    assert all((row["figures"] is None) is (min(row["class_counts"].values()) < 20) for row in rows)


def test_each_patient_is_in_one_cell_of_the_reclassification(found, clinic) -> None:
    cells = pd.DataFrame(found["all_diagnoses"]["reclassification"])
    assert cells["n"].sum() == found["all_diagnoses"]["n"] == len(clinic)
    assert cells.groupby("label")["n"].sum().to_dict() == clinic["phenotype"].value_counts().to_dict()
    for model in ("champion", "challenger"):
        is_called = cells[model] != NO_CALL
        of_calls = {name: found["all_diagnoses"]["figures"][name][model]["value"] for name in OF_CALLS}
        called = cells[is_called]
        assert called["n"].sum() / cells["n"].sum() == pytest.approx(of_calls["called"])
        wrong = called.loc[called[model] != called["label"], "n"].sum()
        assert wrong / called["n"].sum() == pytest.approx(of_calls["error_among_calls"])


def numbers(found: Any, path: str = "") -> dict[str, Any]:
    """Every value by its path, without the numbers of rows."""
    parts = found.items() if isinstance(found, dict) else enumerate(found) if isinstance(found, list) else None
    if parts is None:
        return {path: found}
    parts = [(name, part) for name, part in parts if name not in ("n_rows", "excluded", "excluded_patients")]
    return {place: value for name, part in parts for place, value in numbers(part, f"{path}/{name}").items()}


def test_a_cohort_of_three_visits_each_is_the_cohort(old, new, clinic, found) -> None:
    """Visits that repeat each other say nothing more: figures, intervals and verdict are the same."""
    visits = compare_models(old, new, clinic.loc[np.repeat(clinic.index, 3)])
    assert visits["modelled_classes"]["n_rows"] == 3 * visits["modelled_classes"]["n"]
    expected, repeated = numbers(found), numbers(visits)
    assert expected.keys() == repeated.keys()
    for place, value in expected.items():
        assert repeated[place] == (pytest.approx(value, abs=1e-3) if isinstance(value, float) else value), place


def test_models_of_other_classes_are_named_in_one_line(new, clinic) -> None:
    four = PhenotypeClassifier(n_trees=5).fit(*generate_cohort(300, seed=2).training_data(FOUR_CLASSES))
    with pytest.raises(
        UnusableInputError, match=r"different classes.*champion neutrophilic.*challenger mixed"
    ) as error:
        compare_models(new, four, clinic)
    assert "\n" not in str(error.value)
    result = compare_models(four, four, clinic)
    assert result["modelled_classes"]["class_counts"].keys() == set(FOUR_CLASSES)
    assert "excluded_patients" not in result


def test_different_nominal_coverage_is_a_warning(new, clinic) -> None:
    assert not any("nominal" in line for line in compare_models(new, new, clinic)["warnings"])
    wide = trained_on(200, confidence=0.95)
    assert any(
        "0.9 of the champion and 0.95 of the challenger" in w for w in compare_models(new, wide, clinic)["warnings"]
    )


def test_too_few_patients_of_a_class_are_refused(old, new, clinic) -> None:
    few = pd.concat([clinic[clinic["phenotype"] == name].head(8) for name in TWO_CLASSES])
    with pytest.raises(
        UnusableInputError, match="10 of each class are needed, found 8 neutrophilic_th2_low, 8 th2_high"
    ):
        compare_models(old, new, read_patients(few))


def probabilities(seed: int, n_classes: int, n_rows: int) -> tuple[np.ndarray, list[Predicted]]:
    """Classes of some rows, and two models of different skill, with ties."""
    rng = np.random.default_rng(seed)
    codes = rng.integers(0, n_classes, n_rows)
    models = []
    for skill in (1.0, 1.5):
        score = skill * (codes[:, None] == np.arange(n_classes)) + rng.normal(size=(n_rows, n_classes)).round(1)
        probability = np.exp(score) / np.exp(score).sum(axis=1, keepdims=True)
        models.append(Predicted(probability, probability > 0.2, probability.max(axis=1) > 0.5))
    return codes, models


def by_hand(codes: np.ndarray, model: Predicted, drawn: np.ndarray) -> dict[str, float]:
    """Figures of a bootstrap sample, drawn row by row, with scikit-learn."""
    y, p = codes[drawn], model.probability[drawn]
    scored = [1] if p.shape[1] == 2 else range(p.shape[1])
    positive = np.concatenate([y == k for k in scored])
    line = LogisticRegression(C=np.inf, tol=1e-8).fit(
        log_odds_of(np.concatenate([p[:, k] for k in scored]))[:, None], positive
    )
    wrong = p.argmax(axis=1) != y
    return {
        "auc": float(np.mean([roc_auc_score(y == k, p[:, k]) for k in scored])),
        "log_loss": log_loss(y, p),
        "balanced_accuracy": balanced_accuracy_score(y, p.argmax(axis=1)),
        "calibration_slope": line.coef_[0, 0],
        "calibration_intercept": line.intercept_[0],
        "coverage": model.in_set[drawn, y].mean(),
        "set_size": model.in_set[drawn].sum(axis=1).mean(),
        "called": model.called[drawn].mean(),
        "error_among_calls": wrong[model.called[drawn]].mean(),
    }


@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("visits", [1, 2])
def test_intervals_are_those_of_samples_drawn_by_hand(n_classes, visits, monkeypatch) -> None:
    """Patients are drawn with all their visits, the same ones for both models, and scored with scikit-learn."""
    monkeypatch.setattr(paired, "N_SAMPLES", 12)
    codes, models = probabilities(1, n_classes, 120 * visits)
    patient = np.repeat(np.arange(120), visits)
    found = paired_figures(*models, codes, PatientRows.of(patient), {"all": codes >= 0}, seed=7)["all"]
    differences: dict[str, list[float]] = {}
    for counts in resampled(120, 7, 12):
        drawn = np.repeat(np.arange(len(codes)), counts[patient])
        old, new = (by_hand(codes, model, drawn) for model in models)
        for name in old:
            differences.setdefault(name, []).append(new[name] - old[name])
    for name, samples in differences.items():
        if (visits, name) == (2, "error_among_calls"):
            continue  # each patient with a call counts once, whatever the number of visits with one
        ends = [found[name]["difference"][end] for end in ("lower", "upper")]
        assert ends == pytest.approx(np.percentile(samples, [2.5, 97.5]), abs=2e-3), name


def test_what_a_champion_without_features_does_not_tell_is_unknown() -> None:
    """It predicts the same for everybody and calls nobody; the challenger is right in all of its calls."""
    codes = np.repeat([0, 1], 100)
    constant = Predicted(np.full((200, 2), 0.5), np.ones((200, 2), dtype=bool), np.zeros(200, dtype=bool))
    perfect = np.where(codes[:, None] == [0, 1], 0.9, 0.1)
    challenger = Predicted(perfect, perfect > 0.5, np.ones(200, dtype=bool))
    every_row = {"all": codes >= 0}
    found = paired_figures(constant, challenger, codes, PatientRows.single(200), every_row)["all"]
    assert found["calibration_slope"] == {"champion": None, "challenger": None, "difference": None}
    assert found["error_among_calls"]["champion"] is found["error_among_calls"]["difference"] is None
    wanted = Criteria.of({"error_among_calls": {"at_most": 0.05}, "log_loss": {"better_by_at_least": 0.3}})
    assert [verdict.reasons for verdict in judge(wanted, found, found, {})] == [(), ()]
    wanted = Criteria.of({"error_among_calls": {"worse_by_at_most": 0.05}, "calibration_slope": {"at_least": 0.5}})
    assert [len(verdict.reasons) for verdict in judge(wanted, found, found, {})] == [1, 1]


def test_a_challenger_that_is_worse_in_smokers_only_is_refused_for_them() -> None:
    """Better in 800 never smokers by far and so on average, worse in 200 smokers."""
    rng = np.random.default_rng(3)
    positive, smokes = rng.random(1000) < 0.5, np.arange(1000) < 200
    side = np.where(positive, 1.0, -1.0)

    def model(skill: np.ndarray) -> Predicted:
        p = 1 / (1 + np.exp(-2 * skill * (skill * side + rng.normal(size=1000))))
        probability = np.column_stack([1 - p, p])
        return Predicted(probability, probability > 0.1, probability.max(axis=1) > 0.67)

    models = model(np.full(1000, 1.0)), model(np.where(smokes, 0.5, 2.0))
    groups = {"all": np.ones(1000, dtype=bool), "smoking current": smokes, "smoking never": ~smokes}
    found = paired_figures(*models, positive.astype(int), PatientRows.single(1000), groups)
    subgroups = {name: found[name] for name in ("smoking current", "smoking never")} | {"smoking former": None}
    (by_default,) = judge(Criteria.of(None), found["all"], found["all"], subgroups)
    assert by_default.reasons == ()
    wanted = Criteria.of({"subgroups": {"log_loss_worse_by_at_most": 0.05}})
    (verdict,) = judge(wanted, found["all"], found["all"], subgroups)
    (reason,) = verdict.reasons
    assert reason.startswith("log_loss in smoking current: difference 0.")
    assert verdict.not_judged == ("smoking former",)


@pytest.mark.parametrize(("difference", "expected"), [(-0.1, True), (0.1, False)])
def test_of_twenty_pairs_the_better_is_accepted_and_the_worse_refused(difference, expected, monkeypatch) -> None:
    """Log-loss 0.1 nats lower or higher in 300 patients; benchmarks/comparison.md has smaller differences."""
    monkeypatch.setattr(paired, "N_SAMPLES", 200)
    default = list(CRITERIA).index("default: better")
    assert {verdicts(difference, 300, 1, repeat)[default] for repeat in range(20)} == {expected}
