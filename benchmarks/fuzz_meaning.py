"""Fuzzing of what tables mean: count how often one mistake in a right table is read silently wrong.

    python benchmarks/fuzz_meaning.py --tables 5000 --right 1000 --seed 1 --nhanes FOLDER

Each table has some columns and patients of a synthetic cohort and one mistake of `meaning/mistakes.py`: another unit,
other codes, another header, a row that is no patient. It is read right if every value is right; said if a refusal or a
finding names the column, the row or the cell; silently wrong otherwise. Right tables measure the false alarms:
refusals, invalid rows and findings about whole columns.
"""

from __future__ import annotations

import argparse
import sys
import time
import warnings
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pandas as pd
from meaning.mistakes import MISTAKES
from meaning.right_tables import Table, cohorts, right_table, texts

from asthma_ml.errors import UnusableInputError
from asthma_ml.intervals import proportion
from asthma_ml.patients import Finding, PatientTable, read_patients
from asthma_ml.variables import ID

OUTCOMES = ("right", "said", "refused, column not named", "silently wrong")
_ROUTINE = ("alias", "name")
_RELATIVE = 0.01
_EXAMPLES = 3


def outcome(table: Table, folder: Path) -> tuple[str, str]:
    """What the reader makes of a table, one of `OUTCOMES`, and its message."""
    path = folder / "table.csv"
    table.cells.to_csv(path, index=False)
    try:
        read = read_patients(path)
    except UnusableInputError as error:
        named = [*table.headers, *table.variables] or ["line"]
        return ("said" if any(each in str(error) for each in named) else OUTCOMES[2]), str(error)
    unsaid = [*_unsaid_rows(table, read), *_unsaid_headers(table, read), *_unsaid_values(table, read)]
    if unsaid:
        return "silently wrong", "; ".join(unsaid)
    return ("right" if _is_right(table, read) else "said"), ""


def _patients(table: Table, read: PatientTable) -> list[int]:
    """Row of each patient of the right table, by identifier."""
    ids = read.values[ID].tolist() if ID in read.values else [""] * len(read)
    if ID not in table.truth or len(ids) == len(table.cells):
        return [row for row in range(len(ids)) if row not in table.no_patients]
    return [ids.index(each) for each in table.truth[ID]]


def _wrong(table: Table, read: PatientTable, name: str) -> np.ndarray:
    """Patients whose value of a variable is not the right one."""
    truth = table.truth[name].reset_index(drop=True)
    if name not in read.values:
        return truth.notna().to_numpy()
    found = read.values[name].iloc[_patients(table, read)].reset_index(drop=True)
    if truth.dtype.kind == "f":
        return ~np.isclose(found, truth, rtol=_RELATIVE, atol=1e-9, equal_nan=True)
    return ~((found == truth) | (found.isna() & truth.isna())).to_numpy()


def _is_right(table: Table, read: PatientTable) -> bool:
    set_aside = all(read.invalid[row] for row in table.no_patients if len(read) == len(table.cells))
    return set_aside and not any(_wrong(table, read, name).any() for name in table.truth)


def _unsaid_values(table: Table, read: PatientTable) -> Iterator[str]:
    """Variables with a wrong value in a valid row of which no finding speaks."""
    rows = np.array(_patients(table, read), dtype=np.intp)
    for name in table.truth:
        wrong = rows[_wrong(table, read, name)]
        wrong = wrong[~read.invalid[wrong]]
        for finding in read.findings:
            if _speaks_of(finding, name, table.headers if name in table.variables else ()):
                wrong = wrong[:0] if finding.rows is None else np.setdiff1d(wrong, finding.rows)
        if wrong.size:
            seen = read.values[name].iloc[wrong[0]] if name in read.values else "nothing"
            given = table.cells.iloc[wrong[0]].get(table.headers[0] if table.headers else name)
            yield f"{name}: `{given}` read as {seen}"


def _unsaid_headers(table: Table, read: PatientTable) -> Iterator[str]:
    """Columns of the mistake that are neither read nor named."""
    sources = {name for column in read.columns.values() for name in column.sources}
    for header in table.headers:
        if header not in sources and not any(header in finding.message for finding in read.findings):
            yield f"{header}: neither read nor named"


def _speaks_of(finding: Finding, name: str, headers: tuple[str, ...]) -> bool:
    if finding.rule in _ROUTINE:
        return False
    return finding.column == name or any(f"`{header}`" in finding.message for header in headers)


def _unsaid_rows(table: Table, read: PatientTable) -> Iterator[str]:
    """Rows that are no patients but are taken for one."""
    for row in table.no_patients if len(read) == len(table.cells) else ():
        said = any(finding.rows is not None and row in finding.rows for finding in read.findings)
        if not read.invalid[row] and not said:
            yield f"row {', '.join(filter(None, table.cells.iloc[row]))[:60]} taken for a patient"


def false_alarm(table: Table, folder: Path) -> str:
    """What the reader has against a right table, empty if nothing."""
    path = folder / "table.csv"
    table.cells.to_csv(path, index=False)
    try:
        read = read_patients(path)
    except UnusableInputError as error:
        return f"refused: {error}"
    about_columns = [each.message for each in read.findings if each.rows is None and each.rule not in _ROUTINE]
    if about_columns or read.invalid.any():
        return "; ".join(about_columns) or "; ".join(map(str, read.problems))
    return "read otherwise" if not _is_right(table, read) else ""


def nhanes_tables(folder: Path, n: int, rng: np.random.Generator) -> list[Table]:
    """Parts of the real table of NHANES patients, in the names of the data dictionary."""
    [path] = sorted(folder.glob("*.csv"))[:1]
    read = read_patients(path).values.dropna(axis=1, how="all")
    rows = (read.iloc[rng.choice(len(read), 40, replace=False)].reset_index(drop=True) for _ in range(n))
    return [Table(pd.DataFrame({name: texts(part[name]) for name in part}), part) for part in rows]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tables", type=int, default=5000)
    parser.add_argument("--right", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--nhanes", type=Path)
    parser.add_argument("--kind", default="", help="only kinds that begin so")
    given = parser.parse_args()
    warnings.simplefilter("ignore")
    rng, begin = np.random.default_rng(given.seed), time.perf_counter()
    tables = cohorts(given.seed)
    with TemporaryDirectory() as folder:
        counts, examples = mistaken(rng, tables, given.tables, given.kind, Path(folder))
        right = [right_table(rng, tables) for _ in range(given.right)]
        right += nhanes_tables(given.nhanes, given.right // 10, rng) if given.nhanes else []
        alarms = [alarm for table in right if (alarm := false_alarm(table, Path(folder)))]
    report(counts, examples)
    for message, n in Counter(alarms).most_common(10):
        print(f"  false alarm, {n}: {message[:200]}")
    silent, n = sum(found["silently wrong"] for found in counts.values()), sum(map(Counter.total, counts.values()))
    print(
        f"\nSilently wrong {_share(silent, n)}; false alarms {_share(len(alarms), len(right))}; "
        f"seed {given.seed}, {time.perf_counter() - begin:.0f} s"
    )
    return 0


def mistaken(
    rng: np.random.Generator, tables: list[pd.DataFrame], n: int, kind: str, folder: Path
) -> tuple[dict[str, Counter[str]], dict[str, list[str]]]:
    """Outcomes of mistakes by kind, as many of each as possible, and examples of silence."""
    kinds = [name for name in MISTAKES if name.startswith(kind)]
    counts: dict[str, Counter[str]] = {name: Counter() for name in kinds}
    examples: dict[str, list[str]] = defaultdict(list)
    for i in range(n):
        name = kinds[i % len(kinds)]
        table = None
        while table is None:
            table = MISTAKES[name](rng, right_table(rng, tables))
        found, message = outcome(table, folder)
        counts[name][found] += 1
        if found in OUTCOMES[2:]:
            examples[name].append(f"[{', '.join(table.headers)}] {message}")
    return counts, examples


def report(counts: dict[str, Counter[str]], examples: dict[str, list[str]]) -> None:
    """One row for each kind, and examples of what was read silently wrong."""
    print(f"| kind of mistake | n | {' | '.join(OUTCOMES)} |\n|---|{'---|' * (1 + len(OUTCOMES))}")
    for name, found in [*counts.items(), ("all", sum(counts.values(), Counter()))]:
        n = sum(found.values())
        print(f"| {name} | {n} | {' | '.join(f'{100 * found[each] / max(n, 1):.1f} %' for each in OUTCOMES)} |")
    for name, found in examples.items():
        for text in found[:_EXAMPLES]:
            print(f"  {name}: {text[:220]}")


def _share(k: int, n: int) -> str:
    found = proportion(np.arange(n) < k)
    value, lower, upper = (100 * found[name] for name in ("value", "lower", "upper"))
    return f"{k} of {n} ({value:.1f} %, 95 % CI {lower:.1f} to {upper:.1f})"


if __name__ == "__main__":
    sys.exit(main())
