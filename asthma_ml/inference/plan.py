"""In which order the variables of a causal model are drawn, given what a table says, and what holds each of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from graphlib import TopologicalSorter
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from asthma_ml.cohort import Bernoulli, CausalModel, Columns, Noise
from asthma_ml.inference.intervals import as_codes, is_chance, is_continuous, levels_of
from asthma_ml.inference.readings import Evidence

Floats: TypeAlias = NDArray[np.float64]
Flags: TypeAlias = NDArray[np.bool_]

_SELDOM = 1e-4


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
    simulated : dict of str to array, optional
        Values of patients who were selected like these: a level that none of them has is hardly tried.

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
    log_tilt : dict of str to ndarray of shape (n_levels,)
        Log of how much less than their probability the levels of a discrete variable are tried.
    """

    def __init__(self, model: CausalModel, evidence: Evidence, target: str, simulated: Columns | None = None) -> None:
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
        self.log_tilt = {name: _log_tilt(levels_of(laws[name]), name, simulated) for name in self._few}
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
            shown = {
                (effect, name) for effect in [*hidden, *self._effects(name)] if effect in {*hidden, *self.evidence}
            }
            shown |= {(e, through) for through in hidden for e in self._effects(through) if e in self.evidence}
            for effect, through in sorted(shown):
                graph.add_if_acyclic(name, sorted(set(self.model.equations[effect].parents) - {name, through}))

    def _effects(self, name: str) -> list[str]:
        """Variables left to chance that one directly causes."""
        return [
            effect for effect in self.names if name in self.model.equations[effect].parents and self._is_left(effect)
        ]

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


def _log_tilt(levels: Sequence[float], name: str, simulated: Columns | None) -> Floats:
    if simulated is None:
        return np.zeros(len(levels))
    return np.where(np.isin(levels, as_codes(simulated[name])), 0.0, np.log(_SELDOM))


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
        return tuple(TopologicalSorter({name: sorted(causes) for name, causes in self._parents.items()}).static_order())
