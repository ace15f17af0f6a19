"""Clear-cut patients: correctly labelled and far from the class boundaries of the generated truth.

The class of a patient near a boundary is uncertain whatever is measured, and a mislabelled patient (label noise) is not
an example of the class.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from asthma_ml.cohort import true_phenotype
from asthma_ml.errors import UnusableInputError
from asthma_ml.variables import ID, LABEL

CLEAR_MARGIN = 0.5
"""Least distance of each drive of a clear-cut patient from its boundary [standard deviations]."""

BOUNDARIES = {"true_type2_drive": "type2_cut", "true_neutrophilic_drive": "neutrophilic_cut"}
"""Drives, and the coefficients of the phenotype that are their boundaries."""


def is_clear_cut(
    patients: pd.DataFrame, labels: NDArray[Any] | pd.Series[str], truth: pd.DataFrame
) -> NDArray[np.bool_]:
    """Whether each patient is clear-cut.

    Parameters
    ----------
    patients : DataFrame of shape (n_patients, n_columns)
        With `patient_id`.
    labels : array of str of shape (n_patients,)
        Recorded class of each patient.
    truth : DataFrame
        With `patient_id`, `true_phenotype` and both drives; further patients allowed.

    Returns
    -------
    ndarray of bool of shape (n_patients,)
        The recorded class is the true one, and each drive is at least `CLEAR_MARGIN` standard deviations (of the truth)
        from its boundary. A patient without a row in the truth is not clear-cut.

    Raises
    ------
    UnusableInputError
        A column is missing.

    Examples
    --------
    >>> truth = pd.DataFrame(
    ...     {
    ...         "patient_id": ["a", "b"],
    ...         "true_phenotype": ["th2_high"] * 2,
    ...         "true_type2_drive": [1.5, -0.3],
    ...         "true_neutrophilic_drive": [-1.0, -2.0],
    ...     }
    ... )
    >>> is_clear_cut(truth[["patient_id"]], pd.Series(["th2_high"] * 2), truth).tolist()
    [True, False]
    """
    needed = [ID, f"true_{LABEL}", *BOUNDARIES]
    missing = [name for name in needed if name not in truth] + [ID] * (ID not in patients)
    if missing:
        raise UnusableInputError(f"clear-cut patients: no column {', '.join(missing)}; give the truth of this cohort")
    by_patient = truth[needed].assign(**{ID: truth[ID].astype(str)}).drop_duplicates(ID).set_index(ID)
    true = by_patient.reindex(patients[ID].astype(str).to_list())
    clear = (true[f"true_{LABEL}"].astype(str) == np.asarray(labels).astype(str)).to_numpy()
    for drive, boundary in BOUNDARIES.items():
        value, spread = pd.to_numeric(true[drive]).to_numpy(dtype=float), float(np.std(pd.to_numeric(truth[drive])))
        clear = clear & (np.abs(value - true_phenotype.coefficients[boundary]) >= CLEAR_MARGIN * spread)
    return np.asarray(clear)
