"""Draft a column map from the names and values of a table."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import TYPE_CHECKING

from asthma_ml.errors import UnusableInputError
from asthma_ml.patients.columns.cells import LIKELY_CODES
from asthma_ml.patients.columns.column_map import ColumnMap
from asthma_ml.patients.map_guesses import guesses
from asthma_ml.patients.map_sections import distinct_texts_of, known_columns, quoted, section
from asthma_ml.patients.opening import whole_table
from asthma_ml.patients.problems import may_be_values
from asthma_ml.patients.reading import PatientReader

if TYPE_CHECKING:
    from asthma_ml.patients.text.data_frames import Source
    from asthma_ml.patients.text.text_tables import TextTable

_MOST_NAMES = 300


def draft_map(source: Source, *, show_values: bool = False) -> str:
    """Draft a column map for a table.

    Parameters
    ----------
    source : path, "-" or data frame
        The table, as for `read_patients`.
    show_values : bool
        Whether to list texts that are not a known level; they are values of the table.

    Returns
    -------
    str
        TOML text. Guesses are commented out, and so are columns that are read by their names and need no statement.

    Raises
    ------
    UnusableInputError
        If the table cannot be read, or its first line may be a patient rather than a header.

    Examples
    --------
    >>> import pandas as pd
    >>> print(draft_map(pd.DataFrame({"EOS": ["0.3", "0.1"], "fenno": ["20", "-9"]})))
    # Draft of a column map for table in memory. Check each line; `asthma-ml variables` lists the variables.
    <BLANKLINE>
    # Codes in the table that usually mean missing; delete those that do not.
    missing = ["-9"]
    <BLANKLINE>
    [columns.blood_eosinophils_cells_ul]
    from = "EOS"
    unit = "10^9/L"  # values look like 10^9/L
    <BLANKLINE>
    # A guess from the name alone:
    # [columns.feno_ppb]
    # from = "fenno"
    <BLANKLINE>
    """
    table, name = whole_table(source)
    reader = _reader(table, name)
    of_what = f"# Draft of a column map for {json.dumps(name)[1:-1]}."
    first = f"{of_what} Check each line; `asthma-ml variables` lists the variables."
    columns = reader.columns if reader else {}
    parsed = reader.parse(table) if reader else None
    sections = {name: section(column, parsed, show_values=show_values) for name, column in columns.items() if parsed}
    known = known_columns([columns[name] for name, text in sections.items() if not text])
    blocks = [first, _missing(table), known, *sections.values(), *guesses(table, columns)]
    return "\n\n".join(filter(None, blocks)) + "\n"


def _reader(table: TextTable, name: str) -> PatientReader | None:
    """Reader of the columns that are found by their names, None if there are none but names of other columns."""
    try:
        reader = PatientReader.of(table, ColumnMap(), name)
    except UnusableInputError:
        if may_be_values(table.names):
            raise
        return None
    # If a unit beside the values is not usable, the values themselves are judged.
    with suppress(UnusableInputError):
        reader = reader.with_units_beside(table.names, [table])
    return reader.with_codes(reader.codes(table))


def _missing(table: TextTable) -> str:
    seen = {text for name in table.names[:_MOST_NAMES] for text in distinct_texts_of(table, name)}
    codes = sorted(LIKELY_CODES & seen)
    if not codes:
        return ""
    of_what = "# Codes in the table that usually mean missing; delete those that do not."
    return f"{of_what}\nmissing = [{', '.join(map(quoted, codes))}]"
