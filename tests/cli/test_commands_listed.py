"""The list of commands is written without importing them, and says what their own help says."""

from __future__ import annotations

import subprocess
import sys

import click
import pytest

from asthma_ml.cli import commands
from asthma_ml.cli.command_group import COMMANDS


@pytest.mark.parametrize("name", COMMANDS)
def test_list_says_what_the_command_says(name: str) -> None:
    command = commands.get_command(click.Context(commands), name)
    assert command is not None
    assert command.name == name
    assert str(command.help).replace("\n", " ").startswith(COMMANDS[name].removesuffix("."))


@pytest.mark.parametrize("arguments", [["--help"], ["predikt"], ["predict", "--help"], ["predict", "--explain", "all"]])
def test_help_and_usage_errors_load_no_library_of_numbers(arguments: list[str]) -> None:
    look = (
        "import sys; from asthma_ml.cli import commands\n"
        f"try: commands.main({arguments!r})\n"
        "except SystemExit: pass\n"
        "print({'numpy', 'pandas', 'scipy', 'sklearn', 'shap', 'numba', 'pyarrow'} & set(sys.modules), file=sys.stderr)"
    )
    run = subprocess.run([sys.executable, "-c", look], capture_output=True, text=True, check=True)
    assert run.stderr.endswith("set()\n")
