"""Faithfulness of the shipped model's attributions: contributions of the factors beside their causal effects.

    python benchmarks/faithfulness.py -o benchmarks/faithfulness.md

Takes about six minutes of CPU time, most of it for the true log-odds. The patients are not those of training.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from attributions import attributions
from measures import backgrounds, markdown_table

import asthma_ml as aml
from asthma_ml.classifier import PhenotypeClassifier
from asthma_ml.evaluation.causal.faithfulness import TrueEffects, evaluate_faithfulness, true_effects
from asthma_ml.evaluation.causal.twins import TwinCohort
from asthma_ml.variables import FACTORS

FIGURES = {"spearman": "rank", "sign_agreement": "sign"}
SEED, BACKGROUND_SEED, N_BACKGROUND = 23, 24, 10_000
OTHER_PRESETS = ("severe_registry", "low_adherence_clinic", "smokers_clinic", "trial_eligible")

HEAD = """# Faithfulness of attributions to the causal model

Do contributions of the documented factors follow their causal effects? Those of the immune profile do; those of
genetics, environment, adherence and patient context hardly do, because SHAP attributes their effects to the markers
that they change. **SHAP explains the model, not the disease.**

    python benchmarks/faithfulness.py -o benchmarks/faithfulness.md

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

## Results of 25 November 2026

- The contribution of the **immune profile** follows the true effect in rank and sign, in every preset.
- **Genetics, environment, adherence and patient context** act on the disease through its markers, and SHAP attributes
  their effects to the markers: the ranks of their own contributions are near chance. The model itself responds to the
  twins fairly well (last column). A factor's contribution is what its columns add to the markers, not its effect.
- **Adherence** leaves the endotype unchanged. Its contribution corrects FeNO and eosinophils for missed doses; part of
  their effect remains in the contribution of the immune profile.
- A background of **patients with the same treatment** improves the agreement of the immune profile and of patient
  context. Attribution in **causal order** (genes, exposure and treatment before markers) improves genetics,
  environment and patient context, and worsens airway remodeling. Shapley values of factors and a background of all
  patients change nothing; reference patients change only signs and adherence. No attribution is faithful for
  adherence.
"""


def main() -> None:
    """Measure and write the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("-o", "--output", type=Path, required=True)
    parser.add_argument("--patients", type=int, default=3000)
    parser.add_argument("--limit-patients", type=int, default=300)
    parser.add_argument("--limit-patients-elsewhere", type=int, default=100)
    parser.add_argument("--presets", nargs="*", default=list(OTHER_PRESETS), help="Other presets.")
    asked = parser.parse_args()
    model = aml.load_model("shipped")
    effects = true_effects(TwinCohort(asked.patients, SEED), limit_patients=asked.limit_patients)
    parts = [HEAD, *shipped_section(model, effects), *attributions_section(model, effects)]
    for preset in asked.presets:
        cohort = TwinCohort(asked.patients // 2, SEED, preset)
        elsewhere = true_effects(cohort, limit_patients=asked.limit_patients_elsewhere)
        parts += [f"## `{preset}`\n", sizes(elsewhere), agreement_table(evaluate_faithfulness(model, elsewhere))]
    asked.output.write_text("\n".join(parts), encoding="utf-8")


def shipped_section(model: PhenotypeClassifier, effects: TrueEffects) -> Iterator[str]:
    """The shipped model in the severe clinic."""
    found = evaluate_faithfulness(model, effects)
    yield "## The shipped model, `severe_clinic`\n"
    yield sizes(effects)
    yield agreement_table(found)
    yield "Absolute change of each contribution when a factor is set to its reference, as a proportion of the sum."
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


def attributions_section(model: PhenotypeClassifier, effects: TrueEffects) -> Iterator[str]:
    """Alternative attributions on the same patients."""
    yield "## Alternative attributions\n"
    yield "The same model and patients: rank and sign agreement with the true log-odds, then with the endotype.\n"
    compared = {
        name: evaluate_faithfulness(model, effects, attribution)
        for name, attribution in attributions(*backgrounds(N_BACKGROUND, BACKGROUND_SEED)).items()
    }
    for truth in ("true_log_odds", "endotype"):
        for figure, heading in FIGURES.items():
            rows = (
                [name, *(shown(of(found, factor)[truth][figure]) for factor in FACTORS)]
                for name, found in compared.items()
            )
            yield markdown_table(
                [f"{heading}, {truth.removeprefix('true_').replace('_', '-')}", *map(plain, FACTORS)], rows
            )


def sizes(effects: TrueEffects) -> str:
    """Number of patients."""
    return f"{len(effects.rows)} patients of the two classes; true log-odds of the first {len(effects.log_odds)}.\n"


def agreement_table(found: Mapping[str, Any]) -> str:
    """Agreement by factor and label."""
    head = ["factor", "label", "mean size", "rank", "sign", "rank, endotype", "sign, endotype", "rank, model's twin"]
    return markdown_table(
        head,
        (
            [
                plain(row["factor"]),
                row["label"],
                f"{row['mean_abs_contribution']:.2f}",
                *(shown(row[truth][figure]) for truth in ("true_log_odds", "endotype") for figure in FIGURES),
                shown(row["model_response"]["spearman"]),
            ]
            for row in found["agreement"]
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


def of(found: Mapping[str, Any], factor: str) -> Mapping[str, Any]:
    """The row of a factor over all patients."""
    return next(row for row in found["agreement"] if (row["factor"], row["label"]) == (factor, "all"))


def plain(name: str) -> str:
    """Name of a factor in plain text."""
    return name.replace("_", " ")


def shown(figure: Mapping[str, float] | None) -> str:
    """Value with its interval."""
    return "-" if figure is None else f"{figure['value']:.2f} ({figure['lower']:.2f} to {figure['upper']:.2f})"


if __name__ == "__main__":
    main()
