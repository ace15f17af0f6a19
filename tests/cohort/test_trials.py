"""The same patients under several treatments at once."""

import pandas as pd
import pytest

from asthma_ml.cohort import generate_cohort
from asthma_ml.cohort.presets import PRESETS
from asthma_ml.cohort.trials import trial_arms
from asthma_ml.errors import UnusableInputError


def test_a_trial_of_nothing_differs_by_exactly_nothing():
    arms = trial_arms({"usual": {}, "also usual": {}}, n_patients=500)
    pd.testing.assert_frame_equal(arms["usual"], arms["also usual"])


def test_a_trial_of_what_patients_do_anyway_differs_by_exactly_nothing():
    """Never-smokers who are made never-smokers."""
    arms = trial_arms({"usual": {}, "never": {"smoking_status": "never"}}, n_patients=500)
    never = arms["usual"]["smoking_status"] == "never"
    pd.testing.assert_frame_equal(arms["usual"][never], arms["never"][never])


@pytest.mark.parametrize("preset", sorted(PRESETS))
def test_a_trial_enrols_the_first_patients_of_the_cohort(preset):
    arms = trial_arms({"usual": {}}, n_patients=300, seed=4, preset=preset)
    cohort = generate_cohort(n_patients=300, seed=4, preset=preset).observed
    assert arms["usual"]["patient_id"].tolist() == cohort["patient_id"].tolist()
    assert arms["usual"]["sex"].tolist() == cohort["sex"].tolist()
    assert arms["usual"]["biologic"].tolist() == cohort["biologic"].tolist()


def test_nothing_is_missing_and_categories_are_text():
    table = trial_arms({"usual": {}}, n_patients=200)["usual"]
    assert not table.isna().any().any()
    assert set(table["sex"]) == {"female", "male"}
    assert {"il5_drive", "treatment_step", "exacerbations_next_12m"} <= set(table.columns)


def test_the_baseline_holds_in_every_arm():
    arms = trial_arms(
        {"off": {}, "on": {"feno_ppb": 10.0}}, n_patients=200, baseline={"ics_dose_ug_day": 0.0, "biologic": "none"}
    )
    for table in arms.values():
        assert (table["ics_dose_ug_day"] == 0).all()
        assert (table["biologic"] == "none").all()
    assert (arms["on"]["feno_ppb"] == 10).all()


def test_an_arm_moves_what_it_causes_and_nothing_else():
    arms = trial_arms({"usual": {}, "prednisolone": {"oral_steroid_taken_mg_day": 40.0}}, n_patients=500)
    before, after = arms["usual"], arms["prednisolone"]
    assert (after["blood_eosinophils_cells_ul"] <= before["blood_eosinophils_cells_ul"] + 1e-9).all()
    for untouched in ("age_years", "il5_drive", "glcci1_rs37973", "ics_dose_ug_day", "smoking_status"):
        assert after[untouched].equals(before[untouched]), untouched


def test_a_biologic_prevents_attacks_by_doing_so_and_not_by_chance():
    """With shared noise no patient has more attacks on the drug than on placebo."""
    arms = trial_arms(
        {"placebo": {"biologic": "none"}, "drug": {"biologic": "anti_il5"}}, n_patients=500, preset="trial_eligible"
    )
    attacks = {name: table["exacerbations_next_12m"] for name, table in arms.items()}
    assert (attacks["drug"] <= attacks["placebo"]).all()
    assert attacks["drug"].mean() < attacks["placebo"].mean()


def test_a_trial_needs_arms_and_patients():
    with pytest.raises(UnusableInputError, match="at least one arm"):
        trial_arms({}, n_patients=10)
    with pytest.raises(UnusableInputError, match="too small"):
        trial_arms({"usual": {}}, n_patients=0)
