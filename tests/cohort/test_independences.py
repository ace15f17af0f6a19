"""Conditional independences implied by missing arrows, tested in 50,000 unselected people.

Each independence follows from the graph by d-separation and is then tested in the data with the generalised
covariance measure (Shah and Peters 2020, 10.1214/19-AOS1857): both variables become normal scores, out-of-fold
regressions on the conditions are subtracted, and the residuals must be uncorrelated. Dependences at the end show
that the test has power.
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
"""Familywise probability of a false alarm over all independences."""
CLEAR_DEPENDENCE = 6.0
"""Least covariance of dependent variables, in standard errors."""

STEROID_GENES = ("glcci1_rs37973", "fcer2_rs28364072", "cyp3a4_rs35599367")
CAUSES_OF_FENO = severe_asthma_model().equations["expected_feno_ppb"].parents

INDEPENDENCES = {
    "air pollution does not affect adherence": ("pm25_ug_m3", "inhaled_adherence", ()),
    "the pollutants are independent given urbanicity": ("pm25_ug_m3", "no2_ug_m3", ("urbanicity",)),
    "genes do not affect smoking": ("glcci1_rs37973", "smoking_status", ("ancestry",)),
    "loci on different chromosomes are independent given ancestry": (
        "il4ra_rs1801275",
        "hsd3b1_rs1047303",
        ("ancestry",),
    ),
    "age and sex are independent": ("age_years", "sex", ()),
    "the site does not affect steroid sensitivity": ("site", "steroid_sensitivity", ()),
    "adherence does not affect the drives": ("inhaled_adherence", "il5_drive", ()),
    "education does not affect bacterial load": ("asthma_education", "airway_bacterial_load", ()),
    "technique and adherence are independent given education": (
        "inhaler_technique",
        "inhaled_adherence",
        ("asthma_education",),
    ),
    "taking the oral steroid is independent of perceived severity": ("takes_oral_steroid", "perceived_severity", ()),
    "treatment step depends on adherence through perceived severity only": (
        "treatment_step",
        "inhaled_adherence",
        ("perceived_severity",),
    ),
    "exacerbation proneness does not affect remodeling": ("exacerbation_proneness", "airway_remodeling", ()),
    "17q21 affects eosinophils through early onset only": (
        "gsdmb_rs7216389",
        "blood_eosinophils_cells_ul",
        ("ancestry", "childhood_onset", "occupational_exposure"),
    ),
    "polyps and atopy are independent given the IL-4 drive": ("nasal_polyps", "atopy", ("il4_drive",)),
    "FeNO and blood eosinophils are independent given the causes of FeNO": (
        "feno_ppb",
        "blood_eosinophils_cells_ul",
        CAUSES_OF_FENO,
    ),
    "FeNO and sputum eosinophils are independent given the causes of FeNO": (
        "feno_ppb",
        "sputum_eosinophils_pct",
        CAUSES_OF_FENO,
    ),
    "periostin and FeNO are independent given IL-13 activity": (
        "serum_periostin_ng_ml",
        "feno_ppb",
        ("il13_airway_activity",),
    ),
    "two cytokines are independent given their drives": (
        "sputum_il17a_log2",
        "sputum_il5_log2",
        ("il17_drive", "il5_airway_activity"),
    ),
    "smoke does not affect the basement membrane": (
        "tobacco_smoke_burden",
        "basement_membrane_um",
        ("il5_drive", "il13_drive"),
    ),
    "the delivered dose does not affect the wall on CT": (
        "delivered_ics_ug_day",
        "ct_wall_area_pct",
        ("airway_remodeling",),
    ),
    "TGFB1 affects CT through remodeling only": (
        "tgfb1_rs1800469",
        "ct_wall_area_pct",
        ("airway_remodeling",),
    ),
    "air pollution affects IL-17 through irritant exposure only": (
        "pm25_ug_m3",
        "il17_drive",
        ("irritant_exposure", "airway_bacterial_load", "type2_predisposition", "bmi_kg_m2"),
    ),
    "CRHR1 affects lung function through steroid sensitivity only": (
        "crhr1_rs242941",
        "fev1_pct_predicted",
        ("steroid_sensitivity", "ancestry", *STEROID_GENES, "il17_drive", "tobacco_smoke_burden", "bmi_kg_m2"),
    ),
    "Arg16 does not affect FEV1": ("adrb2_rs1042713", "fev1_pct_predicted", ("ancestry",)),
    "HSD3B1 does not affect eosinophils": (
        "hsd3b1_rs1047303",
        "blood_eosinophils_cells_ul",
        ("ancestry",),
    ),
    "exacerbations of two years are independent given the rate": (
        "exacerbations_12m",
        "exacerbations_next_12m",
        ("attack_rate_per_year",),
    ),
    "eosinophils of two visits are independent given the expected count": (
        "blood_eosinophils_cells_ul",
        "blood_eosinophils_visit_2",
        ("expected_blood_eosinophils",),
    ),
    "IgE is missing completely at random": ("ige_measured", "total_ige_ku_l", ()),
    "CT is independent of the mucus score given lung function": (
        "ct_scanned",
        "ct_mucus_score",
        ("fev1_pct_predicted",),
    ),
    "sputum is independent of its cells given mucus": (
        "sputum_counted",
        "sputum_eosinophils_pct",
        ("mucus_plugging",),
    ),
    "label noise is independent of the markers": ("phenotype", "feno_ppb", ("true_phenotype", "expected_feno_ppb")),
}

DEPENDENCES = {
    "the pollutants are associated": ("pm25_ug_m3", "no2_ug_m3", ()),
    "ancestry associates unlinked loci": ("il4ra_rs1801275", "hsd3b1_rs1047303", ()),
    "polyps and FeNO are associated": ("nasal_polyps", "feno_ppb", ()),
    "poor adherence affects perceived severity": ("perceived_severity", "erratic_adherence", ()),
    "perceived severity is a collider": (
        "exacerbation_proneness",
        "airway_remodeling",
        ("perceived_severity",),
    ),
    "eosinophils and FeNO are associated": ("feno_ppb", "blood_eosinophils_cells_ul", ()),
    "eosinophils and FeNO are associated given smoking, sex and BMI": (
        "feno_ppb",
        "blood_eosinophils_cells_ul",
        ("smoking_status", "sex", "bmi_kg_m2"),
    ),
    "smoking affects FeNO directly": ("feno_ppb", "smoking_status", ("il13_airway_activity",)),
    "smoking affects steroid sensitivity": ("smoking_status", "steroid_sensitivity", ()),
    "exacerbations of two years are associated": ("exacerbations_12m", "exacerbations_next_12m", ()),
    "eosinophils of two visits are associated": ("blood_eosinophils_cells_ul", "blood_eosinophils_visit_2", ()),
    "sputum is a composition": ("sputum_eosinophils_pct", "sputum_neutrophils_pct", ()),
    "the label depends on the phenotype": ("phenotype", "true_phenotype", ("feno_ppb",)),
}


@pytest.fixture(scope="module")
def graph():
    model = severe_asthma_model()
    graph = nx.DiGraph(model.graph())
    graph.add_nodes_from(model.order)
    return graph


@cache
def population():
    """50,000 people with asthma, without selection."""
    overrides = preset_named("population_asthma").overrides
    model = CausalModel(severe_asthma_model().equations.values(), overrides)
    return model.simulate(Noise(seed=17, block=0, size=N_PEOPLE))


def scores(name):
    """Normal scores of a number; indicators of the levels except the first of a category."""
    column = population()[name]
    if isinstance(column, pd.Categorical):
        return np.column_stack([(column == level).astype(float) for level in column.categories[1:]])
    return norm.ppf(rankdata(column) / (N_PEOPLE + 1))[:, None]


@cache
def residuals(name, given):
    """Residuals of a variable after its out-of-fold prediction from the conditions."""
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
    """Predict with additive splines, then with trees on their residuals."""
    line = LinearRegression().fit(smooth[train], values[train])
    found = line.predict(smooth[test])
    if conditions.shape[1] > 1:
        rest = values[train] - line.predict(smooth[train])
        trees = HistGradientBoostingRegressor(max_iter=60, max_leaf_nodes=15, min_samples_leaf=100, random_state=0)
        found += trees.fit(conditions[train], rest).predict(conditions[test])
    return found


def standard_errors(x, y, given):
    """Covariances of the residuals of x and y in standard errors, one for each pair of levels."""
    left, right = residuals(x, given), residuals(y, given)
    products = [left[:, i] * right[:, j] for i in range(left.shape[1]) for j in range(right.shape[1])]
    return np.array([np.sqrt(N_PEOPLE) * product.mean() / product.std() for product in products])


@pytest.mark.parametrize(("x", "y", "given"), INDEPENDENCES.values(), ids=INDEPENDENCES)
def test_graph_implies_the_independence(graph, x, y, given):
    assert nx.is_d_separator(graph, {x}, {y}, set(given)), f"the graph has an open path from {x} to {y}"


@pytest.mark.parametrize(("x", "y", "given"), INDEPENDENCES.values(), ids=INDEPENDENCES)
def test_independence_holds_in_the_data(x, y, given):
    seen = standard_errors(x, y, given)
    allowed = norm.isf(FALSE_ALARMS / 2 / len(INDEPENDENCES) / len(seen))
    assert np.abs(seen).max() < allowed


@pytest.mark.parametrize(("x", "y", "given"), DEPENDENCES.values(), ids=DEPENDENCES)
def test_dependence_is_detected(graph, x, y, given):
    assert not nx.is_d_separator(graph, {x}, {y}, set(given))
    assert np.abs(standard_errors(x, y, given)).max() > CLEAR_DEPENDENCE
