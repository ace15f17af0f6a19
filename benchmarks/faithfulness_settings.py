"""Faithfulness by number of training patients, and where the attribution assumes coefficients that are wrong.

    python benchmarks/faithfulness_settings.py --truth truth.csv -o benchmarks/faithfulness_settings.csv

Models of 200 to 100,000 patients of the severe clinic are judged by the patients of ``faithfulness.py``, whose true
log-odds are in the file of ``--truth``. In the worlds, every coefficient but the definitions of the classes is drawn
within a proportion of its value; the shipped model is explained with mechanisms of the severe clinic (the wrong world)
and of the world itself, and judged by patients of that world. Each result is saved at once, and results in the file are
not measured again. ``--summary`` prints the tables of faithfulness_settings.md.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from copy import copy
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from attributions import KINDS, mechanism_attributions
from faithfulness import SEED, plain, with_true_log_odds
from measures import ResultFile, markdown_table
from scipy.stats import spearmanr
from small_cohorts import redrawn

import asthma_ml as aml
from asthma_ml.classifier import PhenotypeClassifier
from asthma_ml.cohort import DEFAULT_PRESET, PRESETS
from asthma_ml.evaluation.causal.faithfulness import (
    FEWEST_COMPARED,
    LEAST_EFFECT,
    TrueEffects,
    factor_contributions,
    true_effects,
)
from asthma_ml.evaluation.causal.twins import TwinCohort
from asthma_ml.explanation import explain_mechanisms
from asthma_ml.variables import FACTORS, LABEL, TWO_CLASSES

SIZES = (200, 1_000, 5_000, 20_000, 100_000)
WIDTHS = (0.25, 0.5)
"""Proportions within which coefficients are drawn."""
N_LEARNED = 20_000
"""Generated patients from whom mechanisms are learned."""
KEY = ("experiment", "level", "repeat", "attribution", "factor")
FIGURES = {
    "rank": "rank with the true log-odds",
    "endotype": "rank with the endotype",
    "response": "rank with the model's own response",
    "coverage": "coverage of 90 % intervals, effect alone",
}


def measured(model: PhenotypeClassifier, effects: TrueEffects, name: str) -> Iterator[dict[str, Any]]:
    """Agreement of the SHAP contributions and of each mechanism attribution, by factor."""
    rows = effects.rows
    found = {"SHAP": factor_contributions(model, rows)} | mechanism_attributions(model, rows, name)
    own = found["SHAP"].sum(axis=1)
    response = pd.DataFrame(
        {factor: own - factor_contributions(model, twin).sum(axis=1) for factor, twin in effects.twins.items()}
    )
    intervals = explain_mechanisms(model, rows)
    contains = (intervals.alone_low <= response) & (response <= intervals.alone_high)
    covered = contains[intervals.outside < 0].mean()
    for attribution, values in found.items():
        for factor in FACTORS:
            value, true = values[factor].dropna(), effects.log_odds[factor].dropna()
            both = true.index.intersection(value.index)
            large = both[true[both].abs() >= LEAST_EFFECT]
            yield {
                "attribution": attribution,
                "factor": factor,
                "n": len(both),
                "outside": int((intervals.outside >= 0).sum()),
                "rank": rank(value[both], true[both]),
                "sign": float((np.sign(value[large]) == np.sign(true[large])).mean()),
                "endotype": rank(value, effects.endotype.loc[value.index, factor]),
                "response": rank(value, response.loc[value.index, factor]),
                "coverage": covered[factor] if attribution.endswith(KINDS["alone"]) else np.nan,
            }


def rank(value: pd.Series, true: pd.Series) -> float:
    """Rank correlation; NaN for few patients or no effect."""
    if len(true) < FEWEST_COMPARED or true.nunique() < 2 or value.nunique() < 2:
        return float("nan")
    return float(spearmanr(value, true)[0])


def of_size(n: int, repeat: int, effects: TrueEffects) -> Iterator[dict[str, Any]]:
    """Faithfulness of a model of some patients of the severe clinic."""
    patients = aml.generate_cohort(n, 7_000 + repeat, where=f"{LABEL} in {list(TWO_CLASSES)}")
    model = PhenotypeClassifier().fit(*patients.training_data())
    model.mechanisms_ = aml.learn_mechanisms(model, n_patients=N_LEARNED)
    yield from measured(model, effects, "mechanisms")


def of_world(width: float, repeat: int, home: PhenotypeClassifier, n: int, truth: Path) -> Iterator[dict[str, Any]]:
    """Faithfulness of the shipped model in a world with other coefficients."""
    world = redrawn(PRESETS[DEFAULT_PRESET], np.random.default_rng([repeat, int(100 * width)]), width)
    cohort = TwinCohort(1_500, SEED + repeat, world)
    effects = with_true_log_odds(true_effects(cohort), cohort, f"{width}-{repeat}", n, truth)
    yield from measured(home, effects, "wrong world")
    there = copy(home)
    there.mechanisms_ = aml.learn_mechanisms(there, world, n_patients=N_LEARNED)
    yield from (row for row in measured(there, effects, "right world") if row["attribution"] != "SHAP")


def summary(rows: pd.DataFrame) -> str:
    """Means over repeats, by experiment, level and attribution."""
    parts = []
    for experiment, of in rows.groupby("experiment"):
        for figure, heading in FIGURES.items():
            table = of.pivot_table(figure, ["level", "attribution"], "factor", dropna=False)[list(FACTORS)]
            parts.append(
                markdown_table(
                    [experiment, heading, *map(plain, FACTORS)],
                    (
                        [f"{level:,g}", name, *("-" if np.isnan(x) else f"{x:.2f}" for x in line)]
                        for (level, name), line in zip(table.index, table.to_numpy(), strict=True)
                        if not np.isnan(line).all()
                    ),
                )
            )
    return "\n".join(parts)


def main() -> None:
    """Measure what the file lacks."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("-o", "--output", type=Path, default=Path("faithfulness_settings.csv"))
    parser.add_argument("--truth", type=Path, default=Path("faithfulness_truth.csv"), help="True log-odds, saved here.")
    parser.add_argument("--sizes", type=int, nargs="*", default=list(SIZES))
    parser.add_argument("--widths", type=float, nargs="*", default=list(WIDTHS))
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--limit-patients", type=int, default=1000, help="Patients with true log-odds in the clinic.")
    parser.add_argument("--limit-patients-of-world", type=int, default=40, help="The same in each world.")
    parser.add_argument("--summary", action="store_true")
    asked = parser.parse_args()
    results = ResultFile(asked.output, key=KEY)
    if asked.summary:
        print(summary(results.table()))
        return
    runs = [("patients", n, 0) for n in asked.sizes]
    runs += [("width", width, repeat) for repeat in range(asked.repeats) for width in asked.widths]
    cohort = TwinCohort(2 * asked.limit_patients + 200, SEED)
    effects = with_true_log_odds(true_effects(cohort), cohort, DEFAULT_PRESET, asked.limit_patients, asked.truth)
    home = aml.load_model("shipped")
    if home.mechanisms_ is None:
        home.mechanisms_ = aml.learn_mechanisms(home, n_patients=N_LEARNED)
    for experiment, level, repeat in runs:
        if (experiment, level, repeat, "SHAP", FACTORS[-1]) in results:
            continue
        found = (
            of_size(level, repeat, effects)
            if experiment == "patients"
            else of_world(level, repeat, home, asked.limit_patients_of_world, asked.truth)
        )
        for row in list(found):
            results.append({"experiment": experiment, "level": level, "repeat": repeat, **row})
        print(experiment, level, repeat, flush=True)


if __name__ == "__main__":
    main()
