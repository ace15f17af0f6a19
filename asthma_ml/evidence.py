"""Evidence table: published figures that the cohort must reproduce, one per row.

A row has an id (such as IMM067), the quantity, its population, its value with an interval, the citation, and whether
the figure was verified in its source or quoted from memory.
"""

from __future__ import annotations

from functools import cache
from importlib.resources import files

import pandas as pd

ASSUMED = "assumed"
GRADES = ("measured", "derived", ASSUMED)


@cache
def evidence_table() -> pd.DataFrame:
    """Evidence table, indexed by id.

    Returns
    -------
    DataFrame
        Columns mechanism, quantity, population, value, lower, upper, unit, n, kind, citation,
        doi_or_pmid, verified (source or recalled) and confidence. A row without a value gives
        a direction only.

    Examples
    --------
    >>> evidence_table().loc["IMM067", "unit"]
    '%'
    """
    with files("asthma_ml").joinpath("evidence.csv").open(encoding="utf-8") as lines:
        return pd.read_csv(lines, index_col="id", dtype={"n": "Int64"}, keep_default_na=True)
