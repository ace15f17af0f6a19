"""``asthma-ml validate``: what is wrong with a patient table, all at once."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from asthma_ml.cli.options import (
    columns_option,
    examples,
    output_option,
    patients_argument,
    refuse_overwriting,
    say,
    with_verbosity,
)
from asthma_ml.errors import RowsRefusedError
from asthma_ml.variables import ID, data_dictionary

if TYPE_CHECKING:
    from asthma_ml.patients import PatientTable, Problem


@click.command(
    "validate",
    epilog=examples(
        "validate patients.csv",
        "validate export.csv --columns map.toml --json",
        "validate patients.csv --strict && echo ready",
    ),
)
@patients_argument
@columns_option
@click.option("--json", "as_json", is_flag=True, help="Machine-readable result.")
@click.option("--show-values", is_flag=True, help="Show the offending values: they may be patient data.")
@click.option("--strict", is_flag=True, help="Exit code 3 if any row breaks a hard limit.")
@output_option(text="Where the result goes; the standard output if left out.")
@with_verbosity
def validate_command(
    *, file: str, columns: str | None, as_json: bool, show_values: bool, strict: bool, output: str
) -> None:
    """List what is wrong with a patient table.

    Columns, units, limits and levels; all problems at once, with the lines of the file.
    """
    from asthma_ml.classifier import refuse_without_features
    from asthma_ml.patients import read_patients, write_text

    refuse_overwriting([file, columns], [output])
    patients = read_patients(file, columns)
    written = as_json_text if as_json else as_readable
    write_text(written(patients, show_values=show_values), output)
    features = data_dictionary().features
    refuse_without_features(patients.values.columns, features, patients.raw.columns, patients.source)
    refuse_invalid_rows(patients, strict=strict)


def say_repeated_patients(patients: PatientTable) -> None:
    """Tell of identifiers that more than one row has; each row is taken as it stands."""
    n_repeated = sum(problem.rule == "identifier_repeated" for problem in patients.problems)
    if n_repeated:
        say(f"warning: {n_repeated} rows share their {ID} with another row")


def refuse_invalid_rows(patients: PatientTable, *, strict: bool) -> None:
    """Raise if rows break a hard limit and the user asked for strictness."""
    n_invalid = int(patients.invalid.sum())
    if strict and n_invalid:
        errors = [problem for problem in patients.problems if problem.severity == "error"]
        raise RowsRefusedError(
            f"{patients.source}: {n_invalid} of {len(patients)} rows cannot be used: "
            + summarise(errors).replace("\n", "; ")
            + "; correct them, or leave --strict out"
        )


def summarise(problems: Sequence[Problem], *, show_values: bool = False) -> str:
    """All problems: one line for each kind, or one for each value where values may be shown."""
    from asthma_ml.patients import summarise_problems

    if not show_values:
        return summarise_problems(problems)
    return "\n".join(f"{problem}" + (f" ({problem.value})" if problem.value else "") for problem in problems)


def as_readable(patients: PatientTable, *, show_values: bool = False) -> str:
    """The result as text."""
    from asthma_ml.classifier import first_names

    n_features, missing = len(data_dictionary().features), _missing(patients)
    heading = (
        f"{patients.source}: {len(patients)} patients, {n_features - len(missing)} of {n_features} features found, "
        f"rows with errors: {int(patients.invalid.sum())}"
    )
    absent = f"not in the table: {first_names(missing)}" if missing else ""
    parts = [heading, absent]
    for severity in ("error", "warning"):
        found = [problem for problem in patients.problems if problem.severity == severity]
        text = summarise(found, show_values=show_values)
        parts += [f"{severity}: {line}" for line in text.splitlines()]
    return "\n".join(part for part in parts if part) + "\n"


def as_json_text(patients: PatientTable, *, show_values: bool = False) -> str:
    """The result as JSON; values only where they were asked for."""
    from asthma_ml.patients import problems_as_records

    result = {
        "source": patients.source,
        "patients": len(patients),
        "invalid_rows": int(patients.invalid.sum()),
        "columns_found": list(patients.values.columns),
        "features_missing": _missing(patients),
        "problems": problems_as_records(patients.problems, show_values),
    }
    return json.dumps(result, indent=2) + "\n"


def _missing(patients: PatientTable) -> list[str]:
    return [name for name in data_dictionary().features if name not in patients.values.columns]
