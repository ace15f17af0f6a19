"""Figure of one patient with both explanations side by side: what moved the model, and what the mechanisms did."""

from __future__ import annotations

from textwrap import fill
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from matplotlib.figure import Figure
from scipy.special import expit

from asthma_ml.explanation.figures.patients import AWAY, HALO, LINE, TOWARDS, bar_legend
from asthma_ml.explanation.figures.rows import shortened
from asthma_ml.explanation.narration import mechanisms_in_arrays
from asthma_ml.spelling import visible
from asthma_ml.variables import FACTORS
from asthma_ml.wording import (
    EXPLAINS_THE_MODEL,
    causes_of_factors,
    mechanism_causes,
    mechanism_label,
    mechanism_texts,
    phrase,
    plain_name,
    rounded,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from asthma_ml.explanation.mechanisms import MechanismContributions
    from asthma_ml.explanation.patient_contributions import PatientContributions

_END = "#999999"
_LETTERS_A_LINE = 42


class _Bar(NamedTuple):
    """One bar: its place from above, its size and its interval [log-odds], and whether it is of a factor."""

    place: int
    size: float
    ends: tuple[float, float] | None = None
    is_factor: bool = True


def mechanism_figure(
    contributions: PatientContributions, found: MechanismContributions, i: int, name: str | None = None
) -> Figure:
    """Contributions of one patient's factors to the prediction: by SHAP, and in the causal model.

    Parameters
    ----------
    contributions : PatientContributions
        From `explain`.
    found : MechanismContributions
        Of the same patients.
    i : int
        Row of the patient.
    name : str, default=None
        Name of the patient in the title; by default the identifier, if the table has one.

    Returns
    -------
    Figure
        Two panels on one scale. In each, the base value, the factors and the remainder add up to the log-odds.
    """
    patient = contributions.patient_name(i) if name is None else name
    explained = plain_name(contributions.explained_class[i])
    order = np.argsort(-np.abs(np.nan_to_num(found.values[i])), kind="stable").tolist()
    figure = Figure(figsize=(9.6, 5.0), layout="constrained")
    left, right = figure.subplots(1, 2, sharex=True, sharey=True)
    _draw(left, _bars_of_record(contributions, i, order))
    _draw(right, _bars_of_mechanisms(found, i, order))
    _write_labels(left, contributions, i, order)
    left.set_title(f"What in the record moved the model (SHAP)\n{EXPLAINS_THE_MODEL}", fontsize=9.5, loc="left")
    right.set_title(f"What the mechanisms contributed, expected in\n{_world(found)}", fontsize=9.5, loc="left")
    if found.outside[i] >= 0:
        _write_reason(right, str(mechanism_texts(mechanisms_in_arrays(contributions, found)).strings()[i]))
    for axes in (left, right):
        axes.set_xlabel(f"log-odds of {explained}")
    figure.legend(handles=bar_legend(explained), loc="outside lower center", ncols=2, frameon=False, fontsize=9)
    probability = rounded(float(expit(contributions.log_odds[i])))
    called = " (no call)" if contributions.calls.no_call[i] else ""
    subject = f"Patient {shortened(patient)}: model" if patient else "Model"
    figure.suptitle(visible(f"{subject} probability of {explained} {probability}{called}"), fontsize=11)
    return figure


def _world(found: MechanismContributions) -> str:
    return phrase("mechanism_world", preset=found.preset)


def _bars_of_record(contributions: PatientContributions, i: int, order: list[int]) -> list[_Bar]:
    factors = [_Bar(place, float(contributions.factor_values[i, k])) for place, k in enumerate(order, start=1)]
    return [*_ends(float(contributions.base[i]), float(contributions.log_odds[i])), *factors]


def _bars_of_mechanisms(found: MechanismContributions, i: int, order: list[int]) -> list[_Bar]:
    if found.outside[i] >= 0:
        return []
    factors = [
        _Bar(place, float(found.values[i, k]), (float(found.low[i, k]), float(found.high[i, k])))
        for place, k in enumerate(order, start=1)
    ]
    remainder = _Bar(len(FACTORS) + 1, float(found.remainder[i]), is_factor=False)
    return [*_ends(float(found.base[i]), float(found.log_odds[i])), *factors, remainder]


def _ends(base: float, log_odds: float) -> list[_Bar]:
    return [_Bar(0, base, is_factor=False), _Bar(len(FACTORS) + 2, log_odds, is_factor=False)]


def _draw(axes: Axes, bars: list[_Bar]) -> None:
    for bar in bars:
        towards = bar.size >= 0
        axes.barh(
            bar.place,
            bar.size,
            height=0.6,
            color=(TOWARDS if towards else AWAY) if bar.is_factor else _END,
            hatch=None if towards or not bar.is_factor else "////",
            edgecolor="white",
            linewidth=0,
        )
        low, high = bar.ends or (bar.size, bar.size)
        if bar.ends:
            axes.plot([low, high], [bar.place, bar.place], color="black", linewidth=1.2, marker="|", markersize=7)
        axes.annotate(
            f"{bar.size:+z.2f}",
            (max(high, 0.0), bar.place),
            xytext=(5, 0),
            textcoords="offset points",
            va="center",
            fontsize=9,
            fontweight="bold" if bar.is_factor else "normal",
            bbox=HALO,
        )
    axes.axvline(0, color=LINE, linewidth=0.8)
    axes.use_sticky_edges = False
    axes.margins(x=0.18)
    axes.tick_params(axis="y", length=0)
    axes.spines[["top", "right", "left"]].set_visible(False)


def _write_labels(axes: Axes, contributions: PatientContributions, i: int, order: list[int]) -> None:
    causes = causes_of_factors(list(contributions.features.columns), contributions.X[[i]])[0]
    factors = [_label(FACTORS[k], mechanism_label(mechanism_causes()[causes[k]])) for k in order]
    labels = ["Base value", *factors, "Remainder\n(measurement, chance)", "Sum: log-odds"]
    axes.set_yticks(range(len(labels)), labels, fontsize=9)
    axes.set_ylim(len(labels) - 0.4, -0.6)


def _label(factor: str, cause: str) -> str:
    name = plain_name(factor)
    return name.capitalize() + ("" if cause == name else f"\n({cause})")


def _write_reason(axes: Axes, reason: str) -> None:
    text = fill(reason[:1].upper() + reason[1:], _LETTERS_A_LINE)
    axes.text(0.5, 0.5, text, transform=axes.transAxes, ha="center", va="center", fontsize=9.5, bbox=HALO)
