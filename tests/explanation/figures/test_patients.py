"""Figures show what they explain and do not change the settings of matplotlib."""

from __future__ import annotations

import io
from itertools import pairwise

import matplotlib as mpl
import numpy as np
import pytest

from asthma_ml.errors import UnusableInputError
from asthma_ml.explanation import cohort_figure, dependence_figure, explain, interaction_figure
from asthma_ml.explanation.figures.rows import rows_of_patient
from asthma_ml.wording import describe_finding
from tests.synthetic_patients import fitted_classifier, synthetic_patients


@pytest.fixture(scope="module", params=[2, 4], ids=["two classes", "four classes"])
def explanation(request):
    return explain(fitted_classifier(request.param), synthetic_patients(60, n_classes=request.param)[0])


def drawn(figure) -> np.ndarray:
    file = io.BytesIO()
    figure.savefig(file, format="png", dpi=100)
    assert file.tell() > 10_000
    return np.asarray(mpl.image.imread(io.BytesIO(file.getvalue())))


INTERACTIONS = np.abs(np.random.default_rng(0).normal(size=(6, 6)))
DRAWINGS = {
    "patient": lambda e: e.plot(0),
    "cohort": cohort_figure,
    "dependence of a number": lambda e: dependence_figure(e, "feno_ppb"),
    "dependence of levels": lambda e: dependence_figure(e, "smoking_status"),
    "interactions": lambda e: interaction_figure(INTERACTIONS + INTERACTIONS.T),
}


@pytest.mark.parametrize("draw", DRAWINGS.values(), ids=DRAWINGS)
def test_figure_is_not_empty_and_changes_no_setting(explanation, draw):
    import matplotlib.pyplot as plt

    mpl.get_backend()  # the first call selects the backend
    settings = mpl.rcParams.copy()
    image = drawn(draw(explanation))
    assert np.mean(image[..., :3].min(axis=2) < 0.5) > 0.01
    assert plt.get_fignums() == []
    assert mpl.rcParams == settings


def test_bars_of_a_patient_lead_from_base_to_log_odds(explanation):
    axes = explanation.plot(3).axes[0]
    bars = [bar for bar in axes.patches if bar.get_height() == pytest.approx(0.6)]
    assert len(bars) == 6
    assert bars[0].get_x() == pytest.approx(explanation.base[3])
    assert bars[-1].get_x() + bars[-1].get_width() == pytest.approx(explanation.log_odds[3])
    sizes = [abs(bar.get_width()) for bar in bars]
    assert sizes == sorted(sizes, reverse=True)


def test_titles_name_what_is_explained_and_labels_name_findings(explanation):
    patient, cohort = explanation.plot(0).axes[0], cohort_figure(explanation).axes[0]
    for axes in (patient, cohort):
        assert axes.get_title(loc="left").endswith("SHAP explains the model, not the disease.")
        assert "log-odds of" in axes.get_xlabel()
    labels = "\n".join(label.get_text() for label in patient.get_yticklabels())
    assert "Immune profile" in labels
    strongest = explanation.features.iloc[0].abs().idxmax()
    assert describe_finding(strongest, explanation.findings(0)[strongest], short=True) in labels


def test_title_has_the_identifier_and_the_row_where_identifiers_repeat():
    X = synthetic_patients(3)[0].assign(patient_id=["P1", "P2", "P1"])
    explanation = explain(fitted_classifier(), X)
    titles = [explanation.plot(i).axes[0].get_title(loc="left") for i in range(3)]
    for title, name in zip(titles, ["P1 (row 0)", "P2", "P1 (row 2)"], strict=True):
        assert title.startswith(f"Patient {name}: model probability of Th2-high ")
    assert explanation.plot(0, "P1 (line 2)").axes[0].get_title(loc="left").startswith("Patient P1 (line 2): ")
    assert (
        explain(fitted_classifier(), X.drop(columns="patient_id"))
        .plot(0)
        .axes[0]
        .get_title(loc="left")
        .startswith("Model")
    )


def test_cohort_of_one_patient_is_drawn():
    drawn(cohort_figure(explain(fitted_classifier(), synthetic_patients(1)[0])))


def test_findings_lead_from_start_to_end_of_their_factor(explanation):
    for i in range(20):
        rows = rows_of_patient(explanation, i)
        assert rows[0].start == pytest.approx(explanation.base[i])
        for before, row in pairwise(rows):
            factor = next(r for r in reversed(rows[: rows.index(row)]) if r.is_factor)
            if row.is_factor:
                assert row.start == pytest.approx(factor.end)
                assert before is factor or before.end == pytest.approx(factor.end, abs=0.05)
            else:
                assert row.start == pytest.approx(factor.start if before is factor else before.end)
        assert [row for row in rows if row.is_factor][-1].end == pytest.approx(explanation.log_odds[i])
        assert any(not row.is_factor for row in rows)


def test_expected_direction_is_written_if_known():
    explanation = explain(fitted_classifier(), synthetic_patients(60)[0])
    texts = {
        name: "".join(text.get_text() for text in dependence_figure(explanation, name).axes[0].texts)
        for name in ("feno_ppb", "age_years")
    }
    assert "expected to rise: exhaled nitric" in texts["feno_ppb"]
    assert texts["age_years"] == "no direction expected"


def test_patients_with_a_missing_value_are_drawn_apart():
    explanation = explain(fitted_classifier(), synthetic_patients(60)[0].assign(feno_ppb=np.nan))
    ticks = [
        label.get_text() for axes in dependence_figure(explanation, "feno_ppb").axes for label in axes.get_xticklabels()
    ]
    assert "not\nmeasured" in ticks


def test_heat_map_prints_every_number_and_colours_pairs_only():
    signed = np.arange(36.0).reshape(6, 6) - 18
    axes = interaction_figure(signed + signed.T).axes[0]
    assert {text.get_text() for text in axes.texts} == {f"{value:.2f}" for value in (signed + signed.T).ravel()}
    assert np.isnan(np.diag(axes.images[0].get_array().filled(np.nan))).all()


def test_unknown_feature_is_refused(explanation):
    with pytest.raises(UnusableInputError, match="the model has no feature home_made_index"):
        dependence_figure(explanation, "home_made_index")
