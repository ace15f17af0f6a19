"""Which columns a model can use, and how columns are named in messages."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from difflib import get_close_matches
from itertools import islice

from asthma_ml.errors import UnusableInputError
from asthma_ml.wording import first_names

# Comparing a name with all features takes a millisecond.
_MOST_COMPARED = 200


def refuse_without_features(
    found: Iterable[object], features: Sequence[str], given: Iterable[object] = (), source: str = "the table"
) -> None:
    """Stop where a table has nothing that a model could look at.

    Parameters
    ----------
    found : iterable of str
        Columns of the table as understood.
    features : sequence of str
        Features of which at least one is needed.
    given : iterable of str, default=()
        Columns as the table names them, to guess what was meant.
    source : str, default="the table"
        What the table is called in the message.

    Raises
    ------
    UnusableInputError
        If no column is a feature; near names are guessed at.

    Examples
    --------
    >>> refuse_without_features(["patient_id", "feno_ppb"], ["feno_ppb", "age_years"])
    """
    if not features or set(map(str, found)) & set(features):
        return
    near = {
        str(name): get_close_matches(str(name).lower(), features, n=1, cutoff=0.4)
        for name in islice(given, _MOST_COMPARED)
    }
    guesses = [f"{name} (do you mean {match[0]}?)" for name, match in near.items() if match]
    raise UnusableInputError(
        f"{source}: no column is one of the {len(features)} features: {first_names(features)}"
        + (f"; nearest: {first_names(guesses)}" if guesses else "")
        + "; asthma-ml variables lists them all, --columns MAP.toml gives other names"
    )
