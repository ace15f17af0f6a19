"""Notice training patients of a model in a table, without storing them in the model file.

The card of a model holds a short hash of each training patient. So few bits are kept that about one in 500 other
patients has the hash of a training patient by chance: one match says little of a patient, but many matches say that
tables overlap. Each measurement is hashed as one of a few coarse steps, and neither categories nor genotypes are, so
that somebody who knows all other values of a patient cannot find the missing one by trial. The hashes are salted, so
that two models cannot be compared with one list.
"""

from __future__ import annotations

from base64 import b64decode, b64encode
from collections.abc import Mapping, Sequence
from math import ceil, log2
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.stats import binom

from asthma_ml.training.same_patient import is_no_coincidence
from asthma_ml.variables import data_dictionary

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

CARD_ENTRY = "training_patients"
FEWEST_REPORTED = 10
"""Patients from which an overlap is reported."""

_CHANCE_BITS = 9
_STEPS = 6
_MOST_STORED = 20_000
_ALMOST_IMPOSSIBLE = 1e-7


def hashes_of_patients(features: pd.DataFrame, salt: str) -> dict[str, Any]:
    """Return the entry of a model card that stands for the training patients.

    Parameters
    ----------
    features : DataFrame of shape (n_patients, n_features)
        Features of the training patients, as `read_patients` gives them.
    salt : str
        Text that differs between models.

    Returns
    -------
    dict
        `features`, the columns that are hashed; `salt`; `bits`, the length of a hash; `share`, the share of the
        patients that is stored; and `hashes`, in base 64. Patients whom others may equal by coincidence are left out.
    """
    names = sorted(name for name in map(str, features.columns) if _is_hashed(name))
    from asthma_ml.classifier import content_hash

    encoded = _encoded(features, names)
    digests = _digests(encoded[is_no_coincidence(encoded, content_hash(encoded))], salt)
    share = min(1.0, _MOST_STORED / max(len(digests), 1))
    stored = digests[_is_stored(digests, share)]
    bits = ceil(log2(max(len(stored), 1))) + _CHANCE_BITS
    hashes = np.unique(stored[:, 0] >> np.uint64(64 - bits)).astype("<u8")
    width = -(-bits // 8)
    packed = hashes.view(np.uint8).reshape(-1, 8)[:, :width].tobytes()
    return {"features": names, "salt": salt, "bits": bits, "share": share, "hashes": b64encode(packed).decode()}


def overlap(entry: Mapping[str, Any], features: pd.DataFrame) -> int:
    """Estimate how many patients of a table are training patients.

    Parameters
    ----------
    entry : mapping
        From `hashes_of_patients`.
    features : DataFrame of shape (n_patients, n_columns)
        Patients of the table, as `read_patients` gives them.

    Returns
    -------
    int
        Estimated number of patients; 0 if the matches may be chance.

    Examples
    --------
    >>> from asthma_ml.cohort import generate_cohort
    >>> X, _ = generate_cohort(300, seed=1).training_data()
    >>> entry = hashes_of_patients(X, "salt")
    >>> overlap(entry, X[50:]) == len(X) - 50, overlap(entry, generate_cohort(300, seed=2).training_data()[0])
    (True, 0)
    """
    bits, width = int(entry["bits"]), -(-int(entry["bits"]) // 8)
    packed = np.frombuffer(b64decode(entry["hashes"]), dtype=np.uint8).reshape(-1, width)
    hashes = np.pad(packed, ((0, 0), (0, 8 - width))).copy().view("<u8").ravel()
    digests = _digests(_encoded(features, entry["features"]), entry["salt"])
    compared = digests[_is_stored(digests, entry["share"])]
    matches = int(np.isin(compared[:, 0] >> np.uint64(64 - bits), hashes).sum())
    by_chance = len(hashes) / 2.0**bits
    if not matches or binom.sf(matches - 1, len(compared), by_chance) > _ALMOST_IMPOSSIBLE:
        return 0
    n_others = (len(compared) - matches) / (1 - by_chance)
    return round(float(len(compared) - n_others) / float(entry["share"]))


def overlap_warning(card: Mapping[str, Any], features: pd.DataFrame) -> str:
    """Return a line that says how many patients of a table a model was trained on, empty if too few to tell.

    Parameters
    ----------
    card : mapping
        Card of the model.
    features : DataFrame of shape (n_patients, n_columns)
        Patients of the table, as `read_patients` gives them.
    """
    n = max((_overlap_or_none(entry, features) for entry in card.get(CARD_ENTRY, [])), default=0)
    if n < FEWEST_REPORTED:
        return ""
    return (
        f"about {n} of these patients are training patients of the model, so that the metrics are better than in new "
        "patients; take patients whom the model has not seen"
    )


def _overlap_or_none(entry: Mapping[str, Any], features: pd.DataFrame) -> int:
    """`overlap`; 0 for an entry that another program wrote."""
    try:
        return overlap(entry, features)
    except (AttributeError, IndexError, KeyError, OverflowError, TypeError, ValueError, ZeroDivisionError):
        return 0


def _is_hashed(name: str) -> bool:
    variable = data_dictionary().get(name)
    return variable is not None and variable.usual is not None


def _encoded(features: pd.DataFrame, names: Sequence[str]) -> NDArray[np.float32]:
    """Measurements in `_STEPS` steps of the usual range, shorter at its lower end, where most patients are."""
    values = features.reindex(columns=list(names)).to_numpy(dtype=np.float64, na_value=np.nan)
    lower, upper = np.array([data_dictionary()[name].usual for name in names]).reshape(-1, 2).T
    steps: NDArray[np.float32] = np.floor(_STEPS * np.sqrt(np.clip((values - lower) / (upper - lower), 0, 1)))
    return steps.astype(np.float32)


def _digests(encoded: NDArray[np.float32], salt: str) -> NDArray[np.uint64]:
    """Two 64-bit hashes of each distinct patient: shape (n_patients, 2)."""
    from asthma_ml.classifier import salted_hashes

    return np.unique(salted_hashes(encoded, salt.encode()[:64], 2), axis=0)


def _is_stored(digests: NDArray[np.uint64], share: float) -> NDArray[np.bool_]:
    return np.asarray(digests[:, 1] / 2.0**64 < share)
