"""Positions of values among those of the training patients, from the normal scores of the model."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import TYPE_CHECKING

import numpy as np

from asthma_ml.variables import data_dictionary

if TYPE_CHECKING:
    import pandas as pd

    from asthma_ml.classifier import NormalScores

_PROPORTIONS_AT_MINIMUM = np.linspace(1e-6, 0.99, 1_000)
_FEW_AT_MINIMUM = 0.02


def proportions_below(scores: NormalScores, encoded: pd.DataFrame) -> Mapping[str, np.ndarray]:
    """Estimated proportion of the training patients with a smaller value of each numeric feature.

    Parameters
    ----------
    scores : NormalScores
        Normal scores of the model.
    encoded : DataFrame of shape (n_patients, n_features)
        Patients, from ``model.encode``.

    Returns
    -------
    dict of str to ndarray of shape (n_patients,)
        Proportion [0-1] by column, for numbers only: counts and levels have too many ties. NaN where missing, and
        where the value is a minimum shared by many patients, such as no oral steroid.
    """
    from scipy.special import ndtr

    columns = encoded.columns.to_list()
    of_patients = scores.transform(encoded.to_numpy())
    found = {}
    for j, column in enumerate(scores.source.tolist()):
        variable = data_dictionary().get(str(columns[column]))
        if variable is not None and variable.kind == "number":
            knots = slice(scores.starts[j], scores.starts[j + 1])
            least, score = scores.values[knots][0], of_patients[:, j]
            at_minimum, spread = _of_minimum(float(least))
            proportion = np.where(score > least, np.maximum(ndtr(score * spread), at_minimum), ndtr(score * spread))
            tied = (at_minimum > _FEW_AT_MINIMUM) & (score <= least)
            found[str(columns[column])] = np.where(tied, np.nan, proportion)
    return found


@cache
def _of_minimum(least: float) -> tuple[float, float]:
    """Proportion of patients at the smallest value and the scale of the scores, from the score of that value.

    The score of a value at which a proportion p of the patients is tied is the normal quantile of p / 2, divided by
    the standard deviation of all scores.
    """
    from scipy.special import ndtri

    cut, middle = ndtri(_PROPORTIONS_AT_MINIMUM), ndtri(_PROPORTIONS_AT_MINIMUM / 2)
    density = np.exp(-(cut**2) / 2) / np.sqrt(2 * np.pi)
    mean = _PROPORTIONS_AT_MINIMUM * middle + density
    square = _PROPORTIONS_AT_MINIMUM * middle**2 + cut * density + 1 - _PROPORTIONS_AT_MINIMUM
    spread = np.sqrt(square - mean**2)
    proportion = float(np.interp(least, middle / spread, _PROPORTIONS_AT_MINIMUM))
    return proportion, float(np.interp(proportion, _PROPORTIONS_AT_MINIMUM, spread))
