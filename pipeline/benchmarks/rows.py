"""What a benchmark found: rows of figures in tables, and how times become rows."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median
from typing import Literal

from pipeline.benchmarks.interleaving import Contender

Better = Literal["lower", "higher"]


@dataclass(frozen=True, slots=True)
class Row:
    """One figure with its spread."""

    name: str
    what: str
    """What was measured, in a few words."""
    unit: str
    median: float
    low: float
    """Lower quartile."""
    high: float
    """Upper quartile."""
    runs: int
    """How many values the quartiles are of."""
    ratio: float | None = None
    """How many times as good as the table's reference in the same block, median over blocks."""
    note: str = ""


@dataclass(frozen=True, slots=True)
class Table:
    """Rows that belong side by side."""

    title: str
    rows: tuple[Row, ...]
    reference: str | None = None
    """Name of the row that ratios are to."""
    notes: tuple[str, ...] = ()
    """What is missing, and what else a reader must know."""
    versions: dict[str, str] = field(default_factory=dict)
    """Of packages that the workers told about."""


def row_of(
    name: str,
    what: str,
    unit: str,
    values: Sequence[float],
    *,
    ratio: float | None = None,
    note: str = "",
) -> Row:
    """The row of these values, one or more."""
    low, middle, high = quartiles(values)
    return Row(name, what, unit, middle, low, high, len(values), ratio, note)


def compared_rows(
    contenders: Sequence[Contender],
    blocks: Mapping[str, Sequence[Sequence[float]]],
    *,
    unit: str,
    reference: str,
    convert: Callable[[float], float] = lambda time_ns: time_ns / 1e6,
    better: Better = "lower",
) -> tuple[Row, ...]:
    """A row for each contender that `interleave` measured, with ratios to `reference`.

    `convert` makes a value of the table's unit from a time in nanoseconds. Ratios pair the blocks
    that ran next to each other, so that load which comes and goes hits both sides alike.
    """
    values = {
        name: [[convert(time_ns) for time_ns in block] for block in measured]
        for name, measured in blocks.items()
    }
    rows = []
    for contender in contenders:
        own = values.get(contender.name)
        if not own:
            continue
        theirs = values.get(reference)
        ratio = None
        if theirs:
            pairs = zip(own, theirs, strict=True)
            ratio = median(_times_as_good(ours, other, better) for ours, other in pairs)
        flat = [value for block in own for value in block]
        rows.append(
            row_of(contender.name, contender.what, unit, flat, ratio=ratio, note=contender.note)
        )
    return tuple(rows)


def quartiles(values: Sequence[float]) -> tuple[float, float, float]:
    """Lower quartile, median and upper quartile, each a value that was measured."""
    ordered = sorted(values)
    last = len(ordered) - 1
    return ordered[round(0.25 * last)], float(median(ordered)), ordered[round(0.75 * last)]


def _times_as_good(ours: Sequence[float], theirs: Sequence[float], better: Better) -> float:
    mine, other = median(ours), median(theirs)
    return other / mine if better == "lower" else mine / other
