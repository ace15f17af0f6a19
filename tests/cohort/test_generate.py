"""Cohorts as users get them."""

import json

import numpy as np
import pandas as pd
import pytest

from asthma_ml.cohort import PRESETS, generate_cohort
from asthma_ml.cohort.clinic import SHOWN_BY
from asthma_ml.errors import UnusableInputError
from asthma_ml.variables import FOUR_CLASSES, ID, LABEL, TRUTH_PREFIX, TWO_CLASSES, data_dictionary


@pytest.fixture(scope="module")
def cohort():
    return generate_cohort(n_patients=3_000, seed=7)


def bytes_of(cohort):
    return cohort.observed.to_csv(index=False), cohort.truth.to_csv(index=False)


def test_every_column_of_the_dictionary_is_generated(cohort):
    assert list(cohort.observed.columns) == list(data_dictionary())
    assert cohort.observed.drop(columns=[ID]).notna().mean().min() > 0.03


def test_truth_is_a_table_of_its_own(cohort):
    assert not [name for name in cohort.observed if name.startswith(TRUTH_PREFIX)]
    assert all(name.startswith(TRUTH_PREFIX) for name in cohort.truth.columns.drop(ID))
    assert cohort.truth[ID].tolist() == cohort.observed[ID].tolist()
    assert cohort.observed[ID].is_unique


@pytest.mark.parametrize("preset", PRESETS)
def test_law_3_same_bytes_for_any_number_of_jobs(preset):
    one, three = (generate_cohort(n_patients=1_500, seed=2, preset=preset, jobs=jobs) for jobs in (1, 3))
    assert bytes_of(one) == bytes_of(three)


def test_law_4_a_small_cohort_is_the_beginning_of_a_large_one(cohort):
    small = generate_cohort(n_patients=200, seed=7)
    pd.testing.assert_frame_equal(small.observed, cohort.observed.head(200))
    pd.testing.assert_frame_equal(small.truth, cohort.truth.head(200))


def test_another_seed_gives_other_patients(cohort):
    other = generate_cohort(n_patients=200, seed=8)
    assert not other.observed["feno_ppb"].equals(cohort.observed["feno_ppb"].head(200))
    assert set(other.observed[ID]).isdisjoint(cohort.observed[ID])


def test_values_respect_limits_levels_and_resolution(cohort):
    for name, variable in data_dictionary().items():
        present = cohort.observed[name].dropna()
        if variable.levels:
            assert set(present) <= set(variable.levels)
        if variable.limits:
            assert present.between(*variable.limits).all(), name
        if variable.kind in ("count", "flag"):
            assert (present == present.round()).all()
    both = cohort.observed[["sputum_eosinophils_pct", "sputum_neutrophils_pct"]].dropna()
    assert (both.sum(axis=1) <= 100).all()
    assert (cohort.observed["age_at_onset_years"] <= cohort.observed["age_years"]).all()


def test_smokers_and_pack_years_agree(cohort):
    never = cohort.observed["smoking_status"] == "never"
    assert (cohort.observed.loc[never, "pack_years"] == 0).all()


def test_the_highest_count_on_record_is_never_below_todays(cohort):
    counts = cohort.observed[["blood_eosinophils_cells_ul", "blood_eosinophils_max_cells_ul"]].dropna()
    assert (counts.iloc[:, 1] >= counts.iloc[:, 0]).all()


def test_tests_are_missing_together_and_as_often_as_in_clinics(cohort):
    for columns in SHOWN_BY.values():
        gaps = cohort.observed[list(columns)].isna()
        assert (gaps.nunique(axis=1) == 1).all()
    assert cohort.observed["sputum_eosinophils_pct"].notna().mean() == pytest.approx(128 / 311, abs=0.06)


def test_all_four_classes_exist_and_training_takes_two(cohort):
    assert set(cohort.observed[LABEL]) == set(FOUR_CLASSES)
    X, y = cohort.training_data()
    assert set(y) == set(TWO_CLASSES)
    assert len(X) == len(y) == cohort.observed[LABEL].isin(TWO_CLASSES).sum()
    assert not {ID, "site", LABEL} & set(X.columns)
    assert len(cohort.training_data(FOUR_CLASSES)[1]) == len(cohort.observed)


def test_experts_now_and_then_err(cohort):
    wrong = cohort.observed[LABEL] != cohort.truth["true_phenotype"]
    assert wrong.mean() == pytest.approx(0.03, abs=0.01)


def test_an_intervention_keeps_the_people_and_what_is_not_its_effect(cohort):
    steroid_free = generate_cohort(n_patients=500, seed=7, do={"ocs_dose_mg_day": 0})
    before, after = cohort.observed.head(500), steroid_free.observed
    for same in (ID, "age_years", "feno_suppression_pct", "il13_rs20541", "pack_years"):
        if same != "feno_suppression_pct":
            pd.testing.assert_series_equal(before[same], after[same])
    moved = before["blood_eosinophils_cells_ul"] != after["blood_eosinophils_cells_ul"]
    assert moved.any()
    assert (before.loc[moved, "ocs_dose_mg_day"] > 0).all()


def test_an_intervention_can_select_anew():
    kept = generate_cohort(n_patients=300, seed=7, do={"acq6_score": 0.5})
    anew = generate_cohort(n_patients=300, seed=7, do={"acq6_score": 0.5}, select_anew=True)
    assert kept.observed[ID].tolist() != anew.observed[ID].tolist()


def test_potential_outcomes_are_the_twins_of_the_patients(cohort):
    taken_well = generate_cohort(
        n_patients=3_000, seed=7, do={"inhaled_adherence": 1.0, "inhaler_technique": "correct"}
    )
    promised = cohort.truth["true_acq6_score_if_taken_well"]
    assert np.allclose(promised, taken_well.observed["acq6_score"], atol=0.051)


def test_nobody_is_selected_into_population_asthma():
    population = generate_cohort(n_patients=3_000, seed=7, preset="population_asthma").observed
    severe = generate_cohort(n_patients=3_000, seed=7).observed
    assert population["ics_dose_ug_day"].median() < 700 < severe["ics_dose_ug_day"].median()
    assert population["fev1_pct_predicted"].mean() > severe["fev1_pct_predicted"].mean() + 8


def test_a_cohort_is_written_with_its_schema(cohort, tmp_path):
    cohort.write(tmp_path / "cohort.csv", truth=tmp_path / "truth.csv")
    schema = json.loads((tmp_path / "cohort.schema.json").read_text())
    assert schema["seed"] == 7
    assert "no medical device" in schema["notice"]
    assert [v["name"] for v in schema["variables"]] == list(data_dictionary())
    again = pd.read_csv(tmp_path / "cohort.csv", dtype={ID: str}, keep_default_na=False, na_values=[""])
    assert np.allclose(again["feno_ppb"], cohort.observed["feno_ppb"], equal_nan=True)
    assert again["biologic"].tolist() == cohort.observed["biologic"].tolist()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"n_patients": 0}, "patients: 0 is too small"),
        ({"seed": -1}, "seed: -1"),
        ({"preset": "utopia"}, "presets are severe_clinic"),
        ({"do": {"smoking_status": "vaping"}}, "never, former, current"),
        ({"do": {"fev1": 80}}, "no such variable: fev1"),
        ({"do": {"feno_ppb": 9999}}, "from 0 to 400 ppb"),
        ({"do": {"ocs_dose_mg_day": "ten"}}, "from 0 to 100 mg/day"),
        ({"do": {"inhaled_adherence": -3}}, "from 0 to 1"),
        ({"do": {"steroid_sensitivity": 2}}, "from 0 to 1"),
        ({"do": {"age_at_onset_years": 60}}, "do age_at_onset_years=60"),
    ],
)
def test_unusable_requests_are_refused_in_one_line(arguments, message):
    with pytest.raises(UnusableInputError, match=message):
        generate_cohort(**{"n_patients": 10, **arguments})
