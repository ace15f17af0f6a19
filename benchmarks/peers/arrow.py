"""The floor: Arrow reads the input, and writes a table that it has in memory.

    python arrow.py keep OUT.csv TABLE.arrow                   # once, not timed
    python arrow.py copy TABLE.arrow OUT.csv JOBS [IN.csv]     # prints the seconds of reading and writing
    python arrow.py to_parquet IN.csv OUT.parquet              # once, not timed

Files that end in .parquet are read and written as Parquet.
"""

from __future__ import annotations

import sys
import time

import pyarrow as pa


def read(path: str, *, threads: bool = True) -> pa.Table:
    if path.endswith(".parquet"):
        import pyarrow.parquet as pq  # noqa: PLC0415

        return pq.read_table(path, use_threads=threads)
    from pyarrow import csv  # noqa: PLC0415

    return csv.read_csv(path, csv.ReadOptions(use_threads=threads))


def write(table: pa.Table, path: str) -> None:
    if path.endswith(".parquet"):
        import pyarrow.parquet as pq  # noqa: PLC0415

        pq.write_table(table, path)
    else:
        from pyarrow import csv  # noqa: PLC0415

        csv.write_csv(table, path)


def keep(source: str, path: str) -> None:
    table = read(source)
    with pa.OSFile(path, "wb") as file, pa.ipc.new_file(file, table.schema) as writer:
        writer.write_table(table)


def copy(kept: str, output: str, jobs: str, source: str = "") -> None:
    pa.set_cpu_count(int(jobs))
    table = pa.ipc.open_file(pa.memory_map(kept)).read_all()
    started = time.perf_counter()
    if source:
        read(source, threads=jobs != "1")
    write(table, output)
    print(time.perf_counter() - started)


def to_parquet(source: str, output: str) -> None:
    write(read(source), output)


if __name__ == "__main__":
    {"keep": keep, "copy": copy, "to_parquet": to_parquet}[sys.argv[1]](*sys.argv[2:])
