"""``sensitivity`` varies the coefficients of the causal model."""

import csv
import io

from asthma_ml.fidelity.sensitivity_analysis import COLUMNS, HEADLINES


def test_writes_table_plot_and_report(run, tmp_path):
    plot, report = tmp_path / "tornado.svg", tmp_path / "sensitivity.md"
    call = ["sensitivity", "--patients", "500", "--all", "--only", "ige_measured.*", "--plot", plot, "--report", report]
    result = run(*call)
    assert result.exit_code == 0
    rows = list(csv.DictReader(io.StringIO(result.stdout)))
    assert tuple(rows[0]) == COLUMNS
    assert {row["headline"] for row in rows} == set(HEADLINES)
    assert "coefficients varied; the largest changes of an AUC" in result.stderr
    assert plot.read_bytes().startswith(b"<?xml")
    assert "asthma-ml sensitivity --preset severe_clinic --patients 500 --seed 1 --all" in report.read_text("utf-8")


def test_pattern_without_match_is_refused_in_one_line(run):
    result = run("sensitivity", "--only", "moon")
    assert result.exit_code == 2
    assert result.stderr == "asthma-ml: no coefficient of grade assumed matches moon\n"
