"""Which moments of a recording are drawn, and the events of each: bounded memory, in one pass."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import count

import numpy as np

from drivers.errors import InputError
from drivers.events import Events, EventSource, SensorSize
from pipeline.view_canvas import Moment
from pipeline.view_labels import Annotations
from pipeline.view_picture import EventSurface

MAX_PICTURES = 100_000
"""A film of nearly an hour at 30 pictures a second; a longer one is likely a wrong time stamp."""
SHEET_MOMENTS = 12
"""Moments of a contact sheet without a label file."""
_SHEET_MOST_INTERVALS = 40


@dataclass(frozen=True, slots=True)
class Span:
    """The part of a source that is drawn."""

    sensor: SensorSize
    t_zero_us: int
    """The recording's beginning, from which seconds are counted."""
    t_begin_us: int
    t_end_us: int
    """Half-open, in the recording's own time."""
    events: int
    off_sensor: int
    """Events that the source left out by itself, as they name no pixel of the sensor."""
    damage: str | None


def measure(open_source: Callable[[], EventSource], start_s: float, stop_s: float | None) -> Span:
    """Read a source once and say what there is between start and stop.

    Raises `InputError` where no event is. An error met after the first event ends the span
    there and becomes its `damage`.
    """
    zero_us = begin_us = end_us = -1
    found = 0
    damage: str | None = None
    with open_source() as source:
        try:
            for packet in source:
                if zero_us < 0:
                    zero_us = packet.t_begin_us
                    begin_us = zero_us + round(start_s * 1e6)
                stop_us = 2**62 if stop_s is None else zero_us + round(stop_s * 1e6)
                found += len(_between(packet.events, begin_us, stop_us))
                end_us = min(packet.t_end_us, stop_us)
                if packet.t_end_us >= stop_us:
                    break
        except InputError as error:
            if not found:
                raise
            damage = str(error)
        damage = damage or getattr(source, "damage", None)
        if not found:
            raise InputError(
                what=f"events of {source.name}",
                got="none in the time asked for" if zero_us >= 0 else "none",
                allowed="at least one event to draw",
                todo="see `wigwag info` for what the recording holds"
                + (f"; it is damaged: {damage}" if damage else ""),
            )
        off_sensor: int = getattr(source, "events_off_sensor", 0)
        return Span(source.sensor, zero_us, begin_us, end_us, found, off_sensor, damage)


def film_edges(span: Span, picture_us: float) -> Iterator[int]:
    """Where the pictures of a film end: every `picture_us`, the last at the span's end.

    Raises `InputError` for more than `MAX_PICTURES`.
    """
    pictures = math.ceil((span.t_end_us - span.t_begin_us) / picture_us)
    if pictures > MAX_PICTURES:
        raise InputError(
            what="length of the film",
            got=f"{pictures} pictures",
            allowed=f"at most {MAX_PICTURES}",
            todo="choose a part with --start and --stop, or a higher --speed",
        )
    steps = (span.t_begin_us + round(number * picture_us) for number in count(1))
    return (min(next(steps), span.t_end_us) for _ in range(pictures))


def sheet_edges(span: Span, annotations: Annotations) -> Iterator[int]:
    """The moments of a contact sheet: the middle of each performance, or evenly spread."""
    middles = [
        middle_us
        for item in annotations.truth or ()
        if span.t_begin_us < (middle_us := (item.t_begin_us + item.t_end_us) // 2) <= span.t_end_us
    ]
    if 1 <= len(middles) <= _SHEET_MOST_INTERVALS:
        return iter(middles)
    length_us = span.t_end_us - span.t_begin_us
    return (
        span.t_begin_us + max(1, length_us * (2 * number + 1) // (2 * SHEET_MOMENTS))
        for number in range(SHEET_MOMENTS)
    )


def draw_moments(
    source: EventSource,
    span: Span,
    surface: EventSurface,
    edges_us: Iterator[int],
    picture_us: float,
) -> Iterator[Moment]:
    """The surface at each edge, none of them beyond the span's end.

    A moment's event rate is that of the `picture_us` before its edge, or of the time since the
    edge before where that is less.
    """
    edge_us = next(edges_us)
    begin_us = max(span.t_begin_us, round(edge_us - picture_us))
    recent = 0
    for packet in source:
        rest = _between(packet.events, span.t_begin_us, span.t_end_us)
        while packet.t_end_us >= edge_us:
            before = _between(rest, 0, edge_us)
            surface.add(before)
            recent += len(_between(before, begin_us, edge_us))
            rest = rest[len(before) :]
            yield Moment(
                picture=surface.draw(begin_us),
                t_us=edge_us,
                shown_s=(edge_us - span.t_zero_us) / 1e6,
                events_per_s=recent / max(1, edge_us - begin_us) * 1e6,
            )
            recent = 0
            following_us = next(edges_us, None)
            if following_us is None:
                return
            begin_us = max(edge_us, round(following_us - picture_us))
            edge_us = following_us
        surface.add(rest)
        recent += len(_between(rest, begin_us, edge_us))


def _between(events: Events, begin_us: int, end_us: int) -> Events:
    """The events in `[begin_us, end_us)`."""
    edges = np.array([begin_us, end_us], dtype=np.uint64)
    first, last = np.searchsorted(events["t"], edges)
    return events[first:last]
