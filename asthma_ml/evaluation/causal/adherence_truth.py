"""Diagnostic accuracy of the adherence gate against the true adherence of a generated cohort.

The gate uses the record alone. For comparison, physicians detected 15 % of non-adherent patients; the test that
discriminates well is the fall of FeNO in a week of observed treatment.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from asthma_ml.decisions import GATES, LOWEST_FENO_OF_A_SUPPRESSION_TEST_PPB, LOWEST_GOOD_ADHERENCE, adherence_gate
from asthma_ml.errors import UnusableInputError
from asthma_ml.evidence import evidence_table
from asthma_ml.intervals import PatientRows, proportion_or_none
from asthma_ml.scores import auc
from asthma_ml.variables import ID

RESISTANCE, ADHERENCE = "true_resistance", "true_inhaled_adherence"
APPARENT, RESISTANT = "apparent", "resistant"
PHYSICIAN, SUPPRESSION_TEST = "ADH020", "ADH009"
ADHERENCE_CUTOFFS = {"true_adherence_below_80_pct": LOWEST_GOOD_ADHERENCE, "true_adherence_below_50_pct": 0.5}
"""True fraction of prescribed doses below which adherence is poor; the suppression test was studied with the second."""

FEWEST_TESTED = 10
"""Patients with and without the condition that the evaluation of the suppression test needs."""


def evaluate_adherence_gate(patients: pd.DataFrame, truth: pd.DataFrame) -> dict[str, Any]:
    """Diagnostic accuracy of the adherence gate in generated patients.

    Parameters
    ----------
    patients : DataFrame of shape (n_patients, n_columns)
        Columns of the data dictionary, with `patient_id`.
    truth : DataFrame
        With `patient_id`, `true_resistance` and, where available, `true_inhaled_adherence`; one row per patient,
        further patients allowed.

    Returns
    -------
    dict
        `apparent_resistance`: `check_first` as a test for apparent among apparent and resistant patients. Apparent
        resistance has causes that the gate cannot detect, such as a low prescribed dose or oral steroid not taken.
        `true_adherence_below_80_pct` and `true_adherence_below_50_pct`: the same test for low true adherence, among
        all patients. Each has `n`, `n_positive`, `gates` (positive and negative patients at each gate), `sensitivity`,
        `specificity`, `ppv` (of check_first), `false_omission_rate` (positive patients among gate clear),
        `sensitivity_where_known` and `specificity_where_known` (without gate unknown), None where no patient
        qualifies; and `suppression_test`: `n` tested with a sufficient baseline, and their `auc`. `published`: the
        results of physicians and of the test.

    Raises
    ------
    UnusableInputError
        A column is missing, identifiers are not unique, or the truth does not contain a patient.

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
        "apparent_resistance": _accuracy(gate[of_interest], resistance[of_interest] == APPARENT, fall[of_interest])
    }
    if ADHERENCE in true:
        adherence = pd.to_numeric(true[ADHERENCE]).to_numpy(dtype=float)
        for target, cutoff in ADHERENCE_CUTOFFS.items():
            found[target] = _accuracy(gate, adherence < cutoff, fall)
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
            raise UnusableInputError(f"{name}: {ID} is not unique; give one row per patient")
    by_patient = truth.assign(**{ID: truth[ID].astype(str)}).set_index(ID)
    ids = patients[ID].astype(str)
    unknown = int((~ids.isin(by_patient.index)).sum())
    if unknown:
        raise UnusableInputError(f"truth: no row for {unknown} of {len(ids)} patients; give the truth of this cohort")
    return by_patient.loc[ids.to_list()]


def _fall_of_feno(patients: pd.DataFrame) -> NDArray[Any]:
    """Fall of FeNO in a suppression test [%], NaN where it was not done or the baseline was too low."""
    known = patients.reindex(columns=["feno_ppb", "feno_suppression_pct"])
    baseline, fall = (known[name].to_numpy(dtype=float, na_value=np.nan) for name in known)
    return np.where(baseline >= LOWEST_FENO_OF_A_SUPPRESSION_TEST_PPB, fall, np.nan)


def _accuracy(gate: NDArray[Any], positive: NDArray[np.bool_], fall: NDArray[Any]) -> dict[str, Any]:
    check, known = gate == "check_first", gate != "unknown"
    return {
        "n": len(gate),
        "n_positive": int(positive.sum()),
        "gates": {
            name: {
                "positive": int(np.sum((gate == name) & positive)),
                "negative": int(np.sum((gate == name) & ~positive)),
            }
            for name in GATES
        },
        "sensitivity": proportion_or_none(check[positive]),
        "specificity": proportion_or_none(~check[~positive]),
        "ppv": proportion_or_none(positive[check]),
        "false_omission_rate": proportion_or_none(positive[gate == "clear"]),
        "sensitivity_where_known": proportion_or_none(check[positive & known]),
        "specificity_where_known": proportion_or_none(~check[~positive & known]),
        "suppression_test": _suppression_test(positive, fall),
    }


def _suppression_test(positive: NDArray[np.bool_], fall: NDArray[Any]) -> dict[str, Any]:
    tested = ~np.isnan(fall)
    outcome, n = positive[tested], int(tested.sum())
    if min(outcome.sum(), n - outcome.sum()) < FEWEST_TESTED:
        return {"n": n, "auc": None}
    score = np.column_stack([-fall[tested], fall[tested]])
    return {"n": n, "auc": auc(outcome.astype(np.intp), score, PatientRows.single(n)).within_0_and_1()}


def _published() -> dict[str, Any]:
    figures = evidence_table()[["value", "lower", "upper"]].astype(float).to_dict(orient="index")
    return {
        "physician_sensitivity": {"evidence": PHYSICIAN, "percent": figures[PHYSICIAN]["value"]},
        "suppression_test_auc": {"evidence": SUPPRESSION_TEST, **figures[SUPPRESSION_TEST]},
    }
