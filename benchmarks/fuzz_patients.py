"""Fuzzing of `read_patients`: each malformed table must be refused or read, and none may crash the reader.

    python benchmarks/fuzz_patients.py --inputs 100000 --seed 1

A refusal is an AsthmaMLError of one line. A table that is read must be valid: one row for each row of the source,
values within their limits and levels, an error for each invalid row. Anything else is a crash and is printed with its
input.
"""

from __future__ import annotations

import argparse
import gzip
import random
import sys
import time
from collections import Counter
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from asthma_ml.errors import AsthmaMLError
from asthma_ml.files import write_table
from asthma_ml.patients import ColumnMap, PatientTable, read_patients, summarise_problems
from asthma_ml.patients.opening import whole_table
from asthma_ml.patients.text import file_rows
from asthma_ml.variables import data_dictionary

NAMES = [*data_dictionary(), *data_dictionary().by_alias(), "Eosinophils (10^9/L)", "FEV1_pp [L]", "note", "true_x", ""]
CELLS = [
    *(
        "",
        "NA",
        ".",
        "<5",
        "> 2000",
        "<=",
        "-9",
        "999",
        "1,5",
        "1.234",
        "1,234.5",
        "1 234",
        "1'234",
        "45%",
        "inf",
        "-inf",
    ),
    *("nan", "1e400", "-1e308", "1e-400", "0x10", "1_000", "٣", "yes", "No", "female", "F", "anti-IL5", "mepolizumab"),
    *("=cmd|' /C calc'!A0", "@SUM(A1)", "+ve", "-", "007", "0.3", "300", "42", "0", "1", "2", "66", "0.66", "never"),
    *("\u00fc", "\U0001f4a9", "\u202e", "a" * 300, "'", "\t", " ", "\x1b[2J", "9" * 400, "--", "1-2", "+-1"),
]
ENCODINGS = ["utf-8", "utf-8", "utf-8-sig", "cp1252", "utf-16", "latin-1"]
MAPPED_CELLS = {
    "nr": ["1", "2", "007"],
    "eos_share": ["2,5", "0", "11", "101", ""],
    "wbc": ["6,5", "8", "6500", "0", ""],
    "litres": ["2,1", "0,4", "9", "0", ""],
    "cm": ["170", "1,70", "", "165,5"],
    "years": ["40", "2", "", "90"],
    "mf": ["F", "M", "", "x"],
    "dose": ["400", "0", "", "99999"],
    "steroid": ["Budesonide", "fluticasone furoate", "", "pulmicort", "Prednisone"],
}
MAPPED = ColumnMap.from_mapping(
    {
        "columns": {
            "patient_id": {"from": "nr"},
            "age_years": {"from": "years"},
            "sex": {"from": "mf"},
            "blood_eosinophils_cells_ul": {"from": "eos_share", "unit": "%", "with": {"leukocytes": "wbc"}},
            "fev1_pct_predicted": {"from": "litres", "unit": "L", "with": {"height": "cm"}},
            "ics_dose_ug_day": {"from": "dose", "with": {"drug": "steroid"}},
        }
    }
)
MAPS = [
    ColumnMap(),
    ColumnMap(decimal=","),
    ColumnMap(decimal=".", missing=("-9", "999")),
]


def table(rng: random.Random) -> bytes:
    """Table as a careless export writes it."""
    if rng.random() < 0.2:
        return mapped_table(rng)
    names = [rng.choice(NAMES) for _ in range(rng.choice([1, 2, 3, 5, 8, 20]))]
    names = list(dict.fromkeys(names)) if rng.random() < 0.9 else names
    delimiter, quote = rng.choice(",;\t|"), rng.choice(["", "", '"'])
    rows = [names, *([rng.choice(CELLS) for _ in names] for _ in range(rng.choice([0, 1, 2, 5])))]
    newline = rng.choice(["\n", "\r\n", "\r"])
    lines = [delimiter.join(written(cell, delimiter, quote, rng) for cell in row) for row in rows]
    if rng.random() < 0.2:
        lines[:0] = [rng.choice(["Export", "# made 1.5.2026", "", "a;b"])] * rng.choice([1, 3])
    return newline.join(lines).encode(rng.choice(ENCODINGS), errors="replace")


def mapped_table(rng: random.Random) -> bytes:
    """Table for the column map with conversions from several columns."""
    names = list(MAPPED_CELLS)
    rng.shuffle(names)
    rows = [[rng.choice(CELLS if rng.random() < 0.1 else MAPPED_CELLS[name]) for name in names] for _ in range(4)]
    return "\n".join(";".join(row) for row in [names, *rows]).encode()


def written(cell: str, delimiter: str, quote: str, rng: random.Random) -> str:
    """Cell, usually quoted where necessary."""
    if quote or (delimiter in cell and rng.random() < 0.95):
        return f'"{cell}"'
    return cell


def damaged(rng: random.Random, data: bytes) -> bytes:
    """Table that is truncated, repeated in part, compressed, or has bytes inserted."""
    kind = rng.randrange(6)
    place = rng.randrange(len(data) + 1)
    if kind == 0:
        return data[:place]
    if kind == 1:
        return data[:place] + rng.randbytes(rng.choice([1, 3, 30])) + data[place:]
    if kind == 2:
        return data[:place] + data[place // 2 :]
    if kind == 3:
        return (
            data[:place] + rng.choice([b"\0", b'"', b"\n", b",", b";", b"\r"]) * rng.choice([1, 2, 50]) + data[place:]
        )
    if kind == 4:
        return gzip.compress(data, 1)[: rng.choice([None, place])]
    return data


def unchanged(_rng: random.Random, data: bytes) -> bytes:
    """Table without damage."""
    return data


def random_bytes(rng: random.Random, _data: bytes = b"") -> bytes:
    """Random bytes, some after the first bytes of a known format."""
    return rng.choice(
        [b"", b"PAR1", b"PK\x03\x04", b"\x1f\x8b", b"\x28\xb5\x2f\xfd", b"\xff\xfe", b"age\n"]
    ) + rng.randbytes(rng.choice([0, 1, 10, 100, 500]))


def violated_requirements(patients: PatientTable, data: bytes) -> list[str]:
    """Requirements that a table violates."""
    requirements = {
        "as many rows of values as of cells": len(patients.values) == len(patients.raw) == len(patients.lines),
        "lines in order": bool(np.all(np.diff(patients.lines) > 0)),
        "an error for each invalid row": {p.line for p in patients.problems if p.severity == "error"}
        == set(patients.lines[patients.invalid].tolist()),
        "lines of the file": not len(patients.lines) or patients.lines.max() <= len(data) + 1,
        "a summary": isinstance(summarise_problems(patients.problems), str),
    }
    misfit_lines = [problem.line for problem in patients.problems if problem.rule in ("row_length", "quotation")]
    misfits = np.isin(patients.lines, misfit_lines)
    read = patients.values.drop(columns="patient_id", errors="ignore")
    requirements["nothing read of a row that does not fit the header"] = not read[misfits].notna().any(axis=None)
    for name, column in patients.values.items():
        variable = data_dictionary()[str(name)]
        present = column.dropna()
        if variable.limits:
            requirements[f"{name} within limits"] = bool(present.between(*variable.limits).all())
        if variable.levels:
            requirements[f"{name} among levels"] = set(present) <= set(variable.levels)
    return [requirement for requirement, met in requirements.items() if not met]


def outcome(data: bytes, path: Path, column_map: ColumnMap, *, round_trip: bool) -> str:
    """Outcome of reading one input; raises where a requirement is violated."""
    path.write_bytes(data)
    try:
        patients = read_patients(path, column_map)
    except AsthmaMLError as refusal:
        text = str(refusal)
        named = [line.startswith((str(path), column_map.source)) for line in text.split("\n")]
        if "\r" in text or not all(named):
            raise AssertionError(f"refusal with a line without its file: {text!r}") from refusal
        return "refused"
    violated = violated_requirements(patients, data)
    if violated:
        raise AssertionError("; ".join(violated))
    if round_trip:
        again = path.with_name("again.csv")
        write_table(patients.raw, again)
        back = whole_table(again, ColumnMap(ignore=tuple(patients.raw.columns)))[0].frame
        if back.to_numpy().tolist() != patients.raw.to_numpy().tolist() or list(back) != list(patients.raw):
            raise AssertionError("the table is not equal after writing and reading")
    if any(problem.column == "row" for problem in patients.problems):
        return "read, rows that do not fit the header"
    return "read, rows with errors" if patients.invalid.any() else "read"


def main() -> int:
    """Try many inputs; return 1 if any crashed, 0 otherwise."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--inputs", type=int, default=2_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--compiled", action="store_true", help="split the rows by machine code, as in large files")
    asked = parser.parse_args()
    if asked.compiled:
        file_rows.COMPILED_BYTES = 0
    rng, counts, start = random.Random(asked.seed), Counter[str](), time.perf_counter()  # noqa: S311
    with TemporaryDirectory() as folder:
        for number in range(asked.inputs):
            whole = table(rng)
            column_map = MAPPED if b"eos_share" in whole and b"steroid" in whole else rng.choice(MAPS)
            data = rng.choice([random_bytes, damaged, damaged, unchanged, unchanged, unchanged])(rng, whole)
            try:
                counts[outcome(data, Path(folder) / "t.csv", column_map, round_trip=number % 4 == 0)] += 1
            except Exception as error:
                counts["crashed"] += 1
                print(f"input {number}: {type(error).__name__}: {str(error)[:300]}\n  {data[:400]!r}", file=sys.stderr)
    took = time.perf_counter() - start
    print(
        f"{asked.inputs} inputs in {took:.0f} s, seed {asked.seed}: "
        + ", ".join(f"{n} {what}" for what, n in counts.items())
    )
    return min(counts["crashed"], 1)


if __name__ == "__main__":
    sys.exit(main())
