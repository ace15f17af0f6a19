"""The adherence gate judged on the truth, which only a generated cohort has.

Who looks resistant and is not? The gate sees the record alone. Its sensitivity stands beside that of
physicians, who found 15 % of those who did not take their treatment, and beside the one test that
discriminates well, the fall of FeNO in a week of observed treatment.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from asthma_ml.decisions import GATES, LOWEST_FENO_OF_A_SUPPRESSION_TEST_PPB, LOWEST_GOOD_ADHERENCE, adherence_gate
from asthma_ml.errors import UnusableInputError
from asthma_ml.evaluation.intervals import percentiles, resampled, share_or_none, weighted_auc
from asthma_ml.evidence import evidence_table
from asthma_ml.variables import ID

RESISTANCE, INTAKE = "true_resistance", "true_inhaled_adherence"
APPARENT, RESISTANT = "apparent", "resistant"
PHYSICIAN, SUPPRESSION_TEST = "ADH020", "ADH009"
INTAKE_CUTS = {"untaken_inhaled_steroid": LOWEST_GOOD_ADHERENCE, "less_than_half_taken": 0.5}
"""True share of the prescribed doses below which intake is poor; the suppression test was studied with the second."""

FEWEST_TESTED = 10
"""Patients with the condition, and without, below which the suppression test is not judged."""


def evaluate_adherence_gate(patients: pd.DataFrame, truth: pd.DataFrame, *, seed: int = 0) -> dict[str, Any]:
    """Judge the gate of generated patients on what is true of them.

    Parameters
    ----------
    patients : DataFrame of shape (n_patients, n_columns)
        Columns of the data dictionary, with `patient_id`.
    truth : DataFrame
        With `patient_id`, `true_resistance` and, if there, `true_inhaled_adherence`; one row a patient, of more
        patients perhaps.
    seed : int
        Seed of the bootstrap.

    Returns
    -------
    dict
        `apparent_resistance`: `check_first` as a test for apparent among apparent and resistant patients. Apparent
        resistance is more than what the gate can see: also too low a prescription and oral steroid not taken.
        `untaken_inhaled_steroid` and `less_than_half_taken`: the same for a true intake below four fifths and below
        half, among all patients. Each has `n`,
        `n_with`, `gates` (patients with and without the condition at each gate), `sensitivity`, `specificity`,
        `ppv` (of check_first), `share_with_among_clear`, `sensitivity_where_known` and `specificity_where_known`
        (gate unknown left out), None where there is no patient to count; and `suppression_test`: `n` tested from
        the least baseline on, and their `auc`. `published`: what physicians and the test achieved.

    Raises
    ------
    UnusableInputError
        A column is missing, identifiers are not unique, or patients are not in the truth.

    References
    ----------
    ADH001, ADH006 to ADH009, ADH020 of the evidence table.

    Examples
    --------
    >>> record = {"patient_id": ["a", "b"], "ics_adherence_fraction": [0.4, 0.9], "inhaler_technique": ["correct"] * 2}
    >>> truth = pd.DataFrame({"patient_id": ["b", "a"], "true_resistance": ["resistant", "apparent"]})
    >>> evaluate_adherence_gate(pd.DataFrame(record), truth)["apparent_resistance"]["sensitivity"]["value"]
    1.0
    """
    true = _true_rows(patients, truth)
    gate = adherence_gate(patients)["gate"].to_numpy()
    fall = _fall_of_feno(patients)
    resistance = true[RESISTANCE].to_numpy()
    of_interest = np.isin(resistance, (APPARENT, RESISTANT))
    found: dict[str, Any] = {
        "apparent_resistance": _judged(gate[of_interest], resistance[of_interest] == APPARENT, fall[of_interest], seed)
    }
    if INTAKE in true:
        intake = pd.to_numeric(true[INTAKE]).to_numpy(dtype=float)
        for target, cut in INTAKE_CUTS.items():
            found[target] = _judged(gate, intake < cut, fall, seed)
    return found | {"published": _published()}


def _true_rows(patients: pd.DataFrame, truth: pd.DataFrame) -> pd.DataFrame:
    """The truth in the order of the patients."""
    for name, table, columns in (("patients", patients, [ID]), ("truth", truth, [ID, RESISTANCE])):
        missing = [column for column in columns if column not in table]
        if missing:
            raise UnusableInputError(
                f"{name}: no column {', '.join(missing)}; both tables of a generated cohort need it"
            )
        if table[ID].duplicated().any():
            raise UnusableInputError(f"{name}: {ID} is not unique; give one row a patient")
    by_patient = truth.assign(**{ID: truth[ID].astype(str)}).set_index(ID)
    ids = patients[ID].astype(str)
    unknown = int((~ids.isin(by_patient.index)).sum())
    if unknown:
        raise UnusableInputError(
            f"truth: {unknown} of {len(ids)} patients are not in it; give the truth of this cohort"
        )
    return by_patient.loc[ids.to_list()]


def _fall_of_feno(patients: pd.DataFrame) -> NDArray[Any]:
    """Fall of FeNO in a suppression test, NaN where none was done or the baseline was too low for it."""
    known = patients.reindex(columns=["feno_ppb", "feno_suppression_pct"])
    baseline, fall = (known[name].to_numpy(dtype=float, na_value=np.nan) for name in known)
    return np.where(baseline >= LOWEST_FENO_OF_A_SUPPRESSION_TEST_PPB, fall, np.nan)


def _judged(gate: NDArray[Any], positive: NDArray[np.bool_], fall: NDArray[Any], seed: int) -> dict[str, Any]:
    check, known = gate == "check_first", gate != "unknown"
    return {
        "n": len(gate),
        "n_with": int(positive.sum()),
        "gates": {
            name: {"with": int(np.sum((gate == name) & positive)), "without": int(np.sum((gate == name) & ~positive))}
            for name in GATES
        },
        "sensitivity": share_or_none(check[positive]),
        "specificity": share_or_none(~check[~positive]),
        "ppv": share_or_none(positive[check]),
        "share_with_among_clear": share_or_none(positive[gate == "clear"]),
        "sensitivity_where_known": share_or_none(check[positive & known]),
        "specificity_where_known": share_or_none(~check[~positive & known]),
        "suppression_test": _suppression_test(positive, fall, seed),
    }


def _suppression_test(positive: NDArray[np.bool_], fall: NDArray[Any], seed: int) -> dict[str, Any]:
    tested = ~np.isnan(fall)
    ill, n = positive[tested], int(tested.sum())
    if min(ill.sum(), n - ill.sum()) < FEWEST_TESTED:
        return {"n": n, "auc": None}
    ranks = np.unique(fall[tested], return_inverse=True)[1]
    samples = [weighted_auc(ill, ranks, weight) for weight in resampled(n, seed)]
    value = weighted_auc(ill, ranks, np.ones(n))
    return {"n": n, "auc": percentiles(value, [sample for sample in samples if not np.isnan(sample)])}


def _published() -> dict[str, Any]:
    figures = evidence_table()[["value", "lower", "upper"]].astype(float).to_dict(orient="index")
    return {
        "physician_sensitivity": {"evidence": PHYSICIAN, "percent": figures[PHYSICIAN]["value"]},
        "suppression_test_auc": {"evidence": SUPPRESSION_TEST, **figures[SUPPRESSION_TEST]},
    }
