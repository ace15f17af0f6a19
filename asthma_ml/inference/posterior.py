"""Posterior of one discrete variable by importance sampling, with its Monte Carlo error."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from asthma_ml.cohort import CausalModel, Columns, Noise
from asthma_ml.inference.intervals import as_value, is_random, levels_of
from asthma_ml.inference.particles import Particles, repeated
from asthma_ml.inference.plan import SamplingPlan
from asthma_ml.inference.proposal import Draw, NoiseRegression, Proposal, effective_size, normalised
from asthma_ml.inference.readings import Evidence, Reading

Floats: TypeAlias = NDArray[np.float64]
Rows: TypeAlias = NDArray[np.intp]

ADAPTATIONS = 3
"""Refits of the proposal of each patient before the final particles are drawn."""
_ADAPTING_FRACTION = 0.5
_EXTRA_ADAPTATIONS, _FITS_WELL = 4, 0.08
_EXTRA_PASSES = 4
_AT_ONCE = 32_768


@dataclass(frozen=True)
class Posterior:
    """Posterior of each patient, as weighted sums over particles.

    Attributes
    ----------
    levels : tuple of str
        Levels of the target variable.
    log_scale : ndarray of shape (n_patients,)
        Log weight that scales the sums.
    mass : ndarray of shape (n_patients,)
        Sum of weights.
    square : ndarray of shape (n_patients,)
        Sum of squared weights.
    first : ndarray of shape (n_patients, n_levels)
        Sum of weight times probability of each level.
    second : ndarray of shape (n_patients, n_levels, n_levels)
        Sum of squared weight times products of these probabilities.
    """

    levels: tuple[str, ...]
    log_scale: Floats
    mass: Floats
    square: Floats
    first: Floats
    second: Floats

    @property
    def effective_size(self) -> Floats:
        """Effective sample size of each patient; 0 where every particle is impossible."""
        return np.asarray(np.where(self.mass > 0, self.mass**2 / np.maximum(self.square, 1e-300), 0.0))

    def probabilities(self, levels: tuple[str, ...]) -> Floats:
        """Probability of each of some levels, conditional on being one of them; NaN where the row is impossible."""
        chosen = self.first[:, [self.levels.index(level) for level in levels]]
        with np.errstate(invalid="ignore"):
            return np.asarray(chosen / chosen.sum(axis=1, keepdims=True))

    def standard_errors(self, levels: tuple[str, ...]) -> Floats:
        """Monte Carlo standard error of `probabilities`, by the delta method for a ratio."""
        places = [self.levels.index(level) for level in levels]
        second = self.second[:, places][:, :, places]
        deviation = np.eye(len(levels))[None] - self.probabilities(levels)[:, :, None]
        variance = np.einsum("pci,pij,pcj->pc", deviation, second, deviation)
        with np.errstate(invalid="ignore"):
            return np.asarray(np.sqrt(np.maximum(variance, 0.0)) / self.first[:, places].sum(axis=1, keepdims=True))

    def pooled(self, other: Posterior) -> Posterior:
        """Pooled sums of two samples of the same patients."""
        scale = np.maximum(self.log_scale, other.log_scale)
        own, others = np.exp(self.log_scale - scale), np.exp(other.log_scale - scale)
        return Posterior(
            self.levels,
            scale,
            self.mass * own + other.mass * others,
            self.square * own**2 + other.square * others**2,
            self.first * own[:, None] + other.first * others[:, None],
            self.second * own[:, None, None] ** 2 + other.second * others[:, None, None] ** 2,
        )

    def take(self, patients: Rows) -> Posterior:
        """Sums of some patients."""
        return Posterior(self.levels, **{name: part[patients] for name, part in _arrays(self).items()})


def _arrays(posterior: Posterior) -> dict[str, Floats]:
    return {name: part for name, part in vars(posterior).items() if isinstance(part, np.ndarray)}


def _stacked(parts: list[Posterior]) -> Posterior:
    arrays = {name: np.concatenate([_arrays(part)[name] for part in parts]) for name in _arrays(parts[0])}
    return Posterior(parts[0].levels, **arrays)


def sample_posterior(
    model: CausalModel,
    evidence: Evidence,
    target: str,
    simulated: tuple[Columns, Mapping[str, Any] | Noise],
    *,
    n_particles: int = 2000,
    least_effective: float = 100.0,
    seed: int = 0,
    progress: bool = False,
) -> Posterior:
    """Posterior of a discrete variable of a causal model given the evidence, by adaptive importance sampling.

    Parameters
    ----------
    model : CausalModel
        The model.
    evidence : dict of str to Reading
        Readings of each patient.
    target : str
        Discrete variable whose posterior is wanted.
    simulated : tuple of dict and mapping
        Values and noise of simulated patients with the same selection, to which the proposal is fitted.
    n_particles : int
        Particles per patient after adaptation.
    least_effective : float
        Effective sample size below which a patient gets more particles, up to five times as many.
    seed : int
        Seed of the particles.
    progress : bool
        Show a progress bar on stderr.

    Returns
    -------
    Posterior
        A row for each patient.
    """
    plan = SamplingPlan(model, evidence, target, simulated[0])
    regression = _regression(plan, *simulated)
    n_patients = len(next(iter(evidence.values())).observed)
    starts = range(0, n_patients, max(_AT_ONCE // n_particles, 1))
    seeds = np.random.SeedSequence(seed).spawn(len(starts))
    parts = []
    for start, chance in zip(tqdm(starts, unit="part", disable=not progress, desc="Bayes limit"), seeds, strict=True):
        rows = np.arange(start, min(start + starts.step, n_patients))
        sampler = _Sampler(plan, repeated(evidence, rows, plan.evidence), np.random.default_rng(chance))
        parts.append(sampler.run(regression, len(rows), n_particles, least_effective))
    return _stacked(parts)


def true_states(
    model: CausalModel,
    evidence: Evidence,
    target: str,
    simulated: tuple[Columns, Mapping[str, Any] | Noise],
    *,
    n_particles: int = 2000,
    seed: int = 0,
) -> tuple[Particles, Floats]:
    """Weighted true states of one patient given the evidence.

    Parameters
    ----------
    model, evidence, target, simulated, n_particles, seed
        As in `sample_posterior`, for a single patient.

    Returns
    -------
    Particles
        States with the noise of their continuous variables.
    ndarray of shape (n_particles,)
        Importance weights, which sum to 1; all zero where the row is impossible.
    """
    plan = SamplingPlan(model, evidence, target, simulated[0])
    patient = np.arange(1)
    sampler = _Sampler(plan, repeated(evidence, patient, plan.evidence), np.random.default_rng(seed))
    return sampler.states(_regression(plan, *simulated), n_particles)


def _regression(plan: SamplingPlan, values: Columns, noise: Mapping[str, Any] | Noise) -> NoiseRegression:
    n_simulated = len(values[plan.target])
    hidden = np.column_stack([np.zeros((n_simulated, 0)), *(noise[name] for name in plan.free)])
    flags = np.column_stack([np.zeros((n_simulated, 0)), *(values[name] for name in plan.hidden_flags)])
    return NoiseRegression(hidden, flags, values, plan.evidence)


class _Sampler:
    """Adaptive importance sampling for one batch of patients."""

    def __init__(self, plan: SamplingPlan, evidence: dict[str, Reading], rng: np.random.Generator) -> None:
        self._plan, self._evidence, self._rng = plan, evidence, rng

    def run(self, regression: NoiseRegression, n_patients: int, n_particles: int, least_effective: float) -> Posterior:
        proposal = regression.proposal(self._evidence, self._plan.proposed(self._evidence, n_patients))
        rows = np.arange(n_patients)
        proposal = self._adapted(proposal, max(int(_ADAPTING_FRACTION * n_particles), 50))
        _, particles, log_weight = self._pass(proposal, rows, n_particles)
        found = _summed(particles, self._plan, log_weight)
        for _ in range(_EXTRA_PASSES):
            poor = np.flatnonzero(found.effective_size < least_effective)
            if not len(poor):
                break
            _, particles, log_weight = self._pass(proposal.take(poor), poor, n_particles)
            found = _replaced(found, poor, found.take(poor).pooled(_summed(particles, self._plan, log_weight)))
        return found

    def states(self, regression: NoiseRegression, n_particles: int) -> tuple[Particles, Floats]:
        proposal = regression.proposal(self._evidence, self._plan.proposed(self._evidence, 1))
        proposal = self._adapted(proposal, max(int(_ADAPTING_FRACTION * n_particles), 50))
        _, particles, log_weight = self._pass(proposal, np.arange(1), n_particles)
        return particles, normalised(log_weight)[0]

    def _adapted(self, proposal: Proposal, n_particles: int) -> Proposal:
        """Proposals refitted several times, and more often for patients with a small effective sample size."""
        patients = np.arange(len(proposal.mean))
        for turn in range(ADAPTATIONS + _EXTRA_ADAPTATIONS):
            fitted = proposal.take(patients)
            draw, _, log_weight = self._pass(fitted, patients, n_particles)
            proposal = proposal.replaced(patients, fitted.refitted(draw, log_weight, n_particles / 6))
            if turn + 1 >= ADAPTATIONS:
                patients = patients[effective_size(normalised(log_weight)) < _FITS_WELL * n_particles]
            if not len(patients):
                break
        return proposal

    def _pass(self, proposal: Proposal, patients: Rows, n_particles: int) -> tuple[Draw, Particles, Floats]:
        draw = proposal.draw(n_particles, self._rng)
        evidence = repeated(self._evidence, np.repeat(patients, n_particles), self._plan.evidence)
        n = len(patients) * n_particles
        particles = Particles(self._plan, evidence, draw.noise.reshape(n, -1), draw.flags.reshape(n, -1), self._rng)
        return draw, particles, particles.log_weight.reshape(len(patients), -1) + draw.log_ratio


def _replaced(found: Posterior, patients: Rows, by: Posterior) -> Posterior:
    arrays = {name: part.copy() for name, part in _arrays(found).items()}
    for name, part in arrays.items():
        part[patients] = _arrays(by)[name]
    return Posterior(found.levels, **arrays)


def _summed(particles: Particles, plan: SamplingPlan, log_weight: Floats) -> Posterior:
    levels, probability = _level_probabilities(particles, plan)
    probability = probability.reshape(*log_weight.shape, len(levels))
    most = log_weight.max(axis=1)
    scale = np.where(np.isneginf(most), -1e300, most)
    weight = np.exp(log_weight - scale[:, None])
    weighted = weight[:, :, None] * probability
    second = weighted.transpose(0, 2, 1) @ weighted
    return Posterior(levels, scale, weight.sum(axis=1), np.square(weight).sum(axis=1), weighted.sum(axis=1), second)


def _level_probabilities(particles: Particles, plan: SamplingPlan) -> tuple[tuple[str, ...], Floats]:
    """Probability of each level of the target given the true state of each particle."""
    distribution = plan.model.distribution(plan.target, particles.values)
    n = len(particles.log_weight)
    if not is_random(distribution):
        return tuple(distribution.categories), np.eye(len(distribution.categories))[distribution.codes]
    probabilities = [
        np.exp(distribution.log_prob(as_value(distribution, np.full(n, float(level)))))
        for level in levels_of(distribution)
    ]
    names = distribution.levels if hasattr(distribution, "levels") else levels_of(distribution)
    return tuple(map(str, names)), np.column_stack([np.broadcast_to(p, n) for p in probabilities])
