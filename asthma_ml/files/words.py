"""Compiled access to memory, eight bytes at once.

Functions of addresses are faster than functions of arrays, whose references numba would count. Importing this module
imports numba.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import types
from numba.extending import intrinsic

_WORD = ir.IntType(64).as_pointer()


def _load(_: Any, address: Any) -> Any:
    """Return the eight bytes at an address."""

    def generate(__: Any, builder: Any, ___: Any, arguments: Any) -> Any:
        return builder.load(builder.inttoptr(arguments[0], _WORD), align=1)

    return types.uint64(address), generate


def _store(_: Any, __: Any, ___: Any) -> Any:
    """Write eight bytes to an address."""

    def generate(context: Any, builder: Any, ____: Any, arguments: Any) -> Any:
        builder.store(arguments[1], builder.inttoptr(arguments[0], _WORD), align=1)
        return context.get_dummy_value()

    return types.void(types.int64, types.uint64), generate


load_word: Any = intrinsic(_load)
store_word: Any = intrinsic(_store)
