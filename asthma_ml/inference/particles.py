"""Weighted particles: possible true states of patients, held to what their tables say.

A pass walks through the causal order. What the table says about a variable clamps it: a number is
drawn from the interval of its reading, and the particle's weight is multiplied by the probability of that
interval. A calculated variable that was read clamps the noise of the last variable that it is
calculated from. Discrete variables are drawn with a look at what they directly show. The noise of
the other continuous variables comes from a proposal. Weights are exact whatever the proposal.
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
    is_chance,
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
    """One pass: particles of some patients, drawn in the order of the plan, and their log weights.

    Parameters
    ----------
    plan : SamplingPlan
        What is drawn and held.
    evidence : dict of str to Reading
        Of each particle.
    noise : ndarray of shape (n_particles, n_free)
        Proposed noise of the free variables.
    flags : ndarray of shape (n_particles, n_flags)
        Proposed values of the supposed flags.
    rng : Generator
        All other chance.

    Attributes
    ----------
    values : dict of str to array of shape (n_particles,)
        True states.
    log_weight : ndarray of shape (n_particles,)
        Log of how probable the evidence is along the way; the proposal's own density is not in it.
    noise : ndarray of shape (n_particles, n_free)
        Noise of the free variables, clamped ones included.
    """

    def __init__(
        self, plan: SamplingPlan, evidence: Evidence, noise: Floats, flags: Floats, rng: np.random.Generator
    ) -> None:
        self._plan, self._evidence, self._rng = plan, evidence, rng
        self._flags = dict(zip(plan.supposed, flags.T, strict=True))
        self.noise = dict(zip(plan.free, noise.T, strict=True))
        self.values: Columns = {}
        self.log_weight = np.zeros(len(noise))
        for name in plan.order:
            self.values[name] = self._drawn(name)
        self.log_weight = np.where(np.isnan(self.log_weight), -np.inf, self.log_weight)

    def _drawn(self, name: str) -> Any:
        law = self._plan.model.distribution(name, self.values)
        if not is_chance(law):
            self._weigh_calculated(name, law)
            return law
        return self._continuous(name, law) if name in self.noise else self._discrete(name, law)

    def _weigh_calculated(self, name: str, value: Any) -> None:
        if name in self._evidence:
            reading = self._evidence[name]
            lower, upper = reading.ends(self.values)
            outside = reading.seen & ~((value >= lower) & (value <= upper))
            self.log_weight[outside] = -np.inf

    def _continuous(self, name: str, law: Any) -> Any:
        limits = list(self._limits(name, law))
        if limits:
            low, high = np.max([low for low, _, _ in limits], axis=0), np.min([high for _, high, _ in limits], axis=0)
            clamped = np.any([seen for *_, seen in limits], axis=0)
            drawn = noise_between(low, high, self._rng.random(len(low)))
            self.noise[name] = np.where(clamped, drawn, self.noise[name])
            self.log_weight += np.where(clamped, interval_log_prob(low, high), 0.0)
        return law.from_noise(self.noise[name])

    def _limits(self, name: str, law: Any) -> Iterator[tuple[Floats, Floats, Flags]]:
        """Intervals of noise that the reading and what is calculated from it leave."""
        if name in self._evidence:
            reading = self._evidence[name]
            yield _only_where(reading.seen, *noise_interval(law, *reading.ends(self.values)))
        for inversion in self._plan.inversions.get(name, ()):
            reading = self._evidence[inversion.name]
            if reading.seen.any():
                yield _only_where(reading.seen, *self._inverted(name, law, inversion, reading))

    def _inverted(self, name: str, law: Any, inversion: Inversion, reading: Reading) -> tuple[Floats, Floats]:
        known = {**self._expected(inversion), **self.values}

        def effect(noise: Floats) -> Floats:
            known[name] = law.from_noise(noise)
            for step in inversion.chain:
                known[step] = self._plan.model.distribution(step, known)
            return np.asarray(known[inversion.name])

        return inverse_interval(effect, *reading.ends(self.values))

    def _expected(self, inversion: Inversion) -> Columns:
        """What was written down, for inputs of a chain that are drawn after its pivot."""
        inputs = {p for step in inversion.chain for p in self._plan.model.equations[step].parents}
        late = [name for name in inputs if name not in self.values and name in self._evidence]
        return {name: self._evidence[name].written for name in late}

    def _discrete(self, name: str, law: Any) -> Any:
        if name in self._flags:
            self.log_weight += law.log_prob(self._flags[name])
            return self._flags[name]
        reading = self._evidence.get(name)
        if reading is None:
            return self._guessed(name, law)
        seen = reading.seen
        if not seen.all():
            guess = as_codes(self._guessed(name, law, ~seen))
            value = as_value(law, np.where(seen, reading.written, guess))
        else:
            value = as_value(law, reading.written)
        self.log_weight += np.where(seen, law.log_prob(value), 0.0)
        return value

    def _guessed(self, name: str, law: Any, where: Flags | None = None) -> Any:
        """A discrete variable that nobody saw, drawn with a look at the evidence that it directly causes."""
        if not self._plan.shows.get(name) and not self._plan.passes_on.get(name):
            return law.from_noise(self._rng.standard_normal(len(self.log_weight)))
        prior, seen = zip(*(self._level(name, law, level) for level in levels_of(law)), strict=True)
        tilt = self._plan.log_tilt[name]
        joint = np.array(prior) + np.array(seen) + tilt[:, None]
        possible = np.isfinite(joint).any(axis=0)
        joint = np.where(possible, joint, 0.0)
        total = logsumexp(joint, axis=0)
        cumulative = np.cumsum(np.exp(joint - total), axis=0)
        chosen = (self._rng.random(len(total)) > cumulative[:-1]).sum(axis=0)
        likelihood = np.array(seen)[chosen, np.arange(len(total))] + tilt[chosen]
        correction = np.where(possible, total - np.where(possible, likelihood, 0.0), -np.inf)
        self.log_weight += correction if where is None else np.where(where, correction, 0.0)
        return as_value(law, np.asarray(levels_of(law), dtype=float)[chosen])

    def _level(self, name: str, law: Any, level: Any) -> tuple[Floats, Floats]:
        """Log probability of a level, and of what it would show."""
        value = as_value(law, np.full(len(self.log_weight), float(level)))
        supposed = {**self.values, name: value}
        shown = [self._log_likelihood(effect, supposed) for effect in self._plan.shows[name]]
        shown += [self._through(effect, e, supposed) for effect, e in self._plan.passes_on[name].items()]
        return law.log_prob(value), np.sum(shown, axis=0)

    def _through(self, name: str, effects: Sequence[str], values: Columns) -> Floats:
        """Log likelihood of the effects of a hidden discrete variable, whatever its value."""
        law = self._plan.model.distribution(name, values)
        terms = []
        for level in levels_of(law):
            value = as_value(law, np.full(len(self.log_weight), float(level)))
            supposed = {**values, name: value}
            terms.append(law.log_prob(value) + np.sum([self._log_likelihood(e, supposed) for e in effects], axis=0))
        return np.asarray(np.logaddexp.reduce(terms))

    def _log_likelihood(self, name: str, values: Columns) -> Floats:
        law, reading = self._plan.model.distribution(name, values), self._evidence[name]
        if reading.interval is not None:
            found = interval_log_prob(*noise_interval(law, *reading.ends(values)))
        else:
            found = law.log_prob(as_value(law, np.where(reading.seen, reading.written, 0.0)))
        return np.where(reading.seen, found, 0.0)


def _only_where(seen: Flags, low: Floats, high: Floats) -> tuple[Floats, Floats, Flags]:
    return np.where(seen, low, -np.inf), np.where(seen, high, np.inf), seen


def repeated(evidence: Evidence, patients: Rows, names: Iterable[str]) -> dict[str, Reading]:
    """The readings of each particle, from those of each patient."""
    return {name: evidence[name].of(patients) for name in names}
