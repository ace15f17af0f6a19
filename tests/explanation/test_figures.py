"""Figures are drawn, say what they explain, and leave no trace in matplotlib's settings."""

from __future__ import annotations

import io

import matplotlib as mpl
import numpy as np
import pytest

from asthma_ml.explanation import cohort_figure, explain
from asthma_ml.explanation.sentences import finding
from tests.synthetic_patients import fitted_classifier, synthetic_patients


@pytest.fixture(scope="module", params=[2, 4], ids=["two classes", "four classes"])
def explanation(request):
    return explain(fitted_classifier(request.param), synthetic_patients(60, n_classes=request.param)[0])


def drawn(figure) -> np.ndarray:
    file = io.BytesIO()
    figure.savefig(file, format="png", dpi=100)
    assert file.tell() > 10_000
    return np.asarray(mpl.image.imread(io.BytesIO(file.getvalue())))


@pytest.mark.parametrize("draw", [lambda e: e.plot(0), cohort_figure], ids=["patient", "cohort"])
def test_a_figure_has_ink_and_leaves_no_trace(explanation, draw):
    import matplotlib.pyplot as plt

    mpl.get_backend()  # chosen at its first use, whoever asks
    settings = mpl.rcParams.copy()
    image = drawn(draw(explanation))
    assert np.mean(image[..., :3].min(axis=2) < 0.5) > 0.01
    assert plt.get_fignums() == []
    assert mpl.rcParams == settings


def test_a_patient_is_drawn_from_base_to_log_odds(explanation):
    axes = explanation.plot(3).axes[0]
    bars = [bar for bar in axes.patches if bar.get_height() == pytest.approx(0.6)]
    assert len(bars) == 6
    assert bars[0].get_x() == pytest.approx(explanation.base[3])
    assert bars[-1].get_x() + bars[-1].get_width() == pytest.approx(explanation.log_odds[3])
    sizes = [abs(bar.get_width()) for bar in bars]
    assert sizes == sorted(sizes, reverse=True)


def test_titles_say_what_is_explained_and_labels_name_findings(explanation):
    patient, cohort = explanation.plot(0).axes[0], cohort_figure(explanation).axes[0]
    for axes in (patient, cohort):
        assert axes.get_title(loc="left").endswith("SHAP explains the model, not the disease.")
        assert "log-odds of" in axes.get_xlabel()
    labels = "\n".join(label.get_text() for label in patient.get_yticklabels())
    assert "Immune profile" in labels
    strongest = explanation.features.iloc[0].abs().idxmax()
    assert finding(strongest, explanation.findings(0)[strongest], short=True) in labels


def test_a_cohort_of_one_is_drawn():
    drawn(cohort_figure(explain(fitted_classifier(), synthetic_patients(1)[0])))
