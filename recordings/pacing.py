"""A source replayed in time: at a speed, round and round, paused, packet by packet."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from itertools import count

import numpy as np

from drivers.closing import Closing
from drivers.errors import InputError
from drivers.events import EventPacket, EventSource
from recordings.joining import join_events
from recordings.reading import BLOCK_EVENTS

_SLICE_S = 0.05
"""How long a wait may overlook a stop."""

LATE_NS = 5_000_000
"""Longer than the system's usual whims: who keeps up gets every packet by itself."""

MOST_JOINED = 32
"""Packets given out as one; a packet of `BLOCK_EVENTS` events takes no more either."""


class PacedSource(Closing):
    """Gives out a source's packets when their time has come.

    A packet `[t_begin_us, t_end_us)` is released `(t_end_us - t0) / speed` after the first was
    asked for, `t0` the begin of the first packet: never before its last event "happened". Who
    asks too late gets the packet at once; none is left out. Who asks more than `LATE_NS` too late
    gets all that is due by then, up to `MOST_JOINED` packets as one, so that what a packet costs
    does not keep him behind. Packets are numbered anew.

    `pause`, `resume` and `step` may be called from any thread.
    """

    def __init__(
        self,
        source: EventSource,
        *,
        speed: float | None = 1.0,
        loop: bool = False,
        paused: bool = False,
        hurry_us: int = 0,
        stop: threading.Event | None = None,
        on_wait: Callable[[], None] | None = None,
        clock_ns: Callable[[], int] = time.monotonic_ns,
    ) -> None:
        """`speed` None is as fast as asked for; `loop` begins again at the end, time going on.
        The first `hurry_us` are as fast as asked for in any case, paused or not.

        Setting `stop` ends the iteration within 50 ms. `on_wait` is called now and then while
        waiting, by the thread that iterates. Raises `InputError` for a speed that is not above 0.
        """
        if speed is not None and not (math.isfinite(speed) and speed > 0):
            raise InputError(
                what="speed",
                got=str(speed),
                allowed="a number above 0, or max",
                todo="use 1 for real time, 2 for twice as fast",
            )
        self._source = source
        self._speed = speed
        self._loop = loop
        self._stop = stop or threading.Event()
        self._on_wait = on_wait
        self._clock_ns = clock_ns
        self._changed = threading.Condition()
        self._hurry_us = hurry_us
        self._steps = 0
        self._late_ns = 0
        self._t0_us = 0
        self._sought = False
        self._latest_us: int | None = None
        self._start_ns: int | None = None
        self._paused_ns: int | None = clock_ns() if paused else None
        self.name = source.name
        self.sensor = source.sensor

    @property
    def paused(self) -> bool:
        """Whether it is paused."""
        return self._paused_ns is not None

    @property
    def late_ns(self) -> int:
        """How long after its time the latest packet was released; 0 without a speed."""
        return self._late_ns

    def pause(self) -> None:
        """Release no more packets."""
        with self._changed:
            if self._paused_ns is None:
                self._paused_ns = self._clock_ns()
            self._steps = 0

    def resume(self) -> None:
        """Go on as if there had been no pause."""
        with self._changed:
            if self._paused_ns is not None and self._start_ns is not None:
                self._start_ns += self._clock_ns() - self._paused_ns
            self._paused_ns = None
            self._changed.notify_all()

    @property
    def latest_us(self) -> int | None:
        """The source's own time at the end of what was taken from it last; None before that."""
        return self._latest_us

    def begin_anew(self) -> None:
        """Go on with a new iteration of the source, which was told to begin elsewhere.

        The time given out goes on, as it does from round to round. One or two packets from where
        it was may still come.
        """
        self._sought = True

    def step(self, packets: int = 1) -> None:
        """Release this many packets now; pauses first if needed."""
        with self._changed:
            if self._paused_ns is None:
                self._paused_ns = self._clock_ns()
            self._steps += packets
            self._changed.notify_all()

    def __iter__(self) -> Iterator[EventPacket]:
        with self._changed:
            self._start_ns = None
        packets = self._going_on()
        ahead: EventPacket | InputError | None = None
        for seq in count():
            packet = ahead or next(packets, None)
            if isinstance(packet, InputError):
                raise packet
            if packet is None or not self._release(packet):
                return
            packet, ahead = self._with_overdue(packet, packets)
            yield replace(packet, seq=seq, received_ns=time.time_ns())

    def close(self) -> None:
        """Close the source."""
        self._source.close()

    def _going_on(self) -> Iterator[EventPacket]:
        """The source's packets, round after round if so wished, in one time that goes on."""
        offset_us = 0
        end_us: int | None = None
        while True:
            empty = True
            jumped, self._sought = self._sought, False
            for packet in self._source:
                if self._sought:
                    break
                self._latest_us = packet.t_end_us
                if empty and end_us is not None:
                    offset_us = end_us - packet.t_begin_us
                empty = False
                moved = _moved(packet, offset_us)
                end_us = moved.t_end_us
                yield moved
            if self._sought:
                continue
            if not self._loop or (empty and not jumped):
                return

    def _with_overdue(
        self, packet: EventPacket, packets: Iterator[EventPacket]
    ) -> tuple[EventPacket, EventPacket | InputError | None]:
        """A released packet and, where it was late, those behind it that are due too, as one.

        Also what came next and is not a part of it: a packet, the error that ended the source, or
        nothing yet.
        """
        parts = [packet]
        events = packet.events.size
        while self._late_ns > LATE_NS and len(parts) < MOST_JOINED and events < BLOCK_EVENTS:
            try:
                following = next(packets, None)
            except InputError as error:
                return _joined(parts), error
            if following is None or not self._is_due(following):
                return _joined(parts), following
            parts.append(following)
            events += following.events.size
        return _joined(parts), None

    def _is_due(self, packet: EventPacket) -> bool:
        """Whether a packet would be released at once."""
        with self._changed:
            if self._start_ns is None or self._paused_ns is not None:
                return False
            late_ns = self._clock_ns() - self._start_ns - self._stream_ns(packet.t_end_us)
            if late_ns >= 0:
                self._late_ns = late_ns
            return late_ns >= 0

    def _release(self, packet: EventPacket) -> bool:
        """Wait until a packet is due; False when stopped."""
        while not self._stop.is_set():
            with self._changed:
                if self._start_ns is None:
                    self._t0_us = packet.t_begin_us
                    self._start_ns = self._clock_ns()
                    if self._paused_ns is not None:
                        self._paused_ns = self._start_ns
                elapsed_ns = self._stream_ns(packet.t_end_us)
                if packet.t_end_us - self._t0_us <= self._hurry_us:
                    self._late_ns = 0
                    # From here on, and from the latest of these, time goes on by the clock.
                    self._start_ns = self._clock_ns() - elapsed_ns
                    if self._paused_ns is not None:
                        self._paused_ns = self._clock_ns()
                    return True
                if self._paused_ns is None:
                    wait_s = (self._start_ns + elapsed_ns - self._clock_ns()) / 1e9
                    if wait_s <= 0:
                        self._late_ns = 0 if self._speed is None else round(-wait_s * 1e9)
                        return True
                elif self._steps:
                    self._steps -= 1
                    # After the pause time goes on from this packet's end.
                    self._start_ns = self._paused_ns - elapsed_ns
                    return True
                else:
                    wait_s = _SLICE_S
                self._changed.wait(min(wait_s, _SLICE_S))
            if self._on_wait is not None:
                self._on_wait()
        return False

    def _stream_ns(self, t_us: int) -> int:
        """Time from the start to a moment of the stream, by the clock."""
        return 0 if self._speed is None else round((t_us - self._t0_us) * 1000 / self._speed)


def _moved(packet: EventPacket, offset_us: int) -> EventPacket:
    if offset_us == 0:
        return packet
    events = packet.events.copy()
    # Modulo 2**64, so that a negative offset is subtracted too.
    events["t"] += np.uint64(offset_us % 2**64)
    return replace(
        packet,
        events=events,
        t_begin_us=packet.t_begin_us + offset_us,
        t_end_us=packet.t_end_us + offset_us,
    )


def _joined(parts: Sequence[EventPacket]) -> EventPacket:
    if len(parts) == 1:
        return parts[0]
    return replace(
        parts[0],
        events=join_events([part.events for part in parts]),
        t_end_us=parts[-1].t_end_us,
        lost_before=sum(part.lost_before for part in parts),
    )
