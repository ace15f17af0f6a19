"""Proposal for the latent noise of a patient: a Gaussian fitted to simulated patients, then adapted.

The proposal determines the effective sample size, not the result: the importance weights correct for it.
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
_SHIFT_RIDGE = 0.05
_PROBABILITY_BOUNDS = (0.03, 0.97)
"""Bounds of the proposed probability of a flag."""


@dataclass(frozen=True)
class Draw:
    """Particles of some patients, drawn from the proposal.

    Attributes
    ----------
    noise : ndarray of shape (n_patients, n_particles, n_free)
        Noise of the continuous variables.
    flags : ndarray of shape (n_patients, n_particles, n_flags)
        Values of the hidden flags.
    log_ratio : ndarray of shape (n_patients, n_particles)
        Log of the prior density of the noise over the proposal density of noise and flags.
    """

    noise: Floats
    flags: Floats
    log_ratio: Floats


@dataclass(frozen=True)
class Proposal:
    """Hidden flags, and given them a multivariate t of the noise of each patient's unclamped variables.

    Attributes
    ----------
    chance : ndarray of shape (n_patients, n_flags)
        Probability that a flag is 1.
    mean : ndarray of shape (n_patients, n_free)
        Location where all flags are 0; zero for a clamped variable.
    shift : ndarray of shape (n_patients, n_free, n_flags)
        Change of the location for each flag.
    covariance : ndarray of shape (n_patients, n_free, n_free)
        Scale matrix; identity for a clamped variable.
    open : ndarray of bool of shape (n_patients, n_free)
        Unclamped variables; the others have standard normal noise.
    """

    chance: Floats
    mean: Floats
    shift: Floats
    covariance: Floats
    open: Flags

    def draw(self, n_particles: int, rng: np.random.Generator) -> Draw:
        """Draw particles of each patient."""
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

    def refitted(self, draw: Draw, log_weight: Floats, effective: float) -> Proposal:
        """Proposal refitted to weighted particles, tempered to an effective sample size of at least `effective`."""
        weight = tempered(log_weight, effective)
        count = effective_size(weight)
        trust = (count / (count + 2 * self.mean.shape[1]))[:, None]
        frequency = np.einsum("pm,pmk->pk", weight, draw.flags)
        chance = np.clip(trust * frequency + (1 - trust) * self.chance, *_PROBABILITY_BOUNDS)
        shift = self._shift(draw, weight, frequency)
        residual = draw.noise - draw.flags @ shift.transpose(0, 2, 1)
        mean = np.einsum("pm,pmd->pd", weight, residual)
        centred = residual - mean[:, None, :]
        spread = (weight[:, :, None] * centred).transpose(0, 2, 1) @ centred
        covariance = trust[:, :, None] * spread + (1 - trust[:, :, None]) * self.covariance
        return _with_clamped(Proposal(chance, mean, shift, covariance, self.open))

    def _shift(self, draw: Draw, weight: Floats, frequency: Floats) -> Floats:
        """Ridge regression of the noise on the flags, shrunk towards the previous coefficients."""
        weighted = weight[:, :, None] * (draw.flags - frequency[:, None, :])
        ridge = _SHIFT_RIDGE * np.eye(frequency.shape[1])
        within = weighted.transpose(0, 2, 1) @ (draw.flags - frequency[:, None, :]) + ridge
        between = draw.noise.transpose(0, 2, 1) @ weighted + _SHIFT_RIDGE * self.shift
        return np.asarray(between @ np.linalg.inv(within))

    def take(self, patients: NDArray[Any]) -> Proposal:
        """Proposal of some patients."""
        return Proposal(**{name: part[patients] for name, part in vars(self).items()})

    def replaced(self, patients: NDArray[Any], by: Proposal) -> Proposal:
        """Proposal with the rows of some patients replaced."""
        parts = {name: part.copy() for name, part in vars(self).items()}
        for name, part in vars(by).items():
            parts[name][patients] = part
        return Proposal(**parts)


def _with_clamped(proposal: Proposal) -> Proposal:
    """Proposal in which clamped variables are independent and standard normal."""
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
    """Normalised weights, raised to the largest power (at most 1) that keeps an effective sample size."""
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
    """Weights that sum to 1 over the particles of each patient; zero where every particle is impossible."""
    most = log_weight.max(axis=1, keepdims=True)
    weight = np.exp(log_weight - np.where(np.isneginf(most), 0.0, most))
    return np.asarray(weight / np.maximum(weight.sum(axis=1, keepdims=True), 1e-300))


def effective_size(weight: Floats) -> Floats:
    """Effective sample size of normalised weights, of each patient."""
    return np.asarray(1 / np.maximum((weight**2).sum(axis=1), 1e-300))


class NoiseRegression:
    """Joint Gaussian of latent noise, of hidden flags and of the normal scores of observable variables.

    Parameters
    ----------
    noise : ndarray of shape (n_simulated, n_free)
        Noise of simulated patients.
    flags : ndarray of shape (n_simulated, n_flags)
        Their hidden flags.
    values : dict of str to array of shape (n_simulated,)
        Their true values, none missing.
    evidence : sequence of str
        Observed variables.
    """

    def __init__(self, noise: Floats, flags: Floats, values: Columns, evidence: tuple[str, ...]) -> None:
        self._scores = [score for name in evidence for score in _scores_of(name, values[name])]
        shown = [score(np.asarray(_codes(values[score.name]), dtype=float)) for score in self._scores]
        joint = np.column_stack([noise, flags, *shown])
        self._n_free, self._n_flags = noise.shape[1], flags.shape[1]
        self._mean, self._covariance = joint.mean(axis=0), np.cov(joint, rowvar=False)

    def proposal(self, evidence: Evidence, is_open: Flags) -> Proposal:
        """Conditional Gaussian of each patient's unclamped variables given the readings."""
        n = len(is_open)
        columns = [(evidence[score.name], score) for score in self._scores]
        observed = np.column_stack([np.ones((n, 0), dtype=bool), *(reading.observed for reading, _ in columns)])
        shown = np.column_stack([np.zeros((n, 0)), *(score(reading.recorded) for reading, score in columns)])
        shown = np.where(observed, shown - self._mean[self._n_free + self._n_flags :], 0.0)
        chance, _, _ = self._conditional(slice(self._n_free, self._n_free + self._n_flags), observed, shown)
        flags_known = np.column_stack([np.ones((n, self._n_flags), dtype=bool), observed])
        none = np.broadcast_to(-self._mean[self._n_free : self._n_free + self._n_flags], (n, self._n_flags))
        given = np.column_stack([none, shown])
        mean, covariance, gain = self._conditional(slice(0, self._n_free), flags_known, given)
        return _with_clamped(
            Proposal(np.clip(chance, *_PROBABILITY_BOUNDS), mean, gain[:, :, : self._n_flags], covariance, is_open)
        )

    def _conditional(self, hidden: slice, observed: Flags, shown: Floats) -> tuple[Floats, Floats, Floats]:
        """Mean, covariance and gain of the hidden variables given the last ones."""
        known = slice(len(self._mean) - observed.shape[1], None)
        between, within = self._covariance[hidden, known], self._covariance[known, known]
        identity = np.eye(observed.shape[1])
        both = observed[:, :, None] & observed[:, None, :]
        inverse = np.linalg.inv(np.where(both, within + _RIDGE * identity, identity))
        visible = between[None] * observed[:, None, :]
        gain = visible @ inverse
        mean = self._mean[hidden] + np.einsum("pds,ps->pd", gain, shown)
        return mean, self._covariance[hidden, hidden] - gain @ visible.transpose(0, 2, 1), gain


@dataclass(frozen=True)
class _Score:
    """Normal score of a number, or indicator of a level of a category."""

    name: str
    values: Floats
    scores: Floats
    level: int | None = None

    def __call__(self, recorded: Floats) -> Floats:
        if self.level is not None:
            return np.asarray(recorded == self.level, dtype=float)
        return np.interp(np.nan_to_num(recorded), self.values, self.scores)


def _scores_of(name: str, column: Any) -> list[_Score]:
    if isinstance(column, pd.Categorical):
        none = np.zeros(0)
        return [_Score(name, none, none, level) for level in range(1, len(column.categories))]
    numbers = np.asarray(column, dtype=float)
    distinct, first = np.unique(numbers, return_index=True)
    if len(distinct) == 1:
        return []
    return [_Score(name, distinct, ndtri(rankdata(numbers) / (len(numbers) + 1))[first])]


def _codes(column: Any) -> Any:
    return column.codes if isinstance(column, pd.Categorical) else column
