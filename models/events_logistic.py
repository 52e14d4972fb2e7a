"""The logistic function without calls, so that the compiler can do several numbers at a time."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numba import njit, types
from numba.extending import overload

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


def logistic(values: Any) -> None:  # noqa: ARG001 - what it does is chosen by type, below
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
