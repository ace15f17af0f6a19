"""Fuzzing of model files: each altered file must be refused in one line or loaded, and none may crash the process.

    OMP_NUM_THREADS=1 python benchmarks/fuzz_model_files.py --flips 5000 --corruptions 500 --seed 1

Each file is altered as somebody could who knows the format: the checksums in its card are made anew. Both forms of the
model are loaded and predict 200 patients. A file that is refused, or that gives the predictions of the original, is as
it should be. A value that is changed and signed anew is another valid model, which no check can tell from an honest
one; these files are counted. Anything else (a dead process, an error of another kind, a load of more than 10 s of
processor time or 1 GB) is a fault and is printed.
"""

from __future__ import annotations

import argparse
import io
import json
import multiprocessing
import resource
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from asthma_ml import generate_cohort
from asthma_ml.classifier import PhenotypeClassifier
from asthma_ml.errors import AsthmaMLError
from asthma_ml.model_files import load_model, save_model
from asthma_ml.model_files.archive import pack_archive, read_archive, unzip_members, zip_members

LONGEST_S, MOST_MB, N_PATIENTS = 10.0, 1024, 200
ESTIMATOR, COMPILED, SCHEMA = "estimator.skops", "compiled.npz", "schema.json"
ODD_VALUES: list[Any] = [None, True, -1, 0, 10**6, 10**30, 1e308, "", "x" * 1000, [], {}, [[1]], {"a": 1}]

Members = dict[str, bytes]
Alter = Callable[[dict[str, Any], Members, np.random.Generator], bytes]
Altered = Callable[[int], bytes]


def signed(card: dict[str, Any], members: Members) -> bytes:
    """The bytes of a model file with checksums that fit its members."""
    sums = {f"{name.split('.')[0]}_sha256": sha256(content).hexdigest() for name, content in members.items()}
    return pack_archive(card | {name: value for name, value in sums.items() if name in card}, members)


def flipped(card: dict[str, Any], members: Members, rng: np.random.Generator) -> bytes:
    """Flip one bit in the content of one member."""
    outer = str(rng.choice(sorted(members)))
    inner = unzip_members(members[outer])
    name = str(rng.choice(sorted(inner)))
    content = bytearray(inner[name])
    content[rng.integers(len(content))] ^= 1 << int(rng.integers(8))
    return signed(card, members | {outer: zip_members(inner | {name: bytes(content)})})


def other_array(array: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """An array of another type, shape or order, or with other values."""
    kinds: list[Callable[[np.ndarray], np.ndarray]] = [
        lambda a: a.astype(a.dtype.newbyteorder(">")),
        lambda a: a.astype(np.float32 if a.dtype == np.float64 else "S8") if a.dtype.names is None else a[:0],
        lambda a: np.flip(a).T.copy(),
        np.asfortranarray,
        lambda a: a.reshape(-1)[: a.size // 2],
        lambda a: np.concatenate([a, a]) if a.ndim else a.reshape(1),
        lambda a: a[..., None],
        lambda a: a[:0] if a.ndim else a,
        lambda a: scattered(a, rng),
    ]
    return kinds[rng.integers(len(kinds))](array)


def scattered(array: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """The array with one value, or one field of one record, far from its place."""
    array = array.copy()
    if not array.size or array.dtype.kind in "US":
        return array
    flat = array.reshape(-1)
    target = flat if array.dtype.names is None else flat[str(rng.choice(array.dtype.names))]
    value = rng.choice([-1, 0, 1, 255, 10**4, 10**9])
    target[rng.integers(len(flat))] = value if target.dtype.kind in "if" else abs(value) % 256
    return array


def corrupted(card: dict[str, Any], members: Members, rng: np.random.Generator) -> bytes:
    """Change an array, a node of the schema, an entry of the card or the members, as a whole."""
    kind = rng.choice(["array", "array", "array", "schema", "schema", "card", "member"])
    if kind == "card":
        return signed(with_odd_value(card, rng), members)
    outer = str(rng.choice(sorted(members)))
    inner = unzip_members(members[outer])
    if kind == "member":
        names = sorted(inner)
        inner[str(rng.choice(names))] = inner[str(rng.choice(names))]
    elif kind == "schema" and SCHEMA in inner:
        inner[SCHEMA] = json.dumps(with_odd_value(json.loads(inner[SCHEMA]), rng)).encode()
    else:
        name = str(rng.choice([name for name in inner if name != SCHEMA]))
        buffer = io.BytesIO()
        np.save(buffer, other_array(np.load(io.BytesIO(inner[name])), rng))
        inner[name] = buffer.getvalue()
    return signed(card, members | {outer: zip_members(inner)})


def with_odd_value(tree: Any, rng: np.random.Generator) -> Any:
    """A nested JSON value in which one value is of another kind."""
    tree = json.loads(json.dumps(tree))
    places = [
        (node, key) for node in _containers(tree) for key in (node if isinstance(node, dict) else range(len(node)))
    ]
    node, key = places[rng.integers(len(places))]
    node[key] = ODD_VALUES[rng.integers(len(ODD_VALUES))]
    return tree


def _keys(node: Any) -> Iterable[Any]:
    return node if isinstance(node, dict) else range(len(node))


def _containers(tree: Any) -> Iterator[Any]:
    waiting = [tree]
    while waiting:
        node = waiting.pop()
        if isinstance(node, dict | list) and node:
            yield node
            waiting += node.values() if isinstance(node, dict) else node


def altered_file(alter: Alter, card: dict[str, Any], members: Members, seed: int, number: int) -> bytes:
    """The bytes of the altered model file of a number."""
    return alter(card, members, np.random.default_rng([seed, number]))


def outcome(path: Path, patients: Any, expected: np.ndarray) -> str:
    """What becomes of a model file."""
    found = set()
    for compiled in (True, False):
        try:
            probabilities = load_model(path, compiled=compiled).predict_proba(patients)
        except AsthmaMLError as error:
            if "\n" in str(error) or not str(error).startswith(str(path)):
                return f"FAULT: not one line that names the file: {error!r}"
            found.add("refused")
        except Exception as error:
            return f"FAULT: {type(error).__name__}: {error}"
        else:
            found.add("equal" if np.array_equal(probabilities, expected) else "another valid model")
    return next(each for each in ("another valid model", "refused", "equal") if each in found)


def worker(queue: Any, numbers: Sequence[int], altered: Altered, path: Path, *expected: Any) -> None:
    """Alter and load files one after the other, and say how each ended; long or large loads are faults."""
    for number in numbers:
        path.write_bytes(altered(number))
        started = time.process_time()
        ended = outcome(path, *expected)
        seconds, peak = time.process_time() - started, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        if seconds > LONGEST_S or peak > MOST_MB:
            ended = f"FAULT: {seconds:.1f} s, {peak:.0f} MB"
        queue.send((number, ended))


def outcomes(numbers: Sequence[int], *given: Any) -> Iterator[tuple[int, str]]:
    """What becomes of each file; a process that dies is a fault, and another one goes on."""
    context = multiprocessing.get_context("fork")
    while numbers:
        ours, theirs = context.Pipe(duplex=False)
        process = context.Process(target=worker, args=(theirs, numbers, *given))
        process.start()
        theirs.close()
        done = 0
        try:
            while done < len(numbers) and ours.poll(6 * LONGEST_S):
                yield ours.recv()
                done += 1
        except EOFError:
            pass
        process.kill()
        process.join()
        if done < len(numbers):
            yield numbers[done], f"FAULT: the process ended with {process.exitcode} or hung"
        numbers = numbers[done + 1 :]


def main() -> None:
    """Alter model files, load them and print a table of what became of them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--flips", type=int, default=500)
    parser.add_argument("--corruptions", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    X, y = generate_cohort(600, seed=asked.seed).training_data()
    model = PhenotypeClassifier(n_trees=4).fit(X, y)
    with TemporaryDirectory() as folder:
        path = Path(folder, "model.aml")
        save_model(model, path)
        card, members = read_archive(path)
        expected, started = load_model(path).predict_proba(X[:N_PATIENTS]), time.perf_counter()
        faults = 0
        for kind, alter, n in (("bit flips", flipped, asked.flips), ("corruptions", corrupted, asked.corruptions)):
            counts, altered = Counter[str](), partial(altered_file, alter, card, members, asked.seed)
            for number, ended in outcomes(range(n), altered, path, X[:N_PATIENTS], expected):
                if ended.startswith("FAULT"):
                    print(f"{kind} {number}: {ended}", file=sys.stderr)
                counts[ended.split(":")[0]] += 1
            faults += counts["FAULT"]
            print(f"{kind}: " + ", ".join(f"{n} {ended}" for ended, n in sorted(counts.items())))
    print(f"{faults} faults; seed {asked.seed}, {time.perf_counter() - started:.0f} s")
    sys.exit(faults > 0)


if __name__ == "__main__":
    main()
