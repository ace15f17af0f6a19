"""Where to look for the hidden noise of a patient: a Gaussian learned from simulated patients, then adapted.

A proposal only decides how many particles are wasted. What it gets wrong, the weights put right.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import ndtri
from scipy.stats import rankdata

from asthma_ml.cohort.causal_model import Columns
from asthma_ml.evaluation.bayes_limit_readings import Evidence

Floats: TypeAlias = NDArray[np.float64]
Flags: TypeAlias = NDArray[np.bool_]

_RIDGE = 1e-3
_DEGREES = 8.0
"""Degrees of freedom of the proposal's tails."""


@dataclass(frozen=True)
class Proposal:
    """A multivariate t of the noise of each patient's open variables.

    Attributes
    ----------
    mean : ndarray of shape (n_patients, n_free)
        Zero where a variable is not open.
    covariance : ndarray of shape (n_patients, n_free, n_free)
        Identity where a variable is not open.
    open : ndarray of bool of shape (n_patients, n_free)
        Variables that it is about; the others keep their own standard normal noise.
    """

    mean: Floats
    covariance: Floats
    open: Flags

    def draw(self, n_particles: int, rng: np.random.Generator) -> tuple[Floats, Floats]:
        """Noise of shape (n_patients, n_particles, n_free), and log of prior density over proposal density."""
        n_patients, n_free = self.mean.shape
        root = np.linalg.cholesky(self.covariance)
        standard = rng.standard_normal((n_patients, n_particles, n_free))
        stretch = np.sqrt(_DEGREES / rng.chisquare(_DEGREES, (n_patients, n_particles, 1)))
        is_open = self.open[:, None, :]
        standard = np.where(is_open, standard * stretch, standard)
        noise = np.where(is_open, self.mean[:, None, :] + standard @ root.transpose(0, 2, 1), standard)
        return noise, self._log_ratio(noise, standard, root)

    def _log_ratio(self, noise: Floats, standard: Floats, root: Floats) -> Floats:
        is_open, size = self.open[:, None, :], self.open.sum(axis=1)[:, None]
        prior = -0.5 * np.where(is_open, noise, 0.0).__pow__(2).sum(axis=2)
        distance = np.where(is_open, standard, 0.0).__pow__(2).sum(axis=2)
        volume = np.log(np.diagonal(root, axis1=1, axis2=2)).sum(axis=1)[:, None]
        return np.asarray(prior + volume + (_DEGREES + size) / 2 * np.log1p(distance / _DEGREES))

    def moved(self, noise: Floats, log_weight: Floats, effective: float) -> Proposal:
        """Fitted anew to weighted particles, tempered so that at least `effective` of them count."""
        weight = tempered(log_weight, effective)
        mean = np.einsum("pm,pmd->pd", weight, noise)
        centred = noise - mean[:, None, :]
        spread = np.einsum("pm,pmd,pme->pde", weight, centred, centred, optimize=True)
        count = 1 / (weight**2).sum(axis=1)
        trust = (count / (count + 2 * mean.shape[1]))[:, None, None]
        covariance = trust * spread + (1 - trust) * self.covariance
        return Proposal(*_restricted(mean, covariance, self.open), self.open)

    def of(self, patients: NDArray[Any]) -> Proposal:
        """The proposal of some patients."""
        return Proposal(self.mean[patients], self.covariance[patients], self.open[patients])


def _restricted(mean: Floats, covariance: Floats, is_open: Flags) -> tuple[Floats, Floats]:
    both = is_open[:, :, None] & is_open[:, None, :]
    identity = np.eye(mean.shape[1])[None]
    return np.where(is_open, mean, 0.0), np.where(both, covariance + _RIDGE * identity, identity)


def tempered(log_weight: Floats, effective: float) -> Floats:
    """Normalised weights raised to the largest power, at most 1, that leaves an effective sample size."""
    low, high = np.zeros(len(log_weight)), np.ones(len(log_weight))
    enough = effective_size(normalised(log_weight)) >= effective
    for _ in range(20):
        power = (low + high) / 2
        fine = effective_size(normalised(_to_the(power, log_weight))) >= effective
        low, high = np.where(fine, power, low), np.where(fine, high, power)
    return normalised(_to_the(np.where(enough, 1.0, low), log_weight))


def _to_the(power: Floats, log_weight: Floats) -> Floats:
    return np.where(np.isneginf(log_weight), -np.inf, power[:, None] * np.where(np.isneginf(log_weight), 0, log_weight))


def normalised(log_weight: Floats) -> Floats:
    """Weights that sum to 1 over the particles of each patient; zero where no particle is possible."""
    most = log_weight.max(axis=1, keepdims=True)
    weight = np.exp(log_weight - np.where(np.isneginf(most), 0.0, most))
    return np.asarray(weight / np.maximum(weight.sum(axis=1, keepdims=True), 1e-300))


def effective_size(weight: Floats) -> Floats:
    """Effective sample size of normalised weights, of each patient."""
    return np.asarray(1 / np.maximum((weight**2).sum(axis=1), 1e-300))


class NoiseRegression:
    """Joint Gaussian of hidden noise and of the normal scores of what a table can show.

    Parameters
    ----------
    noise : ndarray of shape (n_simulated, n_free)
        Noise of simulated patients.
    values : dict of str to array of shape (n_simulated,)
        Their true values, without gaps.
    evidence : sequence of str
        Variables that a table can show.
    """

    def __init__(self, noise: Floats, values: Columns, evidence: tuple[str, ...]) -> None:
        self._scores = [score for name in evidence for score in _scores_of(name, values[name])]
        shown = np.column_stack([score(np.asarray(_codes(values[score.name]), dtype=float)) for score in self._scores])
        joint = np.hstack([noise, shown])
        self._n_free = noise.shape[1]
        self._mean, self._covariance = joint.mean(axis=0), np.cov(joint, rowvar=False)

    def proposal(self, evidence: Evidence, is_open: Flags) -> Proposal:
        """The conditional Gaussian of each patient's open variables given what was seen."""
        columns = [(evidence[score.name], score) for score in self._scores]
        seen = np.column_stack([reading.seen for reading, _ in columns])
        shown = np.column_stack([score(reading.written) for reading, score in columns])
        shown = np.where(seen, shown - self._mean[self._n_free :], 0.0)
        parts = [self._conditional(seen[k : k + 512], shown[k : k + 512]) for k in range(0, len(seen), 512)]
        mean, covariance = (np.concatenate(part) for part in zip(*parts, strict=True))
        return Proposal(*_restricted(mean, covariance, is_open), is_open)

    def _conditional(self, seen: Flags, shown: Floats) -> tuple[Floats, Floats]:
        n = self._n_free
        hidden, between, within = self._covariance[:n, :n], self._covariance[:n, n:], self._covariance[n:, n:]
        identity = np.eye(seen.shape[1])
        both = seen[:, :, None] & seen[:, None, :]
        inverse = np.linalg.inv(np.where(both, within + _RIDGE * identity, identity))
        gain = (between[None] * seen[:, None, :]) @ inverse
        mean = self._mean[:n] + np.einsum("pds,ps->pd", gain, shown)
        return mean, hidden - gain @ (between[None] * seen[:, None, :]).transpose(0, 2, 1)


@dataclass(frozen=True)
class _Score:
    """Normal score of a number, or whether a category has a level."""

    name: str
    values: Floats
    scores: Floats
    level: int | None = None

    def __call__(self, written: Floats) -> Floats:
        if self.level is not None:
            return np.asarray(written == self.level, dtype=float)
        return np.interp(np.nan_to_num(written), self.values, self.scores)


def _scores_of(name: str, column: Any) -> list[_Score]:
    if isinstance(column, pd.Categorical):
        none = np.zeros(0)
        return [_Score(name, none, none, level) for level in range(1, len(column.categories))]
    numbers = np.asarray(column, dtype=float)
    places, first = np.unique(numbers, return_index=True)
    if len(places) == 1:
        return []
    return [_Score(name, places, ndtri(rankdata(numbers) / (len(numbers) + 1))[first])]


def _codes(column: Any) -> Any:
    return column.codes if isinstance(column, pd.Categorical) else column
