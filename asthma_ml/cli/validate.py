"""``asthma-ml validate``: list all problems of a table of patients."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from asthma_ml.cli.options import (
    NAMED_COLUMNS,
    TABLE_SUFFIXES,
    columns_option,
    examples,
    output_option,
    patients_argument,
    refuse_overwriting,
    say,
    with_verbosity,
    writable,
)
from asthma_ml.errors import RowsRefusedError, UnusableInputError
from asthma_ml.spelling import visible
from asthma_ml.variables import ID, OUTPUT_PREFIX, data_dictionary

if TYPE_CHECKING:
    import pandas as pd

    from asthma_ml.patients import PatientTable, Problem


@click.command(
    "validate",
    epilog=examples(
        "validate patients.csv",
        "validate export.csv --columns map.toml --json",
        "validate export.csv --suggest-map -o map.toml",
        "validate patients.csv --refused refused.csv",
        "validate patients.csv --strict && echo ready",
    ),
)
@patients_argument
@columns_option
@click.option("--json", "as_json", is_flag=True, help="Write the result as JSON.")
@click.option("--show-values", is_flag=True, help="Add the cells that have problems; they may be patient data.")
@click.option("--strict", is_flag=True, help="Exit with code 3 if any row has an error.")
@click.option("--suggest-map", is_flag=True, help="Write a draft of a column map for FILE and check nothing.")
@click.option(
    "--refused",
    metavar="FILE.csv",
    callback=writable(TABLE_SUFFIXES, standard_output=False),
    help="Copy the rows with errors to this file, with their lines and errors; it contains patient data.",
)
@output_option(text="Output file. Default: standard output.")
@with_verbosity
def validate_command(
    *,
    file: str,
    columns: str | None,
    as_json: bool,
    show_values: bool,
    strict: bool,
    suggest_map: bool,
    refused: str | None,
    output: str,
) -> None:
    """List all problems of a table of patients.

    Checks columns, units, limits and levels. Problems are named by line, column and rule.
    """
    from asthma_ml.classifier import refuse_without_features
    from asthma_ml.files import write_table, write_text
    from asthma_ml.patients import draft_map, read_patients, reasons_not_read

    refuse_overwriting([file, columns], [output, *filter(None, [refused])])
    if suggest_map:
        return write_text(draft_map(file, show_values=show_values), output)
    patients = read_patients(file, columns)
    if refused:
        write_table(refused_rows(patients), refused)
    written = as_json_text if as_json else as_readable
    write_text(written(patients, show_values=show_values), output)
    features = data_dictionary().features
    refuse_without_features(patients.columns, features, patients.source, reasons_not_read(patients.findings))
    return refuse_invalid_rows(patients, strict=strict)


def refused_rows(patients: PatientTable) -> pd.DataFrame:
    """Rows with errors, unchanged, with two columns in front: their line and their errors."""
    from asthma_ml.patients import ROW

    errors: dict[int, list[str]] = {}
    for problem in patients.problems:
        if problem.severity == "error" and problem.line is not None:
            where = ROW if problem.column == ROW else f"{problem.column}:"
            errors.setdefault(problem.line, []).append(f"{where} {problem.message} ({problem.rule})")
    rows, lines = patients.raw[patients.invalid], patients.lines[patients.invalid].tolist()
    taken = [name for name in map(str, rows.columns) if name in (f"{OUTPUT_PREFIX}line", f"{OUTPUT_PREFIX}errors")]
    if taken:
        raise UnusableInputError(f"{patients.source}: has a column {taken[0]}; rename it or give the original table")
    rows.insert(0, f"{OUTPUT_PREFIX}line", lines)
    rows.insert(1, f"{OUTPUT_PREFIX}errors", ["; ".join(errors[line]) for line in lines])
    return rows


def say_repeated_patients(patients: PatientTable) -> None:
    """Print a warning if rows share their identifier with another row."""
    repeated = [found.rows for found in patients.findings if found.rule == "identifier_repeated"]
    n_repeated = sum(len(rows) for rows in repeated if rows is not None)
    if n_repeated:
        say(f"warning: {n_repeated} rows share their {ID} with another row")


def refuse_invalid_rows(patients: PatientTable, *, strict: bool) -> None:
    """Raise RowsRefusedError if `strict` and a row has an error."""
    n_invalid = int(patients.invalid.sum())
    if strict and n_invalid:
        errors = [problem for problem in patients.problems if problem.severity == "error"]
        raise RowsRefusedError(
            f"{patients.source}: {n_invalid} of {len(patients)} rows are invalid: "
            + summarise(errors).replace("\n", "; ")
            + "; correct them, or run without --strict"
        )


def summarise(problems: Sequence[Problem], *, show_values: bool = False) -> str:
    """All problems as text: one line for each kind, or one for each value if values are shown."""
    from asthma_ml.patients import summarise_problems

    if not show_values:
        return summarise_problems(problems)
    return "\n".join(f"{problem}" + (f" ({problem.value})" if problem.value else "") for problem in problems)


def as_readable(patients: PatientTable, *, show_values: bool = False) -> str:
    """Result as text, without control characters."""
    from asthma_ml.wording import first_names

    n_features, missing = len(data_dictionary().features), _missing(patients)
    heading = (
        f"{patients.source}: {len(patients)} patients, {n_features - len(missing)} of {n_features} features found, "
        f"rows with errors: {int(patients.invalid.sum())}"
    )
    layout = f"read as {patients.layout}"
    absent = f"not in the table: {first_names(missing)}" if missing else ""
    unread = f"columns not read: {first_names(patients.not_read, NAMED_COLUMNS)}" if patients.not_read else ""
    parts = [heading, layout, absent, unread]
    for severity in ("error", "warning"):
        found = [problem for problem in patients.problems if problem.severity == severity]
        text = summarise(found, show_values=show_values)
        parts += [f"{severity}: {line}" for line in text.splitlines()]
    return visible("\n".join(part for part in parts if part) + "\n")


def as_json_text(patients: PatientTable, *, show_values: bool = False) -> str:
    """Result as JSON; with the cells only if `show_values`."""
    from asthma_ml.patients import problems_as_records

    result = {
        "source": patients.source,
        "layout": patients.layout,
        "patients": len(patients),
        "invalid_rows": int(patients.invalid.sum()),
        "columns_found": list(patients.values.columns),
        "columns_read": {
            name: {"from": list(column.sources), "unit": column.unit or data_dictionary()[name].unit}
            for name, column in patients.columns.items()
        },
        "features_missing": _missing(patients),
        "problems": problems_as_records(patients.problems, show_values),
    }
    return json.dumps(result, indent=2) + "\n"


def _missing(patients: PatientTable) -> list[str]:
    return [name for name in data_dictionary().features if name not in patients.values.columns]
