"""Nobody is measured on who was learned from: not by site, not by patient, and not by what came later."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from asthma_ml.cohort import generate_cohort
from asthma_ml.errors import UnusableInputError
from asthma_ml.patients import read_patients
from asthma_ml.training import labelled_patients
from asthma_ml.training.splits import folds, held_together, later_folds, times_of


@pytest.fixture(scope="module")
def observed() -> pd.DataFrame:
    """A clinic whose patients came over ten years."""
    table = generate_cohort(n_patients=200, seed=21).observed
    days = np.random.default_rng(0).integers(0, 3650, len(table))
    return table.assign(visit_date=(pd.Timestamp("2010-01-01") + pd.to_timedelta(days, "D")).astype(str))


def test_everybody_measured_on_came_after_everybody_learned_from(observed: pd.DataFrame) -> None:
    patients = read_patients(observed)
    labelled = labelled_patients(patients)
    times = times_of(patients, labelled, "visit_date")
    dealt = later_folds(labelled, None, times)
    assert len(dealt) == 5
    for seen, later in dealt:
        assert times[seen].max() < times[later].min()
    measured = np.concatenate([later for _, later in dealt])
    assert len(set(measured)) == len(measured) > 0.7 * len(times)
    first = dealt[0][0]
    assert set(first) | set(measured) == set(range(len(times)))


def test_a_later_visit_of_a_patient_learned_from_is_not_measured_on(observed: pd.DataFrame) -> None:
    later = observed.assign(visit_date="2025-01-01", age_years=observed["age_years"] + 5)
    patients = read_patients(pd.concat([observed, later], ignore_index=True))
    labelled = labelled_patients(patients)
    together = held_together(patients, labelled, None)
    dealt = later_folds(labelled, together, times_of(patients, labelled, "visit_date"))
    for seen, measured in dealt:
        assert not set(together[seen]) & set(together[measured])


def test_years_are_times_as_well_and_what_is_neither_is_named_by_line(observed: pd.DataFrame) -> None:
    years = observed.assign(year=observed["visit_date"].str[:4])
    patients = read_patients(years)
    labelled = labelled_patients(patients)
    assert set(times_of(patients, labelled, "year")) <= set(range(2010, 2021))
    years.loc[labelled.rows[0], "year"] = "spring"
    with pytest.raises(UnusableInputError, match=r"no date such as 2024-03-31 or 31.03.2024 in \d+ labelled rows"):
        times_of(read_patients(years), labelled, "year")
    with pytest.raises(UnusableInputError, match="no column ward"):
        times_of(patients, labelled, "ward")


def test_timestamps_of_two_time_zones_are_one_time(observed: pd.DataFrame) -> None:
    """Ten in the morning in Greenwich is noon in Helsinki."""
    plain = read_patients(observed)
    labelled = labelled_patients(plain)
    at_ten = (observed["visit_date"] + "T10:00:00Z").where(
        observed.index % 2 == 0, observed["visit_date"] + "T12:00:00+02:00"
    )
    zoned = times_of(read_patients(observed.assign(visit_date=at_ten)), labelled, "visit_date")
    np.testing.assert_allclose(zoned, times_of(plain, labelled, "visit_date") + 10 / 24)


@pytest.mark.parametrize("zone", [None, "UTC", "Europe/Helsinki"])
def test_a_column_of_dates_is_read_and_its_gap_named_by_line(observed: pd.DataFrame, zone: str | None) -> None:
    dated = observed.assign(visit_date=pd.to_datetime(observed["visit_date"]).dt.tz_localize(zone))
    patients = read_patients(dated)
    labelled = labelled_patients(patients)
    first = labelled.rows[0]
    times = times_of(patients, labelled, "visit_date")
    assert pd.Timestamp(times[0], unit="D", tz="UTC") == pd.Timestamp(
        observed.loc[first, "visit_date"], tz=zone or "UTC"
    )
    dated.loc[first, "visit_date"] = pd.NaT
    with pytest.raises(UnusableInputError, match=rf"in 1 labelled rows \(lines {patients.lines[first]}\)"):
        times_of(read_patients(dated), labelled, "visit_date")


def test_a_year_that_is_missing_is_named_by_line(observed: pd.DataFrame) -> None:
    years = observed.assign(year=observed["visit_date"].str[:4].astype(float))
    labelled = labelled_patients(read_patients(years))
    years.loc[labelled.rows[0], "year"] = np.nan
    with pytest.raises(UnusableInputError, match=r"in 1 labelled rows"):
        times_of(read_patients(years), labelled, "year")


def test_one_day_has_no_later_patients(observed: pd.DataFrame) -> None:
    labelled = labelled_patients(read_patients(observed))
    with pytest.raises(UnusableInputError, match="too few times"):
        later_folds(labelled, None, np.zeros(len(labelled.labels)))


def test_five_patients_of_a_class_can_be_held_out_and_four_cannot(observed: pd.DataFrame) -> None:
    two = observed[observed["phenotype"].isin(["th2_high", "neutrophilic_th2_low"])]
    for n in (5, 4):
        few = pd.concat([of.head(n + 20 * (name == "th2_high")) for name, of in two.groupby("phenotype")])
        labelled = labelled_patients(read_patients(few.reset_index(drop=True)))
        if n == 5:
            assert all(len(set(labelled.labels.iloc[held_out])) == 2 for _, held_out in folds(labelled, None, seed=0))
        else:
            with pytest.raises(UnusableInputError, match="5 patients each or more; found th2_high 24"):
                folds(labelled, None, seed=0)
