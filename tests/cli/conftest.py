"""A small cohort with a model, shared by the tests of the commands."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from asthma_ml.cli import commands


@pytest.fixture
def run() -> Callable[..., Result]:
    """Run a command and return its exit code, output and messages, with all control characters as on a terminal."""

    def run(*arguments: object, text: str | None = None) -> Result:
        return CliRunner().invoke(commands, [str(argument) for argument in arguments], input=text, color=True)

    return run


@pytest.fixture(scope="session")
def clinic(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with cohort.csv, truth.csv and model.aml, written by the commands."""
    folder = tmp_path_factory.mktemp("clinic")
    runner = CliRunner()
    for call in (
        ["generate", "--patients", "300", "--seed", "3", "--truth", folder / "truth.csv", "-o", folder / "cohort.csv"],
        ["train", folder / "cohort.csv", "--label", "phenotype", "-o", folder / "model.aml"],
    ):
        result = runner.invoke(commands, [str(part) for part in call])
        assert result.exit_code == 0, result.stderr
    return folder
