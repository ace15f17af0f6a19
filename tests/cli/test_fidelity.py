"""``asthma-ml fidelity``."""

import csv
import io

import pytest

from asthma_ml.evidence import evidence_table
from asthma_ml.fidelity.literature import COLUMNS


def test_fidelity_has_one_row_per_figure(run):
    result = run("fidelity", "--patients", "2000")
    assert result.exit_code == 0
    rows = list(csv.DictReader(io.StringIO(result.stdout)))
    assert tuple(rows[0]) == COLUMNS
    assert [row["id"] for row in rows] == evidence_table().index.tolist()
    assert {row["within"] for row in rows} == {"true", "false", ""}
    assert all(row["reason"] for row in rows)
    assert all((row["within"] == "") == (row["generated"] == "") for row in rows)
    assert "within tolerance" in result.stderr


@pytest.mark.parametrize(("suffix", "start"), [("png", b"\x89PNG"), ("svg", b"<?xml"), ("pdf", b"%PDF")])
def test_forest_plot_is_written_in_the_requested_format(run, tmp_path, suffix, start):
    plot = tmp_path / f"forest.{suffix}"
    result = run("fidelity", "--preset", "low_adherence_clinic", "--patients", "1000", "--plot", str(plot))
    assert result.exit_code == 0
    assert plot.read_bytes().startswith(start)


def test_unknown_plot_format_is_refused_before_any_work(run, tmp_path):
    result = run("fidelity", "--plot", str(tmp_path / "forest.gif"))
    assert result.exit_code == 2
    assert ".png, .svg or .pdf" in result.stderr
