"""Exogenous noise: one number for each variable of each person of an unlimited population.

The seed, the variable's name and the person's number determine each number. It does not depend on the other
people, their order or the number of threads, and the noise of a few people is computed for these only.
"""

from __future__ import annotations

import hashlib
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import special

from asthma_ml.cohort.engine.distributions import Floats

BLOCK_SIZE = 16384

# Constants of SplitMix64 (Steele, Lea and Flood 2014, 10.1145/2660193.2660195), a counter-based generator:
# its n-th number is a hash of n.
_STEP = np.uint64(0x9E3779B97F4A7C15)
_ROUNDS = (
    (np.uint64(30), np.uint64(0xBF58476D1CE4E5B9)),
    (np.uint64(27), np.uint64(0x94D049BB133111EB)),
)
_LAST_SHIFT = np.uint64(31)
_UNUSED_BITS, _BITS_OF_ONE = np.uint64(12), np.uint64(0x3FF0000000000000)


class Noise:
    """Exogenous noise of some people, with one random stream for each variable.

    Parameters
    ----------
    seed : int
        Seed of the cohort.
    block : int
        Number of the block in the population.
    size : int
        Number of people in the block.
    people : ndarray of int, optional
        Numbers of the people in the population; those of the block by default.

    Examples
    --------
    >>> noise = Noise(seed=1, block=0, size=4)
    >>> noise["age_years"].shape
    (4,)
    >>> bool((noise.take(np.array([3]))["age_years"] == noise["age_years"][3:]).all())
    True
    """

    def __init__(
        self, seed: int, block: int = 0, size: int = BLOCK_SIZE, *, people: NDArray[np.int64] | None = None
    ) -> None:
        self.seed = seed
        self.people = np.arange(size) + block * BLOCK_SIZE if people is None else people
        self._steps = self.people.astype(np.uint64) * _STEP

    def __len__(self) -> int:
        return len(self.people)

    def __getitem__(self, name: str) -> Floats:
        """Standard normal noise of a variable."""
        noise = Noise.uniform(self, name)
        return np.asarray(special.ndtri(noise, out=noise))

    def uniform(self, name: str) -> Floats:
        """The same noise as a number between 0 and 1 (its cumulative probability)."""
        return _uniform(_mixed(self._steps + _start(self.seed, name)))

    def take(self, rows: NDArray[Any]) -> Noise:
        """Noise of some of the people."""
        return Noise(self.seed, people=self.people[rows])


class RememberedNoise(Noise):
    """Noise that is cached, because twins need it again."""

    def __init__(
        self, seed: int, block: int = 0, size: int = BLOCK_SIZE, *, people: NDArray[np.int64] | None = None
    ) -> None:
        super().__init__(seed, block, size, people=people)
        self._normal: dict[str, Floats] = {}
        self._uniform: dict[str, Floats] = {}

    def __getitem__(self, name: str) -> Floats:
        if name not in self._normal:
            self._normal[name] = super().__getitem__(name)
        return self._normal[name]

    def uniform(self, name: str) -> Floats:
        """The noise as its cumulative probability."""
        if name not in self._uniform:
            self._uniform[name] = super().uniform(name)
        return self._uniform[name]


def stream_words(name: str) -> tuple[int, int]:
    """Hash of a variable's name as two 32-bit words, equal on all machines."""
    digest = hashlib.blake2b(name.encode(), digest_size=8).digest()
    return int.from_bytes(digest[:4], "little"), int.from_bytes(digest[4:], "little")


@lru_cache(maxsize=4096)
def _start(seed: int, name: str) -> np.uint64:
    """Start of the stream of a variable in the generator's period."""
    return np.uint64(np.random.SeedSequence([seed, *stream_words(name)]).generate_state(1, np.uint64)[0])


def _mixed(state: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Mix the bits of the states, in place."""
    shifted = np.empty_like(state)
    for shift, factor in _ROUNDS:
        np.right_shift(state, shift, out=shifted)
        state ^= shifted
        state *= factor
    np.right_shift(state, _LAST_SHIFT, out=shifted)
    state ^= shifted
    return state


def _uniform(bits: NDArray[np.uint64]) -> Floats:
    """Convert bits to numbers strictly between 0 and 1, symmetric about one half, in place."""
    bits >>= _UNUSED_BITS
    bits |= _BITS_OF_ONE
    numbers = bits.view(np.float64)
    numbers -= 1 - 2.0**-53
    return numbers
