"""Simulated trials: potential outcomes of the same patients in several arms."""

import pandas as pd
import pytest

from asthma_ml.cohort import generate_cohort
from asthma_ml.cohort.presets import PRESETS
from asthma_ml.cohort.trials import trial_arms
from asthma_ml.errors import UnusableInputError


def test_arms_without_intervention_are_equal():
    arms = trial_arms({"usual": {}, "also usual": {}}, n_patients=500)
    pd.testing.assert_frame_equal(arms["usual"], arms["also usual"])


def test_intervention_that_changes_nothing_has_no_effect():
    """Smoking status `never` is set in never-smokers."""
    arms = trial_arms({"usual": {}, "never": {"smoking_status": "never"}}, n_patients=500)
    never = arms["usual"]["smoking_status"] == "never"
    pd.testing.assert_frame_equal(arms["usual"][never], arms["never"][never])


@pytest.mark.parametrize("preset", sorted(PRESETS))
def test_trial_enrols_the_first_patients_of_the_cohort(preset):
    arms = trial_arms({"usual": {}}, n_patients=300, seed=4, preset=preset)
    cohort = generate_cohort(n_patients=300, seed=4, preset=preset).observed
    assert arms["usual"]["patient_id"].tolist() == cohort["patient_id"].tolist()
    assert arms["usual"]["sex"].tolist() == cohort["sex"].tolist()
    assert arms["usual"]["biologic"].tolist() == cohort["biologic"].tolist()


def test_values_are_complete_and_categories_are_text():
    table = trial_arms({"usual": {}}, n_patients=200)["usual"]
    assert not table.isna().any().any()
    assert set(table["sex"]) == {"female", "male"}
    assert {"il5_drive", "treatment_step", "exacerbations_next_12m"} <= set(table.columns)


def test_baseline_applies_to_all_arms():
    arms = trial_arms(
        {"off": {}, "on": {"feno_ppb": 10.0}}, n_patients=200, baseline={"ics_dose_ug_day": 0.0, "biologic": "none"}
    )
    for table in arms.values():
        assert (table["ics_dose_ug_day"] == 0).all()
        assert (table["biologic"] == "none").all()
    assert (arms["on"]["feno_ppb"] == 10).all()


def test_arm_changes_descendants_only():
    arms = trial_arms({"usual": {}, "prednisolone": {"oral_steroid_taken_mg_day": 40.0}}, n_patients=500)
    before, after = arms["usual"], arms["prednisolone"]
    assert (after["blood_eosinophils_cells_ul"] <= before["blood_eosinophils_cells_ul"] + 1e-9).all()
    for untouched in ("age_years", "il5_drive", "glcci1_rs37973", "ics_dose_ug_day", "smoking_status"):
        assert after[untouched].equals(before[untouched]), untouched


def test_biologic_prevents_exacerbations_in_each_patient():
    """With shared noise no patient has more exacerbations on the biologic than on placebo."""
    arms = trial_arms(
        {"placebo": {"biologic": "none"}, "drug": {"biologic": "anti_il5"}}, n_patients=500, preset="trial_eligible"
    )
    exacerbations = {name: table["exacerbations_next_12m"] for name, table in arms.items()}
    assert (exacerbations["drug"] <= exacerbations["placebo"]).all()
    assert exacerbations["drug"].mean() < exacerbations["placebo"].mean()


def test_trial_without_arms_or_patients_is_refused():
    with pytest.raises(UnusableInputError, match="at least one arm"):
        trial_arms({}, n_patients=10)
    with pytest.raises(UnusableInputError, match="too small"):
        trial_arms({"usual": {}}, n_patients=0)
