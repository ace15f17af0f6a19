"""Name files that are no table of text: web pages, XML, JSON, SQL, PDF and others, with the way out."""

from __future__ import annotations

import re

from asthma_ml.errors import UnusableInputError

SEEN_BYTES = 4096
_SAVE = "save the table as CSV (UTF-8) and read that"
_IN_SPREADSHEET = f"open it in a spreadsheet and {_SAVE}"
_UNPACK = "unpack it and read the table in it"
_IN_R = "write the table in R with write.csv"
_IN_PYTHON = "read it in Python and write it as Parquet"
_EXPORT = "export the table of the patients as CSV (UTF-8) and read that"
_BINARY = tuple(
    (re.compile(mark, re.DOTALL), what, way_out)
    for mark, what, way_out in (
        (rb".{0,500}SPSS PORT FILE", "a portable file of SPSS (.por)", "save it as .sav or CSV"),
        (rb"%PDF", "a PDF document", _SAVE),
        (rb"\{\\rtf", "a text document (RTF)", _SAVE),
        (rb"SQLite format 3\0", "a SQLite database", _EXPORT),
        (rb".{4}Standard (?:Jet|ACE) DB", "an Access database", _EXPORT),
        (rb".{8}DUCK", "a DuckDB database", _EXPORT),
        (rb"(?:ARROW1|FEA1)(?=.{0,40}\0)|\xff\xff\xff\xff.{3}\0", "an Arrow (Feather) file", _IN_PYTHON),
        (rb"ORC(?=.{0,4000}\0)", "an ORC file", _IN_PYTHON),
        (rb"Obj\x01", "an Avro file", _IN_PYTHON),
        (rb"\x80[\x02-\x05]|c(?:copy_reg|copyreg|pandas[\w.]*)\n|\(dp0\n|\(lp0\n", "a Python pickle", _IN_PYTHON),
        (rb"\x89HDF|MATLAB [57]", "an HDF5 or MATLAB file", _SAVE),
        (rb"\x93NUMPY", "a file of numpy", _SAVE),
        (rb"RD[AX][23]\n", "a file of R", _IN_R),
        (rb"[XA]\n(?:\0\0\0|[23]\n\d{6}\n)", "a file of R (rds)", _IN_R),
        (rb"7z\xbc\xaf\x27\x1c|Rar!\x1a|\x1f\x9d|\x1f\xa0|\x04\x22\x4d\x18|.{257}ustar", "an archive", _UNPACK),
        (rb"\x89PNG|\xff\xd8\xff|GIF8[79]a|II\*\0|MM\0\*|.{128}DICM", "an image", _SAVE),
        (rb"\xff\xff\0\0[\x05-\x09]\0\0\0", "a file of JMP", _SAVE),
        (rb"\x03.[\x01-\x0c][\x01-\x1f].{4}", "a dBASE file (.dbf)", _IN_SPREADSHEET),
        (rb"\xff\xfe\0\0|\0\0\xfe\xff", "UTF-32 text", _SAVE),
        (rb".*?\x1b\$[@AB()]", "ISO 2022 (JIS) text", _SAVE),
    )
)
_COMMENTS = r"(?:(?:--|#|/\*)[^\n]*\n\s*)*"
_SQL = (
    r"(?:create\s+(?:temp\w*\s+)?table\b|insert\s+into\b|drop\s+table\b|copy\s+[\w.\"]+\s*\(|lock\s+tables\b|"
    r"select\b[^;]*\sfrom\s|set\s+\w+\s*=|start\s+transaction\b|begin\s*;\s*\n|use\s+`?\w+`?\s*;\s*\n)"
)
_CODE = r"(?:[a-z_.][\w.]*\s*(?:<-|=)\s*)?"
_TEXT = tuple(
    (re.compile(pattern, re.DOTALL), what, way_out)
    for pattern, what, way_out in (
        (r"(?:<\?xml[^>]*>\s*)?(?:<\?mso[^>]*>\s*)?<(?:\w+:)?workbook\b", "a workbook saved as XML", _IN_SPREADSHEET),
        (
            r"(?:<\?xml[^>]*>\s*)?(?:<!--.*?-->\s*)?"
            r"<(?:!doctype html|html|head|body|table|meta|style|div)\b",
            "a web page (HTML)",
            _IN_SPREADSHEET,
        ),
        (
            r"<\?xml\b|(?:<!--.*?-->\s*)?<([\w:]+)\b[^<>]*>(?:\s*<[\w:!]|.*</\1>)|<!--.*?-->\s*<\w",
            "an XML file",
            _IN_SPREADSHEET,
        ),
        (r"--\s*(?:mysql|mariadb|postgresql|phpmyadmin|sqlite|dump)\b|" + _COMMENTS + _SQL, "SQL", _EXPORT),
        (r"--\s*\n--\s*(?:mysql|mariadb|postgresql)\b", "SQL", _EXPORT),
        (
            _CODE + r"(?:structure\(|(?:data\.frame|tibble|data\.table|list)\(\s*[\w.]+\s*=|c\(['\"])",
            "code of R",
            _IN_R,
        ),
        (
            _CODE + r"(?:pd\.dataframe\(|dict\(|[\[{(]\s*[\[{(]?\s*'[^'\n]*'\s*:)|"
            r"import\s+(?:pandas|numpy)\b|from\s+\w+\s+import\b",
            "code of Python",
            "write the table in Python with to_csv",
        ),
        (
            r"(?:%[^\n]*\s+)*\\(?:begin|documentclass|usepackage|hline|toprule)\b|[^\n]*&[^\n]*\\\\",
            "a table of LaTeX",
            _SAVE,
        ),
        (r"\{\||(?:\[[^\]\n]*\]\s*)?\|===|\|\|[^\n]+\|\|\s*\n\||={3,}(?: +={3,})+\s*\n", "a table of a wiki", _SAVE),
        (r"\[\[[\w.]+\]\]\s*\n", "a TOML file", _SAVE),
        (r"(?:---\s*\n\s*)?-\s+[\w\"' ]+:[^\n]*\n\s+[\w\"' ]+:", "a YAML file", _SAVE),
        (r"(?:%[^\n]*\s+)*@relation\b", "an ARFF file", _SAVE),
        (r"msh\|\^~", "an HL7 message", _EXPORT),
        (r"id;p[a-z]*;|table\r?\n0,1\r?\n", "a SYLK or DIF file", _IN_SPREADSHEET),
        (r"mime-version:", "a web archive (MIME)", _IN_SPREADSHEET),
    )
)
_JSON = re.compile(r"\[\s*[\[{]|\{\s*\"[^\"]*\"\s*:|\[\s*\]|\{\s*\}")


def refuse_other_binary(start: bytes, name: str) -> None:
    r"""Raise UnusableInputError if a file begins as one of another program does.

    Examples
    --------
    >>> refuse_other_binary(b"Obj\x01", "clinic.csv")
    Traceback (most recent call last):
        ...
    asthma_ml.errors.UnusableInputError: clinic.csv: an Avro file, not a table of text; read it in Python and write it
    as Parquet
    """
    start = start[:SEEN_BYTES]
    for mark, what, way_out in _BINARY:
        if mark.match(start):
            raise UnusableInputError(f"{name}: {what}, not a table of text; {way_out}")


def refuse_other_text(start: str, name: str) -> None:
    """Raise UnusableInputError if a text is a web page, XML, JSON, SQL or code.

    Examples
    --------
    >>> refuse_other_text('[{"patient_id": "S01", "age": 44}]', "records.json")
    Traceback (most recent call last):
        ...
    asthma_ml.errors.UnusableInputError: records.json: a JSON file, not a table of text; make one row of each patient
    (pandas.read_json) and save the table as CSV (UTF-8) and read that
    """
    plain = start.lstrip("\ufeff \t\r\n").casefold()
    for pattern, what, way_out in _TEXT:
        if pattern.match(plain):
            raise UnusableInputError(f"{name}: {what}, not a table of text; {way_out}")
    if _JSON.match(plain):
        way_out = f"make one row of each patient (pandas.read_json) and {_SAVE}"
        raise UnusableInputError(f"{name}: a JSON file, not a table of text; {way_out}")
