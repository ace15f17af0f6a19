"""Published classification rules: ISAR gradient, SARP tree, ORACLE grid, Th2-high by sputum cytokines."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import pandas as pd

TYPE2_GENES = ("sputum_il4_log2", "sputum_il5_log2", "sputum_il13_log2")
TYPE2_HIGH = 0.70
"""Proportion of mild to moderate asthma that is Th2-high (IMM072)."""


def isar_grade(table: pd.DataFrame) -> pd.Series[float]:
    """ISAR eosinophilic gradient, from 3 (most likely eosinophilic) to 0 (non-eosinophilic).

    The inputs are published; the exact rule is reconstructed. A missing feature is treated as
    absent.

    Parameters
    ----------
    table : DataFrame
        Patients with their highest blood eosinophil count, biologic, oral steroid, FeNO, nasal
        polyps and age at onset.

    Returns
    -------
    Series of shape (n_patients,)
        Grade; missing where the blood eosinophil count is.

    References
    ----------
    HET005; Heaney 2021, 10.1016/j.chest.2021.04.013.

    Examples
    --------
    >>> patient = {
    ...     "blood_eosinophils_max_cells_ul": 200,
    ...     "biologic": "none",
    ...     "ocs_dose_mg_day": 0,
    ...     "feno_ppb": 30,
    ...     "nasal_polyps": 0,
    ...     "age_at_onset_years": 5,
    ... }
    >>> isar_grade(pd.DataFrame([patient])).tolist()
    [2.0]
    """
    highest = table["blood_eosinophils_max_cells_ul"]
    signs = (table["feno_ppb"] >= 25, table["nasal_polyps"] == 1, table["age_at_onset_years"] >= 18)
    features = sum(sign.astype(int) for sign in signs)
    oral_steroid, raised = table["ocs_dose_mg_day"] > 0, highest >= 150
    most = (highest >= 300) | (table["biologic"] == "anti_il5") | (raised & (oral_steroid | (features >= 2)))
    grade = np.select([most, raised & (features == 1), raised | (features >= 1)], [3.0, 2.0, 1.0], 0.0)
    return pd.Series(grade, index=table.index).where(highest.notna())


def sarp_group(table: pd.DataFrame) -> pd.Series[float]:
    """SARP group 1 to 5, by the simplified tree on three variables.

    Parameters
    ----------
    table : DataFrame
        Patients with FEV1 before and after bronchodilator [% predicted] and age at onset [years].

    Returns
    -------
    Series of shape (n_patients,)
        Group; missing where one of the three is.

    References
    ----------
    HET048; Moore 2010, 10.1164/rccm.200906-0896OC (cut-points recalled).

    Examples
    --------
    >>> patient = {"fev1_pct_predicted": 90, "fev1_post_bd_pct_predicted": 100, "age_at_onset_years": 8}
    >>> sarp_group(pd.DataFrame([patient])).tolist()
    [2.0]
    """
    before, best = table["fev1_pct_predicted"], table["fev1_post_bd_pct_predicted"]
    onset = table["age_at_onset_years"]
    preserved = before >= 68
    group = np.select(
        [preserved & (onset >= 40), preserved & (best >= 108), preserved, best >= 65], [3.0, 1.0, 2.0, 4.0], 5.0
    )
    return pd.Series(group, index=table.index).where(before.notna() & best.notna() & onset.notna())


ORACLE_CELLS = ((0.65, 0.66, 0.86), (0.81, 0.88, 1.16), (1.12, 1.12, 2.29))
"""Exacerbation rate relative to the mean of the trials, by blood eosinophils and FeNO (IMM038 to IMM046)."""
ORACLE_EOSINOPHILS, ORACLE_FENO = (150.0, 300.0), (25.0, 50.0)


def oracle_rate_ratio(table: pd.DataFrame) -> pd.Series[float]:
    """Exacerbation rate relative to the mean of the trials, by the ORACLE grid of blood eosinophils and FeNO.

    Parameters
    ----------
    table : DataFrame
        Patients with blood eosinophils [cells/uL] and FeNO [ppb].

    Returns
    -------
    Series of shape (n_patients,)
        Rate ratio; missing where one of the two is.

    References
    ----------
    IMM038 to IMM046; Couillard 2022, 10.1136/thoraxjnl-2021-217325.

    Examples
    --------
    >>> oracle_rate_ratio(pd.DataFrame({"blood_eosinophils_cells_ul": [300, 149], "feno_ppb": [50, 25]})).tolist()
    [2.29, 0.66]
    """
    eosinophils, feno = table["blood_eosinophils_cells_ul"], table["feno_ppb"]
    row, column = np.digitize(eosinophils, ORACLE_EOSINOPHILS), np.digitize(feno, ORACLE_FENO)
    known = eosinophils.notna() & feno.notna()
    ratio = np.array(ORACLE_CELLS)[row, column]
    return pd.Series(ratio, index=table.index).where(known)


def sputum_type2_high(table: pd.DataFrame) -> pd.Series[float]:
    """Th2-high by the mean of sputum IL-4, IL-5 and IL-13: the upper 70 % of a table.

    The published cut-off depends on the assay and is replaced by the published proportion.

    Parameters
    ----------
    table : DataFrame
        Patients with sputum cytokines [log2 expression].

    Returns
    -------
    Series of shape (n_patients,)
        1 high, 0 low; missing where sputum cytokines were not measured.

    References
    ----------
    IMM072; Peters 2014.

    Examples
    --------
    >>> genes = {name: [1.0, 2.0, 3.0, None] for name in TYPE2_GENES}
    >>> sputum_type2_high(pd.DataFrame(genes)).tolist()
    [0.0, 1.0, 1.0, nan]
    """
    mean = table[list(TYPE2_GENES)].mean(axis=1, skipna=False)
    return (mean > mean.quantile(1 - TYPE2_HIGH)).astype(float).where(mean.notna())


PUBLISHED_TOOLS: Mapping[str, Callable[[pd.DataFrame], pd.Series[float]]] = {
    "isar_grade": isar_grade,
    "sarp_group": sarp_group,
    "sputum_type2_high": sputum_type2_high,
}
