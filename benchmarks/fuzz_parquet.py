"""Fuzzing of the Parquet reader: bits flipped in pages and footers must be refused or read, and end no process.

    python benchmarks/fuzz_parquet.py --inputs 700 --seed 1

Each damaged file is read in a process of its own, as a whole or in parts, with 6 GB of memory and 20 seconds. Anything
but a table or a refusal of one line is a crash and is printed.
"""

from __future__ import annotations

import argparse
import io
import os
import random
import resource
import signal
import sys
from collections import Counter
from pathlib import Path
from tempfile import TemporaryDirectory

import pyarrow as pa
import pyarrow.parquet as pq

from asthma_ml.cohort import generate_cohort
from asthma_ml.errors import AsthmaMLError
from asthma_ml.patients import PatientFile, read_patients

_MEMORY, _SECONDS = 6 * 2**30, 20
_FORMS = (
    {},
    {"compression": "zstd"},
    {"compression": "none", "use_dictionary": False},
    {"row_group_size": 30, "compression": "gzip"},
    {"data_page_version": "2.0", "data_page_size": 500},
    {"write_page_index": True, "version": "1.0"},
)


def whole_files() -> list[bytes]:
    """Return one cohort in several forms of Parquet."""
    table = pa.Table.from_pandas(generate_cohort(80, seed=1).observed, preserve_index=False)
    files = []
    for form in _FORMS:
        sink = io.BytesIO()
        pq.write_table(table, sink, **form)
        files.append(sink.getvalue())
    return files


def damaged(rng: random.Random, whole: bytes) -> bytes:
    """Return a file with 1 to 30 flipped bits, in four of five cases in its pages, otherwise in its footer."""
    data, footer = bytearray(whole), len(whole) - 8 - int.from_bytes(whole[-8:-4], "little")
    low, high = (4, footer) if rng.random() < 0.8 else (footer, len(whole))
    for _ in range(rng.choice([1, 1, 3, 30])):
        data[rng.randrange(low, high)] ^= 1 << rng.randrange(8)
    return bytes(data)


def read_outcome(path: Path, *, in_parts: bool) -> str:
    """Return what reading a file gives."""
    try:
        if in_parts:
            with PatientFile(path, chunk_rows=50) as patients:
                for part in patients.parts():
                    patients.read(part)
        else:
            read_patients(path)
    except AsthmaMLError as refusal:
        return "refused" if "\n" not in str(refusal) else f"crashed: refusal of two lines {refusal}"
    except BaseException as error:
        return f"crashed: {type(error).__name__} {str(error)[:150]}"
    return "read"


def outcome_in_a_process(path: Path, *, in_parts: bool) -> str:
    """Return what reading gives in a new process, or how the process ended."""
    reader, writer = os.pipe()
    child = os.fork()
    if not child:
        resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, _MEMORY))
        signal.alarm(_SECONDS)
        os.write(writer, read_outcome(path, in_parts=in_parts).encode())
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader) as answer:
        outcome = answer.read()
    status = os.waitpid(child, 0)[1]
    return f"crashed: process ended with {status}" if status else outcome


def main() -> int:
    """Try many damaged files; return 1 if any crashed, 0 otherwise."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--inputs", type=int, default=700)
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    rng, counts, files = random.Random(asked.seed), Counter[str](), whole_files()  # noqa: S311
    with TemporaryDirectory() as folder:
        path = Path(folder, "damaged.parquet")
        for number in range(asked.inputs):
            path.write_bytes(damaged(rng, rng.choice(files)))
            counts[outcome_in_a_process(path, in_parts=number % 2 == 0)] += 1
    print(f"{asked.inputs} inputs, seed {asked.seed}: " + ", ".join(f"{n} {what}" for what, n in counts.most_common()))
    return min(sum(n for what, n in counts.items() if what.startswith("crashed")), 1)


if __name__ == "__main__":
    sys.exit(main())
