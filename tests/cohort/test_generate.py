"""Generated cohorts: observed table, truth table, presets and interventions."""

import json
import pickle

import numpy as np
import pandas as pd
import pytest

from asthma_ml.cohort import PRESETS, generate, generate_cohort, write_cohort
from asthma_ml.cohort.clinic import COLUMNS_OF_TEST
from asthma_ml.cohort.patient_tables import person_numbers
from asthma_ml.errors import UnusableInputError
from asthma_ml.variables import FOUR_CLASSES, ID, LABEL, TRUTH_PREFIX, TWO_CLASSES, data_dictionary


@pytest.fixture(scope="module")
def cohort():
    return generate_cohort(n_patients=3_000, seed=7)


def bytes_of(cohort):
    return cohort.observed.to_csv(index=False), cohort.truth.to_csv(index=False)


def test_all_columns_of_the_data_dictionary_are_generated(cohort):
    assert list(cohort.observed.columns) == list(data_dictionary())
    assert cohort.observed.drop(columns=[ID]).notna().mean().min() > 0.03


def test_truth_is_a_separate_table(cohort):
    assert not [name for name in cohort.observed if name.startswith(TRUTH_PREFIX)]
    assert all(name.startswith(TRUTH_PREFIX) for name in cohort.truth.columns.drop(ID))
    assert cohort.truth[ID].tolist() == cohort.observed[ID].tolist()
    assert cohort.observed[ID].is_unique


@pytest.mark.parametrize("preset", PRESETS)
def test_cohort_does_not_depend_on_the_number_of_jobs(preset):
    one, three = (generate_cohort(n_patients=1_500, seed=2, preset=preset, jobs=jobs) for jobs in (1, 3))
    assert bytes_of(one) == bytes_of(three)


def test_small_cohort_is_the_beginning_of_a_large_cohort(cohort):
    small = generate_cohort(n_patients=200, seed=7)
    pd.testing.assert_frame_equal(small.observed, cohort.observed.head(200))
    pd.testing.assert_frame_equal(small.truth, cohort.truth.head(200))


def test_seeds_give_different_patients(cohort):
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


def test_highest_eosinophil_count_on_record_is_at_least_the_current_count(cohort):
    counts = cohort.observed[["blood_eosinophils_cells_ul", "blood_eosinophils_max_cells_ul"]].dropna()
    assert (counts.iloc[:, 1] >= counts.iloc[:, 0]).all()


def test_columns_of_one_test_are_missing_together(cohort):
    for columns in COLUMNS_OF_TEST.values():
        missing = cohort.observed[list(columns)].isna()
        assert (missing.nunique(axis=1) == 1).all()
    assert cohort.observed["sputum_eosinophils_pct"].notna().mean() == pytest.approx(128 / 311, abs=0.06)


def test_cohort_has_four_classes_and_training_data_two(cohort):
    assert set(cohort.observed[LABEL]) == set(FOUR_CLASSES)
    X, y = cohort.training_data()
    assert set(y) == set(TWO_CLASSES)
    assert len(X) == len(y) == cohort.observed[LABEL].isin(TWO_CLASSES).sum()
    assert not {ID, "site", LABEL} & set(X.columns)
    assert len(cohort.training_data(FOUR_CLASSES)[1]) == len(cohort.observed)


def test_label_noise_is_three_per_cent(cohort):
    wrong = cohort.observed[LABEL] != cohort.truth["true_phenotype"]
    assert wrong.mean() == pytest.approx(0.03, abs=0.01)


def test_intervention_keeps_patients_and_changes_only_its_effects(cohort):
    steroid_free = generate_cohort(n_patients=500, seed=7, do={"ocs_dose_mg_day": 0})
    before, after = cohort.observed.head(500), steroid_free.observed
    for same in (ID, "age_years", "feno_suppression_pct", "il13_rs20541", "pack_years"):
        if same != "feno_suppression_pct":
            pd.testing.assert_series_equal(before[same], after[same])
    moved = before["blood_eosinophils_cells_ul"] != after["blood_eosinophils_cells_ul"]
    assert moved.any()
    assert (before.loc[moved, "ocs_dose_mg_day"] > 0).all()


def test_reselect_enrols_under_the_intervention():
    kept = generate_cohort(n_patients=300, seed=7, do={"acq6_score": 0.5})
    reselected = generate_cohort(n_patients=300, seed=7, do={"acq6_score": 0.5}, reselect=True)
    assert kept.observed[ID].tolist() != reselected.observed[ID].tolist()


def test_potential_outcomes_equal_the_cohort_under_the_intervention(cohort):
    taken_well = generate_cohort(
        n_patients=3_000, seed=7, do={"inhaled_adherence": 1.0, "inhaler_technique": "correct"}
    )
    potential = cohort.truth["true_acq6_score_if_taken_well"]
    assert np.allclose(potential, taken_well.observed["acq6_score"], atol=0.051)


def test_population_preset_has_no_selection():
    population = generate_cohort(n_patients=3_000, seed=7, preset="population_asthma").observed
    severe = generate_cohort(n_patients=3_000, seed=7).observed
    assert population["ics_dose_ug_day"].median() < 700 < severe["ics_dose_ug_day"].median()
    assert population["fev1_pct_predicted"].mean() > severe["fev1_pct_predicted"].mean() + 8


def test_cohort_is_written_with_its_schema(cohort, tmp_path):
    cohort.write(tmp_path / "cohort.csv", truth=tmp_path / "truth.csv")
    schema = json.loads((tmp_path / "cohort.schema.json").read_text())
    assert schema["seed"] == 7
    assert "not a medical device" in schema["notice"]
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


EVERYBODY = "population_asthma"


def test_truth_is_not_computed_without_need(monkeypatch, tmp_path):
    def refuse(*_, **__):
        raise AssertionError("the truth was computed")

    monkeypatch.setattr(generate, "truth_table", refuse)
    cohort = generate_cohort(50, seed=3)
    cohort.write(tmp_path / "cohort.csv")
    with pytest.raises(AssertionError, match="truth was computed"):
        cohort.truth  # noqa: B018


@pytest.mark.parametrize(
    "how",
    [
        {},
        {"do": {"inhaled_adherence": 1.0}},
        {"do": {"smoking_status": "never"}, "reselect": True},
        {"where": "true_phenotype == 'th2_high' and smoking_status == 'never'"},
        {"jobs": 2},
    ],
    ids=["no_intervention", "intervention", "reselected", "condition", "two_threads"],
)
def test_truth_of_a_cohort_in_memory_equals_the_written_truth(how, tmp_path):
    write_cohort(tmp_path / "cohort.parquet", 80, seed=3, truth=tmp_path / "truth.parquet", **how)
    pd.testing.assert_frame_equal(generate_cohort(80, seed=3, **how).truth, pd.read_parquet(tmp_path / "truth.parquet"))


def test_truth_does_not_depend_on_the_size_of_blocks(monkeypatch):
    at_once = generate_cohort(900, seed=3, preset=EVERYBODY).truth
    monkeypatch.setattr(generate, "BLOCK_SIZE", 250)
    pd.testing.assert_frame_equal(generate_cohort(900, seed=3, preset=EVERYBODY, jobs=2).truth, at_once)


def test_truth_does_not_change_with_the_observed_table_or_pickling():
    cohort = generate_cohort(30, seed=3)
    untouched = generate_cohort(30, seed=3).truth
    cohort.observed["patient_id"] = "somebody else"
    pd.testing.assert_frame_equal(pickle.loads(pickle.dumps(cohort)).truth, untouched)  # noqa: S301
    pd.testing.assert_frame_equal(cohort.truth, untouched)
    assert cohort.truth is cohort.truth


def test_identifier_gives_the_number_of_the_person():
    ids = generate_cohort(40, seed=12).observed["patient_id"]
    assert person_numbers(ids).tolist() == [int(name.removeprefix("P12-")) for name in ids]
