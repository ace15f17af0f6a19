"""The benchmark: contenders run in turns, processes are measured, and one table is written."""

from __future__ import annotations

import json
import math
import sys
from pathlib import Path
from statistics import median

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from machine import machine
from results import Goal, Ratio, Row, compared, write_results
from setting import Setting
from speed import predict_files
from timing import Run, function, in_turns, process

SECONDS = st.floats(0.001, 1000)


def python(code: str, folder: Path, **options: object) -> Run:
    return process([sys.executable, "-c", code], folder, **options)()  # type: ignore[no-any-return]


def test_contenders_take_turns_after_the_warm_up() -> None:
    seen: list[str] = []
    tasks = {name: function(lambda name=name: seen.append(name)) for name in ("ours", "theirs")}
    runs = in_turns(tasks, 3, warm_up=["ours"])
    assert seen == ["ours", *["ours", "theirs"] * 3]
    assert {name: len(of) for name, of in runs.items()} == {"ours": 3, "theirs": 3}


def test_a_process_reports_its_own_seconds(tmp_path: Path) -> None:
    run = python("print('started'); print(0.25)", tmp_path)
    assert run.reported_s == 0.25
    assert run.wall_s > 0


def test_memory_counts_the_children_of_a_process(tmp_path: Path) -> None:
    hold = "import time; held = bytearray(b'x') * 60_000_000; time.sleep(0.5)"
    alone = python(hold, tmp_path)
    beside = python(f"import subprocess, sys; subprocess.run([sys.executable, '-c', {hold!r}]); {hold}", tmp_path)
    both = python(
        f"import subprocess, sys; of = subprocess.Popen([sys.executable, '-c', {hold!r}]); {hold}; of.wait()", tmp_path
    )
    assert 57 < alone.peak_mb < 110
    assert beside.peak_mb < both.peak_mb
    assert both.peak_mb > 114


def test_a_failed_process_says_which_and_why(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match=r"(?s)exit code 3.*no such patient"):
        python("import sys; print('no such patient', file=sys.stderr); sys.exit(3)", tmp_path)
    python("import sys; sys.exit(2)", tmp_path, exit_codes=(0, 2))


def test_another_checkout_is_imported(tmp_path: Path) -> None:
    package = tmp_path / "asthma_ml"
    package.mkdir()
    (package / "__init__.py").write_text("earlier = True\n")
    python("import asthma_ml; assert asthma_ml.earlier", tmp_path.parent, checkout=tmp_path)


@given(st.lists(st.tuples(SECONDS, SECONDS), min_size=1, max_size=9))
def test_the_ratio_of_medians_lies_between_the_ratios_of_the_rounds(times: list[tuple[float, float]]) -> None:
    runs = {"ours": [Run(ours, ours) for ours, _ in times], "peer": [Run(peer, peer) for _, peer in times]}
    row = compared(runs, "job", None, "ours", peer="peer")
    assert row.times_peer is not None
    assert row.times_peer.low <= row.times_peer.value * (1 + 1e-12)
    assert row.times_peer.value <= row.times_peer.high * (1 + 1e-12)
    assert row.ours == median(ours for ours, _ in times)


@pytest.mark.parametrize(
    ("goal", "met"),
    [
        (Goal(), True),
        (Goal(times_peer=10), True),
        (Goal(times_peer=11), False),
        (Goal(times_peer=10, times_floor=1.9), False),
        (Goal(times_floor=2), True),
        (Goal(most=0.9), False),
    ],
)
def test_goals(goal: Goal, met: bool) -> None:
    row = Row("job", 1, "s", 1.0, "peer", 10.0, Ratio(10, 9, 11), None, "floor", 0.5, Ratio(2, 2, 2))
    assert goal.is_met(row) is met


def test_results_are_one_table_in_three_files(tmp_path: Path) -> None:
    runs = {"ours": [Run(1.0, 1.0, 50.0)], "naive": [Run(12.0, 12.0, 500.0)], "Arrow": [Run(0.8, 0.8, 90.0)]}
    goal = Goal(times_peer=10, times_floor=1)
    rows = [
        compared(runs, "predict", 1000, "ours", peer="naive", floor="Arrow", goal=goal),
        compared(runs, "predict", 1000, "ours", peer="naive", field="peak_mb"),
        compared(runs, "help", None, "ours"),
    ]
    write_results(tmp_path, rows, machine())
    found = json.loads((tmp_path / "results.json").read_text())
    assert found["rows"][0]["times_peer"]["value"] == 12
    assert {"processor", "cores", "date", "numpy", "OMP_NUM_THREADS"} <= set(found["about"])
    page = (tmp_path / "results.md").read_text()
    assert "| predict | 1,000 | s | 1 | naive | 12 | 12 (12 to 12) | Arrow | 0.8 | 1.25 (1.25 to 1.25) |" in page
    assert "missed" in page
    drawn = (tmp_path / "results.svg").read_bytes()
    write_results(tmp_path, rows, machine())
    assert drawn == (tmp_path / "results.svg").read_bytes()


def test_a_smaller_table_is_the_head_of_a_larger(tmp_path: Path) -> None:
    setting = Setting(tmp_path)
    large, small = setting.patients(30).read_text(), setting.patients(7).read_text()
    assert large.startswith(small)
    assert len(small.splitlines()) == 8


def test_predict_is_measured_beside_the_naive_script_and_arrow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"QUICK": (60,), "N_TRAINING": 300, "LEVELS": ("factors",), "JOBS": (1, 2)}.items():
        monkeypatch.setattr(predict_files, name, value)
    setting = Setting(tmp_path, repeats=1)
    monkeypatch.setitem(predict_files.NAIVE, "features", predict_files.NAIVE["factors"])
    rows = list(predict_files.rows(setting))
    assert all(row.ours > 0 and math.isfinite(row.ours) for row in rows)
    assert {row.unit for row in rows} == {"s", "MB"}
    assert {"Arrow", "Arrow without start-up"} <= {row.floor for row in rows}
    predict_files.draw_scaling(tmp_path / "scaling.svg", rows)
    assert "10" in (tmp_path / "scaling.svg").read_text()


def test_the_naive_script_predicts_each_patient_and_adds_up(tmp_path: Path) -> None:
    setting = Setting(tmp_path)
    source, out, trained = setting.patients(300), tmp_path / "out.csv", tmp_path / "trained.joblib"
    setting.peer("naive.py", "fit", source, tmp_path / "naive.joblib")()
    setting.peer("naive.py", "predict", tmp_path / "naive.joblib", source, out)()
    table = pd.read_csv(out)
    assert len(table) == 300
    assert table["patient_id"].tolist() == pd.read_csv(source)["patient_id"].tolist()
    assert set(table["call"]) <= {"th2_high", "neutrophilic_th2_low"}
    assert table.filter(like="shap_").notna().all(axis=None)
    setting.peer("naive.py", "train", source, trained, 1)()
    assert trained.exists()
