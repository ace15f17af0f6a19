"""The engine: wires structural equations by their signatures, samples, intervenes, makes twins.

Noise is kept apart from equations. Every variable has its own random stream, which begins where a
stable hash of its name and the seed says, and in it every person has a place. Hence adding an
equation leaves all other columns bit-identical, and no result depends on jobs or chunks.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from graphlib import CycleError, TopologicalSorter
from typing import Any, TypeAlias

import numpy as np
import pandas as pd

from asthma_ml.cohort.engine.distributions import Categorical, Floats, Normal, Values
from asthma_ml.cohort.engine.noise import Noise, stream_words
from asthma_ml.cohort.engine.structural_equations import StructuralEquation, checked_overrides
from asthma_ml.errors import CausalModelError, UnusableInputError

Columns: TypeAlias = dict[str, Values]
Interventions: TypeAlias = Mapping[str, object]


class CausalModel:
    """Structural equations in causal order.

    Parameters
    ----------
    equations : iterable of StructuralEquation
        In any order; a variable's parents must be among them.
    overrides : mapping of str to float, optional
        Coefficients that differ from the equations' own, as ``{"feno_ppb.baseline": 15.0}``.

    Raises
    ------
    CausalModelError
        Two equations of one name, unknown parents, a cycle, colliding random streams, or an
        override of a coefficient that does not exist.

    Examples
    --------
    >>> from asthma_ml.cohort.engine.distributions import Normal
    >>> from asthma_ml.cohort.engine.structural_equations import structural_equation
    >>> @structural_equation
    ... def dose():
    ...     return Normal(10.0, 2.0)
    >>> @structural_equation
    ... def response(dose):
    ...     return Normal(0.5 * dose, 1.0)
    >>> model = CausalModel([response, dose])
    >>> model.order
    ('dose', 'response')
    >>> noise = Noise(seed=1, block=0, size=5)
    >>> factual = model.simulate(noise)
    >>> twin = model.twin(factual, noise, {"dose": 20.0})
    >>> bool(np.allclose(twin["response"] - factual["response"], 0.5 * (20.0 - factual["dose"])))
    True
    """

    def __init__(self, equations: Iterable[StructuralEquation], overrides: Mapping[str, float] | None = None) -> None:
        self.equations = _by_name(equations)
        _refuse_colliding_streams(self.equations)
        self.order = _causal_order(self.equations)
        self.overrides = checked_overrides(self.equations, overrides or {})

    def distribution(self, name: str, values: Columns) -> Any:
        """What the equation of `name` returns, given its parents among `values`."""
        equation = self.equations[name]
        parents = (values[parent] for parent in equation.parents)
        return equation(*parents, **self.overrides.get(name, {}))

    def simulate(
        self,
        noise: Noise,
        *,
        do: Interventions | None = None,
        given: Columns | None = None,
        wanted: Iterable[str] | None = None,
    ) -> Columns:
        """Values of the variables for the patients of `noise`.

        Parameters
        ----------
        noise : Noise
            Exogenous noise of the patients.
        do : mapping of str to value, optional
            Variables set by intervention.
        given : dict, optional
            Values already known, which are kept as they are.
        wanted : iterable of str, optional
            Variables asked for; only they and their causes are computed. All by default.

        Returns
        -------
        dict of str to array of shape (n_patients,)
            Numbers as float64, categories as pandas Categorical.
        """
        do = self._checked(do)
        values: Columns = dict(given or {})
        needed = set(self.order) if wanted is None else self.with_ancestors(wanted)
        for name in self.order:
            if name in needed and name not in values:
                values[name] = self._value(name, values, noise, do)
        return values

    def twin(self, factual: Columns, noise: Noise, do: Interventions, wanted: Iterable[str] | None = None) -> Columns:
        """The same patients, same noise, under an intervention.

        Only descendants whose causes have really moved are computed anew.

        Parameters
        ----------
        factual : dict of str to array of shape (n_patients,)
            What `simulate` gave.
        noise : Noise
            The noise that it was given.
        do : mapping of str to value
            Variables set by intervention; those set in `factual` must be named again.
        wanted : iterable of str, optional
            Variables asked for; the others are as in `factual` or as in the twin. All by default.

        Returns
        -------
        dict of str to array of shape (n_patients,)
            Columns that did not move are those of `factual` themselves.
        """
        do, values, moved = self._checked(do), dict(factual), set[str]()
        needed = set(self.order) if wanted is None else self.with_ancestors(wanted)
        for name in self.order:
            if name in do or (name in needed and not moved.isdisjoint(self.equations[name].parents)):
                column = self._value(name, values, noise, do)
                if not _same(column, factual[name]):
                    values[name] = column
                    moved.add(name)
        return values

    def _value(self, name: str, values: Columns, noise: Noise, do: Interventions) -> Values:
        law = self.distribution(name, values)
        chance = hasattr(law, "from_noise")
        if name not in do:
            return _drawn(law, noise, name) if chance else law
        try:
            return law.coerce(do[name], len(noise)) if chance else _fixed(do[name], law, len(noise))
        except (TypeError, ValueError) as error:
            raise UnusableInputError(f"do {name}={do[name]}: {error}") from error

    def _checked(self, do: Interventions | None) -> Interventions:
        unknown = sorted(set(do or {}) - set(self.equations))
        if unknown:
            raise UnusableInputError(f"do: no such variable: {', '.join(unknown)}")
        return do or {}

    def log_prob(self, values: Columns) -> Floats:
        """Joint log density of complete patients, over all variables left to chance."""
        laws = ((name, self.distribution(name, values)) for name in self.order)
        terms = [law.log_prob(values[name]) for name, law in laws if hasattr(law, "log_prob")]
        return np.asarray(np.sum(terms, axis=0))

    def with_ancestors(self, names: Iterable[str]) -> set[str]:
        """`names` and everything that causes them."""
        found: set[str] = set()
        waiting = list(names)
        while waiting:
            name = waiting.pop()
            if name not in found:
                found.add(name)
                waiting.extend(self.equations[name].parents)
        return found

    def with_descendants(self, names: Iterable[str]) -> set[str]:
        """`names` and everything that they cause."""
        found = set(names)
        for name in self.order:
            if found.intersection(self.equations[name].parents):
                found.add(name)
        return found

    def graph(self) -> list[tuple[str, str]]:
        """Edges (cause, effect) in causal order; ``networkx.DiGraph(model.graph())`` takes them."""
        return [(parent, name) for name in self.order for parent in self.equations[name].parents]

    def describe(self, name: str) -> str:
        """The equation of a variable in words: its causes and each number with its source."""
        equation = self.equations[name]
        lines = [f"{equation!r}: {equation.title}"]
        for key, number in equation.coefficients.items():
            source = ", ".join(filter(None, (number.evidence, number.source)))
            lines.append(f"  {key} = {self.overrides.get(name, {}).get(key, number):g} {number.unit} ({source})")
        return "\n".join(lines)


def _drawn(law: Any, noise: Noise, name: str) -> Values:
    return law.from_uniform(noise.uniform(name)) if hasattr(law, "from_uniform") else law.from_noise(noise[name])


def _same(left: Values, right: Values) -> bool:
    if isinstance(left, pd.Categorical):
        left, right = left.codes, right.codes
    return np.array_equal(left, right)


def _fixed(value: object, derived: Values, n: int) -> Values:
    """A variable that is otherwise calculated, held at a value of its kind."""
    if isinstance(derived, pd.Categorical):
        return Categorical(tuple(derived.categories), [1.0] * len(derived.categories)).coerce(value, n)
    return Normal(0.0, 1.0).coerce(value, n)


def _by_name(equations: Iterable[StructuralEquation]) -> dict[str, StructuralEquation]:
    named: dict[str, StructuralEquation] = {}
    for equation in equations:
        if equation.name in named:
            raise CausalModelError(f"two equations of one name: {named[equation.name].place} and {equation.place}")
        named[equation.name] = equation
    for equation in named.values():
        unknown = [parent for parent in equation.parents if parent not in named]
        if unknown:
            raise CausalModelError(f"{equation.place}: unknown parents: {', '.join(unknown)}")
    return named


def _causal_order(equations: Mapping[str, StructuralEquation]) -> tuple[str, ...]:
    parents = {name: equations[name].parents for name in sorted(equations)}
    try:
        return tuple(TopologicalSorter(parents).static_order())
    except CycleError as error:
        ring = error.args[1]
        places = "; ".join(equations[name].place for name in ring[1:])
        raise CausalModelError(f"a cycle: {' -> '.join(reversed(ring))} ({places})") from error


def _refuse_colliding_streams(equations: Mapping[str, StructuralEquation]) -> None:
    seen: dict[tuple[int, int], str] = {}
    for name, equation in equations.items():
        other = seen.setdefault(stream_words(name), name)
        if other != name:
            raise CausalModelError(
                f"{equation.place}: shares a random stream with {equations[other].place}: rename one"
            )
