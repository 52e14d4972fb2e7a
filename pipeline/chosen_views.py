"""Which part of the sensor is looked at, and from when on: chosen by hand, or the centre."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from drivers.errors import InputError

if TYPE_CHECKING:
    from drivers.events import SensorSize
    from pipeline.binning import View

CENTRED = "centred"
_SQUARE = re.compile(r"(\d{1,5}),(\d{1,5}),(\d{1,5})")


@dataclass(frozen=True, slots=True)
class Square:
    """Columns `[x, x + side)` and rows `[y, y + side)` of the sensor, 0 at the top left."""

    x: int
    y: int
    side: int


@dataclass(frozen=True, slots=True)
class ChosenView:
    """What is looked at from a time of the stream on."""

    square: Square | None = None
    """None is the largest view in the centre."""
    from_us: int = 0
    """In time of the stream; the frame that begins then or next is the first."""

    def __str__(self) -> str:
        """As `read_view` reads it."""
        square = self.square
        text = CENTRED if square is None else f"{square.x},{square.y},{square.side}"
        return f"{text}@{self.from_us / 1e6:.6f}" if self.from_us else text


def read_view(text: str) -> ChosenView:
    """`X,Y,SIDE` or `centred`, followed by `@SECONDS` where it is not from the start on.

    Raises `InputError` for anything else.
    """
    where, _, when = text.partition("@")
    square = _SQUARE.fullmatch(where)
    try:
        from_us = round(1e6 * float(when or 0))
    except (ValueError, OverflowError):
        from_us = -1
    if from_us < 0 or not (square or where == CENTRED):
        raise InputError(
            what="view",
            got=repr(text),
            allowed=f"X,Y,SIDE in pixels, or {CENTRED}; @SECONDS behind it for later in the stream",
            todo="write for instance --view 40,20,128",
        )
    return ChosenView(Square(*(int(one) for one in square.groups())) if square else None, from_us)


def view_of(square: Square | None, sensor: SensorSize, columns: int, rows: int) -> View:
    """`columns` x `rows` square cells of whole pixels: the most that fit, in the square's centre.

    Raises `InputError` for a square that is not on the sensor, or has too few pixels.
    """
    # Here, because a command line that only names views needs no arrays.
    from drivers.events import SensorSize
    from pipeline.binning import View, centred_view

    if square is None:
        return centred_view(sensor, columns, rows)
    inside = square.x + square.side <= sensor.width and square.y + square.side <= sensor.height
    if not inside or square.side < max(columns, rows):
        raise InputError(
            what="view",
            got=f"{square.x},{square.y},{square.side}",
            allowed=f"a square on the sensor of {sensor.width}x{sensor.height} pixels, with a side "
            f"of at least {max(columns, rows)}",
            todo="move it or choose another side",
        )
    within = centred_view(SensorSize(square.side, square.side), columns, rows)
    return View(square.x + within.x0, square.y + within.y0, within.cell, columns, rows)


def view_at(
    views: Sequence[ChosenView], t_us: int, sensor: SensorSize, columns: int, rows: int
) -> View:
    """The view that holds at a time of the stream: the latest that has begun; else the centre."""
    begun = sorted((view for view in views if view.from_us <= t_us), key=lambda one: one.from_us)
    return view_of(begun[-1].square if begun else None, sensor, columns, rows)
