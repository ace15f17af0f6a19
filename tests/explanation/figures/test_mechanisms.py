"""Figure of both explanations: the panels have one scale and lead to the same log-odds."""

from __future__ import annotations

import io

import numpy as np
import pytest

from asthma_ml.explanation import MechanismContributions, explain
from asthma_ml.explanation.figures.mechanisms import mechanism_figure
from asthma_ml.variables import FACTORS
from tests.synthetic_patients import fitted_classifier, synthetic_patients

OUTSIDE = 1
"""Row of a patient who is younger than all simulated patients."""


@pytest.fixture(scope="module", params=[2, 4], ids=["two classes", "four classes"])
def explanation(request):
    table = synthetic_patients(6, n_classes=request.param)[0]
    table.loc[0, ["ocs_dose_mg_day", "biologic", "smoking_status"]] = [10.0, "none", "current"]
    table.loc[OUTSIDE, "age_years"] = 19.0
    return explain(fitted_classifier(request.param), table.assign(patient_id=[f"P{i}" for i in range(6)]))


@pytest.fixture
def mechanisms(explanation):
    n = len(explanation)
    values = np.tile([1.5, -0.1, 0.0, -0.4, 0.9, -0.6], (n, 1))
    base = np.full(n, 0.7)
    known = np.where(np.arange(n) == OUTSIDE, np.nan, 1.0)[:, None]
    ends = {"low": (values - 0.5) * known, "high": (values + 0.5) * known}
    others = dict.fromkeys(["alone", "alone_low", "alone_high", "endotype", "endotype_low", "endotype_high"], values)
    return MechanismContributions(
        preset="severe_clinic",
        base=base,
        values=values * known,
        remainder=explanation.log_odds - base - values.sum(axis=1),
        log_odds=explanation.log_odds,
        outside=np.where(np.arange(n) == OUTSIDE, 0, -1),
        feature_range=np.array([[20.0], [80.0]]) * np.ones(explanation.X.shape[1]),
        **ends,
        **others,
    )


def sizes(axes):
    """Signed lengths of the bars from the top to the bottom."""
    bars = sorted(axes.patches, key=lambda bar: bar.get_y())
    return [bar.get_width() for bar in bars]


def test_bars_of_both_panels_add_up_to_the_same_log_odds(explanation, mechanisms):
    record, causes = mechanism_figure(explanation, mechanisms, 0).axes
    for axes, n_bars in ((record, len(FACTORS) + 2), (causes, len(FACTORS) + 3)):
        *parts, total = sizes(axes)
        assert len(parts) + 1 == n_bars
        assert sum(parts) == pytest.approx(total)
        assert total == pytest.approx(explanation.log_odds[0])
    assert record.get_xlim() == causes.get_xlim()


def test_largest_mechanism_is_on_top_and_has_its_interval(explanation, mechanisms):
    record, causes = mechanism_figure(explanation, mechanisms, 0).axes
    labels = [label.get_text() for label in record.get_yticklabels()]
    assert labels[1:4] == ["Immune profile", "Adherence\n(missed doses, technique)", "Patient context\n(oral steroid)"]
    assert "Environment\n(current smoking)" in labels
    lines = [line.get_xdata() for line in causes.lines if len(set(line.get_ydata())) == 1]
    assert len(lines) == len(FACTORS)
    assert list(lines[0]) == pytest.approx([1.0, 2.0])


def test_each_panel_says_what_it_explains(explanation, mechanisms):
    figure = mechanism_figure(explanation, mechanisms, 0)
    record, causes = (axes.get_title(loc="left") for axes in figure.axes)
    assert record.endswith("SHAP explains the model, not the disease.")
    assert "expected in\nthe causal model of severe_clinic" in causes
    assert figure.get_suptitle().startswith("Patient P0: model probability of ")
    file = io.BytesIO()
    figure.savefig(file, format="png")
    assert file.tell() > 10_000


def test_patient_outside_the_range_has_the_reason_instead_of_bars(explanation, mechanisms):
    _, causes = mechanism_figure(explanation, mechanisms, OUTSIDE).axes
    assert not causes.patches
    (reason,) = (text.get_text() for text in causes.texts)
    assert reason.replace("\n", " ") == (
        "No mechanism contributions: age 19 years is outside the range of the simulated patients (20 to 80)"
    )
