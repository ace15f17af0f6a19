"""``worked-patients`` writes a document whose figures lie beside it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from click.testing import Result


def test_a_model_of_ones_own_is_worked_through(clinic: Path, tmp_path: Path, run: Callable[..., Result]) -> None:
    result = run("worked-patients", "--model", clinic / "model.aml", "-o", tmp_path / "worked.md")
    assert result.exit_code == 0, result.stderr
    page = (tmp_path / "worked.md").read_text(encoding="utf-8")
    figures = sorted(path.name for path in tmp_path.glob("*.svg"))
    assert figures == [f"worked_000{k}.svg" for k in range(1, 5)]
    assert all(f"({figure})" in page for figure in figures)


def test_without_output_the_page_alone_is_printed(clinic: Path, run: Callable[..., Result]) -> None:
    result = run("worked-patients", "--model", clinic / "model.aml")
    assert result.stdout.startswith("# Four worked patients")
