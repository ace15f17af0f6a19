"""Read a flag or a level of a category."""

from __future__ import annotations

from asthma_ml.patients.columns.code_sets import NO_VERDICT, CodeVerdict
from asthma_ml.patients.columns.code_text import code_of, is_missing_of_sas
from asthma_ml.patients.columns.column_map import FLAGS_NAMED
from asthma_ml.patients.columns.number_text import Reading
from asthma_ml.patients.columns.words import (
    codes_of,
    is_failed_formula,
    is_marker,
    level_of,
    means_missing,
    means_none,
)
from asthma_ml.spelling import closest
from asthma_ml.variables import Variable

NOT_STATED = Reading(None, "not_stated", "written as unknown, other or not done; read as missing", "warning")
FAILED_FORMULA = Reading(
    None, "failed_formula", "written as the error of a spreadsheet formula; read as missing", "warning"
)
MISSING_OF_SAS = Reading(
    None, "missing_code", "below 1e-300, which readers of SAS files give for missing; read as missing", "warning"
)
_CODE_FOR_MISSING = Reading(
    None,
    "missing_code",
    "that looks like a code for missing beside the other codes; read as missing; else state its level in a column map",
    "warning",
)
_DASH = Reading(
    None,
    "dash",
    'written as a dash; read as missing. If it means no, state `levels = { "-" = "no" }` in a column map',
    "warning",
)


def read_level(text: str, variable: Variable, verdict: CodeVerdict = NO_VERDICT) -> Reading:
    """Parse a level of a flag or category: a word, a code or a letter; case, spaces and hyphens are ignored.

    Parameters
    ----------
    text : str
        Cell.
    variable : Variable
        Variable of the column.
    verdict : CodeVerdict, optional
        What the codes of the whole column mean.

    Examples
    --------
    >>> from asthma_ml.variables import data_dictionary
    >>> dictionary = data_dictionary()
    >>> read_level("Anti-IL5", dictionary["biologic"]).value, read_level("Oui", dictionary["atopy"]).value
    ('anti_il5', 1.0)
    >>> read_level("Other", dictionary["sex"]).message
    'written as unknown, other or not done; read as missing'
    """
    if text in variable.levels:
        return Reading(text)
    code = code_of(text)
    if code in verdict.doubtful:
        return Reading(None, "ambiguous_code", verdict.message, verdict.severity)
    if code in verdict.missing:
        return _CODE_FOR_MISSING
    if code in verdict.levels:
        level = verdict.levels[code]
        return NOT_STATED if level is None else Reading(level)
    level = level_of(code, variable)
    if level is None:
        level = _usual_level(code, variable)
    return Reading(level) if level is not None else without_level(text, variable)


def without_level(text: str, variable: Variable) -> Reading:
    """Reading of a cell that is no level: missing, missing with a warning, or an error.

    Examples
    --------
    >>> from asthma_ml.variables import data_dictionary
    >>> without_level("3", data_dictionary()["sex"]).severity
    'error'
    """
    if missing := read_missing(text, variable):
        return _DASH if text == "-" and variable.kind == "flag" else missing
    if is_missing_of_sas(_number(text)):
        return MISSING_OF_SAS
    return _unknown_level(text, variable)


def read_missing(text: str, variable: Variable) -> Reading | None:
    r"""Reading of a cell that says that a value is missing, with a warning unless software wrote it; else None.

    Examples
    --------
    >>> from asthma_ml.variables import data_dictionary
    >>> feno = data_dictionary()["feno_ppb"]
    >>> read_missing(r"\N", feno), read_missing("hemolyzed", feno).severity, read_missing("52", feno)
    (Reading(value=None, rule='', message='', severity='error'), 'warning', None)
    """
    if is_marker(text):
        return Reading(None)
    if is_failed_formula(text):
        return FAILED_FORMULA
    if means_none(text):
        return _none(variable)
    return NOT_STATED if means_missing(text, variable) else None


def _usual_level(code: str, variable: Variable) -> str | float | None:
    """Level of a code with several meanings, where the column as a whole says nothing else."""
    level = codes_of(variable).alone.get(code, variable.codes.get(code))
    if level is None and code in codes_of(variable).not_now:
        return "never"
    return level


def _none(variable: Variable) -> Reading:
    meant, level = ("no", '"no"') if variable.kind == "flag" else ("0", "0")
    way_out = f'; if it means {meant}, state `levels = {{ "none" = {level} }}` in a column map' * variable.is_numeric
    return Reading(None, "none", f"written as none; read as missing{way_out}", "warning")


def _unknown_level(text: str, variable: Variable) -> Reading:
    levels = variable.levels or FLAGS_NAMED
    guess = closest(code_of(text).replace(" ", "_"), variable.levels)
    message = f"not among {', '.join(levels)}" + (f" (did you mean {guess}?)" if guess else "")
    # The label is not a feature, so it cannot make a prediction invalid.
    if variable.kind == "label":
        return Reading(None, "unknown_level", message, "warning")
    stated = f'[columns.{variable.name}] levels = {{ "CODE" = "{levels[-1] if variable.levels else "yes"}" }}'
    rule = "unknown_level" if variable.levels else "flag"
    return Reading(None, rule, f"{message}; state what a code means in a column map: {stated}")


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return 0.0
