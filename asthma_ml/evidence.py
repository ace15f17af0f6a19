"""The published figures that the cohort has to live up to, one a row.

Each row carries an id (such as IMM067), the quantity, the population it was seen in, its value
with an interval, the citation, and whether the figure was seen in its source or recalled.
"""

from __future__ import annotations

from functools import cache
from importlib.resources import files

import pandas as pd

ASSUMED = "assumed"
GRADES = ("measured", "derived", ASSUMED)


@cache
def evidence_table() -> pd.DataFrame:
    """Return the evidence table, indexed by id.

    Returns
    -------
    DataFrame
        Columns mechanism, quantity, population, value, lower, upper, unit, n, kind, citation,
        doi_or_pmid, verified (source or recalled) and confidence. A row without a value states a
        direction only.

    Examples
    --------
    >>> evidence_table().loc["IMM067", "unit"]
    '%'
    """
    with files("asthma_ml").joinpath("evidence.csv").open(encoding="utf-8") as lines:
        return pd.read_csv(lines, index_col="id", dtype={"n": "Int64"}, keep_default_na=True)
