"""What mechanism contributions depend on: the references of the factors, and the interactions between factors.

    python benchmarks/mechanism_references.py

Prints the tables of docs/mechanism_attributions.md: contributions of the factors to the log-odds of the shipped model
in generated patients, whose true states are known.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Mapping
from itertools import combinations
from math import factorial

import numpy as np
from numpy.typing import NDArray
from scipy.stats import spearmanr

from asthma_ml.classifier import Classifier, without_scale_checks
from asthma_ml.cohort import (
    DEFAULT_PRESET,
    FACTOR_REFERENCES,
    N_COALITIONS,
    CausalModel,
    Columns,
    Interventions,
    Noise,
    enrol,
    preset_model,
    preset_named,
    record_table,
    variables_of_observed_table,
)
from asthma_ml.explanation import effects_alone, shapley_values
from asthma_ml.model_files import load_model
from asthma_ml.variables import FACTORS, TWO_CLASSES, data_dictionary
from asthma_ml.wording import plain_name

Floats = NDArray[np.float64]

OTHER_REFERENCES: Mapping[str, tuple[str, Interventions]] = {
    "healthy airway": (
        "airway_remodeling",
        {"airway_remodeling": 0.0, "mucus_plugging": 0.0, "basement_membrane_um": 5.0},
    ),
    "air without particles and NO2": (
        "environment",
        {**FACTOR_REFERENCES["environment"], "pm25_ug_m3": 0.0, "no2_ug_m3": 0.0},
    ),
    "half of the doses": ("adherence", {**FACTOR_REFERENCES["adherence"], "inhaled_adherence": 0.5}),
    "no drive of inflammation": (
        "immune_profile",
        dict.fromkeys(FACTOR_REFERENCES["immune_profile"], 0.0),
    ),
}
"""Another reference of one factor: its name, the factor and the interventions."""

_SEED, _BLOCKS = 77, 20
_FEW_DOSES, _SMALL = 0.5, 0.1


def main() -> None:
    """Print both tables."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--model", default="shipped", help="model file of the default two-class task")
    parser.add_argument("--blocks", type=int, default=_BLOCKS, help="blocks of the population that are screened")
    asked = parser.parse_args()
    model, preset = load_model(asked.model, compiled=True), preset_named(DEFAULT_PRESET)
    scm = preset_model(preset)
    found = enrol(scm, _SEED, range(asked.blocks), preset)
    if found is None:
        raise SystemExit("nobody enrols; give more --blocks")
    worth = worth_of_coalitions(model, scm, found.values, found.noise, FACTOR_REFERENCES)
    print(f"{worth.shape[1]} patients of {preset.name}\n")
    print("\n".join(_references_table(model, scm, found.values, found.noise, worth)), "\n")
    print("\n".join(_interactions_table(worth)), "\n")
    print("\n".join(_doses_table(worth, np.asarray(found.values["inhaled_adherence"], dtype=float))))


def worth_of_coalitions(
    model: Classifier, scm: CausalModel, values: Columns, noise: Noise, references: Mapping[str, Interventions]
) -> Floats:
    """Log-odds of Th2-high of the twins of each coalition, of shape (64, n_patients)."""
    wanted = variables_of_observed_table()
    worth = []
    for coalition in range(N_COALITIONS):
        do = {
            variable: value
            for k, factor in enumerate(FACTORS)
            if not coalition >> k & 1
            for variable, value in references[factor].items()
        }
        table = record_table(scm.twin(values, noise, do, wanted) if do else values, data_dictionary())
        with without_scale_checks():
            margins = model.decision_function(model.encoded_features(table))
        worth.append(margins if model.classes_[1] == TWO_CLASSES[0] else -margins)
    return np.array(worth)


def interaction(worth: Floats, first: int, second: int) -> Floats:
    """Shapley interaction index of two factors, of shape (n_patients,).

    References
    ----------
    Grabisch M, Roubens M, Int J Game Theory, 1999;28:547-565. 10.1007/s001820050125
    """
    n, both = len(FACTORS), 1 << first | 1 << second
    total = np.zeros(worth.shape[1])
    for coalition in range(N_COALITIONS):
        if not coalition & both:
            size = coalition.bit_count()
            weight = factorial(size) * factorial(n - size - 2) / factorial(n - 1)
            gain = worth[coalition | both] - worth[coalition | 1 << first] - worth[coalition | 1 << second]
            total += weight * (gain + worth[coalition])
    return total


def _references_table(model: Classifier, scm: CausalModel, values: Columns, noise: Noise, worth: Floats) -> list[str]:
    usual = shapley_values(worth)
    rows = []
    for name, (factor, do) in OTHER_REFERENCES.items():
        other_worth = worth_of_coalitions(model, scm, values, noise, {**FACTOR_REFERENCES, factor: do})
        other, k = shapley_values(other_worth), FACTORS.index(factor)
        moved = np.abs(np.delete(other - usual, k, axis=0)).mean()
        rank = spearmanr(usual[k], other[k]).statistic
        means = f"{usual[k].mean():+.2f} | {other[k].mean():+.2f} | {rank:.2f} | {_sign(usual[k], other[k]):.0%}"
        bases = f"{worth[0].mean():+.2f} | {other_worth[0].mean():+.2f}"
        rows.append((plain_name(factor), name, means, bases, f"{moved:.2f}"))
    head = (
        "factor",
        "other reference",
        "mean",
        "mean, other",
        "rank",
        "same sign",
        "base",
        "base, other",
        "others move",
    )
    return _table(head, rows)


def _sign(usual: Floats, other: Floats) -> float:
    """Proportion with the same sign, among patients to whom the factor contributes 0.2 or more."""
    large = np.abs(usual) >= 0.2
    return float((np.sign(usual) == np.sign(other))[large].mean())


def _interactions_table(worth: Floats) -> list[str]:
    sizes = {pair: np.abs(interaction(worth, *pair)).mean() for pair in combinations(range(len(FACTORS)), 2)}
    largest = sorted((pair for pair in sizes if sizes[pair] >= _SMALL), key=lambda pair: -sizes[pair])
    rows = [(plain_name(FACTORS[i]), plain_name(FACTORS[j]), f"{sizes[i, j]:.2f}") for i, j in largest]
    return _table(("factor", "factor", "mean size of the interaction"), rows)


def _doses_table(worth: Floats, adherence: Floats) -> list[str]:
    """Effect of missed doses by what the immune profile contributes, in patients who take few doses."""
    few = adherence < _FEW_DOSES
    k, immune = FACTORS.index("adherence"), shapley_values(worth)[FACTORS.index("immune_profile"), few]
    alone, isolated = effects_alone(worth)[k, few], (worth[1 << k] - worth[0])[few]
    edges = [-np.inf, -2.0, 0.0, 2.0, np.inf]
    names = ("below -2", "-2 to 0", "0 to 2", "above 2")
    rows = []
    for name, low, high in zip(names, edges, edges[1:], strict=False):
        who = (immune > low) & (immune <= high)
        rows.append((name, f"{who.sum()}", f"{alone[who].mean():+.2f}", f"{isolated[who].mean():+.2f}"))
    head = (
        "immune profile contributes",
        "patients",
        "missed doses, in these patients",
        "missed doses, in the reference",
    )
    return _table(head, rows)


def _table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> list[str]:
    lines = [list(head), ["---"] * len(list(head)), *map(list, rows)]
    return [f"| {' | '.join(line)} |" for line in lines]


if __name__ == "__main__":
    main()
