"""Inner loops of the events engine that numba alone makes too slow, written as vectors.

Runs are short, a few hundred numbers each; numba sets up slices and checks for overlap before every
one of them, and keeps sums in memory that belong into registers. Here they are bare loops over
vectors of `LANES` numbers. Nothing is checked: callers stay inside their arrays, all arrays are
contiguous and of one float type, and none overlaps another.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from llvmlite import ir
from numba import types
from numba.extending import intrinsic

LANES = 8
"""Numbers in a vector; the compiler parts it where a core's are shorter."""
TOGETHER = 4
"""Vectors that `add_weighted` keeps in registers."""

_INDEX = ir.IntType(64)
_CONTRACT = ("contract",)


class _Vectors:
    """Loads and stores of vectors in the arrays that an intrinsic was given."""

    def __init__(self, context: Any, builder: Any, signature: Any, arguments: Any) -> None:
        self._context, self._builder = context, builder
        self._types, self._arguments = signature.args, arguments

    def element(self, array: int) -> Any:
        """The type of the numbers in argument `array`."""
        return self._context.get_data_type(self._types[array].dtype)

    def data(self, array: int, begin: Any) -> Any:
        """Where number `begin` of argument `array` is."""
        made = self._context.make_array(self._types[array])
        data = made(self._context, self._builder, self._arguments[array]).data
        return self._builder.gep(data, [begin])

    def place(self, array: int, data: Any, begin: Any) -> Any:
        """Where the vector at `begin` from `data` is."""
        vector = ir.VectorType(self.element(array), LANES)
        return self._builder.bitcast(self._builder.gep(data, [begin]), vector.as_pointer())

    def load(self, array: int, place: Any) -> Any:
        """The vector at a place."""
        return self._builder.load(place, align=self._types[array].dtype.bitwidth // 8)

    def store(self, array: int, value: Any, place: Any) -> None:
        """Put a vector at a place."""
        self._builder.store(value, place, align=self._types[array].dtype.bitwidth // 8)

    def splat(self, array: int, value: Any) -> Any:
        """A vector of equal numbers."""
        vector = ir.VectorType(self.element(array), LANES)
        one = self._builder.insert_element(
            ir.Constant(vector, ir.Undefined), value, ir.Constant(ir.IntType(32), 0)
        )
        zeros = ir.Constant(ir.VectorType(ir.IntType(32), LANES), [0] * LANES)
        return self._builder.shuffle_vector(one, ir.Constant(vector, ir.Undefined), zeros)


def _loop(
    builder: Any, count: Any, carried: Sequence[Any], body: Callable[[Any, list[Any]], list[Any]]
) -> list[Any]:
    """A loop over numbers below `count`; `body` gets the number and the carried values, and gives
    their next ones. Returns the last ones.
    """
    before = builder.block
    loop, behind = builder.append_basic_block("loop"), builder.append_basic_block("behind")
    some = builder.icmp_signed(">", count, ir.Constant(_INDEX, 0))
    builder.cbranch(some, loop, behind)
    builder.position_at_end(loop)
    number = builder.phi(_INDEX)
    number.add_incoming(ir.Constant(_INDEX, 0), before)
    now = [builder.phi(value.type) for value in carried]
    for phi, value in zip(now, carried, strict=True):
        phi.add_incoming(value, before)
    after = body(number, now)
    end = builder.block
    following = builder.add(number, ir.Constant(_INDEX, 1))
    number.add_incoming(following, end)
    for phi, value in zip(now, after, strict=True):
        phi.add_incoming(value, end)
    builder.cbranch(builder.icmp_signed("<", following, count), loop, behind)
    builder.position_at_end(behind)
    last = [builder.phi(value.type) for value in carried]
    for phi, first, value in zip(last, carried, after, strict=True):
        phi.add_incoming(first, before)
        phi.add_incoming(value, end)
    return last


@intrinsic  # type: ignore[untyped-decorator, unused-ignore]  # numba has no types
def add_run(
    _typing: Any, to: Any, to_begin: Any, what: Any, what_begin: Any, vectors: Any
) -> tuple[Any, Any]:
    """`to[to_begin + t] += what[what_begin + t]` for t below `vectors * LANES`."""
    signature = types.void(to, types.intp, what, types.intp, types.intp)

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        use = _Vectors(context, builder, signature, arguments)
        to_run, what_run = use.data(0, arguments[1]), use.data(2, arguments[3])

        def add(number: Any, _carried: list[Any]) -> list[Any]:
            offset = builder.mul(number, ir.Constant(_INDEX, LANES))
            at = use.place(0, to_run, offset)
            of = use.load(2, use.place(2, what_run, offset))
            use.store(0, builder.fadd(use.load(0, at), of), at)
            return []

        _loop(builder, arguments[4], [], add)
        return context.get_dummy_value()

    return signature, generate


@intrinsic  # type: ignore[untyped-decorator, unused-ignore]  # as above
def fetch_ahead(_typing: Any, what: Any, begin: Any) -> tuple[Any, Any]:
    """Ask for the cache line of `what[begin]`, which will be read soon; outside is no error."""
    signature = types.void(what, types.intp)

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        byte, number = ir.IntType(8).as_pointer(), ir.IntType(32)
        place = _Vectors(context, builder, signature, arguments).data(0, arguments[1])
        call = builder.module.declare_intrinsic(
            "llvm.prefetch", [byte], ir.FunctionType(ir.VoidType(), [byte, number, number, number])
        )
        # To be read, wanted in every cache, data.
        hints = [ir.Constant(number, hint) for hint in (0, 3, 1)]
        builder.call(call, [builder.bitcast(place, byte), *hints])
        return context.get_dummy_value()

    return signature, generate


@intrinsic  # type: ignore[untyped-decorator, unused-ignore]  # as above
def add_weighted(
    _typing: Any,
    to: Any,
    to_begin: Any,
    what: Any,
    what_begin: Any,
    offsets: Any,
    factors: Any,
    count: Any,
) -> tuple[Any, Any]:
    """`to[to_begin + t] += sum_k factors[k] * what[what_begin + offsets[k] + t]`.

    For k below `count` and t below `TOGETHER * LANES`; the sums stay in registers.
    """
    signature = types.void(to, types.intp, what, types.intp, offsets, factors, types.intp)

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        use = _Vectors(context, builder, signature, arguments)
        to_run, what_run = use.data(0, arguments[1]), use.data(2, arguments[3])
        zero = ir.Constant(_INDEX, 0)
        offset_list, factor_list = use.data(4, zero), use.data(5, zero)
        steps = [ir.Constant(_INDEX, LANES * lane) for lane in range(TOGETHER)]
        places = [use.place(0, to_run, step) for step in steps]

        def add(number: Any, sums: list[Any]) -> list[Any]:
            offset = builder.sext(builder.load(builder.gep(offset_list, [number])), _INDEX)
            factor = use.splat(5, builder.load(builder.gep(factor_list, [number])))
            patch = builder.gep(what_run, [offset])
            return [
                builder.fadd(
                    total,
                    builder.fmul(factor, use.load(2, use.place(2, patch, step)), flags=_CONTRACT),
                    flags=_CONTRACT,
                )
                for total, step in zip(sums, steps, strict=True)
            ]

        begun = [use.load(0, place) for place in places]
        ended = _loop(builder, arguments[6], begun, add)
        for total, place in zip(ended, places, strict=True):
            use.store(0, total, place)
        return context.get_dummy_value()

    return signature, generate


@intrinsic  # type: ignore[untyped-decorator, unused-ignore]  # as above
def subtract_turned(
    _typing: Any,
    to: Any,
    to_begin: Any,
    to_stride: Any,
    what: Any,
    what_begin: Any,
    what_stride: Any,
) -> tuple[Any, Any]:
    """`to[to_begin + i to_stride + j] -= what[what_begin + j what_stride + i]`, i, j below `LANES`.

    Gives the sum over i and j of 0 times what `to` then holds: 0 for finite numbers, else NaN.
    """
    signature = to.dtype(to, types.intp, types.intp, what, types.intp, types.intp)

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        use = _Vectors(context, builder, signature, arguments)
        to_run, what_run = use.data(0, arguments[1]), use.data(3, arguments[4])

        def begin(lane: int, stride: Any) -> Any:
            return builder.mul(stride, ir.Constant(_INDEX, lane))

        rows = [
            use.load(3, use.place(3, what_run, begin(lane, arguments[5]))) for lane in range(LANES)
        ]
        distance = LANES // 2
        while distance:
            for lane in range(LANES):
                if not lane & distance:
                    rows[lane], rows[lane + distance] = _swap(
                        builder, rows[lane], rows[lane + distance], distance
                    )
            distance //= 2
        zeros = ir.Constant(rows[0].type, [0.0] * LANES)
        total = zeros
        for lane, row in enumerate(rows):
            at = use.place(0, to_run, begin(lane, arguments[2]))
            changed = builder.fsub(use.load(0, at), row)
            use.store(0, changed, at)
            total = builder.fadd(total, builder.fmul(changed, zeros))
        result = builder.extract_element(total, ir.Constant(ir.IntType(32), 0))
        for lane in range(1, LANES):
            other = builder.extract_element(total, ir.Constant(ir.IntType(32), lane))
            result = builder.fadd(result, other)
        return result

    return signature, generate


def _swap(builder: Any, upper: Any, lower: Any, distance: int) -> tuple[Any, Any]:
    """One exchange of a transposition: blocks of `distance` numbers across two rows."""
    lanes = range(LANES)
    new_upper = [lane if not lane & distance else LANES + lane - distance for lane in lanes]
    new_lower = [lane + distance if not lane & distance else LANES + lane for lane in lanes]
    mask = ir.VectorType(ir.IntType(32), LANES)
    return (
        builder.shuffle_vector(upper, lower, ir.Constant(mask, new_upper)),
        builder.shuffle_vector(upper, lower, ir.Constant(mask, new_lower)),
    )
