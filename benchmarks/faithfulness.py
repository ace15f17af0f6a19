"""Faithfulness of attributions to the causal model: SHAP, mechanism contributions and posterior twins.

    python benchmarks/faithfulness.py --truth truth.csv --twins twins.csv -o benchmarks/faithfulness.md

Takes about forty minutes of CPU time, most of it for true log-odds and posterior twins, which are saved as they are
computed. The patients are not those of training.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from attributions import AS_SHIPPED, IN_CAUSAL_ORDER, attributions, mechanism_attributions, posterior_attributions
from measures import ResultFile, backgrounds, markdown_table
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
    factor_contributions,
    true_effects,
)
from asthma_ml.evaluation.causal.twins import TwinCohort
from asthma_ml.intervals import percentiles, resampled
from asthma_ml.variables import FACTORS, ID

FIGURES = {"spearman": "rank", "sign_agreement": "sign"}
SEED, BACKGROUND_SEED, N_BACKGROUND = 5151, 24, 10_000
OTHER_PRESETS = tuple(name for name in PRESETS if name != DEFAULT_PRESET)
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

Do contributions of the documented factors follow their causal effects? SHAP contributions of the immune profile do;
those of genetics, environment, adherence and patient context hardly do, because SHAP attributes their effects to the
markers that they change: **SHAP explains the model, not the disease.** Mechanism contributions follow the effects of
every factor as far as a row tells them.

    python benchmarks/faithfulness.py --truth truth.csv --twins twins.csv -o benchmarks/faithfulness.md

## Method

In synthetic patients the causal effect of a factor is known: the difference between a patient and a counterfactual
twin with the same noise and the factor at its reference (the median patient of the severe clinic, without harmful
exposure, with full adherence, no oral steroid, no biologic). The effect is measured on

- the **true log-odds** of Th2-high given the whole row, measured and missing values, computed from the causal model
  by importance sampling as for the Bayes limit;
- the **endotype**: the type-2 drive minus the neutrophilic drive, each in its standard deviations. Adherence,
  oral steroid and biologics mask markers and leave the endotype unchanged.

No attribution knows them; it knows the row. The attributions of the shipped model are

- **sums of features**, the SHAP contributions, with other backgrounds, and in **causal order** (genes, exposure and
  treatment before markers);
- the mechanism **regression** in the model file, learned from twins of generated patients, not these: causal Shapley
  values (contributions), effects alone, and effects on the endotype;
- **posterior twins** of each patient, which use the whole causal model and are the limit for such an attribution.

| column | meaning |
| --- | --- |
| mean size | mean absolute contribution [log-odds] |
| rank | Spearman correlation over patients, 95 % bootstrap interval |
| sign | proportion of patients with the right sign; effects below 0.2 log-odds or 0.05 SD are left out |
| rank, model's twin | Spearman correlation of the changes from patient to twin of the model's and the true log-odds |
| - | too few patients with an effect, or twins impossible in the preset (never-smokers in a smokers' clinic) |

## Results of 28 November 2026

- **Mechanisms follow the truth where SHAP does not.** In 1,000 new patients the rank of the effects alone with the true
  log-odds is 0.78, 0.32, 0.18, 0.55, 0.21 and 0.64 (immune profile, airway remodeling, genetics, environment,
  adherence, patient context), that of SHAP 0.67, 0.28, 0.05, 0.04, 0.07 and -0.04. Their sign is right in 0.87, 0.66,
  0.65, 0.77, 0.71 and 0.83 of the patients.
- **The regression loses nothing.** In the same 298 patients the rank of posterior twins exceeds that of its effects
  alone by 0.01 or less, and that of its contributions by 0.01 or less, but for adherence by 0.04 (0.00 to 0.08).
- **The truth has an error.** True log-odds of 1,000 particles have effects with a standard error of 0.3. Two
  computations of the effect agree in rank by 0.51 for airway remodeling and by 0.36 for genetics, so that even a
  perfect attribution would reach ranks of about 0.99, 0.72, 0.60, 0.85, 0.76 and 0.85. Compare the ranks with these.
- **Effects on the endotype** are known exactly. The ranks of the regression are 0.85, 0.27, 0.41, 0.48 and 0.93 (none
  for adherence, which has no effect). SHAP and the effects alone oppose the effect of airway remodeling on the
  endotype, because its markers move the other way.
- **The 90 % intervals** contain the effect on the model's log-odds, and on the endotype, in 89 to 92 % of patients.
- **In other presets** the mechanisms of the severe clinic follow the endotype as in the severe clinic. Most patients of
  `population_asthma` and of `asthma_network` are outside its range and get none; posterior twins of the preset do. The
  true log-odds of 50 patients a preset are too few to compare more than immune profile, environment and context.
- Among the alternatives to SHAP, a background of patients with the same treatment improves immune profile and patient
  context, and causal order environment and patient context, at the cost of airway remodeling. Mechanisms do better.
- By number of training patients, and in worlds with other coefficients:
  [faithfulness_settings.md](faithfulness_settings.md).
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
    parser.add_argument("--patients-again", type=int, default=300, help="Patients whose true log-odds come twice.")
    parser.add_argument("--posterior-patients", type=int, default=300, help="Patients with posterior twins.")
    parser.add_argument("--patients-elsewhere", type=int, default=50, help="Patients with both in each other preset.")
    parser.add_argument("--presets", nargs="*", default=list(OTHER_PRESETS), help="Other presets.")
    asked = parser.parse_args()
    model = aml.load_model("shipped")
    cohort = TwinCohort(2 * asked.limit_patients + 200, SEED)
    effects = with_true_log_odds(true_effects(cohort), cohort, DEFAULT_PRESET, asked.limit_patients, asked.truth)
    parts = [
        HEAD,
        *shipped_section(model, effects),
        "## How exact the truth is\n",
        *exactness_section(effects, cohort, asked.patients_again, asked.truth),
        f"## All attributions, `{DEFAULT_PRESET}`\n",
        *tables(all_attributions(model, effects.rows.loc[effects.log_odds.index]), effects),
        f"## The limit of what a row tells, `{DEFAULT_PRESET}`\n",
        *limit_section(model, effects, asked.posterior_patients, asked.twins),
    ]
    parts += ["## Other presets\n", *presets_section(model, asked.presets, asked.patients_elsewhere, asked)]
    asked.output.write_text("\n".join(parts), encoding="utf-8")


def shipped_section(model: PhenotypeClassifier, effects: TrueEffects) -> Iterator[str]:
    """The shipped model in the severe clinic."""
    found = evaluate_faithfulness(model, effects)
    mechanisms = found["mechanisms"]
    yield f"## The shipped model, `{DEFAULT_PRESET}`\n"
    yield f"{len(effects.rows)} patients of the two classes; true log-odds of the first {len(effects.log_odds)}.\n"
    yield "SHAP contributions, by label:\n"
    yield agreement_table(found["agreement"])
    yield "Proportion of patients whose effect is in its 90 % interval (outside the simulated range, without mechanism"
    yield f"contributions: {mechanisms['outside']}):\n"
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


def limit_section(model: PhenotypeClassifier, effects: TrueEffects, n_patients: int, file: Path) -> Iterator[str]:
    """Posterior twins and other attributions in the same patients."""
    rows = effects.rows.loc[effects.log_odds.index[:n_patients]]
    found = all_attributions(model, rows, few=True)
    found |= posterior_attributions(model, rows, DEFAULT_PRESET, DEFAULT_PRESET, file)
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


def presets_section(
    model: PhenotypeClassifier, presets: Sequence[str], n: int, files: argparse.Namespace
) -> Iterator[str]:
    """Ranks in the patients of other presets, explained with the mechanisms of the severe clinic."""
    with_truth, with_endotype = [], []
    for preset in presets:
        cohort = TwinCohort(20 * n, SEED, preset)
        effects = with_true_log_odds(true_effects(cohort), cohort, preset, n, files.truth)
        rows = effects.rows
        found = {"SHAP": factor_contributions(model, rows)} | mechanism_attributions(model, rows, REGRESSION)
        found |= posterior_attributions(model, rows.loc[effects.log_odds.index], preset, preset, files.twins)
        outside = f"{found[f'{REGRESSION}: effects alone'].isna().any(axis=1).mean():.0%}"
        for name, values in found.items():
            if not name.endswith("endotype"):
                with_truth.append([preset, outside, name, *ranks(values, effects.log_odds)])
            if not name.startswith(LIMIT):
                with_endotype.append([preset, outside, name, *ranks(values, effects.endotype)])
    yield f"Rank with the true log-odds of {n} patients; the severe clinic explains those inside its range only:\n"
    yield markdown_table(["preset", "outside", "attribution", *map(plain, FACTORS)], with_truth)
    yield "Rank with the endotype, of all patients of the two classes:\n"
    yield markdown_table(["preset", "outside", "attribution", *map(plain, FACTORS)], with_endotype)


def ranks(values: pd.DataFrame, true: pd.DataFrame) -> Iterator[str]:
    """Rank correlation of each factor over the patients of whom both are known."""
    for factor in FACTORS:
        both = pd.concat([values[factor], true[factor]], axis=1, keys=["value", "true"]).dropna()
        few = len(both) < FEWEST_COMPARED or both.nunique().min() < 2
        yield "-" if few else f"{spearmanr(both['value'], both['true'])[0]:.2f}"


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


def all_attributions(model: PhenotypeClassifier, rows: pd.DataFrame, *, few: bool = False) -> dict[str, pd.DataFrame]:
    """Attributions that need no posterior: to columns, then to causes."""
    chosen = attributions(*backgrounds(N_BACKGROUND, BACKGROUND_SEED))
    if few:
        chosen = {name: chosen[name] for name in (AS_SHIPPED, IN_CAUSAL_ORDER)}
    return {name: of(model, rows) for name, of in chosen.items()} | mechanism_attributions(model, rows, REGRESSION)


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
