"""Structural equations and their coefficients.

A structural equation is a function: its name is the variable, its positional arguments are the causal parents, its
keyword-only arguments are the coefficients, and it returns a distribution, or an array if the variable is
deterministic.
"""

from __future__ import annotations

import functools
import importlib
import inspect
import pkgutil
from collections.abc import Callable, Iterator, Mapping
from types import ModuleType
from typing import Any

from asthma_ml.errors import CausalModelError
from asthma_ml.evidence import ASSUMED, GRADES

_LARGEST = 1e6
_SHARES = ("proportion", "frequency", "fraction of", "fraction lost")
_NEVER_NEGATIVE = ("ratio", "odds ratio", "odds on", "fraction left")
_SPREADS = ("sd", "log_sd", "dispersion", "within_person")
_POSITIVE = ("median", "dispersion")


class Coefficient(float):
    """A number in a structural equation with its unit, source and grade of evidence.

    Parameters
    ----------
    value : float
        The number.
    unit : str
        Its unit.
    source : str, optional
        Id of a row of the evidence table, or several ids separated by commas.
    evidence : {"measured", "derived", "assumed"}
        measured: the figure of the source; derived: calculated from the source; assumed: a modelling
        choice without a direct source.

    Raises
    ------
    ValueError
        An unknown grade, or a measured or derived coefficient without a source.

    Examples
    --------
    >>> emax = Coefficient(0.44, "fraction", source="IMM067", evidence="measured")
    >>> float(1 - emax)
    0.56
    """

    unit: str
    source: str
    evidence: str

    def __new__(cls, value: float, unit: str, *, source: str = "", evidence: str = ASSUMED) -> Coefficient:
        if evidence not in GRADES:
            raise ValueError(f"evidence must be one of {', '.join(GRADES)}, not {evidence!r}")
        if evidence != ASSUMED and not source:
            raise ValueError(f"a {evidence} coefficient needs the id of its source")
        coefficient = super().__new__(cls, value)
        coefficient.unit, coefficient.source, coefficient.evidence = unit, source, evidence
        return coefficient

    @property
    def limits(self) -> tuple[float, float]:
        """Least and largest value that has a meaning for the unit; a standard deviation is never negative."""
        if self.unit.startswith(_SHARES):
            return 0.0, 1.0
        if self.unit.endswith("/year") or self.unit.startswith(_NEVER_NEGATIVE):
            return 0.0, _LARGEST
        return -_LARGEST, _LARGEST

    def __getnewargs_ex__(self) -> tuple[tuple[float, str], dict[str, str]]:
        return (float(self), self.unit), {"source": self.source, "evidence": self.evidence}


class StructuralEquation:
    """A function that determines one variable from its causal parents.

    Attributes
    ----------
    name : str
        The variable: the name of the function.
    parents : tuple of str
        The causal parents: the positional arguments of the function.
    coefficients : dict of str to Coefficient
        The coefficients: the keyword-only arguments of the function.
    """

    def __init__(self, function: Callable[..., Any]) -> None:
        functools.update_wrapper(self, function)
        self.function = function
        self.name = function.__name__
        self.mechanism = function.__module__.rpartition(".")[2]
        arguments = inspect.signature(function).parameters.values()
        self.parents = tuple(a.name for a in arguments if a.kind is not a.KEYWORD_ONLY)
        self.coefficients: dict[str, Coefficient] = {a.name: a.default for a in arguments if a.kind is a.KEYWORD_ONLY}
        for name, number in self.coefficients.items():
            if not isinstance(number, Coefficient):
                raise CausalModelError(f"{self.place}: the argument `{name}` must be a Coefficient")

    @property
    def place(self) -> str:
        """File and function, for messages."""
        code = self.function.__code__
        return f"{code.co_filename.rpartition('/')[2]}, line {code.co_firstlineno}, {self.name}"

    @property
    def title(self) -> str:
        """First line of the docstring."""
        return (inspect.getdoc(self.function) or "").partition("\n")[0]

    def __call__(self, *parents: Any, **coefficients: float) -> Any:
        return self.function(*parents, **coefficients)

    def __repr__(self) -> str:
        return f"{self.name}({', '.join(self.parents)})"


def structural_equation(function: Callable[..., Any]) -> StructuralEquation:
    """Declare a function as the structural equation of the variable with its name.

    Examples
    --------
    >>> import numpy as np
    >>> from asthma_ml.cohort.engine.distributions import LogNormal
    >>> @structural_equation
    ... def feno_ppb(il13_activity, *, baseline=Coefficient(20.0, "ppb")):
    ...     return LogNormal(median=baseline * np.exp(0.3 * il13_activity), log_sd=0.4)
    >>> feno_ppb
    feno_ppb(il13_activity)
    """
    return StructuralEquation(function)


def equations_in(module: ModuleType) -> Iterator[StructuralEquation]:
    """Structural equations defined in a module, or in the modules of a package."""
    for part in _modules(module):
        for thing in vars(part).values():
            if isinstance(thing, StructuralEquation) and thing.function.__module__ == part.__name__:
                yield thing


def _modules(module: ModuleType) -> Iterator[ModuleType]:
    yield module
    for found in pkgutil.iter_modules(getattr(module, "__path__", [])):
        yield importlib.import_module(f"{module.__name__}.{found.name}")


def checked_overrides(
    equations: Mapping[str, StructuralEquation], overrides: Mapping[str, float]
) -> dict[str, dict[str, float]]:
    """Group overrides such as ``{"feno_ppb.baseline": 15}`` by equation; refuse unknown names and impossible values."""
    by_equation: dict[str, dict[str, float]] = {}
    for address, number in overrides.items():
        name, _, coefficient = address.partition(".")
        known = equations[name].coefficients if name in equations else {}
        if coefficient not in known:
            allowed = ", ".join(known) if known else "no such equation"
            raise CausalModelError(f"{address}: no such coefficient ({allowed})")
        _refuse_impossible(address, known[coefficient], number)
        by_equation.setdefault(name, {})[coefficient] = number
    return by_equation


def _refuse_impossible(address: str, coefficient: Coefficient, number: Any) -> None:
    name, (least, largest) = address.partition(".")[2], coefficient.limits
    if name.endswith(_SPREADS):
        least = 0.0
    above = name.endswith(_POSITIVE)
    if (
        isinstance(number, bool)
        or not isinstance(number, int | float)
        or not least <= number <= largest
        or (above and number <= 0)
    ):
        raise CausalModelError(
            f"{address} = {repr(number)[:20]}: must be a number {'above 0' if above else f'from {least:g}'} "
            f"to {largest:g} [{coefficient.unit}]"
        )
