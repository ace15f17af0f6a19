"""TODO."""

from __future__ import annotations

from typing import Any

import numpy as np

from asthma_ml.classifier.protocol import Classifier


def is_unmodelled(classes: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Tell which of the classes of a companion are none of a classifier's own.

    Examples
    --------
    >>> is_unmodelled(np.array(["a", "b"]), np.array(["a", "b", "c"]))
    array([False, False,  True])
    """
    return np.asarray(~np.isin(others, classes.astype(others.dtype)))


def unmodelled_classes(model: Classifier) -> tuple[Any, ...]:
    """Return the classes that a classifier does not name but may recognise; none without a companion."""
    if model.auxiliary_ is None:
        return ()
    others = model.auxiliary_.classes_
    return tuple(others[is_unmodelled(model.classes_, others)].tolist())


def unmodelled_probability(model: Classifier, X: Any) -> np.ndarray:
    """Return the probability of all classes that a classifier with a companion does not name, of each patient."""
    return np.asarray(_unmodelled_probabilities(model, X).sum(axis=1))


def most_probable_unmodelled(model: Classifier, X: Any) -> np.ndarray:
    """Return the most probable class that a classifier does not name, None where these are not probable enough."""
    probability = _unmodelled_probabilities(model, X)
    recognised = np.array(unmodelled_classes(model), dtype=object)[probability.argmax(axis=1)]
    recognised[probability.sum(axis=1) < model.unmodelled_threshold_] = None
    return np.asarray(recognised)


def _unmodelled_probabilities(model: Classifier, X: Any) -> np.ndarray:
    assert model.auxiliary_ is not None  # noqa: S101
    return model.auxiliary_.predict_proba(X)[:, is_unmodelled(model.classes_, model.auxiliary_.classes_)]
