"""Structural causal models: simulation, interventions, counterfactual twins and likelihood.

The signatures of the structural equations define the graph. Exogenous noise is separate from the equations: each
variable has a random stream of its own, which starts at a stable hash of its name and the seed, and in which each
person has a position. Adding an equation therefore leaves all other columns bit-identical, and results do not
depend on the number of jobs or the size of blocks.
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
from asthma_ml.spelling import with_suggestion

Columns: TypeAlias = dict[str, Values]
Interventions: TypeAlias = Mapping[str, object]


class CausalModel:
    """Structural equations in causal order.

    Parameters
    ----------
    equations : iterable of StructuralEquation
        In any order; the parents of each variable must be among them.
    overrides : mapping of str to float, optional
        Coefficients that replace those of the equations, as ``{"feno_ppb.baseline": 15.0}``.

    Raises
    ------
    CausalModelError
        Two equations with the same name, unknown parents, a cycle, colliding random streams, or an
        override of an unknown coefficient.

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
        """Distribution (or array) that the equation of `name` returns, given its parents among `values`."""
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
        """Simulate the variables of the patients of `noise`.

        Parameters
        ----------
        noise : Noise
            Exogenous noise of the patients.
        do : mapping of str to value, optional
            Variables set by intervention.
        given : dict, optional
            Values already known; they are not computed again.
        wanted : iterable of str, optional
            Variables that are needed; only these and their causes are computed. All by default.

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
        """Simulate the counterfactual twins of patients: the same noise under an intervention.

        Only descendants whose causes have changed are computed.

        Parameters
        ----------
        factual : dict of str to array of shape (n_patients,)
            Result of `simulate`.
        noise : Noise
            Noise of the same patients.
        do : mapping of str to value
            Variables set by intervention, including those set in `factual`.
        wanted : iterable of str, optional
            Variables that are needed; the others may keep their factual values. All by default.

        Returns
        -------
        dict of str to array of shape (n_patients,)
            Unchanged columns are the arrays of `factual`.
        """
        do, values, changed = self._checked(do), dict(factual), set[str]()
        needed = set(self.order) if wanted is None else self.with_ancestors(wanted)
        for name in self.order:
            if name in do or (name in needed and not changed.isdisjoint(self.equations[name].parents)):
                column = self._value(name, values, noise, do)
                if not _same(column, factual[name]):
                    values[name] = column
                    changed.add(name)
        return values

    def _value(self, name: str, values: Columns, noise: Noise, do: Interventions) -> Values:
        distribution = self.distribution(name, values)
        is_random = hasattr(distribution, "from_noise")
        if name not in do:
            return _sample(distribution, noise, name) if is_random else distribution
        try:
            n = len(noise)
            return distribution.coerce(do[name], n) if is_random else _fixed(do[name], distribution, n)
        except (TypeError, ValueError) as error:
            raise UnusableInputError(f"do {name}={do[name]}: {error}") from error

    def _checked(self, do: Interventions | None) -> Interventions:
        unknown = sorted(set(do or {}) - set(self.equations))
        if unknown:
            named = ", ".join(with_suggestion(name, self.equations) for name in unknown)
            raise UnusableInputError(f"do: no such variable: {named}")
        return do or {}

    def log_prob(self, values: Columns) -> Floats:
        """Joint log density of complete patients, over all random variables."""
        distributions = ((name, self.distribution(name, values)) for name in self.order)
        terms = [found.log_prob(values[name]) for name, found in distributions if hasattr(found, "log_prob")]
        return np.asarray(np.sum(terms, axis=0))

    def with_ancestors(self, names: Iterable[str]) -> set[str]:
        """`names` and their ancestors."""
        found: set[str] = set()
        waiting = list(names)
        while waiting:
            name = waiting.pop()
            if name not in found:
                found.add(name)
                waiting.extend(self.equations[name].parents)
        return found

    def with_descendants(self, names: Iterable[str]) -> set[str]:
        """`names` and their descendants."""
        found = set(names)
        for name in self.order:
            if found.intersection(self.equations[name].parents):
                found.add(name)
        return found

    def graph(self) -> list[tuple[str, str]]:
        """Edges (cause, effect) in causal order, as for ``networkx.DiGraph(model.graph())``."""
        return [(parent, name) for name in self.order for parent in self.equations[name].parents]

    def describe(self, name: str) -> str:
        """Structural equation of a variable as text: causal parents, and each coefficient with its source."""
        equation = self.equations[name]
        lines = [f"{equation!r}: {equation.title}"]
        for key, number in equation.coefficients.items():
            source = ", ".join(filter(None, (number.evidence, number.source)))
            lines.append(f"  {key} = {self.overrides.get(name, {}).get(key, number):g} {number.unit} ({source})")
        return "\n".join(lines)


def _sample(distribution: Any, noise: Noise, name: str) -> Values:
    if hasattr(distribution, "from_uniform"):
        return distribution.from_uniform(noise.uniform(name))
    return distribution.from_noise(noise[name])


def _same(left: Values, right: Values) -> bool:
    if isinstance(left, pd.Categorical):
        left, right = left.codes, right.codes
    return np.array_equal(left, right)


def _fixed(value: object, derived: Values, n: int) -> Values:
    """Values of a deterministic variable under an intervention."""
    if isinstance(derived, pd.Categorical):
        return Categorical(tuple(derived.categories), [1.0] * len(derived.categories)).coerce(value, n)
    return Normal(0.0, 1.0).coerce(value, n)


def _by_name(equations: Iterable[StructuralEquation]) -> dict[str, StructuralEquation]:
    named: dict[str, StructuralEquation] = {}
    for equation in equations:
        if equation.name in named:
            raise CausalModelError(
                f"two equations with the same name: {named[equation.name].place} and {equation.place}"
            )
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
