"""How far what the shipped model credits to each documented factor agrees with the causal model.

    python benchmarks/faithfulness.py -o benchmarks/faithfulness.md

Takes about six minutes of processor time, most of it for the true log-odds. Patients are others than those of training.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from attributions import attributions

import asthma_ml as aml
from asthma_ml.classifier import PhenotypeClassifier
from asthma_ml.evaluation.causal.faithfulness import REFERENCES, TrueEffects, evaluate_faithfulness, true_effects
from asthma_ml.evaluation.causal.twins import TwinCohort
from asthma_ml.model_files.shipped import shipped_model_path
from asthma_ml.variables import FACTORS, TWO_CLASSES

SEED, BACKGROUND_SEED = 23, 24
OTHER_PRESETS = ("severe_registry", "low_adherence_clinic", "smokers_clinic", "trial_eligible")

HEAD = """# Do the reasons follow the causal model?

Made by `python benchmarks/faithfulness.py -o benchmarks/faithfulness.md`. **SHAP explains the model, not the
disease.** How far apart the two are can be measured where the disease is known: in synthetic patients. Each patient
is seen twice, as is and as a twin with the same noise in whom one documented factor is at its reference (the median
patient of the severe clinic, without harmful exposure, every dose taken, no oral steroid, no biologic). What
differs is what the factor does:

- to the **true log-odds** of Th2-high given the whole row, values and gaps, computed from the causal model by
  importance sampling as for the Bayes limit: what an ideal observer would believe of the patient and of the twin;
- to the **endotype**: the type-2 drive minus the neutrophilic drive, each in its standard deviations. Adherence,
  oral steroid and biologics mask markers and leave it alone.

Beside it stands the value that the shipped model credits to the factor. *Rank* is Spearman's correlation over
patients; *sign* is the share of patients with the right sign among those in whom the truth moves (by 0.2 log-odds,
by 0.05 standard deviations) and something is credited; 95 % bootstrap intervals over patients in brackets. *Model's
twin* asks the model what SHAP cannot: how its own log-odds change from patient to twin, beside the change of the
true ones.

In short, as of 25 November 2026:

- The value of the **immune profile** follows the truth in rank and sign, in every preset.
- **Genetics, environment, adherence and patient context** act on the disease through its markers, and SHAP credits the
  markers: their own values are near chance in rank, although the model itself answers the twins fairly well (last
  column). A factor's value says what its columns add once the markers are read, not what the factor does.
- **Adherence** leaves the endotype alone: its value is a correction of what untaken doses do to FeNO and
  eosinophils, part of which stays in the value of the immune profile.
- Comparing with **patients of the same treatment** raises the agreement of the immune profile and of patient context;
  crediting in **causal order** (genes, exposure and treatment before markers) that of genetics, environment and
  patient context, at the cost of airway remodeling. Factors as players and a background of all patients change
  nothing, reference patients only signs and adherence. Nothing made adherence agree well.
- A dash: too few patients are moved, or the twins are impossible in the preset (never-smokers in a smokers' clinic).
"""


def main() -> None:
    """Measure and write the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("-o", "--output", type=Path, required=True)
    parser.add_argument("--patients", type=int, default=3000)
    parser.add_argument("--limit-patients", type=int, default=300)
    parser.add_argument("--limit-patients-elsewhere", type=int, default=100)
    asked = parser.parse_args()
    model = aml.load_model(shipped_model_path())
    effects = true_effects(TwinCohort(asked.patients, SEED), limit_patients=asked.limit_patients)
    parts = [HEAD, *shipped_section(model, effects), *ways_section(model, effects)]
    for preset in OTHER_PRESETS:
        cohort = TwinCohort(asked.patients // 2, SEED, preset)
        elsewhere = true_effects(cohort, limit_patients=asked.limit_patients_elsewhere)
        parts += [f"## `{preset}`\n", sizes(elsewhere), agreement_table(evaluate_faithfulness(model, elsewhere))]
    asked.output.write_text("\n".join(parts), encoding="utf-8")


def shipped_section(model: PhenotypeClassifier, effects: TrueEffects) -> Iterator[str]:
    """The shipped model in the severe clinic."""
    judged = evaluate_faithfulness(model, effects)
    yield "## The shipped model, `severe_clinic`\n"
    yield sizes(effects)
    yield agreement_table(judged)
    yield "Whose value changes, as a share of the change in mean size, when a factor is set to its reference."
    yield "What is not on the diagonal is credited to a **proxy**:\n"
    yield table(
        ["set to its reference", *map(plain, FACTORS)],
        (
            [plain(name), *(f"{size / sum(moved.values()):.0%}" for size in moved.values())]
            for name, moved in judged["credit"].items()
        ),
    )
    yield proxy(judged["adherence_proxy"])


def ways_section(model: PhenotypeClassifier, effects: TrueEffects) -> Iterator[str]:
    """Other ways to credit the factors, on the same patients."""
    everything = {name: value for do in REFERENCES.values() for name, value in do.items()}
    background, reference = (
        observed[observed["phenotype"].isin(TWO_CLASSES)] if not do else observed
        for do in ({}, everything)
        for observed in [aml.generate_cohort(10_000, BACKGROUND_SEED, do=do).observed]
    )
    yield "## What other ways to credit gain\n"
    yield "The same model and patients, ranks and signs with the true log-odds, then with the endotype.\n"
    ways = {
        name: evaluate_faithfulness(model, effects, way) for name, way in attributions(background, reference).items()
    }
    for truth in ("log_odds", "endotype"):
        for figure in ("spearman", "sign"):
            rows = (
                [name, *(shown(of(judged, factor)[truth][figure]) for factor in FACTORS)]
                for name, judged in ways.items()
            )
            yield table(
                [f"{'rank' if figure == 'spearman' else 'sign'}, {truth.replace('_', '-')}", *map(plain, FACTORS)], rows
            )


def sizes(effects: TrueEffects) -> str:
    """How many patients."""
    return f"{len(effects.rows)} patients of the two classes; true log-odds of the first {len(effects.log_odds)}.\n"


def agreement_table(judged: Mapping[str, Any]) -> str:
    """Agreement by factor and label."""
    head = ["factor", "label", "mean size", "rank", "sign", "rank, endotype", "sign, endotype", "rank, model's twin"]
    return table(
        head,
        (
            [
                plain(row["factor"]),
                row["label"],
                f"{row['mean_size']:.2f}",
                *(shown(row[truth][figure]) for truth in ("log_odds", "endotype") for figure in ("spearman", "sign")),
                shown(row["response"]["spearman"]),
            ]
            for row in judged["agreement"]
        ),
    )


def proxy(found: Mapping[str, Any]) -> str:
    """Where markers stand in for adherence."""
    immune, taken_back = found["immune_profile"], -found["adherence"]
    return (
        f"**FeNO and eosinophils stand in for adherence.** {found['n']} patients have less than half of their doses\n"
        f"on record. Their twins who take all lose {immune:.2f} of the immune profile's value on average, and the\n"
        f"endotype is the same. The adherence's value takes {taken_back:.2f} of it back; the model's log-odds fall by\n"
        f"{found['log_odds']:.2f}. In the {found['n_true']} of them whose true log-odds were computed these fall by "
        f"{found['true_log_odds']:.2f},\nthe model's by {found['log_odds_beside']:.2f}.\n"
    )


def of(judged: Mapping[str, Any], factor: str) -> Mapping[str, Any]:
    """The row of a factor over all patients."""
    return next(row for row in judged["agreement"] if (row["factor"], row["label"]) == (factor, "all"))


def plain(name: str) -> str:
    """A factor as people write it."""
    return name.replace("_", " ")


def shown(figure: Mapping[str, float] | None) -> str:
    """A figure with its interval."""
    return "-" if figure is None else f"{figure['value']:.2f} ({figure['lower']:.2f} to {figure['upper']:.2f})"


def table(head: list[str], rows: Iterable[list[str]]) -> str:
    """A table in Markdown."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines) + "\n"


if __name__ == "__main__":
    main()
