"""A file's events brought into order of time and cut into packets that cover it without gaps."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from drivers.events import Events, SensorSize, empty_events
from recordings.joining import join_events
from recordings.reading import BLOCK_EVENTS, Chunk, FileDamage, ReadCounts
from recordings.scanning import are_orderly, first_at, first_at_each

Span = tuple[int, int, Events]
"""`t_begin_us`, `t_end_us` and the events of this half-open span."""

MAX_REVERSAL_US = 1_000_000
"""Up to here a time that steps back is held at the latest one; beyond, the clock was reset."""

MAX_GAP_US = 3_600_000_000
"""Silence that is longer than this (an hour) is taken for a broken time."""

GATHERED_EVENTS = 16_384
"""Smaller pieces of a file are joined up to here: a packet costs as much as a thousand events."""

_EDGES_AT_ONCE = 65_536


def put_in_order(
    chunks: Iterator[Chunk], sensor: SensorSize, counts: ReadCounts
) -> Iterator[Events]:
    """Events on the sensor, times never decreasing; what had to be changed is counted.

    An event earlier than one before it gets that one's time, which keeps the order of the
    file. Raises `FileDamage` where time jumps back by more than `MAX_REVERSAL_US`, ahead by
    more than `MAX_GAP_US`, or is negative; what came before is given out first.
    """
    latest_us: int | None = None
    for chunk in chunks:
        if chunk.events.size and are_orderly(chunk.events, sensor, latest_us, MAX_GAP_US):
            latest_us = int(chunk.events[-1]["t"])
            yield chunk.events
            continue
        # Reversals are looked for in what is given out: an event off the sensor is mistrusted.
        events = _on_sensor(chunk.events, sensor)
        counts.off_sensor += chunk.events.size - events.size
        if events.size == 0:
            continue
        t = events["t"].astype(np.int64)
        before_us = int(t[0]) if latest_us is None else latest_us
        held = np.maximum(np.maximum.accumulate(t), before_us)
        previous = np.concatenate(([before_us], held[:-1]))
        broken = (t < 0) | (previous - t > MAX_REVERSAL_US) | (t - previous > MAX_GAP_US)
        bad = int(np.argmax(broken)) if broken.any() else events.size
        counts.time_reversals += int(np.count_nonzero(t[:bad] < held[:bad]))
        events = events[:bad].copy()
        events["t"] = held[:bad].view(np.uint64)
        if bad:
            latest_us = int(held[bad - 1])
            yield events
        if bad < t.size:
            raise FileDamage(
                chunk.offset,
                f"time goes from {previous[bad]} to {t[bad]} us in the packet there; "
                "the rest of the file is not read",
            )


def _on_sensor(events: Events, sensor: SensorSize) -> Events:
    return events[(events["x"] < sensor.width) & (events["y"] < sensor.height)]


def cut_at_pauses(events: Iterator[Events], begin_us: int, stop_us: int | None) -> Iterator[Span]:
    """Spans of about `GATHERED_EVENTS` to `BLOCK_EVENTS` events, however the file has them.

    Events of one microsecond are never parted. The first span begins at `begin_us`; the last
    one ends at `stop_us`, or after the last event where that is earlier. Events outside are
    passed over.
    """
    waiting: list[Events] = []
    for part in _trimmed(events, begin_us, stop_us):
        waiting.append(part.events)
        if sum(item.size for item in waiting) < GATHERED_EVENTS and not part.stopped:
            continue
        run = join_events(waiting) if len(waiting) > 1 else part.events
        # More events of the last microsecond may follow in the next part.
        known_us = part.stop_us if part.stopped else int(run[-1]["t"])
        done = first_at(run, known_us)
        first = 0
        while done - first > BLOCK_EVENTS:
            end_us = int(run[first + BLOCK_EVENTS]["t"])
            last = first_at(run, end_us)
            if last <= first:
                break
            yield begin_us, end_us, run[first:last]
            begin_us, first = end_us, last
        if known_us > begin_us:
            yield begin_us, known_us, run[first:done]
            begin_us, first = known_us, done
        waiting = [run[first:]] if first < run.size else []
        if part.stopped:
            return
    if waiting:
        run = join_events(waiting)
        yield begin_us, int(run[-1]["t"]) + 1, run


def cut_on_grid(
    events: Iterator[Events], begin_us: int, stop_us: int | None, packet_us: int
) -> Iterator[Span]:
    """Spans of exactly `packet_us` each from `begin_us` on, empty ones included.

    Only the last may be shorter: it ends where `cut_at_pauses` ends.
    """
    waiting = empty_events()
    end_us = begin_us
    for part in _trimmed(events, begin_us, stop_us):
        waiting = join_events((waiting, part.events)) if waiting.size else part.events
        known_us = part.stop_us if part.stopped else int(waiting[-1]["t"])
        while begin_us + packet_us <= known_us:
            count = min((known_us - begin_us) // packet_us, _EDGES_AT_ONCE)
            first = 0
            for last in first_at_each(waiting, begin_us + packet_us, packet_us, count).tolist():
                yield begin_us, begin_us + packet_us, waiting[first:last]
                begin_us, first = begin_us + packet_us, last
            waiting = waiting[first:]
        end_us = known_us if part.stopped else known_us + 1
        if part.stopped:
            break
    if end_us > begin_us:
        yield begin_us, end_us, waiting


class _Part:
    """Events between begin and stop, and whether the stop has been reached."""

    __slots__ = ("events", "stop_us", "stopped")

    def __init__(self, events: Events, stop_us: int, stopped: bool) -> None:
        self.events = events
        self.stop_us = stop_us
        self.stopped = stopped


def _trimmed(events: Iterator[Events], begin_us: int, stop_us: int | None) -> Iterator[_Part]:
    for run in events:
        first = first_at(run, begin_us)
        stopped = stop_us is not None and int(run[-1]["t"]) >= stop_us
        last = run.size
        if stopped and stop_us is not None:
            last = first_at(run, stop_us)
        if first < last or stopped:
            yield _Part(run[first:last], stop_us or 0, stopped)
        if stopped:
            return
