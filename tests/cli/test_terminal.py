"""Messages show control characters written out, and closed streams give one clear line."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest

from asthma_ml.spelling import visible

ASTHMA_ML = f"'{sys.executable}' -m asthma_ml"
CLEAR, RED, TURN = "\x1b[2J", "\x1b[31m", "\u202e"


def run(command: str, folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["sh", "-c", command], cwd=folder, capture_output=True, text=True, check=False)


@pytest.fixture
def clinic(tmp_path: Path) -> Path:
    (tmp_path / "clinic.csv").write_text("patient_id,feno_ppb,blood_eosinophils_cells_ul\n007,20,300\n")
    return tmp_path


@pytest.mark.parametrize(
    ("command", "code", "message"),
    [
        ("predict clinic.csv -o out.csv 2>&-", 0, ""),
        ("predict clinic.csv -o out.csv 2>/dev/full", 0, ""),
        ("predict clinic.csv -o out.csv 2</dev/null", 0, ""),
        ("validate absent.csv 2>/dev/full", 2, ""),
        ("predict clinic.csv -o out.csv >&-", 0, "1 patients"),
        ("predict clinic.csv -o out.csv <&-", 0, "1 patients"),
        ("predict clinic.csv >&-", 2, "asthma-ml: standard output: cannot be written (Bad file descriptor)\n"),
        ("--help >&-", 2, "asthma-ml: standard output: cannot be written (Bad file descriptor)\n"),
        (
            "validate clinic.csv >/dev/full",
            2,
            "asthma-ml: standard output: cannot be written (No space left on device)\n",
        ),
        ("predict - -o out.csv <&-", 2, "asthma-ml: standard input: cannot be read (Bad file descriptor)\n"),
    ],
)
def test_a_stream_that_is_closed_or_full(clinic: Path, command: str, code: int, message: str) -> None:
    done = run(f"{ASTHMA_ML} {command}", clinic)
    assert (done.returncode, "Traceback" in done.stderr) == (code, False)
    assert message in done.stderr
    if code == 0:
        assert (clinic / "out.csv").read_text().startswith("patient_id,feno_ppb")


@pytest.mark.parametrize("command", ["validate", "validate --show-values", "explain --all -o out", "predict"])
def test_control_characters_of_a_file_do_not_reach_the_terminal(tmp_path: Path, command: str) -> None:
    rows = [f"patient_id,sex,feno_ppb,{CLEAR}note", f"{RED}007,{TURN}x,20,1", f"{RED}007,male,9999,1"]
    (tmp_path / "clinic.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    done = run(f"{ASTHMA_ML} {command} clinic.csv", tmp_path)
    shown = done.stderr if command == "predict" else done.stdout + done.stderr
    assert not {"\x1b", TURN} & set(shown)
    assert command.startswith("explain") or "\\x1b" in shown or "?[" in shown


@pytest.mark.parametrize("given", [f"'{CLEAR}.csv'", f"clinic.csv '--wh{CLEAR}'", f"clinic.csv --columns '{RED}.toml'"])
def test_control_characters_of_the_command_do_not_reach_the_terminal(clinic: Path, given: str) -> None:
    done = run(f"{ASTHMA_ML} predict {given}", clinic)
    assert done.returncode == 2
    assert "\x1b" not in done.stderr
    assert "\\x1b" in done.stderr


def shown_on_a_terminal(*arguments: object) -> bytes:
    """What a command prints on a terminal, where click does not take out control sequences itself."""
    pty = pytest.importorskip("pty")
    main, terminal = pty.openpty()
    done = subprocess.Popen([sys.executable, "-m", "asthma_ml", *map(str, arguments)], stdout=terminal, stderr=terminal)
    os.close(terminal)
    shown = b""
    with suppress(OSError):  # Linux ends the reading with an error
        while part := os.read(main, 2**16):
            shown += part
    os.close(main)
    assert done.wait() == 0, shown
    return shown


@pytest.mark.parametrize("command", [["validate", "--show-values"], ["explain", "--all"]])
def test_control_characters_of_a_file_do_not_reach_a_real_terminal(tmp_path: Path, command: list[str]) -> None:
    rows = [f"patient_id,feno_ppb,sex,{CLEAR}note", f"{RED}007,20,{TURN}x,1", f"{RED}008,21,male,1"]
    (tmp_path / "clinic.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    shown = shown_on_a_terminal(*command, tmp_path / "clinic.csv")
    assert not {CLEAR.encode(), RED.encode(), TURN.encode()} & {*re.findall(rb"\x1b\[\d+\w|\xe2\x80\xae", shown)}
    assert b"\\x1b" in shown or b"?[" in shown


def test_line_breaks_and_letters_of_all_scripts_stay() -> None:
    assert visible("Müller\t喘息\n") == "Müller\t喘息\n"
