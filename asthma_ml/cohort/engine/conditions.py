"""Conditions on patients, such as ``phenotype == 'th2_high' and smoking_status == 'never'``.

A condition is a Python expression of column names, numbers and texts, which pandas evaluates. This module first
checks its syntax tree, so that a condition cannot call functions.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from asthma_ml.errors import UnusableInputError
from asthma_ml.spelling import with_suggestion
from asthma_ml.variables import TRUTH_PREFIX, data_dictionary

_GRAMMAR = (
    ast.Expression,
    ast.BoolOp,
    ast.Compare,
    ast.UnaryOp,
    ast.BinOp,
    ast.Name,
    ast.Constant,
    ast.List,
    ast.Tuple,
    ast.boolop,
    ast.cmpop,
    ast.unaryop,
    ast.Add,
    ast.Sub,
    ast.Mult,
    ast.Div,
    ast.BitAnd,
    ast.BitOr,
    ast.expr_context,
)
_TESTS = ("isna", "notna")
_TEXT_MULTIPLIED = "only numbers can be multiplied"


class Condition:
    """A condition that selects patients.

    Missing values meet no comparison except ``!=``; test for them with ``feno_ppb.isna()`` or ``.notna()``.

    Parameters
    ----------
    text : str
        Comparisons of columns, joined by ``and``, ``or``, ``not``.
    columns : sequence of str
        Allowed names.

    Attributes
    ----------
    names : tuple of str
        Columns in the expression.

    Raises
    ------
    UnusableInputError
        Invalid syntax, an unknown name or level, or anything except comparisons and arithmetic.

    Examples
    --------
    >>> condition = Condition("age_years >= 65 and smoking_status != 'never'", ["age_years", "smoking_status"])
    >>> condition.met_by(pd.DataFrame({"age_years": [70.0, 70.0], "smoking_status": ["never", "former"]}))
    array([False,  True])
    """

    def __init__(self, text: str, columns: Sequence[str]) -> None:
        self.text = " ".join(text.split())
        tree = self._parsed()
        tested = {id(call.func) for call in ast.walk(tree) if isinstance(call, ast.Call)}
        for node in ast.walk(tree):
            self._refuse_unusable(node, tested)
        names = [node.id for node in ast.walk(tree) if isinstance(node, ast.Name)]
        self._refuse_unknown(names, columns)
        self.names = tuple(dict.fromkeys(names))
        self._refuse_impossible(tree)
        self._multiplied = self._names_multiplied(tree)

    def met_by(self, patients: pd.DataFrame) -> NDArray[np.bool_]:
        """Whether each row meets the condition.

        Raises
        ------
        UnusableInputError
            If the expression is not true or false for each patient, or compares text with a number.
        """
        self._refuse_text_multiplied(patients[list(self._multiplied)])
        try:
            met = patients[list(self.names)].eval(self.text, engine="python", local_dict={}, global_dict={})
        except Exception as error:
            raise self._error(str(error)) from error
        if not isinstance(met, pd.Series) or met.dtype != bool:
            raise self._error("it must be true or false for each patient, such as feno_ppb > 50")
        return np.asarray(met, dtype=bool)

    def _parsed(self) -> ast.Expression:
        try:
            return ast.parse(self.text, mode="eval")
        except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
            reason = error.msg if isinstance(error, SyntaxError) else str(error)
            raise self._error(
                f"invalid expression ({reason}); write it like feno_ppb > 50 and sex == 'female'"
            ) from error

    def _refuse_unusable(self, node: ast.AST, tested: set[int]) -> None:
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and not node.args and not node.keywords:
            return
        if isinstance(node, ast.Attribute) and node.attr in _TESTS and id(node) in tested:
            return
        if not isinstance(node, _GRAMMAR):
            part = ast.unparse(node) or type(node).__name__
            raise self._error(
                f"{part!r} is not allowed; use columns, numbers, texts, comparisons, + - * /, "
                "and, or, not, in, and .isna() or .notna()"
            )

    def _refuse_unknown(self, names: Sequence[str], columns: Sequence[str]) -> None:
        unknown = [with_suggestion(name, columns) for name in dict.fromkeys(names) if name not in columns]
        if unknown:
            raise self._error(
                f"no such column: {', '.join(unknown)}; "
                f"columns are those of `asthma-ml variables` and of the truth ({TRUTH_PREFIX}...)"
            )
        if not names:
            raise self._error("it contains no column")

    def _refuse_impossible(self, tree: ast.Expression) -> None:
        """Refuse levels that a column does not have."""
        for name, level in _levels_asked_for(tree):
            levels = data_dictionary()[name].levels if name in data_dictionary() else ()
            if levels and level not in levels:
                raise self._error(
                    f"{name} has no level {with_suggestion(level, levels)}; levels are {', '.join(levels)}"
                )

    def _names_multiplied(self, tree: ast.Expression) -> tuple[str, ...]:
        """Columns in products; texts and lists are refused there, because they would be repeated."""
        products = [node for node in ast.walk(tree) if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mult)]
        parts = [part for product in products for part in ast.walk(product)]
        if any(isinstance(part, ast.List | ast.Tuple) or _is_text(part) for part in parts):
            raise self._error(_TEXT_MULTIPLIED)
        return tuple(dict.fromkeys(part.id for part in parts if isinstance(part, ast.Name)))

    def _refuse_text_multiplied(self, factors: pd.DataFrame) -> None:
        if not all(pd.api.types.is_numeric_dtype(kind) for kind in factors.dtypes):
            raise self._error(_TEXT_MULTIPLIED)

    def _error(self, reason: str) -> UnusableInputError:
        return UnusableInputError(f"where {self.text!r}: {reason}")


def _is_text(node: ast.AST) -> bool:
    return isinstance(node, ast.Constant) and not isinstance(node.value, int | float)


def _levels_asked_for(tree: ast.Expression) -> Iterator[tuple[str, str]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Compare):
            sides = [node.left, *node.comparators]
            names = [side.id for side in sides if isinstance(side, ast.Name)]
            texts = [part.value for side in sides for part in ast.walk(side) if isinstance(part, ast.Constant)]
            yield from ((name, text) for name in names for text in texts if isinstance(text, str))
