"""``asthma-ml compare-real``: comparison of a generated cohort with real patients."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import TYPE_CHECKING, Any

import click

from asthma_ml.cli.options import (
    TABLE_SUFFIXES,
    columns_option,
    examples,
    number_option,
    output_option,
    patients_argument,
    preset_option,
    refuse_overwriting,
    say,
    seed_option,
    with_verbosity,
)

if TYPE_CHECKING:
    import pandas as pd

HEADINGS = {
    "quartile": "Quartiles (target: within {goal:.0%})",
    "correlation": "Rank correlations (target: within {goal:.2f})",
    "auc": "AUC of a classifier that distinguishes real from generated patients (target: below {goal:.2f})",
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
@click.option("--weights", metavar="COLUMN", help="Column of survey weights in FILE; only their ratios matter.")
@preset_option("population_asthma")
@number_option("--patients", 10_000, "Size of the cohort.", least=1000)
@seed_option
@output_option(TABLE_SUFFIXES, text="Output table; default is the standard output.")
@with_verbosity
def compare_real_command(
    *, file: str, columns: str | None, weights: str | None, preset: str, patients: int, seed: int, output: str
) -> None:
    """Compare a generated cohort with real patients.

    The comparison covers quartiles and rank correlations of markers, lung function, BMI and age, and
    the cross-validated AUC of a classifier that distinguishes the two tables (0.50 is ideal). Real
    figures have 95 % bootstrap intervals.
    """
    from asthma_ml.fidelity import compare_with_real
    from asthma_ml.files import write_table
    from asthma_ml.patients import read_patients

    refuse_overwriting(file, output)
    table = compare_with_real(read_patients(file, columns), preset, weights=weights, n_patients=patients, seed=seed)
    write_table(table.assign(within=table["within"].map({True: "true", False: "false"})), output)
    say(side_by_side(table))


def side_by_side(table: pd.DataFrame) -> str:
    """Real and generated figures as aligned lines; figures that miss their target are marked."""
    lines = []
    for figure, heading in HEADINGS.items():
        rows = table[table["figure"] == figure]
        if rows.empty:
            continue
        compared = rows.loc[rows["within"].notna(), "within"].astype(bool)
        lines += [f"{heading.format(goal=rows['goal'].iloc[0])}: {compared.sum()} of {len(compared)}"]
        if figure != "auc":
            lines += [f"  {'':<54} {'real':<24} {'generated':>9} {'change':>6}"]
        lines += [_line(row) for row in rows.to_dict("records")]
    return "\n".join(lines)


def _line(row: Mapping[Hashable, Any]) -> str:
    mark = "  <- misses target" if row["within"] is False else ""
    if row["figure"] == "auc":
        return f"  {row['column']:<54} {row['generated']:.2f} ({row['lower']:.2f} to {row['upper']:.2f}){mark}"
    size, change = (".3g", "+.0%") if row["figure"] == "quartile" else (".2f", "+.2f")
    lower, real, upper, generated = (_decimal(row[name], size) for name in ("lower", "real", "upper", "generated"))
    shown = f"{f'{real} ({lower} to {upper})':<24} {generated:>9} {format(row['difference'], change):>6}"
    return f"  {row['column']:<27} {row['detail']:<26} {shown}{mark}"


def _decimal(number: float, size: str) -> str:
    """Number without an exponent."""
    return f"{number:.0f}" if abs(number) >= 1000 else format(number, size)
