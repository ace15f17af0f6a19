"""Where to look for the hidden noise of a patient: a Gaussian learned from simulated patients, then adapted.

A proposal only decides how many particles are wasted. What it gets wrong, the weights put right.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, TypeAlias

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import ndtri
from scipy.stats import rankdata

from asthma_ml.cohort import Columns
from asthma_ml.inference.readings import Evidence

Floats: TypeAlias = NDArray[np.float64]
Flags: TypeAlias = NDArray[np.bool_]

_RIDGE = 1e-3
_DEGREES = 8.0
"""Degrees of freedom of the proposal's tails."""
_TRUST_IN_SHIFT = 0.05
_CHANCES = (0.03, 0.97)
"""No flag is taken for granted."""


@dataclass(frozen=True)
class Draw:
    """Particles of some patients as proposed.

    Attributes
    ----------
    noise : ndarray of shape (n_patients, n_particles, n_free)
        Noise of the continuous variables.
    flags : ndarray of shape (n_patients, n_particles, n_flags)
        Values of the supposed flags.
    log_ratio : ndarray of shape (n_patients, n_particles)
        Log of the prior density of the noise over the proposal density of noise and flags.
    """

    noise: Floats
    flags: Floats
    log_ratio: Floats


@dataclass(frozen=True)
class Proposal:
    """Flags nobody saw, and given them a multivariate t of the noise of each patient's open variables.

    Attributes
    ----------
    chance : ndarray of shape (n_patients, n_flags)
        Probability that a flag is 1.
    mean : ndarray of shape (n_patients, n_free)
        Location where all flags are 0; zero where a variable is not open.
    shift : ndarray of shape (n_patients, n_free, n_flags)
        What each flag adds to it.
    covariance : ndarray of shape (n_patients, n_free, n_free)
        Identity where a variable is not open.
    open : ndarray of bool of shape (n_patients, n_free)
        Variables that it is about; the others keep their own standard normal noise.
    """

    chance: Floats
    mean: Floats
    shift: Floats
    covariance: Floats
    open: Flags

    def draw(self, n_particles: int, rng: np.random.Generator) -> Draw:
        """Particles of each patient."""
        n_patients, n_free = self.mean.shape
        chance = self.chance[:, None, :]
        flags = (rng.random((n_patients, n_particles, self.chance.shape[1])) < chance).astype(float)
        root = np.asarray(np.linalg.cholesky(self.covariance), dtype=np.float64)
        standard = rng.standard_normal((n_patients, n_particles, n_free))
        stretch = np.sqrt(_DEGREES / rng.chisquare(_DEGREES, (n_patients, n_particles, 1)))
        is_open = self.open[:, None, :]
        standard = np.where(is_open, standard * stretch, standard)
        noise = self._location(flags) + standard @ root.transpose(0, 2, 1)
        log_chance = np.log(np.where(flags == 1, chance, 1 - chance)).sum(axis=2)
        return Draw(noise, flags, self._log_ratio(noise, standard, root) - log_chance)

    def _location(self, flags: Floats) -> Floats:
        return np.asarray(self.mean[:, None, :] + flags @ self.shift.transpose(0, 2, 1))

    def _log_ratio(self, noise: Floats, standard: Floats, root: Floats) -> Floats:
        is_open, size = self.open[:, None, :], self.open.sum(axis=1)[:, None]
        prior = -0.5 * np.square(np.where(is_open, noise, 0.0)).sum(axis=2)
        distance = np.square(np.where(is_open, standard, 0.0)).sum(axis=2)
        volume = np.log(np.diagonal(root, axis1=1, axis2=2)).sum(axis=1)[:, None]
        return np.asarray(prior + volume + (_DEGREES + size) / 2 * np.log1p(distance / _DEGREES))

    def moved(self, draw: Draw, log_weight: Floats, effective: float) -> Proposal:
        """Fitted anew to weighted particles, tempered so that at least `effective` of them count."""
        weight = tempered(log_weight, effective)
        count = effective_size(weight)
        trust = (count / (count + 2 * self.mean.shape[1]))[:, None]
        happened = np.einsum("pm,pmk->pk", weight, draw.flags)
        chance = np.clip(trust * happened + (1 - trust) * self.chance, *_CHANCES)
        shift = self._shift(draw, weight, happened)
        apart = draw.noise - draw.flags @ shift.transpose(0, 2, 1)
        mean = np.einsum("pm,pmd->pd", weight, apart)
        centred = apart - mean[:, None, :]
        spread = (weight[:, :, None] * centred).transpose(0, 2, 1) @ centred
        covariance = trust[:, :, None] * spread + (1 - trust[:, :, None]) * self.covariance
        return _restricted(Proposal(chance, mean, shift, covariance, self.open))

    def _shift(self, draw: Draw, weight: Floats, happened: Floats) -> Floats:
        """Regression of the noise on the flags, drawn towards what it was."""
        weighted = weight[:, :, None] * (draw.flags - happened[:, None, :])
        ridge = _TRUST_IN_SHIFT * np.eye(happened.shape[1])
        within = weighted.transpose(0, 2, 1) @ (draw.flags - happened[:, None, :]) + ridge
        between = draw.noise.transpose(0, 2, 1) @ weighted + _TRUST_IN_SHIFT * self.shift
        return np.asarray(between @ np.linalg.inv(within))

    def of(self, patients: NDArray[Any]) -> Proposal:
        """The proposal of some patients."""
        return Proposal(**{name: part[patients] for name, part in vars(self).items()})

    def replaced(self, patients: NDArray[Any], by: Proposal) -> Proposal:
        """With the proposals of some patients exchanged."""
        parts = {name: part.copy() for name, part in vars(self).items()}
        for name, part in vars(by).items():
            parts[name][patients] = part
        return Proposal(**parts)


def _restricted(proposal: Proposal) -> Proposal:
    """The proposal with all that is not open set apart."""
    is_open = proposal.open
    both = is_open[:, :, None] & is_open[:, None, :]
    identity = np.eye(is_open.shape[1])[None]
    return replace(
        proposal,
        mean=np.where(is_open, proposal.mean, 0.0),
        shift=np.where(is_open[:, :, None], proposal.shift, 0.0),
        covariance=np.where(both, proposal.covariance + _RIDGE * identity, identity),
    )


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
    """Joint Gaussian of hidden noise, of hidden flags and of the normal scores of what a table can show.

    Parameters
    ----------
    noise : ndarray of shape (n_simulated, n_free)
        Noise of simulated patients.
    flags : ndarray of shape (n_simulated, n_flags)
        Flags of them that no table shows.
    values : dict of str to array of shape (n_simulated,)
        Their true values, without gaps.
    evidence : sequence of str
        Variables that a table can show.
    """

    def __init__(self, noise: Floats, flags: Floats, values: Columns, evidence: tuple[str, ...]) -> None:
        self._scores = [score for name in evidence for score in _scores_of(name, values[name])]
        shown = [score(np.asarray(_codes(values[score.name]), dtype=float)) for score in self._scores]
        joint = np.column_stack([noise, flags, *shown])
        self._n_free, self._n_flags = noise.shape[1], flags.shape[1]
        self._mean, self._covariance = joint.mean(axis=0), np.cov(joint, rowvar=False)

    def proposal(self, evidence: Evidence, is_open: Flags) -> Proposal:
        """The conditional Gaussian of each patient's open variables given what was seen."""
        n = len(is_open)
        columns = [(evidence[score.name], score) for score in self._scores]
        seen = np.column_stack([np.ones((n, 0), dtype=bool), *(reading.seen for reading, _ in columns)])
        shown = np.column_stack([np.zeros((n, 0)), *(score(reading.written) for reading, score in columns)])
        shown = np.where(seen, shown - self._mean[self._n_free + self._n_flags :], 0.0)
        chance, _, _ = self._conditional(slice(self._n_free, self._n_free + self._n_flags), seen, shown)
        flags_known = np.column_stack([np.ones((n, self._n_flags), dtype=bool), seen])
        none = np.broadcast_to(-self._mean[self._n_free : self._n_free + self._n_flags], (n, self._n_flags))
        given = np.column_stack([none, shown])
        mean, covariance, gain = self._conditional(slice(0, self._n_free), flags_known, given)
        return _restricted(Proposal(np.clip(chance, *_CHANCES), mean, gain[:, :, : self._n_flags], covariance, is_open))

    def _conditional(self, hidden: slice, seen: Flags, shown: Floats) -> tuple[Floats, Floats, Floats]:
        """Mean and covariance of what is hidden given the last variables, and the gain of each of them."""
        known = slice(len(self._mean) - seen.shape[1], None)
        between, within = self._covariance[hidden, known], self._covariance[known, known]
        identity = np.eye(seen.shape[1])
        both = seen[:, :, None] & seen[:, None, :]
        inverse = np.linalg.inv(np.where(both, within + _RIDGE * identity, identity))
        visible = between[None] * seen[:, None, :]
        gain = visible @ inverse
        mean = self._mean[hidden] + np.einsum("pds,ps->pd", gain, shown)
        return mean, self._covariance[hidden, hidden] - gain @ visible.transpose(0, 2, 1), gain


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
