"""Weighted particles: possible true states of patients, held to what their tables say.

A pass walks through the causal order. What the table says about a variable clamps it: a number is
drawn from the interval of its reading, and the particle's weight is multiplied by the probability of that
interval. A calculated variable that was read clamps the noise of the last variable that it is
calculated from. Discrete variables are drawn with a look at what they directly show. The noise of
the other continuous variables comes from a proposal. Weights are exact whatever the proposal.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from graphlib import TopologicalSorter
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy.special import logsumexp

from asthma_ml.cohort.causal_model import CausalModel, Columns, Noise
from asthma_ml.cohort.distributions import Bernoulli
from asthma_ml.evaluation.bayes_limit_laws import (
    as_codes,
    as_value,
    interval_log_prob,
    inverse_interval,
    is_chance,
    is_continuous,
    levels_of,
    noise_between,
    noise_interval,
)
from asthma_ml.evaluation.bayes_limit_readings import Evidence, Reading

Floats: TypeAlias = NDArray[np.float64]
Flags: TypeAlias = NDArray[np.bool_]
Rows: TypeAlias = NDArray[np.intp]


@dataclass(frozen=True)
class Inversion:
    """A calculated variable that was read, and the chain of calculations that leads to it from its pivot."""

    name: str
    chain: tuple[str, ...]


class SamplingPlan:
    """In which order the variables of a model are drawn, and what each is held to.

    Parameters
    ----------
    model : CausalModel
        The model.
    evidence : dict of str to Reading
        What the table says.
    target : str
        Variable asked about.

    Attributes
    ----------
    order : tuple of str
        Variables that matter, causes first.
    free : tuple of str
        Continuous variables, whose noise is proposed where nothing clamps them.
    inversions : dict of str to list of Inversion
        Calculated evidence, by the variable whose noise it clamps.
    supposed : tuple of str
        Flags that no table shows, not even by what they directly cause: they are proposed.
    shows : dict of str to tuple of str
        Evidence that a discrete variable directly causes and that is known once it is.
    passes_on : dict of str to dict
        Hidden discrete variables that a discrete variable directly causes, with the evidence of each.
    """

    def __init__(self, model: CausalModel, evidence: Evidence, target: str) -> None:
        self.model, self.target = model, target
        self.evidence = tuple(name for name in model.order if name in evidence)
        needed = model.with_ancestors([*self.evidence, target])
        self.names = tuple(name for name in model.order if name in needed)
        sample = model.simulate(Noise(0, 0, size=8), wanted=self.names)
        laws = {name: model.distribution(name, sample) for name in self.names}
        self._chance = {name for name in self.names if is_chance(laws[name])}
        self.free = tuple(name for name in self.names if is_continuous(laws[name]))
        self.inversions = self._inversions()
        graph = _Graph({name: model.equations[name].parents for name in self.names})
        self._draw_pivots_late(graph)
        self._draw_habits_early(graph, evidence)
        seen = {name for name in self.evidence if evidence[name].seen.all()}
        self._few = {name for name in self._chance if levels_of(laws[name])} - {target} - seen
        self._draw_causes_of_effects_early(graph)
        self.order = graph.order()
        self.shows = {name: self._shown_by(name, {name}) for name in self._few}
        self.passes_on = {name: self._shown_through(name) for name in self._few}
        flags = [name for name in self.order if isinstance(laws[name], Bernoulli) and name != target]
        self.supposed = tuple(name for name in flags if self._is_hidden(name))

    def _inversions(self) -> dict[str, list[Inversion]]:
        found: dict[str, list[Inversion]] = {}
        for name in self.evidence:
            causes = [] if name in self._chance else self._chance_behind(name)
            pivots = [cause for cause in causes if cause in self.free and self._can_be_solved_for(cause, name)]
            if pivots:
                pivot = max(pivots, key=lambda cause: (cause not in found, cause not in self.evidence))
                found.setdefault(pivot, []).append(Inversion(name, self._chain(pivot, name)))
        return found

    def _can_be_solved_for(self, pivot: str, name: str) -> bool:
        """Whether all else that a calculation starts from can be known before the pivot is drawn."""
        late = self.model.with_descendants([pivot]).difference(self.evidence)
        return not late.intersection(self._inputs(pivot, name))

    def _inputs(self, pivot: str, name: str) -> set[str]:
        chain = self._chain(pivot, name)
        return {parent for step in chain for parent in self.model.equations[step].parents} - {pivot, *chain}

    def _chance_behind(self, name: str) -> list[str]:
        """Variables left to chance that a calculated one is calculated from, in causal order."""
        found, waiting = set(), list(self.model.equations[name].parents)
        while waiting:
            cause = waiting.pop()
            if cause in self._chance:
                found.add(cause)
            else:
                waiting.extend(self.model.equations[cause].parents)
        return [cause for cause in self.names if cause in found]

    def _chain(self, pivot: str, name: str) -> tuple[str, ...]:
        """Calculated variables that lead from the pivot to a variable through nothing left to chance."""
        steps: list[str] = []
        for step in self.model.order:
            if step not in self._chance and {pivot, *steps}.intersection(self.model.equations[step].parents):
                steps.append(step)
        return tuple(step for step in steps if step in self.model.with_ancestors([name]))

    def _draw_pivots_late(self, graph: _Graph) -> None:
        """What else a chain starts from comes before its pivot, where the causal order lets it."""
        for pivot, inversions in self.inversions.items():
            for inversion in inversions:
                graph.add_if_acyclic(pivot, sorted(self._inputs(pivot, inversion.name)))

    def _draw_habits_early(self, graph: _Graph, evidence: Evidence) -> None:
        """The flag on which a reading depends comes before whatever the reading clamps."""
        for name in self.evidence:
            switch = evidence[name].switch
            pivots = [pivot for pivot, found in self.inversions.items() if name in [i.name for i in found]]
            for clamped in [name, *pivots] if switch else []:
                graph.add_if_acyclic(clamped, [switch])

    def _draw_causes_of_effects_early(self, graph: _Graph) -> None:
        """What else causes the effects of a discrete variable comes before it, where the causal order lets it."""
        for name in (name for name in reversed(self.names) if name in self._few):
            hidden = [effect for effect in self._effects(name) if effect in self._few.difference(self.evidence)]
            shown = {(effect, name) for effect in [*hidden, *self._effects(name)] if effect in {*hidden, *self.evidence}}
            shown |= {(e, through) for through in hidden for e in self._effects(through) if e in self.evidence}
            for effect, through in sorted(shown):
                graph.add_if_acyclic(name, sorted(set(self.model.equations[effect].parents) - {name, through}))

    def _effects(self, name: str) -> list[str]:
        """Variables left to chance that one directly causes."""
        return [effect for effect in self.names if name in self.model.equations[effect].parents and self._is_left(effect)]

    def _is_left(self, name: str) -> bool:
        return name in self._chance and name != self.target

    def _shown_by(self, name: str, supposed: set[str]) -> tuple[str, ...]:
        """Evidence that a variable directly causes and that follows from what is drawn before the supposed ones."""
        return tuple(e for e in self._effects(name) if e in self.evidence and self._follows(e, supposed))

    def _shown_through(self, name: str) -> dict[str, tuple[str, ...]]:
        """Hidden discrete effects of a variable, each with the evidence that it directly causes."""
        hidden = [e for e in self._effects(name) if e in self._few.difference(self.evidence)]
        through = {e: self._shown_by(e, {name, e}) for e in hidden if self._follows(e, {name})}
        return {effect: shown for effect, shown in through.items() if shown}

    def _follows(self, effect: str, supposed: set[str]) -> bool:
        first = min(self.order.index(name) for name in supposed)
        causes = set(self.model.equations[effect].parents) - supposed
        return all(self.order.index(cause) < first for cause in causes)

    def _is_hidden(self, name: str) -> bool:
        return name not in self.evidence and not self.shows.get(name)

    def proposed(self, evidence: Evidence, n_patients: int) -> Flags:
        """Which of the `free` variables of each patient are open and bear on the evidence or the target."""
        matters = self._mattering(evidence, n_patients)
        return np.column_stack([matters[name] & ~self._clamped(name, evidence, n_patients) for name in self.free])

    def _mattering(self, evidence: Evidence, n_patients: int) -> dict[str, Flags]:
        matters = {name: np.zeros(n_patients, dtype=bool) for name in self.names}
        matters[self.target][:] = True
        for name in reversed(self.names):
            if name in evidence:
                matters[name] |= evidence[name].seen
            for parent in self.model.equations[name].parents:
                matters[parent] |= matters[name]
        return matters

    def _clamped(self, name: str, evidence: Evidence, n_patients: int) -> Flags:
        readings = [evidence[name].seen] if name in evidence else []
        readings += [evidence[inversion.name].seen for inversion in self.inversions.get(name, [])]
        return np.any(readings, axis=0) if readings else np.zeros(n_patients, dtype=bool)


class _Graph:
    """Causes of each variable, with room for wishes about the order."""

    def __init__(self, parents: dict[str, Sequence[str]]) -> None:
        self._parents = {name: set(causes) for name, causes in parents.items()}

    def add_if_acyclic(self, name: str, before: Sequence[str]) -> None:
        for cause in before:
            if cause not in self._parents[name] and not self._leads_to(name, cause):
                self._parents[name].add(cause)

    def _leads_to(self, start: str, end: str) -> bool:
        waiting, seen = [end], set()
        while waiting:
            name = waiting.pop()
            if name == start:
                return True
            if name not in seen:
                seen.add(name)
                waiting.extend(self._parents[name])
        return False

    def order(self) -> tuple[str, ...]:
        return tuple(TopologicalSorter(self._parents).static_order())


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
        joint = np.array(prior) + np.array(seen)
        possible = np.isfinite(joint).any(axis=0)
        joint = np.where(possible, joint, 0.0)
        total = logsumexp(joint, axis=0)
        cumulative = np.cumsum(np.exp(joint - total), axis=0)
        chosen = (self._rng.random(len(total)) > cumulative[:-1]).sum(axis=0)
        likelihood = np.array(seen)[chosen, np.arange(len(total))]
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
        return np.logaddexp.reduce(terms)

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
