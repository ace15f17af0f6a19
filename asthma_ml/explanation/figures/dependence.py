"""Dependence plot: contribution of one finding against its value, with the direction expected from its mechanism."""

from __future__ import annotations

from textwrap import fill
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.figure import Figure

from asthma_ml.errors import UnusableInputError
from asthma_ml.explanation.figures.patients import AWAY, HALO, LINE, TOWARDS, finish
from asthma_ml.variables import TWO_CLASSES, data_dictionary
from asthma_ml.wording import mechanism, plain_name, short_name

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from asthma_ml.explanation.patient_contributions import PatientContributions

_SKEWED = 8.0
_BINS = 12
_FEWEST_IN_A_BIN = 5
_LETTERS_A_LINE = 60


def dependence_figure(contributions: PatientContributions, feature: str) -> Figure:
    """Contribution of one finding against its value.

    Parameters
    ----------
    contributions : PatientContributions
        From `explain`, of many patients.
    feature : str
        Feature of the model.

    Returns
    -------
    Figure
        One point a patient, the median by value, patients with a missing value on the left, and the direction that
        the mechanism predicts, if any.

    Raises
    ------
    UnusableInputError
        If the model has no such feature.
    """
    if feature not in contributions.features:
        raise UnusableInputError(f"the model has no feature {feature}; see: asthma-ml inspect")
    value, contribution = contributions.encoded[feature].to_numpy(float), contributions.features[feature].to_numpy()
    known = np.isfinite(value)
    figure = Figure(figsize=(7.4, 4.4), layout="constrained")
    grid = figure.add_gridspec(1, 2, width_ratios=(1, 9) if not known.all() else (1e-3, 1), wspace=0.03)
    axes = figure.add_subplot(grid[1])
    _draw_known(axes, feature, value[known], contribution[known])
    if not known.all():
        _draw_missing(figure.add_subplot(grid[0], sharey=axes), contribution[~known])
        axes.tick_params(axis="y", left=False, labelleft=False)
    figure.axes[-1].set_ylabel(f"contribution to the log-odds\nof {contributions.explained_class_in_words()}")
    _write_expected(axes, feature, contributions)
    finish(axes, f"Contribution of {short_name(feature)} by value, {len(value)} patients")
    axes.spines[["left", "bottom"]].set_visible(True)
    return figure


def _draw_known(axes: Axes, feature: str, value: np.ndarray, contribution: np.ndarray) -> None:
    variable = data_dictionary().get(feature)
    axes.axhline(0, color=LINE, linewidth=0.8)
    if variable is not None and (variable.levels or variable.kind in ("flag", "count")):
        spread = np.random.default_rng(0).uniform(-0.18, 0.18, len(value))
        axes.scatter(value + spread, contribution, s=9, color=TOWARDS, alpha=0.35, linewidths=0, rasterized=True)
        _draw_median(axes, [(v, contribution[value == v]) for v in np.unique(value)], joined=False)
        if variable.levels:
            axes.set_xticks(range(len(variable.levels)), [plain_name(level) for level in variable.levels])
    else:
        axes.scatter(value, contribution, s=9, color=TOWARDS, alpha=0.35, linewidths=0, rasterized=True)
        edges = np.unique(np.quantile(value, np.linspace(0, 1, _BINS + 1))) if len(value) else np.array([])
        bins = np.clip(np.searchsorted(edges, value, "right") - 1, 0, max(len(edges) - 2, 0))
        binned = [(float(np.median(value[bins == k])), contribution[bins == k]) for k in np.unique(bins)]
        _draw_median(axes, binned, joined=True)
        if len(value) and value.min() > 0 and np.quantile(value, 0.95) > _SKEWED * np.quantile(value, 0.05):
            axes.set_xscale("log")
            axes.xaxis.set_major_formatter("{x:g}")
    unit = f" [{variable.unit}]" if variable is not None and variable.unit else ""
    axes.set_xlabel(f"{variable.label if variable else feature}{unit}")


def _draw_median(axes: Axes, groups: list[tuple[float, np.ndarray]], *, joined: bool) -> None:
    frequent = [(place, float(np.median(of))) for place, of in groups if len(of) >= _FEWEST_IN_A_BIN]
    if frequent:
        places, medians = zip(*frequent, strict=True)
        axes.plot(
            places,
            medians,
            linestyle="-" if joined else "none",
            marker="D",
            markersize=4,
            color="black",
            label="median",
        )
        axes.legend(frameon=False, fontsize=9, loc="lower right")


def _draw_missing(axes: Axes, contribution: np.ndarray) -> None:
    spread = np.random.default_rng(0).uniform(-0.3, 0.3, len(contribution))
    axes.axhline(0, color=LINE, linewidth=0.8)
    axes.scatter(spread, contribution, s=9, color=AWAY, alpha=0.35, linewidths=0, marker="s", rasterized=True)
    axes.set_xticks([0], ["not\nmeasured"])
    axes.set_xlim(-0.6, 0.6)
    axes.spines[["top", "right"]].set_visible(False)


def _write_expected(axes: Axes, feature: str, contributions: PatientContributions) -> None:
    explained = set(map(str, contributions.explained_class))
    variable = data_dictionary().get(feature)
    sign = variable.direction(TWO_CLASSES[0]) if variable is not None and explained == {TWO_CLASSES[0]} else 0
    arrow = {1: "\N{NORTH EAST ARROW} expected to rise", -1: "\N{SOUTH EAST ARROW} expected to fall"}
    text = arrow.get(sign, "no direction expected")
    reason = mechanism(feature).split(";")[0]
    lines = fill(f"{text}: {reason}" if sign and reason else text, _LETTERS_A_LINE)
    axes.text(0.02, 0.98, lines, transform=axes.transAxes, va="top", fontsize=9, bbox=HALO)
