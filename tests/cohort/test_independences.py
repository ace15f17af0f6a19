"""What the arrows that are not there promise: independences among 50,000 people, selected by nobody.

Each promise is read off the graph by d-separation and then looked for in the data. Both variables
are turned into normal scores, what their conditions predict is taken away by flexible regressions
that did not see the person, and what is left must be uncorrelated (the generalised covariance
measure; Shah and Peters 2020, 10.1214/19-AOS1857). Dependences at the end show that the search
would have found something.
"""

from functools import cache

import networkx as nx
import numpy as np
import pandas as pd
import pytest
from scipy.stats import norm, rankdata
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.linear_model import LinearRegression
from sklearn.model_selection import KFold
from sklearn.preprocessing import SplineTransformer

from asthma_ml.cohort import CausalModel, Noise, severe_asthma_model
from asthma_ml.cohort.presets import preset_named

N_PEOPLE = 50_000
FALSE_ALARMS = 0.001
"""Chance of one false alarm among all independences together."""
UNMISTAKABLE = 6.0
"""Standard errors by which a dependence has to show."""

STEROID_GENES = ("glcci1_rs37973", "fcer2_rs28364072", "cyp3a4_rs35599367")
CAUSES_OF_FENO = severe_asthma_model().equations["expected_feno_ppb"].parents

INDEPENDENCES = {
    "air pollution at home does not decide who takes the inhaler": ("pm25_ug_m3", "inhaled_adherence", ()),
    "the two pollutants share nothing but how urban the home is": ("pm25_ug_m3", "no2_ug_m3", ("urbanicity",)),
    "genes do not make people smoke": ("glcci1_rs37973", "smoking_status", ("ancestry",)),
    "loci on different chromosomes meet by ancestry only": ("il4ra_rs1801275", "hsd3b1_rs1047303", ("ancestry",)),
    "men and women have asthma at all ages": ("age_years", "sex", ()),
    "the hospital does not make the steroid work": ("site", "steroid_sensitivity", ()),
    "poor adherence is no biology: the drives know nothing of it": ("inhaled_adherence", "il5_drive", ()),
    "education does not reach the bacteria": ("asthma_education", "airway_bacterial_load", ()),
    "technique and doses taken share the education only": (
        "inhaler_technique",
        "inhaled_adherence",
        ("asthma_education",),
    ),
    "who swallows the tablets is not who looks severe": ("takes_oral_steroid", "perceived_severity", ()),
    "doctors step up on what they see, not on doses missed in secret": (
        "treatment_step",
        "inhaled_adherence",
        ("perceived_severity",),
    ),
    "a tendency to attacks does not thicken the airway": ("exacerbation_proneness", "airway_remodeling", ()),
    "17q21 reaches the eosinophils through early onset only": (
        "gsdmb_rs7216389",
        "blood_eosinophils_cells_ul",
        ("ancestry", "childhood_onset", "occupational_exposure"),
    ),
    "polyps tell nothing of allergy beyond the IL-4 axis": ("nasal_polyps", "atopy", ("il4_drive",)),
    "FeNO tells nothing of blood eosinophils beyond its own causes, IL-13 activity above all": (
        "feno_ppb",
        "blood_eosinophils_cells_ul",
        CAUSES_OF_FENO,
    ),
    "FeNO tells nothing of sputum eosinophils beyond its own causes": (
        "feno_ppb",
        "sputum_eosinophils_pct",
        CAUSES_OF_FENO,
    ),
    "periostin and FeNO share IL-13 activity only": ("serum_periostin_ng_ml", "feno_ppb", ("il13_airway_activity",)),
    "two cytokines share their drives only": (
        "sputum_il17a_log2",
        "sputum_il5_log2",
        ("il17_drive", "il5_airway_activity"),
    ),
    "smoke does not thicken the basement membrane": (
        "tobacco_smoke_burden",
        "basement_membrane_um",
        ("il5_drive", "il13_drive"),
    ),
    "what the inhaler delivers does not thin the wall on CT": (
        "delivered_ics_ug_day",
        "ct_wall_area_pct",
        ("airway_remodeling",),
    ),
    "a fibrosis gene shows on CT through the airway wall only": (
        "tgfb1_rs1800469",
        "ct_wall_area_pct",
        ("airway_remodeling",),
    ),
    "polluted air reaches IL-17 through what is inhaled": (
        "pm25_ug_m3",
        "il17_drive",
        ("irritant_exposure", "airway_bacterial_load", "type2_predisposition", "bmi_kg_m2"),
    ),
    "CRHR1 reaches lung function through steroid sensitivity only": (
        "crhr1_rs242941",
        "fev1_pct_predicted",
        ("steroid_sensitivity", "ancestry", *STEROID_GENES, "il17_drive", "tobacco_smoke_burden", "bmi_kg_m2"),
    ),
    "Arg16 brings attacks, not a lower FEV1": ("adrb2_rs1042713", "fev1_pct_predicted", ("ancestry",)),
    "HSD3B1 acts on lung function, not on eosinophils": (
        "hsd3b1_rs1047303",
        "blood_eosinophils_cells_ul",
        ("ancestry",),
    ),
    "last year's attacks foretell next year's through the rate only": (
        "exacerbations_12m",
        "exacerbations_next_12m",
        ("attack_rate_per_year",),
    ),
    "counts of two visits share the patient's usual count only": (
        "blood_eosinophils_cells_ul",
        "blood_eosinophils_visit_2",
        ("expected_blood_eosinophils",),
    ),
    "a gap that is completely at random hides any IgE alike": ("ige_measured", "total_ige_ku_l", ()),
    "a CT is asked for because of lung function, not of the mucus it will show": (
        "ct_scanned",
        "ct_mucus_score",
        ("fev1_pct_predicted",),
    ),
    "sputum comes where there is mucus, whatever its cells": (
        "sputum_counted",
        "sputum_eosinophils_pct",
        ("mucus_plugging",),
    ),
    "experts err without looking at the markers": ("phenotype", "feno_ppb", ("true_phenotype", "expected_feno_ppb")),
}

DEPENDENCES = {
    "the two pollutants go together": ("pm25_ug_m3", "no2_ug_m3", ()),
    "ancestry ties unlinked loci": ("il4ra_rs1801275", "hsd3b1_rs1047303", ()),
    "polyps and FeNO go together": ("nasal_polyps", "feno_ppb", ()),
    "missed doses look severe": ("perceived_severity", "erratic_adherence", ()),
    "looking severe is a collider: without one reason, another": (
        "exacerbation_proneness",
        "airway_remodeling",
        ("perceived_severity",),
    ),
    "eosinophils and FeNO go together": ("feno_ppb", "blood_eosinophils_cells_ul", ()),
    "they do among people of one smoking status, sex and weight": (
        "feno_ppb",
        "blood_eosinophils_cells_ul",
        ("smoking_status", "sex", "bmi_kg_m2"),
    ),
    "smoke acts on FeNO itself": ("feno_ppb", "smoking_status", ("il13_airway_activity",)),
    "smoke makes the steroid work less": ("smoking_status", "steroid_sensitivity", ()),
    "last year's attacks foretell next year's": ("exacerbations_12m", "exacerbations_next_12m", ()),
    "today's count foretells the next": ("blood_eosinophils_cells_ul", "blood_eosinophils_visit_2", ()),
    "sputum is a composition": ("sputum_eosinophils_pct", "sputum_neutrophils_pct", ()),
    "experts see the phenotype": ("phenotype", "true_phenotype", ("feno_ppb",)),
}


@pytest.fixture(scope="module")
def graph():
    model = severe_asthma_model()
    graph = nx.DiGraph(model.graph())
    graph.add_nodes_from(model.order)
    return graph


@cache
def population():
    """50,000 people with asthma, whom nobody selected."""
    overrides = preset_named("population_asthma").overrides
    model = CausalModel(severe_asthma_model().equations.values(), overrides)
    return model.simulate(Noise(seed=17, block=0, size=N_PEOPLE))


def scores(name):
    """Normal scores of a number; a column for each level but the first of a category."""
    column = population()[name]
    if isinstance(column, pd.Categorical):
        return np.column_stack([(column == level).astype(float) for level in column.categories[1:]])
    return norm.ppf(rankdata(column) / (N_PEOPLE + 1))[:, None]


@cache
def unexplained(name, given):
    """What is left of a variable after its best prediction from the conditions, for people not seen."""
    left = scores(name)
    if not given:
        return left - left.mean(axis=0)
    conditions = np.hstack([scores(condition) for condition in given])
    smooth = np.hstack([splines(conditions[:, [k]]) for k in range(conditions.shape[1])])
    left = left.copy()
    for train, test in KFold(2).split(left):
        for k in range(left.shape[1]):
            left[test, k] -= predicted(smooth, conditions, scores(name)[:, k], train, test)
    return left


def splines(column):
    if len(np.unique(column[:200])) < 20:
        return column
    return SplineTransformer(n_knots=16, knots="quantile", extrapolation="linear").fit_transform(column)


def predicted(smooth, conditions, values, train, test):
    """Smooth and additive first; then trees for what is neither."""
    line = LinearRegression().fit(smooth[train], values[train])
    found = line.predict(smooth[test])
    if conditions.shape[1] > 1:
        rest = values[train] - line.predict(smooth[train])
        trees = HistGradientBoostingRegressor(max_iter=60, max_leaf_nodes=15, min_samples_leaf=100, random_state=0)
        found += trees.fit(conditions[train], rest).predict(conditions[test])
    return found


def standard_errors(x, y, given):
    """Covariance of what is left of x and of y, in its standard errors; the largest over levels."""
    left, right = unexplained(x, given), unexplained(y, given)
    products = [left[:, i] * right[:, j] for i in range(left.shape[1]) for j in range(right.shape[1])]
    return np.array([np.sqrt(N_PEOPLE) * product.mean() / product.std() for product in products])


@pytest.mark.parametrize(("x", "y", "given"), INDEPENDENCES.values(), ids=INDEPENDENCES)
def test_the_graph_promises_an_independence(graph, x, y, given):
    assert nx.is_d_separator(graph, {x}, {y}, set(given)), f"an arrow opens a path from {x} to {y}"


@pytest.mark.parametrize(("x", "y", "given"), INDEPENDENCES.values(), ids=INDEPENDENCES)
def test_the_people_keep_the_promise(x, y, given):
    seen = standard_errors(x, y, given)
    allowed = norm.isf(FALSE_ALARMS / 2 / len(INDEPENDENCES) / len(seen))
    assert np.abs(seen).max() < allowed


@pytest.mark.parametrize(("x", "y", "given"), DEPENDENCES.values(), ids=DEPENDENCES)
def test_the_search_finds_what_is_there(graph, x, y, given):
    assert not nx.is_d_separator(graph, {x}, {y}, set(given))
    assert np.abs(standard_errors(x, y, given)).max() > UNMISTAKABLE
