"""``asthma-ml compare-real``: a generated cohort beside a table of real patients."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import TYPE_CHECKING, Any

import click

from asthma_ml.cli.options import (
    TABLE_SUFFIXES,
    columns_option,
    examples,
    output_option,
    patients_argument,
    refuse_overwriting,
    say,
    with_verbosity,
)

if TYPE_CHECKING:
    import pandas as pd

HEADINGS = {
    "quartile": "Quartiles (goal: within {goal:.0%})",
    "correlation": "Rank correlations (goal: within {goal:.2f})",
    "auc": "Area under the curve of a classifier that tells real from generated (goal: below {goal:.2f})",
}


@click.command(
    "compare-real",
    epilog=examples(
        "compare-real real.csv -o resemblance.csv",
        "compare-real asthma_adults_2005_2010.csv --columns examples/nhanes.toml --weights wtmec2yr -o resemblance.csv",
    ),
)
@patients_argument
@columns_option
@click.option("--weights", metavar="COLUMN", help="Column of FILE with survey weights; only their ratios matter.")
@click.option(
    "--preset", metavar="NAME", default="population_asthma", show_default=True, help="Cohort to lay beside them."
)
@click.option(
    "--patients", type=click.IntRange(min=1000), default=10_000, show_default=True, help="Size of the cohort."
)
@click.option("--seed", type=click.IntRange(min=0), default=1, show_default=True, help="Same seed, same figures.")
@output_option(TABLE_SUFFIXES, text="Where the table goes; the standard output if left out.")
@with_verbosity
def compare_real_command(
    *, file: str, columns: str | None, weights: str | None, preset: str, patients: int, seed: int, output: str
) -> None:
    """Lay a generated cohort beside real patients.

    Quartiles and rank correlations of markers, lung function, weight and age, and how well a
    cross-validated classifier tells the two tables apart (0.50: not at all). Real figures come with
    a 95 % interval over resampled patients.
    """
    from asthma_ml.fidelity import compare_with_real
    from asthma_ml.files import write_table
    from asthma_ml.patients import read_patients

    refuse_overwriting(file, output)
    table = compare_with_real(read_patients(file, columns), preset, weights=weights, n_patients=patients, seed=seed)
    write_table(table.assign(within=table["within"].map({True: "true", False: "false"})), output)
    say(side_by_side(table))


def side_by_side(table: pd.DataFrame) -> str:
    """Real and generated in aligned lines, figures that miss their goal marked."""
    lines = []
    for figure, heading in HEADINGS.items():
        rows = table[table["figure"] == figure]
        if rows.empty:
            continue
        judged = rows.loc[rows["within"].notna(), "within"].astype(bool)
        lines += [f"{heading.format(goal=rows['goal'].iloc[0])}: {judged.sum()} of {len(judged)}"]
        if figure != "auc":
            lines += [f"  {'':<54} {'real':<24} {'generated':>9} {'change':>6}"]
        lines += [_line(row) for row in rows.to_dict("records")]
    return "\n".join(lines)


def _line(row: Mapping[Hashable, Any]) -> str:
    mark = "  <- misses" if row["within"] is False else ""
    if row["figure"] == "auc":
        return f"  {row['column']:<54} {row['generated']:.2f} ({row['lower']:.2f} to {row['upper']:.2f}){mark}"
    size, change = (".3g", "+.0%") if row["figure"] == "quartile" else (".2f", "+.2f")
    lower, real, upper, generated = (_plain(row[name], size) for name in ("lower", "real", "upper", "generated"))
    shown = f"{f'{real} ({lower} to {upper})':<24} {generated:>9} {format(row['difference'], change):>6}"
    return f"  {row['column']:<27} {row['detail']:<26} {shown}{mark}"


def _plain(number: float, size: str) -> str:
    """A number without an exponent."""
    return f"{number:.0f}" if abs(number) >= 1000 else format(number, size)
