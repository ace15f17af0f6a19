"""Who cannot enrol, told from the treatment step alone, before the costlier causes are computed.

Whether a person enrols is decided by one number of their noise: it must exceed one minus the
probability of enrolment. That probability is at most what the most favourable values of the
other causes would make it, and where even this is not enough nothing else need be known.
"""

from __future__ import annotations

from itertools import product

import numpy as np
from numpy.typing import NDArray

from asthma_ml.cohort.engine.causal_model import CausalModel
from asthma_ml.cohort.engine.distributions import Floats, Values, levels_from_codes

ENROLLED = "enrolled"
SCREENED_BY = "treatment_step"

_CRITICAL: dict[str, tuple[float | str, ...]] = {
    "acq6_score": (0.0, "least_acq", 6.0),
    "exacerbations_12m": (0.0, "least_attacks", 6.0, 10_000.0),
    "fev1_pct_predicted": (-1_000.0, "most_fev1", 1_000.0),
    "on_oral_steroid": (0.0, 1.0),
}
"""Where the probability of enrolment can be highest: at the ends of each cause's range, and where a
hard criterion (a coefficient of the equation) begins to be met, for between these it is monotone."""

_ROUNDING = 1e-9


def can_be_screened(model: CausalModel) -> bool:
    """Whether enrolment has the causes that screening knows."""
    equation = model.equations.get(ENROLLED)
    return equation is not None and set(equation.parents) == {SCREENED_BY, *_CRITICAL}


def may_enrol(model: CausalModel, step: Values, u: Floats) -> NDArray[np.bool_]:
    """Who may enrol.

    Parameters
    ----------
    model : CausalModel
        The model.
    step : Categorical of length n_people
        Treatment steps.
    u : ndarray of shape (n_people,)
        Noise of enrolment, as probabilities.

    Returns
    -------
    ndarray of bool of shape (n_people,)
        False only for those who do not enrol whatever else is true of them.
    """
    most = np.minimum(_highest_probabilities(model, tuple(step.categories)) + _ROUNDING, 1.0)
    return np.asarray(u > 1 - most.take(step.codes))


def _highest_probabilities(model: CausalModel, steps: tuple[str, ...]) -> Floats:
    numbers = model.equations[ENROLLED].coefficients | model.overrides.get(ENROLLED, {})
    corners = [[float(numbers[at]) if isinstance(at, str) else at for at in places] for places in _CRITICAL.values()]
    rows = np.array(list(product(range(len(steps)), *corners)))
    causes = dict(zip((SCREENED_BY, *_CRITICAL), rows.T, strict=True))
    causes[SCREENED_BY] = levels_from_codes(causes[SCREENED_BY], steps)
    probability = np.exp(model.distribution(ENROLLED, causes).log_prob(np.ones(len(rows))))
    return np.asarray(probability.reshape(len(steps), -1).max(axis=1))
