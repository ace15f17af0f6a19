"""Addition of values that are looked up in a table of sixteen numbers, in machine code.

A table of sixteen numbers fits into two registers of a processor with AVX-512. One instruction then looks up eight
values, which is several times faster than eight loads. Other processors load each value; the sums are equal.
"""

from __future__ import annotations

from typing import Any

from llvmlite import binding, ir
from numba import types
from numba.core import cgutils, config
from numba.extending import intrinsic

from asthma_ml.machine_code import compiled

LANES = 8
"""Numbers in a register: the number of values to be added is a multiple of it."""

_PERMUTATION = "llvm.x86.avx512.vpermi2var.pd.512"
# Settings of numba may choose another processor than that of this machine.
_OTHER_PROCESSOR = getattr(config, "CPU_NAME", None) or getattr(config, "CPU_FEATURES", None)
_HAS_PERMUTATION = bool(binding.get_host_cpu_features().get("avx512f")) and not _OTHER_PROCESSOR


@compiled
def _add_one_by_one(values: Any, pattern: Any, to: Any) -> None:
    for i in range(len(to)):
        to[i] += values[pattern[i]]


def _permutation(_: Any, table: Any, pattern: Any, to: Any, n: Any) -> Any:
    """Add ``table[pattern[i]]`` to ``to[i]`` for `n` groups of eight; the arrays are given by their addresses."""

    def generate(context: Any, builder: Any, _: Any, arguments: Any) -> Any:
        table, pattern, to, n = arguments
        numbers, indices = ir.VectorType(ir.DoubleType(), LANES), ir.VectorType(ir.IntType(64), LANES)
        signature = ir.FunctionType(numbers, [numbers, indices, numbers])
        permute = builder.module.declare_intrinsic(_PERMUTATION, (), signature)
        low, high = (builder.load(_group(builder, table, numbers, ir.IntType(64)(k)), align=8) for k in (0, 1))
        with cgutils.for_range(builder, n) as loop:
            group = _group(builder, pattern, ir.VectorType(ir.IntType(8), LANES), loop.index)
            index = builder.zext(builder.load(group, align=1), indices)
            place = _group(builder, to, numbers, loop.index)
            found = builder.call(permute, [low, index, high])
            builder.store(builder.fadd(builder.load(place, align=8), found), place, align=8)
        return context.get_dummy_value()

    return types.void(types.intp, types.intp, types.intp, types.intp), generate


def _group(builder: Any, address: Any, kind: Any, number: Any) -> Any:
    """Pointer to a group of numbers from the address of the first group."""
    return builder.gep(builder.inttoptr(address, kind.as_pointer()), [number])


_permute: Any = intrinsic(_permutation)


@compiled
def _add_permuted(values: Any, pattern: Any, to: Any) -> None:
    _permute(values.ctypes.data, pattern.ctypes.data, to.ctypes.data, len(to) // LANES)


add_looked_up = _add_permuted if _HAS_PERMUTATION else _add_one_by_one
