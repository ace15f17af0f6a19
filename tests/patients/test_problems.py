"""Problems as text and as records, without values of patients unless requested."""

from __future__ import annotations

import json

from asthma_ml.patients import Problem, problems_as_records, summarise_problems
from asthma_ml.patients.problems import shown

PROBLEMS = [
    Problem(None, "feno_ppb", "alias", "warning", "read `NO` as feno_ppb"),
    *(Problem(line, "feno_ppb", "limits", "error", "outside 0-400 ppb", f"9{line}0") for line in range(2, 15)),
]


def test_errors_come_first_and_few_lines_are_listed() -> None:
    assert summarise_problems(PROBLEMS, max_lines=3).splitlines() == [
        "feno_ppb: 13 values outside 0-400 ppb (lines 2, 3, 4 and 10 more)",
        "feno_ppb: read `NO` as feno_ppb",
    ]
    assert summarise_problems(PROBLEMS[:2]).splitlines()[0] == "feno_ppb: 1 value outside 0-400 ppb (line 2)"
    assert summarise_problems([]) == ""


def test_a_problem_of_a_row_has_no_value() -> None:
    problem = Problem(3, "row", "row_length", "error", "with 1 cell where the header has 2")
    assert str(problem) == "line 3: row with 1 cell where the header has 2"
    assert summarise_problems([problem, problem]) == "2 rows with 1 cell where the header has 2 (lines 3, 3)"


def test_values_are_shown_only_on_request() -> None:
    assert "920" not in json.dumps(problems_as_records(PROBLEMS)) + summarise_problems(PROBLEMS)
    assert problems_as_records(PROBLEMS, show_values=True)[1]["value"] == "920"


def test_control_characters_in_names_are_replaced() -> None:
    assert shown("\x1b[2Jage\n") == "`?[2Jage?`"
    assert len(shown("x" * 1000)) == 62
