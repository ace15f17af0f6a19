"""Criteria of acceptance: each must hold over the whole interval, and a faulty file is refused in one line."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from asthma_ml.errors import UnusableInputError
from asthma_ml.evaluation.criteria import Criteria, judge
from asthma_ml.evaluation.paired import PairedFigures


def figures(name: str, difference: tuple[float, float], challenger: tuple[float, float] = (0.0, 1.0)) -> PairedFigures:
    """A figure with these intervals."""
    ends = {"difference": difference, "challenger": challenger, "champion": (0.0, 1.0)}
    return {name: {of: {"value": sum(pair) / 2, "lower": pair[0], "upper": pair[1]} for of, pair in ends.items()}}


def refusals(content: dict[str, Any], found: PairedFigures) -> list[str]:
    return [reason for verdict in judge(Criteria.of(content), found, found, {}) for reason in verdict.reasons]


@pytest.mark.parametrize(
    ("figure", "rule", "limit", "difference", "met"),
    [
        # The log-loss is better if it is lower: its upper end decides.
        ("log_loss", "worse_by_at_most", 0.01, (-0.03, 0.009), True),
        ("log_loss", "worse_by_at_most", 0.01, (-0.03, 0.011), False),
        ("log_loss", "better_by_at_least", 0.0, (-0.03, -0.001), True),
        ("log_loss", "better_by_at_least", 0.0, (-0.03, 0.001), False),
        ("log_loss", "better_by_at_least", 0.02, (-0.03, -0.021), True),
        ("log_loss", "better_by_at_least", 0.02, (-0.03, -0.019), False),
        # The AUC is better if it is higher: its lower end decides.
        ("auc", "worse_by_at_most", 0.01, (-0.009, 0.03), True),
        ("auc", "worse_by_at_most", 0.01, (-0.011, 0.03), False),
        ("auc", "better_by_at_least", 0.0, (0.001, 0.03), True),
        ("auc", "better_by_at_least", 0.0, (-0.001, 0.03), False),
        ("called", "worse_by_at_most", 0.05, (-0.06, 0.0), False),
        ("error_among_calls", "worse_by_at_most", 0.05, (0.0, 0.06), False),
        # Models that do not differ are not better, also if sums are rounded differently.
        ("log_loss", "better_by_at_least", 0.0, (-1e-12, -1e-13), False),
    ],
)
def test_a_difference_must_lie_within_the_limit_with_its_whole_interval(figure, rule, limit, difference, met) -> None:
    assert (refusals({figure: {rule: limit}}, figures(figure, difference)) == []) is met


@pytest.mark.parametrize(
    ("rule", "limit", "met"), [("at_least", 0.87, True), ("at_least", 0.89, False), ("at_most", 0.91, False)]
)
def test_a_limit_of_the_challenger_is_judged_by_its_own_interval(rule, limit, met) -> None:
    found = figures("coverage", (-0.1, 0.1), challenger=(0.88, 0.92))
    assert (refusals({"coverage": {rule: limit}}, found) == []) is met


@pytest.mark.parametrize(
    ("content", "found", "reason"),
    [
        (
            {"log_loss": {"worse_by_at_most": 0.01}},
            figures("log_loss", (-0.01, 0.02)),
            "log_loss: difference 0.005 (-0.010 to 0.020), the whole interval must lie not above 0.01; "
            "[log_loss] worse_by_at_most = 0.01",
        ),
        (
            {"auc": {"worse_by_at_most": 0.02}},
            figures("auc", (-0.03, 0.01)),
            "auc: difference -0.010 (-0.030 to 0.010), the whole interval must lie not below -0.02; "
            "[auc] worse_by_at_most = 0.02",
        ),
        (
            {"all_diagnoses": {"error_among_calls_better_by_at_least": 0}},
            figures("error_among_calls", (-0.02, 0.04)),
            "error_among_calls in all diagnoses: difference 0.010 (-0.020 to 0.040), the whole interval must lie below "
            "0; [all_diagnoses] error_among_calls_better_by_at_least = 0",
        ),
        (
            {"error_among_calls": {"at_most": 0.1}},
            {"error_among_calls": {"challenger": None}},
            "error_among_calls: challenger unknown, because a model calls nobody; [error_among_calls] at_most = 0.1",
        ),
    ],
)
def test_a_reason_says_what_was_found_and_what_is_allowed(content, found, reason) -> None:
    assert refusals(content, found) == [reason]


def test_subgroups_without_enough_patients_are_no_evidence() -> None:
    (verdict,) = judge(Criteria.of({"subgroups": {"auc_at_least": 0.7}}), {}, {}, {"sex male": None})
    assert verdict.reasons == ("auc: no subgroup has enough patients of each class; [subgroups] auc_at_least = 0.7",)
    assert verdict.not_judged == ("sex male",)


def test_one_criterion_that_is_not_met_is_enough() -> None:
    found = figures("auc", (0.01, 0.02)) | figures("log_loss", (-0.01, 0.02))
    content = {"auc": {"better_by_at_least": 0.0}, "log_loss": {"better_by_at_least": 0.0}}
    assert len(refusals(content, found)) == 1


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "contains no criterion"),
        ("[logloss]\nat_most = 0.3", r"no table \[logloss \(did you mean log_loss\?\)\]"),
        ("[auc]\nat_leats = 0.8", r"\[auc\] no rule at_leats \(did you mean at_least\?\)"),
        ("[auc]\nat_least = '0.8'", r"\[auc\] at_least must be a number"),
        ("[auc]\nat_least = true", r"\[auc\] at_least must be a number"),
        ("[auc]\nat_least = nan", r"\[auc\] at_least must be a number"),
        ("[coverage]\nat_least = 88", r"\[coverage\] at_least = 88 must be between 0 and 1; 90 % is 0.9"),
        ("[log_loss]\nworse_by_at_most = -0.01", r"\[log_loss\] worse_by_at_most = -0.01 must be 0 or more"),
        ("[coverage]\nbetter_by_at_least = 0", r"\[coverage\] better_by_at_least: neither high nor low is better"),
        ("[subgroups]\nlog_loss_worse = 0.1", r"\[subgroups\] no criterion log_loss_worse \(did you mean"),
        ("[all_diagnoses]\nauc_at_least = 0.1", r"\[all_diagnoses\] no criterion auc_at_least.*called"),
        ("auc = 0.8", r"auc must be a table of rules"),
        ("[auc\n", "not a TOML file that can be read"),
    ],
)
def test_a_faulty_file_is_refused_with_its_name(text: str, message: str, tmp_path: Path) -> None:
    path = tmp_path / "acceptance.toml"
    path.write_text(text)
    with pytest.raises(UnusableInputError, match=f"acceptance.toml: .*{message}|acceptance.toml: {message}") as error:
        Criteria.of(path)
    assert "\n" not in str(error.value)
