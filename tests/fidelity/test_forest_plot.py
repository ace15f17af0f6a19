"""Markers of the forest plot differ by shape as well as colour."""

import math

import pandas as pd
import pytest

from asthma_ml.fidelity.forest_plot import INSIDE, OUTSIDE, forest_figure, forest_pages, standardised

ROWS = pd.DataFrame(
    {
        "id": ["A1", "A2", "B1", "B2"],
        "mechanism": ["cohort", "cohort", "immune", "immune"],
        "quantity": ["women", "age", "auc", "not computed"],
        "published": [60.0, 50.0, 0.8, 1.0],
        "lower": [55.0, 49.0, 0.75, math.nan],
        "upper": [65.0, 51.0, 0.85, math.nan],
        "generated": [60.0, 52.0, 0.99, math.nan],
        "within": [True, False, False, None],
    }
)


def marks(figure, panel):
    return [(line.get_marker(), line.get_color()) for line in figure.axes[panel].lines if line.get_marker() != "None"]


def test_markers_are_dots_within_crosses_outside_and_arrows_far_outside():
    figure = forest_figure(ROWS)
    assert marks(figure, 0) == [("o", INSIDE), ("x", OUTSIDE)]
    figure_of_immune = forest_figure(ROWS.assign(generated=[60.0, 52.0, 1.99, math.nan]))
    assert marks(figure_of_immune, 1) == [(">", OUTSIDE)]


def test_each_mechanism_has_a_panel_with_its_numbers():
    figure = forest_figure(ROWS)
    assert [axes.get_title(loc="left") for axes in figure.axes] == ["cohort: 1 of 2 within", "immune: 0 of 1 within"]
    assert "52  [49 to 51]" in [text.get_text() for text in figure.axes[0].texts]


def test_each_page_has_one_mechanism_and_fits_on_a4():
    many = pd.concat([ROWS.iloc[[0]]] * 120, ignore_index=True)
    pages = forest_pages(pd.concat([many, ROWS.iloc[[2]]]))
    assert [len(page.axes) for page in pages] == [1, 1, 1, 1]
    assert max(page.get_size_inches()[1] for page in pages) < 11.7


@pytest.mark.parametrize(
    ("bounds", "generated", "place"),
    [
        ((10, 20), 20, 1),
        ((10, 20), 5, -2),
        ((0, math.inf), 3, 0),
        ((0, math.inf), -3, -math.inf),
        ((-math.inf, 0), 1, math.inf),
    ],
)
def test_scale_maps_the_tolerance_to_minus_one_and_one(bounds, generated, place):
    assert standardised(*bounds, generated) == place
