"""Rows of the table of results, and the files that show it: JSON, Markdown and figure."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from typing import Any

from measures import markdown_table
from timing import Runs

HEAD = ["job", "patients", "unit", "ours", "peer", "", "peer / ours", "floor", "", "ours / floor", "goal"]
LEGEND = """\
`peer / ours` says how many times as fast (or small) as the peer we are; `ours / floor` how far from the floor. Values
are medians of repeats in which all contenders of a job run in turns; brackets give the lowest and the highest ratio of
one repeat. s: wall-clock time of a new process, unless the job is in memory. MB: peak resident memory, summed over
processes.
"""


@dataclass(frozen=True)
class Ratio:
    """Ratio of two medians, with the lowest and the highest ratio of one repeat."""

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.value:.3g} ({self.low:.3g} to {self.high:.3g})"


@dataclass(frozen=True)
class Goal:
    """What a ratio, or the value itself, should reach."""

    times_peer: float | None = None
    times_floor: float | None = None
    most: float | None = None

    def is_met(self, row: Row) -> bool:
        """Whether a row reaches the goal."""
        checks = [self.most is None or row.ours <= self.most]
        if self.times_peer is not None and row.times_peer is not None:
            checks.append(row.times_peer.value >= self.times_peer)
        if self.times_floor is not None and row.times_floor is not None:
            checks.append(row.times_floor.value <= self.times_floor)
        return all(checks)

    def __str__(self) -> str:
        parts = {"peer / ours ≥": self.times_peer, "ours / floor ≤": self.times_floor, "ours ≤": self.most}
        return ", ".join(f"{name} {value:g}" for name, value in parts.items() if value is not None)


@dataclass(frozen=True)
class Row:
    """One line of the table: a job of ours, and at most one peer and one floor beside it."""

    job: str
    patients: int | None
    unit: str
    ours: float
    peer: str = ""
    peer_value: float | None = None
    times_peer: Ratio | None = None
    times_peer_cpu: Ratio | None = None
    floor: str = ""
    floor_value: float | None = None
    times_floor: Ratio | None = None
    goal: Goal = Goal()
    result: str = ""

    def cells(self) -> list[str]:
        """Cells of the table in Markdown."""
        goal = f"{self.goal}: {'reached' if self.goal.is_met(self) else 'missed'}" if str(self.goal) else ""
        return [
            self.job,
            "" if self.patients is None else f"{self.patients:,}",
            self.unit,
            *map(_shown, (self.ours, self.peer, self.peer_value, self.times_peer)),
            *map(_shown, (self.floor, self.floor_value, self.times_floor)),
            " ".join(part for part in (goal, self.result) if part),
        ]


def compared(
    runs: Runs,
    job: str,
    patients: int | None,
    ours: str,
    *,
    peer: str = "",
    floor: str = "",
    goal: Goal | None = None,
    field: str = "wall_s",
    floor_field: str = "",
) -> Row:
    """Row that compares runs of ours with those of a peer and a floor.

    Parameters
    ----------
    runs : dict of str to list of Run
        Runs of one call of `in_turns`.
    job : str
        What is measured.
    patients : int or None
        Rows of the input, where there are any.
    ours, peer, floor : str
        Names of the contenders; a peer or floor without runs is left out.
    goal : Goal, optional
        What should be reached.
    field, floor_field : str
        Field of a run that is compared, and that of the floor where it differs.

    Examples
    --------
    >>> runs = {"ours": [Run(1.0, 1.0), Run(1.1, 1.0)], "theirs": [Run(10.0, 9.0), Run(12.0, 9.0)]}
    >>> row = compared(runs, "a job", 100, "ours", peer="theirs", goal=Goal(times_peer=5))
    >>> str(row.times_peer), row.goal.is_met(row)
    ('10.5 (10 to 10.9)', True)
    """
    mine, theirs, least = (
        _values(runs, ours, field),
        _values(runs, peer, field),
        _values(runs, floor, floor_field or field),
    )
    return Row(
        job,
        patients,
        "MB" if field == "peak_mb" else "s",
        median(mine),
        peer if theirs else "",
        median(theirs) if theirs else None,
        _ratio(theirs, mine),
        _ratio(_values(runs, peer, "cpu_s"), _values(runs, ours, "cpu_s")),
        floor if least else "",
        median(least) if least else None,
        _ratio(mine, least),
        goal or Goal(),
    )


def write_results(folder: Path, rows: Sequence[Row], about: dict[str, str]) -> None:
    """Write results.json, results.md and results.svg."""
    found = {"about": about, "rows": [asdict(row) for row in rows]}
    text = json.dumps(found, indent=1, ensure_ascii=False, allow_nan=False)
    (folder / "results.json").write_text(text + "\n", encoding="utf-8")
    (folder / "results.md").write_text(_page(rows, about), encoding="utf-8")
    _draw(folder / "results.svg", rows)


def save_figure(figure: Any, path: Path) -> None:
    """Save a figure as the same bytes for the same numbers."""
    import matplotlib as mpl  # noqa: PLC0415

    with mpl.rc_context({"svg.hashsalt": "asthma_ml"}):
        figure.savefig(path, metadata={"Date": None}, bbox_inches="tight")


def _page(rows: Sequence[Row], about: dict[str, str]) -> str:
    described = "; ".join(f"{name} {value}" for name, value in about.items())
    table = markdown_table(HEAD, (row.cells() for row in rows))
    return f"# Results of `make bench`\n\n{described}.\n\n{LEGEND}\n{table}\n![Ratios](results.svg)\n"


def _draw(path: Path, rows: Iterable[Row]) -> None:
    """Bars of the ratios to the peers, points of the ratios to the floors, on a logarithmic scale."""
    from matplotlib.figure import Figure  # noqa: PLC0415

    drawn = [row for row in rows if row.times_peer or row.times_floor]
    figure = Figure(figsize=(9, 0.6 + 0.24 * len(drawn)))
    axes = figure.subplots()
    for place, row in enumerate(drawn):
        if row.times_peer:
            axes.barh(place, row.times_peer.value - 1, left=1, color="#4477aa", height=0.7)
        if row.times_floor:
            axes.plot(row.times_floor.value, place, "o", color="#cc6677", markersize=5)
    axes.set_yticks(range(len(drawn)), [_label(row) for row in drawn], fontsize=7)
    axes.invert_yaxis()
    axes.set_xscale("log")
    axes.axvline(1, color="black", linewidth=0.8)
    axes.set_xlabel("bar: peer / ours (times as fast or small); point: ours / floor (times the floor)")
    save_figure(figure, path)


def _label(row: Row) -> str:
    size = "" if row.patients is None else f", {row.patients:,}"
    return f"{row.job}{size} [{row.unit}]" + f" against {row.peer or row.floor}"


def _values(runs: Runs, name: str, field: str) -> list[float]:
    return [getattr(run, field) for run in runs.get(name, ())]


def _ratio(above: list[float], below: list[float]) -> Ratio | None:
    if not above or not below or not math.isfinite(sum(above) + sum(below)):
        return None
    each = [one / other for one, other in zip(above, below, strict=True)]
    return Ratio(median(above) / median(below), min(each), max(each))


def _shown(value: object) -> str:
    return "" if value is None else f"{value:.3g}" if isinstance(value, float) else str(value)
