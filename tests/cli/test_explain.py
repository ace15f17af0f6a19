"""``explain`` prints sentences, and writes figures and tables on request."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from click.testing import Result


@pytest.fixture
def few(clinic: Path, tmp_path: Path) -> Path:
    """Three patients, one with a slash in the identifier, which must not become a folder."""
    cohort = pd.read_csv(clinic / "cohort.csv", dtype=str).head(3)
    cohort["patient_id"] = ["A/1", "A_1", "B2"]
    cohort.to_csv(tmp_path / "patients.csv", index=False)
    return tmp_path / "patients.csv"


def test_one_patient_gets_one_line(few: Path, clinic: Path, run: Callable[..., Result]) -> None:
    result = run("explain", few, "--patient", "B2", "--model", clinic / "model.aml")
    assert result.exit_code == 0, result.stderr
    assert result.stdout.startswith("B2: ")
    assert len(result.stdout.strip().splitlines()) == 1
    assert "not the disease" in result.stderr


@pytest.mark.parametrize(("suffix", "signature"), [(".png", b"\x89PNG"), (".svg", b"<?xml")])
def test_figures_are_reproducible(
    suffix: str, signature: bytes, few: Path, clinic: Path, tmp_path: Path, run: Callable[..., Result]
) -> None:
    drawn = []
    for name in ("first", "again"):
        path = tmp_path / f"{name}{suffix}"
        assert run("explain", few, "--patient", "B2", "--model", clinic / "model.aml", "-o", path).exit_code == 0
        drawn.append(path.read_bytes())
    assert drawn[0].startswith(signature)
    assert drawn[0] == drawn[1]


def test_sentence_has_three_lengths(few: Path, clinic: Path, run: Callable[..., Result]) -> None:
    texts = [
        run("explain", few, "--patient", "B2", "--model", clinic / "model.aml", "--length", length).stdout
        for length in ("short", "medium", "long")
    ]
    assert [len(text) for text in texts] == sorted(len(text) for text in texts)
    assert "Contributions by factor: " in texts[2]


def test_all_patients_get_a_folder_with_figures(
    few: Path, clinic: Path, tmp_path: Path, run: Callable[..., Result]
) -> None:
    folder = tmp_path / "explanations"
    assert run("explain", few, "--all", "--model", clinic / "model.aml", "-o", folder).exit_code == 0
    expected = {"A_1-2.png", "A_1-3.png", "B2.png", "sentences.txt", "all_patients"}
    assert {path.name for path in folder.iterdir()} == expected
    overview = {path.name for path in (folder / "all_patients").iterdir()}
    assert {"factors.png", "interactions.png"} < overview
    assert len(overview) == 5
    assert len((folder / "sentences.txt").read_text(encoding="utf-8").splitlines()) == 3


def test_several_patients_get_a_figure_and_a_sentence_each(
    few: Path, clinic: Path, tmp_path: Path, run: Callable[..., Result]
) -> None:
    folder = tmp_path / "explanations"
    asked = ["--patient", "B2", "--patient", "A/1", "--patient", "B2"]
    result = run("explain", few, *asked, "--model", clinic / "model.aml", "-o", folder)
    assert result.exit_code == 0, result.stderr
    assert [line.split(": ")[0] for line in result.stdout.splitlines()] == ["B2", "A/1"]
    assert {path.name for path in folder.iterdir()} == {"A_1.png", "B2.png", "sentences.txt"}


def test_shipped_is_the_name_of_a_model(few: Path, run: Callable[..., Result]) -> None:
    named, default = (run("explain", few, "--patient", "B2", *options) for options in (["--model", "shipped"], []))
    assert named.exit_code == 0, named.stderr
    assert named.stdout == default.stdout


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (["--patient", "b2"], "no row with patient_id b2 (did you mean B2?); identifiers must match"),
        (["--patient", "nobody", "--patient", "b2"], "no row with patient_id nobody, b2 (did you mean B2?)"),
        ([], "--all"),
        (["--patient", "B2", "--all"], "--all"),
        (["--line", "2", "--all"], "--all"),
        (["--line", "9"], "no row starts on line 9; rows start on lines 2, 3, 4"),
        (["--patient", "B2", "--line", "2"], "no row of patient_id B2 starts on line 2; rows start on line 4"),
        (["--all", "-o", "all.png"], "name a folder"),
        (["--patient", "B2", "--patient", "A_1", "-o", "both.png"], "name a folder"),
        (["--patient", "B2", "--patient", "A_1", "--line", "2"], "--line selects one row"),
        (["--line", "2", "--line", "3"], "--line selects one row; run explain once for each line"),
        (["--patient", "B2", "-o", "absent/B2.png"], "make it first"),
        (["--patient", "B2", "-o", "B2.pdf"], "name a .png or .svg file"),
        (["--all", "-o", "all.pdf"], "name a .png or .svg file"),
    ],
)
def test_impossible_requests_are_refused_in_one_line(
    options: list[str],
    expected: str,
    few: Path,
    clinic: Path,
    run: Callable[..., Result],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(few.parent)
    result = run("explain", few, "--model", clinic / "model.aml", *options)
    assert result.exit_code == 2
    assert len(result.stderr.strip().splitlines()) == 1
    assert expected in result.stderr
    assert [path.name for path in few.parent.iterdir()] == ["patients.csv"]


@pytest.fixture
def visits(clinic: Path, tmp_path: Path) -> Path:
    """Two visits of one patient, on lines 2 and 5 since a note has a line break, and two others."""
    cohort = pd.read_csv(clinic / "cohort.csv", dtype=str).head(4)
    cohort["patient_id"] = ["007", "008", "007", "007-5"]
    cohort["note"] = ["first", "moved\nhouse", "second", ""]
    cohort.to_csv(tmp_path / "visits.csv", index=False)
    return tmp_path / "visits.csv"


def test_visits_of_a_patient_are_selected_by_line(visits: Path, clinic: Path, run: Callable[..., Result]) -> None:
    asked = ["explain", visits, "--model", clinic / "model.aml"]
    refused = run(*asked, "--patient", "007")
    assert refused.exit_code == 2
    assert "2 rows of patient_id 007, on lines 2, 5; select one with --line N" in refused.stderr
    first, second = (run(*asked, "--patient", "007", "--line", line).stdout for line in (2, 5))
    assert first.startswith("007 (line 2): ")
    assert first != second == run(*asked, "--line", 5).stdout


def test_row_is_selected_by_line_without_identifiers(few: Path, clinic: Path, run: Callable[..., Result]) -> None:
    table = pd.read_csv(few, dtype=str).drop(columns="patient_id")
    table.to_csv(few, index=False)
    asked = ["explain", few, "--model", clinic / "model.aml"]
    assert run(*asked, "--line", 3).stdout.startswith("3: ")
    assert "select a row with --line N" in run(*asked, "--patient", "B2").stderr


def test_figures_and_sentences_of_several_visits_have_their_lines(
    visits: Path, clinic: Path, tmp_path: Path, run: Callable[..., Result]
) -> None:
    folder = tmp_path / "explanations"
    result = run("explain", visits, "--all", "--model", clinic / "model.aml", "-o", folder)
    assert result.exit_code == 0, result.stderr
    # The identifier 007-5 equals the file name of the visit of 007 on line 5.
    figures = {path.stem for path in folder.glob("*.png")}
    assert figures == {"007-2", "008", "007-5", "007-5-6"}
    sentences = (folder / "sentences.txt").read_text(encoding="utf-8").splitlines()
    assert [line.split(": ")[0] for line in sentences] == ["007 (line 2)", "008", "007 (line 5)", "007-5"]
    assert "P001-86.png is the row of P001 on line 86" in " ".join(run("explain", "--help").stdout.split())


def test_calls_agree_with_predict(clinic: Path, tmp_path: Path, run: Callable[..., Result]) -> None:
    predictions = tmp_path / "predictions.csv"
    assert run("predict", clinic / "cohort.csv", "--model", clinic / "model.aml", "-o", predictions).exit_code == 0
    table = pd.read_csv(predictions, dtype=str)
    printed = run("explain", clinic / "cohort.csv", "--all", "--model", clinic / "model.aml").stdout.splitlines()
    sentences = dict(line.split(": ", 1) for line in printed)
    assert {"ok", "abstained"} <= set(table["aml_status"])
    for row in table[table["aml_status"] != "invalid"].to_dict("records"):
        assert sentences[row["patient_id"]].startswith("No call: ") == (row["aml_status"] != "ok")


def test_table_without_features_is_refused_as_by_predict(
    clinic: Path, tmp_path: Path, run: Callable[..., Result]
) -> None:
    (tmp_path / "ids.csv").write_text("patient_id,fenno\n007,45\n", encoding="utf-8")
    messages = set()
    for call in (["predict", tmp_path / "ids.csv"], ["explain", tmp_path / "ids.csv", "--all"]):
        result = run(*call, "--model", clinic / "model.aml")
        assert result.exit_code == 2
        messages.add(result.stderr)
    assert len(messages) == 1


def test_tables_of_values_and_interactions_add_up(
    few: Path, clinic: Path, tmp_path: Path, run: Callable[..., Result]
) -> None:
    values, interactions = tmp_path / "values.csv", tmp_path / "interactions.csv"
    asked = ["--level", "factors", "--values", values, "--interactions", interactions]
    for background in ([], ["--background", "stored"], ["--background", clinic / "cohort.csv"]):
        result = run("explain", few, "--all", "--model", clinic / "model.aml", *asked, *background)
        assert result.exit_code == 0, result.stderr
        contributions, pairs = pd.read_csv(values), pd.read_csv(interactions)
        assert contributions["patient_id"].tolist() == pairs["patient_id"].tolist() == ["A/1", "A_1", "B2"]
        for parts in (contributions.filter(like="factor_"), contributions.filter(like="shap_"), pairs.iloc[:, 4:]):
            np.testing.assert_allclose(contributions["base"] + parts.sum(axis=1), contributions["log_odds"], atol=1e-6)
        assert pairs.shape[1] == 4 + 6 + 15
        of_adherence = pairs.filter(like="adherence")
        weight = np.where(of_adherence.columns == "adherence", 1.0, 0.5)
        halves = of_adherence.to_numpy() @ weight
        np.testing.assert_allclose(halves, contributions["factor_adherence"], atol=1e-9)


def test_tables_tell_rows_of_one_patient_apart_by_their_lines(
    visits: Path, clinic: Path, tmp_path: Path, run: Callable[..., Result]
) -> None:
    values, interactions = tmp_path / "values.csv", tmp_path / "interactions.csv"
    asked = ["--all", "--values", values, "--interactions", interactions]
    assert run("explain", visits, "--model", clinic / "model.aml", *asked).exit_code == 0
    for path in (values, interactions):
        table = pd.read_csv(path, dtype={"patient_id": str})
        rows = list(zip(table["patient_id"], table["line"], strict=True))
        assert rows == [("007", 2), ("008", 3), ("007", 5), ("007-5", 6)]


def test_a_patient_with_a_long_identifier_is_explained_with_the_others(
    clinic: Path, tmp_path: Path, run: Callable[..., Result]
) -> None:
    cohort = pd.read_csv(clinic / "cohort.csv", dtype=str).head(3)
    cohort["patient_id"] = ["x" * 300, "x" * 300 + "2", "\u60a3\u8005"]
    cohort.to_csv(tmp_path / "patients.csv", index=False)
    asked = ["--all", "--model", clinic / "model.aml", "-o", tmp_path / "out"]
    result = run("explain", tmp_path / "patients.csv", *asked)
    assert result.exit_code == 0, result.stderr
    figures = {path.stem for path in (tmp_path / "out").glob("*.png")}
    assert figures == {"x" * 50 + "-2", "x" * 50 + "-3", "\u60a3\u8005"}
    sentences = (tmp_path / "out" / "sentences.txt").read_text(encoding="utf-8").splitlines()
    assert [line.split(": ")[0] for line in sentences] == cohort["patient_id"].tolist()


def test_output_tables_never_overwrite_an_input(few: Path, clinic: Path, run: Callable[..., Result]) -> None:
    asked = ["explain", few, "--all", "--model", clinic / "model.aml", "--values"]
    for options, message in (
        ([few], "would overwrite the input"),
        (["-"], "name a file"),
        (["a.png"], "must end in"),
        (["a.csv", "--interactions", "a.csv"], "name two files"),
    ):
        result = run(*asked, *options)
        assert result.exit_code == 2
        assert message in result.stderr


def test_what_if_names_advice_and_the_calls_of_the_twins(few: Path, clinic: Path, run: Callable[..., Result]) -> None:
    result = run("explain", few, "--all", "--model", clinic / "model.aml", "--length", "short", "--what-if")
    assert result.exit_code == 0, result.stderr
    lines = result.stdout.strip().splitlines()
    assert all(line.count("What-if in the causal model, not a forecast: ") == 1 for line in lines)
    assert all("counterfactual twins" in line for line in lines)


def test_mechanisms_are_told_beside_what_moved_the_model(few: Path, tmp_path: Path, run: Callable[..., Result]) -> None:
    values = tmp_path / "values.csv"
    result = run(
        "explain", few, "--patient", "B2", "--method", "mechanisms", "--values", values, "-o", tmp_path / "B2.png"
    )
    assert result.exit_code == 0, result.stderr
    assert "Findings that support" in result.stdout
    assert "xpected in the causal model of severe_clinic" in result.stdout
    row = pd.read_csv(values).iloc[0]
    factors = [name for name in row.index if name.startswith("mechanism_") and not name.endswith(("_low", "_high"))]
    parts = [name for name in factors if not name.endswith(("_alone", "_endotype"))]
    assert len(parts) == 8
    assert row[parts].sum() == pytest.approx(row["log_odds"], abs=1e-6)
    assert row["mechanism_adherence_low"] <= row["mechanism_adherence"] <= row["mechanism_adherence_high"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--method", "mechanisms", "--preset", "severe_clinic"), "--preset needs --method posterior or --what-if"),
        (("--method", "lime"), "'lime' is not one of"),
    ],
)
def test_methods_that_do_not_go_together_are_refused(
    options: tuple[str, ...], message: str, few: Path, run: Callable[..., Result]
) -> None:
    result = run("explain", few, "--patient", "B2", *options)
    assert result.exit_code == 2
    assert message in result.stderr
