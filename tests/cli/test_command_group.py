"""Exit codes, one-line errors, help and suggestions of all commands."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result

from asthma_ml.cli.command_group import COMMANDS, AsthmaCommands
from asthma_ml.cli.options import with_verbosity
from asthma_ml.errors import AsthmaMLError, GateRefusedError, ModelFileError, RowsRefusedError, UnusableInputError

NAMES = sorted(COMMANDS)


def failing(error: BaseException) -> AsthmaCommands:
    """Command group whose only command fails."""

    @click.command("fail")
    @with_verbosity
    def fail() -> None:
        raise error

    return AsthmaCommands(commands={"fail": fail})


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (AsthmaMLError("refused"), 1),
        (UnusableInputError("no such column"), 2),
        (RowsRefusedError("2 rows"), 3),
        (ModelFileError("made by another version"), 4),
        (GateRefusedError("challenger refused"), 5),
        (PermissionError(13, "Permission denied", "locked.csv"), 2),
        (KeyboardInterrupt(), 130),
        (RuntimeError("a bug"), 1),
    ],
)
def test_each_error_has_its_exit_code_and_one_line(error: BaseException, code: int) -> None:
    result = CliRunner().invoke(failing(error), ["fail"])
    assert result.exit_code == code
    assert len(result.stderr.strip().splitlines()) == 1
    assert "Traceback" not in result.output


def test_unexpected_error_mentions_debug() -> None:
    assert "--debug" in CliRunner().invoke(failing(RuntimeError("a bug")), ["fail"]).stderr


def test_debug_shows_the_traceback() -> None:
    error = RuntimeError("a bug")
    assert CliRunner().invoke(failing(error), ["fail", "--debug"]).exception is error


@pytest.mark.parametrize("option", ["-h", "--help"])
@pytest.mark.parametrize("name", NAMES)
def test_help_has_examples(name: str, option: str, run: Callable[..., Result]) -> None:
    result = run(name, option)
    assert result.exit_code == 0
    assert f"  asthma-ml {name}" in result.stdout.split("Examples:")[1]


def test_help_without_a_command(run: Callable[..., Result]) -> None:
    result = run()
    assert result.exit_code == 2
    assert "predict" in result.stderr


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["predict", "absent.csv"], "absent.csv"),
        (["predict"], "FILE"),
        (["prdict", "patients.csv"], "prdict (did you mean predict?)"),
        (["generate", "--patient", "3"], "--patients"),
        (["generate", "--preset", "severe_clini"], "severe_clini (did you mean severe_clinic?)"),
        (["generate", "--do", "inhaled_adherenc=1"], "inhaled_adherenc (did you mean inhaled_adherence?)"),
        (["generate", "--do", "smoking_status=neve"], "did you mean never?"),
        (["generate", "--where", "feno_pp > 3"], "feno_pp (did you mean feno_ppb?)"),
        (["fidelity", "--preset", "sputum_studi"], "did you mean sputum_study?"),
        (["sensitivity", "--only", "feno_pbb.*"], "did you mean feno_ppb.*?"),
        (["generate", "--patients", "0"], "--patients"),
        (["generate", "-o", "absent/cohort.csv"], "create it first"),
        (["generate", "-o", "cohort.xlsx"], ".csv, .tsv, .gz or .parquet"),
        (["generate", "--do", "adherence"], "VAR=VALUE"),
    ],
)
def test_usage_error_is_one_line_with_the_name_or_a_suggestion(
    arguments: list[str], expected: str, run: Callable[..., Result], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    result = run(*arguments)
    assert result.exit_code == 2
    assert len(result.stderr.strip().splitlines()) == 1
    assert expected in result.stderr
    assert list(tmp_path.iterdir()) == []


def test_command_line_loads_no_heavy_library() -> None:
    heavy = "{'sklearn', 'shap', 'matplotlib'} & set(sys.modules)"
    call = [sys.executable, "-c", f"import sys, asthma_ml.cli; sys.exit(bool({heavy}))"]
    assert subprocess.run(call, check=False).returncode == 0


def test_closed_pipe_is_not_an_error() -> None:
    reading_end, writing_end = os.pipe()
    os.close(reading_end)
    call = [sys.executable, "-m", "asthma_ml", "variables", "--json"]
    done = subprocess.run(call, stdout=writing_end, stderr=subprocess.PIPE, check=False)
    os.close(writing_end)
    assert done.returncode == 141
    assert done.stderr == b""
