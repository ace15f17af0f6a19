"""Sampling order of the variables of a causal model, and the evidence that constrains each of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from graphlib import TopologicalSorter
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from asthma_ml.cohort import Bernoulli, CausalModel, Columns, Noise
from asthma_ml.inference.intervals import as_codes, is_continuous, is_random, levels_of
from asthma_ml.inference.readings import Evidence

Floats: TypeAlias = NDArray[np.float64]
Flags: TypeAlias = NDArray[np.bool_]

_RARE = 1e-4
"""Factor on the sampling probability of levels that no simulated patient has."""


@dataclass(frozen=True)
class Inversion:
    """An observed calculated variable, and the chain of calculations from its pivot to it."""

    name: str
    chain: tuple[str, ...]


class SamplingPlan:
    """Sampling order of the variables of a model, and the constraints on each.

    Parameters
    ----------
    model : CausalModel
        The model.
    evidence : dict of str to Reading
        Evidence from the table.
    target : str
        Variable whose posterior is wanted.
    simulated : dict of str to array, optional
        Values of patients with the same selection: a level that none of them has is rarely sampled.

    Attributes
    ----------
    order : tuple of str
        Relevant variables, causes first.
    free : tuple of str
        Continuous variables; their noise comes from the proposal unless they are clamped.
    inversions : dict of str to list of Inversion
        Calculated evidence, by the variable whose noise it clamps.
    hidden_flags : tuple of str
        Flags that are neither observed nor have observed effects: they come from the proposal.
    observed_effects : dict of str to tuple of str
        Observed direct effects of a discrete variable whose other causes are sampled before it.
    hidden_effects : dict of str to dict
        Hidden discrete direct effects of a discrete variable, with the observed effects of each.
    log_tilt : dict of str to ndarray of shape (n_levels,)
        Log factor on the sampling probability of each level of a discrete variable.
    """

    def __init__(self, model: CausalModel, evidence: Evidence, target: str, simulated: Columns | None = None) -> None:
        self.model, self.target = model, target
        self.evidence = tuple(name for name in model.order if name in evidence)
        needed = model.with_ancestors([*self.evidence, target])
        self.names = tuple(name for name in model.order if name in needed)
        sample = model.simulate(Noise(0, 0, size=8), wanted=self.names)
        distributions = {name: model.distribution(name, sample) for name in self.names}
        self._random = {name for name in self.names if is_random(distributions[name])}
        self.free = tuple(name for name in self.names if is_continuous(distributions[name]))
        self.inversions = self._inversions()
        graph = _Graph({name: model.equations[name].parents for name in self.names})
        self._sample_pivots_late(graph)
        self._sample_habits_early(graph, evidence)
        observed = {name for name in self.evidence if evidence[name].observed.all()}
        self._few = {name for name in self._random if levels_of(distributions[name])} - {target} - observed
        self._sample_causes_of_effects_early(graph)
        self.order = graph.order()
        self.observed_effects = {name: self._observed_effects(name, {name}) for name in self._few}
        self.hidden_effects = {name: self._effects_of_hidden(name) for name in self._few}
        self.log_tilt = {name: _log_tilt(levels_of(distributions[name]), name, simulated) for name in self._few}
        flags = [name for name in self.order if isinstance(distributions[name], Bernoulli) and name != target]
        self.hidden_flags = tuple(name for name in flags if self._is_hidden(name))

    def _inversions(self) -> dict[str, list[Inversion]]:
        found: dict[str, list[Inversion]] = {}
        for name in self.evidence:
            causes = [] if name in self._random else self._random_inputs(name)
            pivots = [cause for cause in causes if cause in self.free and self._is_solvable(cause, name)]
            if pivots:
                pivot = max(pivots, key=lambda cause: (cause not in found, cause not in self.evidence))
                found.setdefault(pivot, []).append(Inversion(name, self._chain(pivot, name)))
        return found

    def _is_solvable(self, pivot: str, name: str) -> bool:
        """Whether all other inputs of a calculation can be sampled before the pivot."""
        late = self.model.with_descendants([pivot]).difference(self.evidence)
        return not late.intersection(self._inputs(pivot, name))

    def _inputs(self, pivot: str, name: str) -> set[str]:
        chain = self._chain(pivot, name)
        return {parent for step in chain for parent in self.model.equations[step].parents} - {pivot, *chain}

    def _random_inputs(self, name: str) -> list[str]:
        """Random variables that a calculated one is calculated from, in causal order."""
        found, waiting = set(), list(self.model.equations[name].parents)
        while waiting:
            cause = waiting.pop()
            if cause in self._random:
                found.add(cause)
            else:
                waiting.extend(self.model.equations[cause].parents)
        return [cause for cause in self.names if cause in found]

    def _chain(self, pivot: str, name: str) -> tuple[str, ...]:
        """Calculated variables on the deterministic paths from the pivot to a variable."""
        steps: list[str] = []
        for step in self.model.order:
            if step not in self._random and {pivot, *steps}.intersection(self.model.equations[step].parents):
                steps.append(step)
        return tuple(step for step in steps if step in self.model.with_ancestors([name]))

    def _sample_pivots_late(self, graph: _Graph) -> None:
        """Put the other inputs of a chain before its pivot, where the causal order allows it."""
        for pivot, inversions in self.inversions.items():
            for inversion in inversions:
                graph.add_if_acyclic(pivot, sorted(self._inputs(pivot, inversion.name)))

    def _sample_habits_early(self, graph: _Graph, evidence: Evidence) -> None:
        """Put the flag on which a reading depends before the variable that the reading clamps."""
        for name in self.evidence:
            switch = evidence[name].switch
            pivots = [pivot for pivot, found in self.inversions.items() if name in [i.name for i in found]]
            for clamped in [name, *pivots] if switch else []:
                graph.add_if_acyclic(clamped, [switch])

    def _sample_causes_of_effects_early(self, graph: _Graph) -> None:
        """Put the other causes of the effects of a discrete variable before it, where the causal order allows it."""
        for name in (name for name in reversed(self.names) if name in self._few):
            hidden = [effect for effect in self._effects(name) if effect in self._few.difference(self.evidence)]
            shown = {
                (effect, name) for effect in [*hidden, *self._effects(name)] if effect in {*hidden, *self.evidence}
            }
            shown |= {(e, through) for through in hidden for e in self._effects(through) if e in self.evidence}
            for effect, through in sorted(shown):
                graph.add_if_acyclic(name, sorted(set(self.model.equations[effect].parents) - {name, through}))

    def _effects(self, name: str) -> list[str]:
        """Random direct effects of a variable, without the target."""
        return [
            effect
            for effect in self.names
            if name in self.model.equations[effect].parents and self._is_latent_or_observed(effect)
        ]

    def _is_latent_or_observed(self, name: str) -> bool:
        return name in self._random and name != self.target

    def _observed_effects(self, name: str, given: set[str]) -> tuple[str, ...]:
        """Observed direct effects of a variable whose other causes are sampled before `given`."""
        return tuple(e for e in self._effects(name) if e in self.evidence and self._is_determined(e, given))

    def _effects_of_hidden(self, name: str) -> dict[str, tuple[str, ...]]:
        """Hidden discrete effects of a variable, each with its observed direct effects."""
        hidden = [e for e in self._effects(name) if e in self._few.difference(self.evidence)]
        through = {e: self._observed_effects(e, {name, e}) for e in hidden if self._is_determined(e, {name})}
        return {effect: shown for effect, shown in through.items() if shown}

    def _is_determined(self, effect: str, given: set[str]) -> bool:
        first = min(self.order.index(name) for name in given)
        causes = set(self.model.equations[effect].parents) - given
        return all(self.order.index(cause) < first for cause in causes)

    def _is_hidden(self, name: str) -> bool:
        return name not in self.evidence and not self.observed_effects.get(name)

    def proposed(self, evidence: Evidence, n_patients: int) -> Flags:
        """Unclamped `free` variables of each patient that the evidence or the target depends on."""
        relevant = self._relevant(evidence, n_patients)
        return np.column_stack([relevant[name] & ~self._clamped(name, evidence, n_patients) for name in self.free])

    def _relevant(self, evidence: Evidence, n_patients: int) -> dict[str, Flags]:
        relevant = {name: np.zeros(n_patients, dtype=bool) for name in self.names}
        relevant[self.target][:] = True
        for name in reversed(self.names):
            if name in evidence:
                relevant[name] |= evidence[name].observed
            for parent in self.model.equations[name].parents:
                relevant[parent] |= relevant[name]
        return relevant

    def _clamped(self, name: str, evidence: Evidence, n_patients: int) -> Flags:
        readings = [evidence[name].observed] if name in evidence else []
        readings += [evidence[inversion.name].observed for inversion in self.inversions.get(name, [])]
        return np.any(readings, axis=0) if readings else np.zeros(n_patients, dtype=bool)


def _log_tilt(levels: Sequence[float], name: str, simulated: Columns | None) -> Floats:
    if simulated is None:
        return np.zeros(len(levels))
    return np.where(np.isin(levels, as_codes(simulated[name])), 0.0, np.log(_RARE))


class _Graph:
    """Causes of each variable, with optional further constraints on the order."""

    def __init__(self, parents: dict[str, Sequence[str]]) -> None:
        self._parents = {name: set(causes) for name, causes in parents.items()}

    def add_if_acyclic(self, name: str, before: Sequence[str]) -> None:
        for cause in before:
            if cause not in self._parents[name] and not self._leads_to(name, cause):
                self._parents[name].add(cause)

    def _leads_to(self, start: str, end: str) -> bool:
        waiting, observed = [end], set()
        while waiting:
            name = waiting.pop()
            if name == start:
                return True
            if name not in observed:
                observed.add(name)
                waiting.extend(self._parents[name])
        return False

    def order(self) -> tuple[str, ...]:
        return tuple(TopologicalSorter({name: sorted(causes) for name, causes in self._parents.items()}).static_order())
