"""Training and held-out rows never share a patient, group or time."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from asthma_ml.cohort import generate_cohort
from asthma_ml.errors import UnusableInputError
from asthma_ml.patients import read_patients
from asthma_ml.training import labelled_patients
from asthma_ml.training.splits import (
    cross_validation_folds,
    group_rows,
    temporal_folds,
    temporal_group_folds,
    times_of,
)
from asthma_ml.variables import TWO_CLASSES


@pytest.fixture(scope="module")
def observed() -> pd.DataFrame:
    """A clinic with visits over ten years."""
    table = generate_cohort(n_patients=200, seed=21).observed
    days = np.random.default_rng(0).integers(0, 3650, len(table))
    return table.assign(visit_date=(pd.Timestamp("2010-01-01") + pd.to_timedelta(days, "D")).astype(str))


def test_held_out_rows_are_later_than_training_rows(observed: pd.DataFrame) -> None:
    patients = read_patients(observed)
    labelled = labelled_patients(patients)
    times = times_of(patients, labelled, "visit_date")
    folds = temporal_folds(labelled, None, times)
    assert len(folds) == 5
    for training, later in folds:
        assert times[training].max() < times[later].min()
    held_out = np.concatenate([later for _, later in folds])
    assert len(set(held_out)) == len(held_out) > 0.7 * len(times)
    first = folds[0][0]
    assert set(first) | set(held_out) == set(range(len(times)))


def test_later_visit_of_a_training_patient_is_not_held_out(observed: pd.DataFrame) -> None:
    later = observed.assign(visit_date="2025-01-01", age_years=observed["age_years"] + 5)
    patients = read_patients(pd.concat([observed, later], ignore_index=True))
    labelled = labelled_patients(patients)
    group_ids = group_rows(patients, labelled, None)
    folds = temporal_folds(labelled, group_ids, times_of(patients, labelled, "visit_date"))
    for training, held_out in folds:
        assert not set(group_ids[training]) & set(group_ids[held_out])


def test_later_rows_of_other_sites_are_held_out_once(observed: pd.DataFrame) -> None:
    patients = read_patients(observed)
    labelled = labelled_patients(patients)
    sites, times = group_rows(patients, labelled, "site"), times_of(patients, labelled, "visit_date")
    folds = temporal_group_folds(labelled, sites, times, seed=0)
    for training, held_out in folds:
        assert times[training].max() < times[held_out].min()
        assert not set(sites[training]) & set(sites[held_out])
    held_out = np.concatenate([later for _, later in folds])
    assert len(set(held_out)) == len(held_out) > 0.7 * len(times)


def test_one_site_cannot_be_held_out_in_time_either(observed: pd.DataFrame) -> None:
    patients = read_patients(observed.assign(site="A"))
    labelled = labelled_patients(patients)
    times = times_of(patients, labelled, "visit_date")
    with pytest.raises(UnusableInputError, match="groups cannot be held out"):
        temporal_group_folds(labelled, group_rows(patients, labelled, "site"), times, seed=0)


def test_a_class_is_counted_by_patients(observed: pd.DataFrame) -> None:
    """Four patients of a class with nine rows each are too few for five folds."""
    few = pd.concat([observed[observed["phenotype"] == name].head(4) for name in TWO_CLASSES])
    labelled = labelled_patients(read_patients(pd.concat([few] * 9, ignore_index=True)))
    assert labelled.class_counts == dict.fromkeys(labelled.class_counts, 4)
    with pytest.raises(UnusableInputError, match=r"at least 5 patients each are needed; found .* 4"):
        cross_validation_folds(labelled, labelled.patient, seed=0)


def test_years_are_times_and_other_texts_are_refused(observed: pd.DataFrame) -> None:
    years = observed.assign(year=observed["visit_date"].str[:4])
    patients = read_patients(years)
    labelled = labelled_patients(patients)
    assert set(times_of(patients, labelled, "year")) <= set(range(2010, 2021))
    years.loc[labelled.rows[0], "year"] = "spring"
    with pytest.raises(UnusableInputError, match=r"nor a date such as 2024-03-31 or 31.03.2024 in \d+ labelled rows"):
        times_of(read_patients(years), labelled, "year")
    with pytest.raises(UnusableInputError, match="no column ward"):
        times_of(patients, labelled, "ward")


def test_time_zones_are_converted_to_utc(observed: pd.DataFrame) -> None:
    """10:00 UTC is 12:00 in Helsinki in winter."""
    plain = read_patients(observed)
    labelled = labelled_patients(plain)
    at_ten = (observed["visit_date"] + "T10:00:00Z").where(
        observed.index % 2 == 0, observed["visit_date"] + "T12:00:00+02:00"
    )
    zoned = times_of(read_patients(observed.assign(visit_date=at_ten)), labelled, "visit_date")
    np.testing.assert_allclose(zoned, times_of(plain, labelled, "visit_date") + 10 / 24)


@pytest.mark.parametrize("zone", [None, "UTC", "Europe/Helsinki"])
def test_missing_date_is_refused_with_its_line(observed: pd.DataFrame, zone: str | None) -> None:
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


def test_missing_year_is_refused(observed: pd.DataFrame) -> None:
    years = observed.assign(year=observed["visit_date"].str[:4].astype(float))
    labelled = labelled_patients(read_patients(years))
    years.loc[labelled.rows[0], "year"] = np.nan
    with pytest.raises(UnusableInputError, match=r"in 1 labelled rows"):
        times_of(read_patients(years), labelled, "year")


def test_single_time_is_refused(observed: pd.DataFrame) -> None:
    labelled = labelled_patients(read_patients(observed))
    with pytest.raises(UnusableInputError, match="too few distinct times"):
        temporal_folds(labelled, None, np.zeros(len(labelled.labels)))


def test_each_class_needs_five_patients(observed: pd.DataFrame) -> None:
    two = observed[observed["phenotype"].isin(["th2_high", "neutrophilic_th2_low"])]
    for n in (5, 4):
        few = pd.concat([of.head(n + 20 * (name == "th2_high")) for name, of in two.groupby("phenotype")])
        labelled = labelled_patients(read_patients(few.reset_index(drop=True)))
        if n == 5:
            folds = cross_validation_folds(labelled, None, seed=0)
            assert all(len(set(labelled.labels.iloc[held_out])) == 2 for _, held_out in folds)
        else:
            with pytest.raises(UnusableInputError, match="at least 5 patients each are needed; found th2_high 24"):
                cross_validation_folds(labelled, None, seed=0)
