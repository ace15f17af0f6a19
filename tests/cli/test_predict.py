"""``predict`` appends the model's answer and leaves a hospital's own columns alone."""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from click.testing import Result

from asthma_ml.variables import FACTORS


@pytest.fixture
def hospital(clinic: Path, tmp_path: Path) -> Path:
    """Ten patients without labels, with a column that only the hospital knows."""
    cohort = pd.read_csv(clinic / "cohort.csv", dtype=str).head(10).drop(columns="phenotype")
    cohort.insert(0, "ward", [f"00{i}" for i in range(10)])
    cohort.to_csv(tmp_path / "patients.csv", index=False)
    return tmp_path / "patients.csv"


def test_input_columns_pass_through_untouched(hospital: Path, clinic: Path, run: Callable[..., Result]) -> None:
    result = run("predict", hospital, "--model", clinic / "model.aml")
    assert result.exit_code == 0, result.stderr
    given = pd.read_csv(hospital, dtype=str, keep_default_na=False)
    table = pd.read_csv(io.StringIO(result.stdout), dtype=str, keep_default_na=False)
    pd.testing.assert_frame_equal(table[given.columns], given)
    assert all(name.startswith("aml_") for name in table.columns[len(given.columns) :])


def test_factors_and_base_add_up_to_the_log_odds(
    hospital: Path, clinic: Path, tmp_path: Path, run: Callable[..., Result]
) -> None:
    out = tmp_path / "predictions.parquet"
    assert run("predict", hospital, "--model", clinic / "model.aml", "-o", out).exit_code == 0
    table = pd.read_parquet(out)
    total = table["aml_base"] + table[[f"aml_factor_{factor}" for factor in FACTORS]].sum(axis=1)
    p = table["aml_p_th2_high"]
    np.testing.assert_allclose(total, np.log(p / (1 - p)), atol=1e-6)


def test_a_pipe_gives_the_same_table(hospital: Path, clinic: Path, run: Callable[..., Result]) -> None:
    by_name = run("predict", hospital, "--model", clinic / "model.aml").stdout
    piped = run("predict", "-", "--model", clinic / "model.aml", text=hospital.read_text(encoding="utf-8")).stdout
    assert piped == by_name


def test_how_the_file_was_read_is_said(clinic: Path, tmp_path: Path, run: Callable[..., Result]) -> None:
    export = tmp_path / "export.csv"
    export.write_text("Ward 3\npatient_id;FeNO;fev1_fvc_ratjo;note\n1;38,5;0,7;Müller\n", encoding="latin-1")
    result = run("predict", export, "--model", clinic / "model.aml", "-o", tmp_path / "out.csv")
    assert result.exit_code == 0, result.stderr
    assert [line for line in result.stderr.splitlines() if line.startswith("warning: ")] == [
        "warning: not UTF-8 from line 3 on; read as Latin-1, so check letters with accents",
        "warning: what stands before the header on line 2 is not part of the table",
        "warning: feno_ppb: read `FeNO` as feno_ppb",
        "warning: fev1_fvc_ratio: not read: is `fev1_fvc_ratjo` meant? A column map could say so",
    ]


def test_strict_refuses_rows_and_writes_nothing(
    hospital: Path, clinic: Path, tmp_path: Path, run: Callable[..., Result]
) -> None:
    table = pd.read_csv(hospital, dtype=str)
    table.loc[3, "feno_ppb"] = "9999"
    table.to_csv(hospital, index=False)
    out = tmp_path / "predictions.csv"
    refused = run("predict", hospital, "--model", clinic / "model.aml", "--strict", "-o", out)
    assert refused.exit_code == 3
    assert "line 5" in refused.stderr
    assert "9999" not in refused.stderr
    assert not out.exists()
    lenient = run("predict", hospital, "--model", clinic / "model.aml", "-o", out)
    assert lenient.exit_code == 0
    assert pd.read_csv(out)["aml_status"].tolist().count("invalid") == 1


def test_a_file_that_is_no_model_has_its_own_exit_code(
    hospital: Path, tmp_path: Path, run: Callable[..., Result]
) -> None:
    (tmp_path / "broken.aml").write_bytes(b"not a model")
    result = run("predict", hospital, "--model", tmp_path / "broken.aml")
    assert result.exit_code == 4
    assert len(result.stderr.strip().splitlines()) == 1


def test_quiet_leaves_messages_out(hospital: Path, clinic: Path, run: Callable[..., Result]) -> None:
    assert "not a medical device" in run("predict", hospital, "--model", clinic / "model.aml").stderr
    assert run("predict", hospital, "--model", clinic / "model.aml", "--quiet").stderr == ""


def test_features_that_the_table_lacks_are_counted_and_the_weightiest_named(
    hospital: Path, clinic: Path, tmp_path: Path, run: Callable[..., Result]
) -> None:
    pd.read_csv(hospital, dtype=str)[["patient_id", "age_years", "sex"]].to_csv(tmp_path / "thin.csv", index=False)
    result = run("predict", tmp_path / "thin.csv", "--model", clinic / "model.aml", "-o", tmp_path / "out.csv")
    assert result.exit_code == 0, result.stderr
    said = next(line for line in result.stderr.splitlines() if line.startswith("not in the table"))
    assert re.search(r"\d+ features that the model uses: (\w+, ){4}\w+ and \d+ more", said)
    assert "not in the table" not in run("predict", clinic / "cohort.csv", "--model", clinic / "model.aml").stderr


def test_repeated_patients_are_warned_of(
    hospital: Path, clinic: Path, tmp_path: Path, run: Callable[..., Result]
) -> None:
    table = pd.read_csv(hospital, dtype=str)
    pd.concat([table, table.head(1)]).to_csv(hospital, index=False)
    result = run("predict", hospital, "--model", clinic / "model.aml", "-o", tmp_path / "out.csv")
    assert "warning: 2 rows share their patient_id" in result.stderr


@pytest.mark.parametrize("target", ["patients.csv", "model.csv", "map.csv"])
def test_no_input_is_ever_overwritten(
    target: str, hospital: Path, clinic: Path, tmp_path: Path, run: Callable[..., Result]
) -> None:
    """Neither the table, nor the model, nor the column map, nor any of them under another name."""
    (tmp_path / "model.csv").hardlink_to(clinic / "model.aml")
    (tmp_path / "map.csv").write_text("", encoding="utf-8")
    before = (tmp_path / target).read_bytes()
    call = ("predict", hospital, "--model", clinic / "model.aml", "--columns", tmp_path / "map.csv")
    result = run(*call, "-o", tmp_path / target)
    assert result.exit_code == 2
    assert "would overwrite the input" in result.stderr
    assert (tmp_path / target).read_bytes() == before
