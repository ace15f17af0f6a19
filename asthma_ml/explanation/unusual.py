"""How unusual a value is among the training patients, read off the normal scores that the model holds."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import TYPE_CHECKING

import numpy as np
from scipy.special import ndtr, ndtri

from asthma_ml.variables import data_dictionary
from asthma_ml.wording import framed

if TYPE_CHECKING:
    import pandas as pd

    from asthma_ml.classifier import LinearMargins

_SHARES_AT_MINIMUM = np.linspace(1e-6, 0.99, 1_000)
_FEW_AT_MINIMUM = 0.02


def shares_below(linear: LinearMargins, encoded: pd.DataFrame) -> Mapping[str, np.ndarray]:
    """Estimate which share of the training patients has less of each number.

    Parameters
    ----------
    linear : LinearMargins
        The linear part of a model, which holds the scores.
    encoded : DataFrame of shape (n_patients, n_features)
        What ``model.encode`` made of patients.

    Returns
    -------
    dict of str to ndarray of shape (n_patients,)
        Share [0-1] by column, of numbers only: counts and levels have too many ties. NaN where not measured and
        where the value is a minimum that many patients have, such as no oral steroid.
    """
    columns = encoded.columns.to_list()
    of_patients = linear.scores(encoded.to_numpy())
    found = {}
    for j, column in enumerate(linear.source.tolist()):
        variable = data_dictionary().get(str(columns[column]))
        if variable is not None and variable.kind == "number":
            knots = slice(linear.starts[j], linear.starts[j + 1])
            least, score = linear.values[knots][0], of_patients[:, j]
            at_minimum, spread = _of_minimum(float(least))
            share = np.where(score > least, np.maximum(ndtr(score * spread), at_minimum), ndtr(score * spread))
            tied = (at_minimum > _FEW_AT_MINIMUM) & (score <= least)
            found[str(columns[column])] = np.where(tied, np.nan, share)
    return found


def unusual_phrase(share: float) -> str:
    """Say how unusual a value is.

    Parameters
    ----------
    share : float
        Share of the training patients who have less; NaN where not known.

    Returns
    -------
    str
        A few words, none where nothing is known.

    Examples
    --------
    >>> unusual_phrase(0.931), unusual_phrase(0.06)
    ('above 93 %', 'below 94 %')
    >>> unusual_phrase(0.5)
    'in the middle half'
    """
    if np.isnan(share):
        return ""
    if 0.25 <= share <= 0.75:
        return framed("between")
    side, part = ("above", share) if share > 0.5 else ("below", 1 - share)
    return framed(side, share=f"{min(int(100 * part), 99)} %")


@cache
def _of_minimum(least: float) -> tuple[float, float]:
    """Share of patients at the smallest value, and by how much scores were scaled, from the score of that value.

    The score of a value that a share p of the patients ties at is the normal quantile of p / 2, divided by
    the standard deviation of all scores.
    """
    cut, middle = ndtri(_SHARES_AT_MINIMUM), ndtri(_SHARES_AT_MINIMUM / 2)
    density = np.exp(-(cut**2) / 2) / np.sqrt(2 * np.pi)
    mean = _SHARES_AT_MINIMUM * middle + density
    square = _SHARES_AT_MINIMUM * middle**2 + cut * density + 1 - _SHARES_AT_MINIMUM
    spread = np.sqrt(square - mean**2)
    share = float(np.interp(least, middle / spread, _SHARES_AT_MINIMUM))
    return share, float(np.interp(share, _SHARES_AT_MINIMUM, spread))
