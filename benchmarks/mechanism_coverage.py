"""In which patients the intervals of the mechanism contributions hold the true contribution.

    python benchmarks/mechanism_coverage.py

Prints the table of docs/mechanism_attributions.md: the shipped model and generated patients whose true contributions
are known from their counterfactual twins.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from asthma_ml.classifier import Classifier
from asthma_ml.cohort import DEFAULT_PRESET, preset_named
from asthma_ml.explanation import contributions_of, mechanism_contributions
from asthma_ml.model_files import load_model
from asthma_ml.training import twin_effects
from asthma_ml.variables import FACTORS
from asthma_ml.wording import plain_name

if TYPE_CHECKING:
    from asthma_ml.training.mechanisms import TwinEffects

_SEED, _PATIENTS, _PATIENTS_LACKING = 987, 4_000, 1_000
_PRESCRIPTIONS = ("ics_dose_ug_day", "ocs_dose_mg_day", "biologic")


def main() -> None:
    """Print the table."""
    model = load_model("shipped", compiled=True)
    twins = _twins(model, None, _PATIENTS)
    held = _held(model, twins)
    print(f"| patients | n | {' | '.join(plain_name(name) for name in FACTORS)} |")
    print("| --- " * (len(FACTORS) + 2) + "|")
    for name, who in _groups(model, twins):
        _print_row(name, held[who])
    true = np.abs(twins.effects[0].T)
    largest = [held[true[:, k] >= np.quantile(true[:, k], 0.75), k] for k in range(len(FACTORS))]
    _print_row("largest quarter of true contributions", np.column_stack(largest))
    measured = ~np.isin(model.feature_names_in_, _PRESCRIPTIONS)[None]
    _print_row("no column of prescriptions", _held(model, _twins(model, measured, _PATIENTS_LACKING)))


def _twins(model: Classifier, measured: NDArray[np.bool_] | None, n_patients: int) -> TwinEffects:
    return twin_effects(model, preset_named(DEFAULT_PRESET), measured, n_patients=n_patients, seed=_SEED)


def _held(model: Classifier, twins: TwinEffects) -> NDArray[np.float64]:
    """Whether each interval holds the true contribution, of shape (n_patients, 6); NaN outside the range."""
    found = mechanism_contributions(contributions_of(model, twins.X, per_feature=False))
    true = twins.effects[0].T
    return np.where(found.outside[:, None] < 0, (found.low <= true) & (true <= found.high), np.nan)


def _groups(model: Classifier, twins: TwinEffects) -> Iterator[tuple[str, NDArray[np.bool_]]]:
    def column(name: str) -> NDArray[np.float32]:
        return twins.X[:, list(model.feature_names_in_).index(name)]

    no_call = contributions_of(model, twins.X, per_feature=False).calls.reason >= 0
    adherence, sputum = column("ics_adherence_fraction"), column("sputum_eosinophils_pct")
    yield "all", np.ones(len(twins), dtype=bool)
    yield "call", ~no_call
    yield "no call", no_call
    yield "adherence recorded", ~np.isnan(adherence)
    yield "adherence not recorded", np.isnan(adherence)
    yield "less than half of the doses", adherence < 0.5
    yield "oral steroid", column("ocs_dose_mg_day") > 0
    yield "biologic", column("biologic") > 0
    yield "sputum counted", ~np.isnan(sputum)
    yield "sputum not counted", np.isnan(sputum)


def _print_row(name: str, held: NDArray[np.float64]) -> None:
    print(f"| {name} | {len(held)} | {' | '.join(f'{share:.0%}' for share in np.nanmean(held, axis=0))} |")


if __name__ == "__main__":
    main()
