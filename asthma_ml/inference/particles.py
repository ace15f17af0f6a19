"""Weighted particles: true states of patients that are consistent with their rows.

Variables are sampled in causal order. An observed variable is clamped: a number is drawn from the interval of its
reading, and the importance weight is multiplied by the probability of that interval. An observed calculated variable
clamps the noise of the last variable that it is calculated from. Hidden discrete variables are drawn from their
probability given their observed effects. The noise of the other continuous variables comes from a proposal. The
weights are exact for any proposal.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy.special import logsumexp

from asthma_ml.cohort import Columns
from asthma_ml.inference.intervals import (
    as_codes,
    as_value,
    interval_log_prob,
    inverse_interval,
    is_random,
    levels_of,
    noise_between,
    noise_interval,
)
from asthma_ml.inference.plan import Inversion, SamplingPlan
from asthma_ml.inference.readings import Evidence, Reading

Floats: TypeAlias = NDArray[np.float64]
Flags: TypeAlias = NDArray[np.bool_]
Rows: TypeAlias = NDArray[np.intp]


class Particles:
    """Particles of some patients, sampled in the order of the plan, and their log importance weights.

    Parameters
    ----------
    plan : SamplingPlan
        Order of the variables and their constraints.
    evidence : dict of str to Reading
        Readings of each particle.
    noise : ndarray of shape (n_particles, n_free)
        Proposed noise of the free variables.
    flags : ndarray of shape (n_particles, n_flags)
        Proposed values of the hidden flags.
    rng : Generator
        Source of all other randomness.

    Attributes
    ----------
    values : dict of str to array of shape (n_particles,)
        True states.
    log_weight : ndarray of shape (n_particles,)
        Log likelihood of the evidence along the way, without the density of the proposal.
    noise : ndarray of shape (n_particles, n_free)
        Noise of the free variables, including clamped ones.
    """

    def __init__(
        self, plan: SamplingPlan, evidence: Evidence, noise: Floats, flags: Floats, rng: np.random.Generator
    ) -> None:
        self._plan, self._evidence, self._rng = plan, evidence, rng
        self._flags = dict(zip(plan.hidden_flags, flags.T, strict=True))
        self.noise = dict(zip(plan.free, noise.T, strict=True))
        self.values: Columns = {}
        self.log_weight = np.zeros(len(noise))
        for name in plan.order:
            self.values[name] = self._sample(name)
        self.log_weight = np.where(np.isnan(self.log_weight), -np.inf, self.log_weight)

    def _sample(self, name: str) -> Any:
        distribution = self._plan.model.distribution(name, self.values)
        if not is_random(distribution):
            self._weigh_calculated(name, distribution)
            return distribution
        return self._continuous(name, distribution) if name in self.noise else self._discrete(name, distribution)

    def _weigh_calculated(self, name: str, value: Any) -> None:
        if name in self._evidence:
            reading = self._evidence[name]
            lower, upper = reading.ends(self.values)
            outside = reading.observed & ~((value >= lower) & (value <= upper))
            self.log_weight[outside] = -np.inf

    def _continuous(self, name: str, distribution: Any) -> Any:
        limits = list(self._limits(name, distribution))
        if limits:
            low, high = np.max([low for low, _, _ in limits], axis=0), np.min([high for _, high, _ in limits], axis=0)
            clamped = np.any([observed for *_, observed in limits], axis=0)
            drawn = noise_between(low, high, self._rng.random(len(low)))
            self.noise[name] = np.where(clamped, drawn, self.noise[name])
            self.log_weight += np.where(clamped, interval_log_prob(low, high), 0.0)
        return distribution.from_noise(self.noise[name])

    def _limits(self, name: str, distribution: Any) -> Iterator[tuple[Floats, Floats, Flags]]:
        """Noise intervals from the reading and from observed variables that are calculated from it."""
        if name in self._evidence:
            reading = self._evidence[name]
            yield _interval_where(reading.observed, *noise_interval(distribution, *reading.ends(self.values)))
        for inversion in self._plan.inversions.get(name, ()):
            reading = self._evidence[inversion.name]
            if reading.observed.any():
                yield _interval_where(reading.observed, *self._inverted(name, distribution, inversion, reading))

    def _inverted(self, name: str, distribution: Any, inversion: Inversion, reading: Reading) -> tuple[Floats, Floats]:
        known = {**self._expected(inversion), **self.values}

        def effect(noise: Floats) -> Floats:
            known[name] = distribution.from_noise(noise)
            for step in inversion.chain:
                known[step] = self._plan.model.distribution(step, known)
            return np.asarray(known[inversion.name])

        return inverse_interval(effect, *reading.ends(self.values))

    def _expected(self, inversion: Inversion) -> Columns:
        """Recorded values of the inputs of a chain that are sampled after its pivot."""
        inputs = {p for step in inversion.chain for p in self._plan.model.equations[step].parents}
        late = [name for name in inputs if name not in self.values and name in self._evidence]
        return {name: self._evidence[name].recorded for name in late}

    def _discrete(self, name: str, distribution: Any) -> Any:
        if name in self._flags:
            self.log_weight += distribution.log_prob(self._flags[name])
            return self._flags[name]
        reading = self._evidence.get(name)
        if reading is None:
            return self._sample_hidden(name, distribution)
        observed = reading.observed
        if not observed.all():
            sampled = as_codes(self._sample_hidden(name, distribution, ~observed))
            value = as_value(distribution, np.where(observed, reading.recorded, sampled))
        else:
            value = as_value(distribution, reading.recorded)
        self.log_weight += np.where(observed, distribution.log_prob(value), 0.0)
        return value

    def _sample_hidden(self, name: str, distribution: Any, where: Flags | None = None) -> Any:
        """Sample a hidden discrete variable from its probability given its observed effects."""
        if not self._plan.observed_effects.get(name) and not self._plan.hidden_effects.get(name):
            return distribution.from_noise(self._rng.standard_normal(len(self.log_weight)))
        prior, observed = zip(
            *(self._level(name, distribution, level) for level in levels_of(distribution)), strict=True
        )
        tilt = self._plan.log_tilt[name]
        joint = np.array(prior) + np.array(observed) + tilt[:, None]
        possible = np.isfinite(joint).any(axis=0)
        joint = np.where(possible, joint, 0.0)
        total = logsumexp(joint, axis=0)
        cumulative = np.cumsum(np.exp(joint - total), axis=0)
        chosen = (self._rng.random(len(total)) > cumulative[:-1]).sum(axis=0)
        likelihood = np.array(observed)[chosen, np.arange(len(total))] + tilt[chosen]
        correction = np.where(possible, total - np.where(possible, likelihood, 0.0), -np.inf)
        self.log_weight += correction if where is None else np.where(where, correction, 0.0)
        return as_value(distribution, np.asarray(levels_of(distribution), dtype=float)[chosen])

    def _level(self, name: str, distribution: Any, level: Any) -> tuple[Floats, Floats]:
        """Log prior of a level, and log likelihood of its observed effects."""
        value = as_value(distribution, np.full(len(self.log_weight), float(level)))
        assumed = {**self.values, name: value}
        shown = [self._log_likelihood(effect, assumed) for effect in self._plan.observed_effects[name]]
        shown += [
            self._marginal_likelihood(effect, e, assumed) for effect, e in self._plan.hidden_effects[name].items()
        ]
        return distribution.log_prob(value), np.sum(shown, axis=0)

    def _marginal_likelihood(self, name: str, effects: Sequence[str], values: Columns) -> Floats:
        """Log likelihood of the effects of a hidden discrete variable, summed over its values."""
        distribution = self._plan.model.distribution(name, values)
        terms = []
        for level in levels_of(distribution):
            value = as_value(distribution, np.full(len(self.log_weight), float(level)))
            assumed = {**values, name: value}
            terms.append(
                distribution.log_prob(value) + np.sum([self._log_likelihood(e, assumed) for e in effects], axis=0)
            )
        return np.asarray(np.logaddexp.reduce(terms))

    def _log_likelihood(self, name: str, values: Columns) -> Floats:
        distribution, reading = self._plan.model.distribution(name, values), self._evidence[name]
        if reading.interval is not None:
            found = interval_log_prob(*noise_interval(distribution, *reading.ends(values)))
        else:
            found = distribution.log_prob(as_value(distribution, np.where(reading.observed, reading.recorded, 0.0)))
        return np.where(reading.observed, found, 0.0)


def _interval_where(observed: Flags, low: Floats, high: Floats) -> tuple[Floats, Floats, Flags]:
    return np.where(observed, low, -np.inf), np.where(observed, high, np.inf), observed


def repeated(evidence: Evidence, patients: Rows, names: Iterable[str]) -> dict[str, Reading]:
    """Readings of each particle, from the readings of each patient."""
    return {name: evidence[name].take(patients) for name in names}
