"""``predict`` adds predictions and keeps the input columns unchanged."""

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


def test_input_columns_are_kept_unchanged(hospital: Path, clinic: Path, run: Callable[..., Result]) -> None:
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


def test_standard_input_gives_the_same_table(hospital: Path, clinic: Path, run: Callable[..., Result]) -> None:
    by_name = run("predict", hospital, "--model", clinic / "model.aml").stdout
    piped = run("predict", "-", "--model", clinic / "model.aml", text=hospital.read_text(encoding="utf-8")).stdout
    assert piped == by_name


def test_warnings_about_the_file_are_printed(clinic: Path, tmp_path: Path, run: Callable[..., Result]) -> None:
    export = tmp_path / "export.csv"
    export.write_text("Ward 3\npatient_id;FeNO;fev1_fvc_ratjo;note\n1;38,5;0,7;Müller\n", encoding="latin-1")
    result = run("predict", export, "--model", clinic / "model.aml", "-o", tmp_path / "out.csv")
    assert result.exit_code == 0, result.stderr
    assert [line for line in result.stderr.splitlines() if line.startswith("warning: ")] == [
        "warning: not UTF-8 from line 3 on; read as Windows-1252; check the accented letters",
        "warning: the lines before the header on line 2 are not read",
        "warning: feno_ppb: read `FeNO` as feno_ppb",
        "warning: fev1_fvc_ratio: not read; did you mean fev1_fvc_ratio by `fev1_fvc_ratjo`? Map it in a column map",
    ]


def test_strict_refuses_invalid_rows_and_writes_nothing(
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


def test_a_damaged_model_file_has_its_own_exit_code(hospital: Path, tmp_path: Path, run: Callable[..., Result]) -> None:
    (tmp_path / "broken.aml").write_bytes(b"not a model")
    result = run("predict", hospital, "--model", tmp_path / "broken.aml")
    assert result.exit_code == 4
    assert len(result.stderr.strip().splitlines()) == 1


def test_quiet_prints_no_messages(hospital: Path, clinic: Path, run: Callable[..., Result]) -> None:
    assert "not a medical device" in run("predict", hospital, "--model", clinic / "model.aml").stderr
    assert run("predict", hospital, "--model", clinic / "model.aml", "--quiet").stderr == ""


def test_missing_features_are_counted_and_the_most_important_named(
    hospital: Path, clinic: Path, tmp_path: Path, run: Callable[..., Result]
) -> None:
    pd.read_csv(hospital, dtype=str)[["patient_id", "age_years", "sex"]].to_csv(tmp_path / "thin.csv", index=False)
    result = run("predict", tmp_path / "thin.csv", "--model", clinic / "model.aml", "-o", tmp_path / "out.csv")
    assert result.exit_code == 0, result.stderr
    message = next(line for line in result.stderr.splitlines() if line.startswith("not in the table"))
    assert re.search(r"\d+ features of the model, treated as missing: (\w+, ){4}\w+ and \d+ more", message)
    assert "not in the table" not in run("predict", clinic / "cohort.csv", "--model", clinic / "model.aml").stderr


def test_repeated_identifiers_give_a_warning(
    hospital: Path, clinic: Path, tmp_path: Path, run: Callable[..., Result]
) -> None:
    table = pd.read_csv(hospital, dtype=str)
    pd.concat([table, table.head(1)]).to_csv(hospital, index=False)
    result = run("predict", hospital, "--model", clinic / "model.aml", "-o", tmp_path / "out.csv")
    assert "warning: 2 rows share their patient_id" in result.stderr
    assert re.search(r"^\d+ rows: \d+ ", result.stderr, re.MULTILINE)


@pytest.mark.parametrize("target", ["patients.csv", "model.csv", "map.csv"])
def test_no_input_is_overwritten(
    target: str, hospital: Path, clinic: Path, tmp_path: Path, run: Callable[..., Result]
) -> None:
    """The table, the model and the column map, also through a hard link."""
    (tmp_path / "model.csv").hardlink_to(clinic / "model.aml")
    (tmp_path / "map.csv").write_text("", encoding="utf-8")
    before = (tmp_path / target).read_bytes()
    call = ("predict", hospital, "--model", clinic / "model.aml", "--columns", tmp_path / "map.csv")
    result = run(*call, "-o", tmp_path / target)
    assert result.exit_code == 2
    assert "would overwrite the input" in result.stderr
    assert (tmp_path / target).read_bytes() == before
