"""Name files that are no table of text: web pages, XML, JSON, PDF and others, with the way out."""

from __future__ import annotations

import re

from asthma_ml.errors import UnusableInputError

SEEN_BYTES = 4096
_PORT_BYTES = 500
_SAVE = "save the table as CSV (UTF-8) and read that"
_IN_SPREADSHEET = f"open it in a spreadsheet and {_SAVE}"
_BINARY = (
    (b"%PDF", "a PDF document", _SAVE),
    (b"{\\rtf", "a text document (RTF)", _SAVE),
    (b"SQLite format 3\0", "a SQLite database", _SAVE),
    (b"ARROW1", "an Arrow (Feather) file", "read it in Python and write it as Parquet"),
    (b"\x89HDF", "an HDF5 file", _SAVE),
    (b"\x93NUMPY", "a file of numpy", _SAVE),
    (b"RDX", "a file of R", "write the table in R with write.csv"),
    (b"X\n\0\0\0", "a file of R (rds)", "write the table in R with write.csv"),
)
_TEXT = (
    (re.compile(r"(?:<\?xml[^>]*>\s*)?(?:<\?mso[^>]*>\s*)?<(?:\w+:)?workbook\b"), "a workbook saved as XML (2003)"),
    (
        re.compile(r"(?:<\?xml[^>]*>\s*)?(?:<!--.*?-->\s*)?<(?:!doctype html|html|head|body|table|meta|style|div)\b"),
        "a web page (HTML)",
    ),
    (re.compile(r"<\?xml\b|<(\w+)\b[^>]*>.*</\1>", re.DOTALL), "an XML file"),
)
_JSON = re.compile(r"\[\s*[\[{]|\{\s*\"[^\"]*\"\s*:|\[\s*\]|\{\s*\}")


def refuse_other_binary(start: bytes, name: str) -> None:
    """Raise UnusableInputError if a file begins as one of another program does."""
    if b"SPSS PORT FILE" in start[:_PORT_BYTES]:
        raise UnusableInputError(f"{name}: a portable file of SPSS (.por), not a table of text; save it as .sav or CSV")
    for mark, what, way_out in _BINARY:
        if start.startswith(mark):
            raise UnusableInputError(f"{name}: {what}, not a table of text; {way_out}")


def refuse_other_text(start: str, name: str) -> None:
    """Raise UnusableInputError if a text is a web page, XML or JSON.

    Examples
    --------
    >>> refuse_other_text('[{"patient_id": "S01", "age": 44}]', "records.json")
    Traceback (most recent call last):
        ...
    asthma_ml.errors.UnusableInputError: records.json: a JSON file, not a table of text; make one row of each patient
    (pandas.read_json) and save the table as CSV (UTF-8) and read that
    """
    plain = start.lstrip("\ufeff \t\r\n").casefold()
    for pattern, what in _TEXT:
        if pattern.match(plain):
            raise UnusableInputError(f"{name}: {what}, not a table of text; {_IN_SPREADSHEET}")
    if _JSON.match(plain):
        way_out = f"make one row of each patient (pandas.read_json) and {_SAVE}"
        raise UnusableInputError(f"{name}: a JSON file, not a table of text; {way_out}")
