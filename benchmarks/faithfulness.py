"""Faithfulness of attributions to the causal model: SHAP, mechanism contributions and posterior twins.

    python benchmarks/faithfulness.py --truth truth.csv --twins twins.csv -o benchmarks/faithfulness.md

Takes about two hours of CPU time, most of it for true log-odds and posterior twins, which are saved as they are
computed. The patients are not those of training.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping, Sequence
from copy import copy
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from attributions import AS_SHIPPED, IN_CAUSAL_ORDER, attributions, mechanism_attributions, posterior_attributions
from measures import ResultFile, backgrounds, markdown_table, two_class_patients
from scipy.stats import spearmanr

import asthma_ml as aml
from asthma_ml.classifier import PhenotypeClassifier
from asthma_ml.cohort import DEFAULT_PRESET, PRESETS
from asthma_ml.evaluation.causal.faithfulness import (
    FEWEST_COMPARED,
    TrueEffects,
    agreement_by_factor,
    effects_on_true_log_odds,
    evaluate_faithfulness,
    true_effects,
)
from asthma_ml.evaluation.causal.twins import TwinCohort
from asthma_ml.intervals import percentiles, resampled
from asthma_ml.variables import FACTORS, ID

FIGURES = {"spearman": "rank", "sign_agreement": "sign"}
SEED, BACKGROUND_SEED, N_BACKGROUND = 5151, 24, 10_000
OTHER_PRESETS = tuple(name for name in PRESETS if name != DEFAULT_PRESET)
N_LEARNED = 20_000
"""Generated patients from whom mechanisms of another preset are learned."""
LIMIT, REGRESSION = "posterior twins", "regression of severe_clinic"
_AT_ONCE = 20


def with_true_log_odds(
    effects: TrueEffects, cohort: TwinCohort, world: str, n: int, file: Path, seed: int = 0
) -> TrueEffects:
    """Add the true log-odds of the first patients, from a file that grows with each few patients computed."""
    results = ResultFile(file, key=("world", ID))
    first = effects.rows.index[:n]
    waiting = first[[(world, name) not in results for name in first]]
    for start in range(0, len(waiting), _AT_ONCE):
        found = effects_on_true_log_odds(effects, cohort, waiting[start : start + _AT_ONCE], seed=seed)
        for name, row in found.iterrows():
            results.append({"world": world, ID: name, **row})
    table = results.table()
    known = table[table["world"] == world].set_index(ID)
    return replace(effects, log_odds=known.reindex(first)[list(FACTORS)])


HEAD = """# Faithfulness of attributions to the causal model

Do contributions of the documented factors follow their causal effects?

    python benchmarks/faithfulness.py --truth truth.csv --twins twins.csv -o benchmarks/faithfulness.md

## Method

In synthetic patients the causal effect of a factor is known: the difference between a patient and a counterfactual
twin with the same noise and the factor at its reference (the median patient of the severe clinic, without harmful
exposure, with full adherence, no oral steroid, no biologic). The effect is measured on

- the **true log-odds** of Th2-high given the whole row, measured and missing values, computed from the causal model
  by importance sampling as for the Bayes limit;
- the **endotype**: the type-2 drive minus the neutrophilic drive, each in its standard deviations. Adherence,
  oral steroid and biologics mask markers and leave the endotype unchanged.

The tables compare it with the factor's contribution in the shipped model.

| column | meaning |
| --- | --- |
| mean size | mean absolute contribution [log-odds] |
| rank | Spearman correlation over patients, 95 % bootstrap interval |
| sign | proportion of patients with the right sign; effects below 0.2 log-odds or 0.05 SD are left out |
| rank, model's twin | Spearman correlation of the changes from patient to twin of the model's and the true log-odds |
| - | too few patients with an effect, or twins impossible in the preset (never-smokers in a smokers' clinic) |

"""


def main() -> None:
    """Measure and write the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("-o", "--output", type=Path, required=True)
    parser.add_argument("--truth", type=Path, default=Path("faithfulness_truth.csv"), help="True log-odds, saved here.")
    parser.add_argument(
        "--twins", type=Path, default=Path("faithfulness_twins.csv"), help="Posterior twins, saved here."
    )
    parser.add_argument("--limit-patients", type=int, default=1000, help="Patients with true log-odds.")
    parser.add_argument("--patients-again", type=int, default=150, help="Patients whose true log-odds come twice.")
    parser.add_argument("--posterior-patients", type=int, default=300, help="Patients with posterior twins.")
    parser.add_argument("--patients-elsewhere", type=int, default=60, help="Patients with both in each other preset.")
    parser.add_argument("--presets", nargs="*", default=list(OTHER_PRESETS), help="Other presets.")
    asked = parser.parse_args()
    model = with_mechanisms(aml.load_model("shipped"), DEFAULT_PRESET)
    cohort = TwinCohort(2 * asked.limit_patients + 200, SEED)
    effects = with_true_log_odds(true_effects(cohort), cohort, DEFAULT_PRESET, asked.limit_patients, asked.truth)
    parts = [
        HEAD,
        *shipped_section(model, effects),
        "## How exact the truth is\n",
        *exactness_section(effects, cohort, asked.patients_again, asked.truth),
        f"## All attributions, `{DEFAULT_PRESET}`\n",
        *tables(all_attributions(model, effects.rows.loc[effects.log_odds.index], DEFAULT_PRESET), effects),
        f"## The limit of what a row tells, `{DEFAULT_PRESET}`\n",
        *limit_section(model, effects, DEFAULT_PRESET, asked.posterior_patients, asked.twins),
    ]
    for preset in asked.presets:
        cohort = TwinCohort(20 * asked.patients_elsewhere, SEED, preset)
        elsewhere = with_true_log_odds(true_effects(cohort), cohort, preset, asked.patients_elsewhere, asked.truth)
        parts += [f"## `{preset}`\n", *limit_section(model, elsewhere, preset, asked.patients_elsewhere, asked.twins)]
    asked.output.write_text("\n".join(parts), encoding="utf-8")


def with_mechanisms(model: PhenotypeClassifier, preset: str) -> PhenotypeClassifier:
    """The model with mechanism contributions of a preset, learned where it has none."""
    if model.mechanisms_ is None or model.mechanisms_.preset != preset:
        model = copy(model)
        model.mechanisms_ = aml.learn_mechanisms(model, preset, n_patients=N_LEARNED)
    return model


def shipped_section(model: PhenotypeClassifier, effects: TrueEffects) -> Iterator[str]:
    """The shipped model in the severe clinic."""
    found = evaluate_faithfulness(model, effects)
    mechanisms = found["mechanisms"]
    yield f"## The shipped model, `{DEFAULT_PRESET}`\n"
    yield f"{len(effects.rows)} patients of the two classes; true log-odds of the first {len(effects.log_odds)}.\n"
    yield "SHAP contributions, by label:\n"
    yield agreement_table(found["agreement"])
    yield "Proportion of patients whose effect is in its 90 % interval; "
    yield f"{mechanisms['outside']} patients are outside the simulated range and have none:\n"
    yield markdown_table(
        ["effect", *map(plain, FACTORS)],
        ([name, *(f"{of[factor]:.1%}" for factor in FACTORS)] for name, of in mechanisms["coverage"].items()),
    )
    yield "Absolute change of each SHAP contribution when a factor is set to its reference, as a proportion of the sum."
    yield "Changes off the diagonal are attributed to a **proxy**:\n"
    yield markdown_table(
        ["set to its reference", *map(plain, FACTORS)],
        (
            [plain(name), *(f"{size / sum(moved.values()):.0%}" for size in moved.values())]
            for name, moved in found["contribution_changes"].items()
        ),
    )
    adherence = found["adherence_proxy"]
    if adherence and adherence["n_with_true_log_odds"]:
        yield proxy(adherence)


def exactness_section(effects: TrueEffects, cohort: TwinCohort, n: int, file: Path) -> Iterator[str]:
    """Agreement of two independent computations of the true log-odds."""
    again = with_true_log_odds(effects, cohort, f"{DEFAULT_PRESET}, again", n, file, seed=1).log_odds
    error = (again - effects.log_odds.loc[again.index]).std() / 2**0.5
    found = {
        row["factor"]: row["true_log_odds"] for row in agreement_by_factor(again, effects) if row["label"] == "all"
    }
    most = {
        factor: None if of["spearman"] is None else {name: max(x, 0.0) ** 0.5 for name, x in of["spearman"].items()}
        for factor, of in found.items()
    }
    yield f"True log-odds of the first {len(again)} patients with other particles, compared as an attribution is:\n"
    yield markdown_table(
        ["two computations", *map(plain, FACTORS)],
        [
            ["standard error [log-odds]", *(f"{error[factor]:.2f}" for factor in FACTORS)],
            ["rank", *(shown(found[factor]["spearman"]) for factor in FACTORS)],
            ["sign", *(shown(found[factor]["sign_agreement"]) for factor in FACTORS)],
            ["highest rank of a perfect attribution", *(shown(most[factor]) for factor in FACTORS)],
        ],
    )


def limit_section(
    model: PhenotypeClassifier, effects: TrueEffects, preset: str, n_patients: int, file: Path
) -> Iterator[str]:
    """Posterior twins and other attributions in the same patients."""
    rows = effects.rows.loc[effects.log_odds.index[:n_patients]]
    found = all_attributions(model, rows, preset, few=True)
    found |= posterior_attributions(model, rows, preset, preset, file)
    complete = pd.concat(found.values(), axis=1).notna().all(axis=1)
    found = {name: values[complete] for name, values in found.items()}
    yield f"{complete.sum()} patients with all attributions, of {len(rows)}.\n"
    yield from tables(found, effects)
    yield "Rank of the posterior twins minus that of the regression, with the true log-odds, in the same patients:\n"
    yield markdown_table(
        ["difference", *map(plain, FACTORS)],
        (
            [words, *(shown(rank_difference(found, words, factor, effects)) for factor in FACTORS)]
            for words in ("contributions", "effects alone")
        ),
    )


def tables(found: Mapping[str, pd.DataFrame], effects: TrueEffects) -> Iterator[str]:
    """Rank and sign agreement of each attribution with the true log-odds and with the endotype."""
    rows_of = {name: agreement_by_factor(values, effects) for name, values in found.items()}
    for truth, words in {"true_log_odds": "log-odds", "endotype": "endotype"}.items():
        for figure, heading in FIGURES.items():
            yield markdown_table(
                [f"{heading}, {words}", *map(plain, FACTORS)],
                (
                    [name, *(shown(row[truth][figure]) for row in of if row["label"] == "all")]
                    for name, of in rows_of.items()
                ),
            )


def all_attributions(
    model: PhenotypeClassifier, rows: pd.DataFrame, preset: str, *, few: bool = False
) -> dict[str, pd.DataFrame]:
    """Attributions that need no posterior: to columns, then to causes."""
    usual, reference = backgrounds(N_BACKGROUND, BACKGROUND_SEED)
    here = preset == DEFAULT_PRESET
    chosen = attributions(usual if here else two_class_patients(N_BACKGROUND // 2, BACKGROUND_SEED, preset), reference)
    if few:
        chosen = {name: chosen[name] for name in (AS_SHIPPED, IN_CAUSAL_ORDER)}
    found = {name: of(model, rows) for name, of in chosen.items()} | mechanism_attributions(model, rows, REGRESSION)
    if not here:
        found |= mechanism_attributions(with_mechanisms(model, preset), rows, f"regression of {preset}")
    return found


def rank_difference(
    found: Mapping[str, pd.DataFrame], words: str, factor: str, effects: TrueEffects
) -> dict[str, float] | None:
    """Rank correlation of the posterior twins minus that of the regression; None for few patients."""
    true = effects.log_odds[factor].dropna()
    known = true.index.intersection(found[f"{LIMIT}: {words}"].index)
    if len(known) < FEWEST_COMPARED:
        return None
    limit, regression, truth = (
        table.loc[known].to_numpy()
        for table in (found[f"{LIMIT}: {words}"][factor], found[f"{REGRESSION}: {words}"][factor], true)
    )

    def difference(rows: Any) -> float:
        return float(spearmanr(limit[rows], truth[rows])[0] - spearmanr(regression[rows], truth[rows])[0])

    rows = np.arange(len(known))
    return percentiles(difference(rows), [difference(np.repeat(rows, times)) for times in resampled(len(rows), SEED)])


def agreement_table(found: Sequence[Mapping[str, Any]]) -> str:
    """Agreement by factor and label."""
    head = ["factor", "label", "mean size", "rank", "sign", "rank, endotype", "sign, endotype", "rank, model's twin"]
    responds = any("model_response" in row for row in found)
    return markdown_table(
        head if responds else head[:-1],
        (
            [
                plain(row["factor"]),
                row["label"],
                f"{row['mean_abs_contribution']:.2f}",
                *(shown(row[truth][figure]) for truth in ("true_log_odds", "endotype") for figure in FIGURES),
                *([shown(row["model_response"]["spearman"])] if responds else []),
            ]
            for row in found
        ),
    )


def proxy(found: Mapping[str, Any]) -> str:
    """Change under full adherence of patients with low recorded adherence."""
    immune, adherence = found["immune_profile"], -found["adherence"]
    return (
        f"**FeNO and eosinophils are proxies of adherence.** In {found['n']} patients less than half of the doses are\n"
        f"recorded as taken. In their twins with full adherence the immune profile contributes {immune:.2f} less on\n"
        f"average, with the same endotype; adherence contributes {adherence:.2f} more; the model's log-odds are\n"
        f"{found['model_log_odds']:.2f} lower. In the {found['n_with_true_log_odds']} of them with true log-odds these "
        f"are {found['true_log_odds']:.2f}\nlower, the model's {found['model_log_odds_same_patients']:.2f}.\n"
    )


def plain(name: str) -> str:
    """Name of a factor in plain text."""
    return name.replace("_", " ")


def shown(figure: Mapping[str, float] | None) -> str:
    """Value with its interval."""
    return "-" if figure is None else f"{figure['value']:.2f} ({figure['lower']:.2f} to {figure['upper']:.2f})"


if __name__ == "__main__":
    main()
