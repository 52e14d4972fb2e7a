"""Two inner loops of the events engine that numba alone makes too slow: written as vectors.

A spike adds short runs of weights to short runs of membranes, a few hundred numbers each. numba
sets up slices and checks for overlap before every such run; here it is the bare loop over vectors.
The logistic function comes without calls, so that the compiler can do several at a time.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from llvmlite import ir
from numba import njit, types
from numba.extending import intrinsic, overload

LANES = 8
"""Numbers in a vector; the compiler parts it where a core's are shorter."""


@intrinsic  # type: ignore[untyped-decorator, unused-ignore]  # numba has no types
def add_run(
    _typing: Any, to: Any, to_begin: Any, what: Any, what_begin: Any, vectors: Any
) -> tuple[Any, Any]:
    """`to[to_begin + t] += what[what_begin + t]` for t below `vectors * LANES`.

    Both are contiguous and of one float type. Nothing is checked, and they must not overlap.
    """
    signature = types.void(to, types.intp, what, types.intp, types.intp)

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        to_type, _, what_type, _, _ = signature.args
        index = ir.IntType(64)
        vector = ir.VectorType(context.get_data_type(to_type.dtype), LANES)
        bytes_each = to_type.dtype.bitwidth // 8
        to_data = context.make_array(to_type)(context, builder, arguments[0]).data
        what_data = context.make_array(what_type)(context, builder, arguments[2]).data
        to_run = builder.gep(to_data, [arguments[1]])
        what_run = builder.gep(what_data, [arguments[3]])
        count = arguments[4]
        before = builder.block
        loop, behind = builder.append_basic_block("run"), builder.append_basic_block("behind")
        some = builder.icmp_signed(">", count, ir.Constant(index, 0))
        builder.cbranch(some, loop, behind)
        builder.position_at_end(loop)
        number = builder.phi(index)
        number.add_incoming(ir.Constant(index, 0), before)
        offset = builder.mul(number, ir.Constant(index, LANES))
        at = builder.bitcast(builder.gep(to_run, [offset]), vector.as_pointer())
        of = builder.bitcast(builder.gep(what_run, [offset]), vector.as_pointer())
        total = builder.fadd(
            builder.load(at, align=bytes_each), builder.load(of, align=bytes_each)
        )
        builder.store(total, at, align=bytes_each)
        following = builder.add(number, ir.Constant(index, 1))
        number.add_incoming(following, loop)
        builder.cbranch(builder.icmp_signed("<", following, count), loop, behind)
        builder.position_at_end(behind)
        return context.get_dummy_value()

    return signature, generate


# Without reassociation: adding and taking off a large number is how the rounding below is done.
_exactly: Any = njit(error_model="numpy", fastmath={"contract", "nsz"})

_LOG2_E = np.float32(1.44269504)
_LN2_HIGH, _LN2_LOW = np.float32(0.693359375), np.float32(-2.12194440e-4)
_ROUNDING = np.float32(1.5 * 2**23)
_LEAST = np.float32(-87.0)
_MOST = np.float32(87.0)
# exp(r) on [-ln 2 / 2, ln 2 / 2] by its Taylor series: the remainder is below 1e-8 there.
_C2, _C3, _C4 = np.float32(1 / 2), np.float32(1 / 6), np.float32(1 / 24)
_C5, _C6, _C7 = np.float32(1 / 120), np.float32(1 / 720), np.float32(1 / 5040)
_ONE = np.float32(1)


@_exactly  # type: ignore[untyped-decorator, unused-ignore]  # as above
def _logistic_single(values: Any) -> None:
    for t in range(values.size):
        x = min(max(-values[t], _LEAST), _MOST)
        shifted = x * _LOG2_E + _ROUNDING
        whole = shifted - _ROUNDING
        r = x - whole * _LN2_HIGH - whole * _LN2_LOW
        series = _C7 * r + _C6
        series = series * r + _C5
        series = series * r + _C4
        series = series * r + _C3
        series = series * r + _C2
        series = series * r * r + r + _ONE
        power = np.int32((np.int32(whole) + np.int32(127)) << np.int32(23)).view(np.float32)
        values[t] = _ONE / (_ONE + series * power)


@_exactly  # type: ignore[untyped-decorator, unused-ignore]  # as above
def _logistic_double(values: Any) -> None:
    for t in range(values.size):
        values[t] = 1.0 / (1.0 + math.exp(-values[t]))


def logistic(values: Any) -> None:
    """Replace every number of a one-dimensional array by 1 / (1 + exp(-number)).

    Single precision is right to 3e-7 of the result; double is that of the C library.
    """
    raise TypeError("only for compiled code")


@overload(logistic)  # type: ignore[untyped-decorator, unused-ignore]  # as above
def _choose_logistic(values: Any) -> Any:
    one = _logistic_single if values.dtype == types.float32 else _logistic_double

    def logistic_in_place(values: Any) -> Any:
        one(values)

    return logistic_in_place
