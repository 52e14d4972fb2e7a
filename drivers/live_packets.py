"""What a camera's library gives, as packets that follow each other without a gap.

Time of the stream begins at 0 when the camera is opened and goes on by the camera's own clock;
where the camera is silent, the host's clock says how far time has come, less a margin for events
that are still on their way.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from drivers.camera_health import CameraHealth
from drivers.events import EventPacket, Events, SensorSize, empty_events

MARGIN_US = 10_000
"""Events of a camera that is read every millisecond are not underway for longer."""
SILENCE_US = 2_000
"""Silence is said in steps of at least this; each completes two frames."""
_FORGET_US = 10_000_000
"""Clocks drift apart by some 100 us in this time: much less than the margin."""


@dataclass(frozen=True, slots=True)
class Reading:
    """What one call of a camera's library gave."""

    events: Events
    """shape (n,), dtype EVENT_DTYPE, in the camera's own time."""
    until_us: int | None = None
    """The camera's clock up to which this is everything, where its library says."""
    lost: int = 0
    """Events known to have been lost before these."""


def nothing() -> Reading:
    """A reading that came to an end without anything in it."""
    return Reading(empty_events())


class LivePackets:
    """Makes packets of readings, for one camera from its opening to its end.

    Events that come after their time was vouched for are held at the packet's begin, and counted;
    so are those whose times go back within a reading.
    """

    def __init__(
        self,
        name: str,
        sensor: SensorSize,
        health: CameraHealth,
        *,
        clock_ns: Callable[[], int] = time.monotonic_ns,
    ) -> None:
        self._name = name
        self._sensor = sensor
        self._health = health
        self._clock_ns = clock_ns
        self._opened_us = clock_ns() // 1000
        self._seq = 0
        self._end_us = 0
        self._offset_us: int | None = None
        """Time of the stream less that of the camera."""
        self._lag = _SmallestLag()

    def packet(self, reading: Reading) -> EventPacket | None:
        """The packet of a reading; None where it says nothing new."""
        now_us = self._clock_ns() // 1000 - self._opened_us
        begin_us = self._end_us
        end_us = self._end_of(reading, now_us)
        if not reading.events.size and not reading.lost and end_us - begin_us < SILENCE_US:
            return None
        events = self._in_order(reading.events, begin_us)
        if events.size:
            end_us = max(end_us, int(events["t"][-1]) + 1)
        self._end_us = max(begin_us, end_us)
        self._seq += 1
        return EventPacket(
            events=events,
            sensor=self._sensor,
            source=self._name,
            seq=self._seq - 1,
            t_begin_us=begin_us,
            t_end_us=self._end_us,
            received_ns=time.time_ns(),
            lost_before=reading.lost,
        )

    def _end_of(self, reading: Reading, now_us: int) -> int:
        """Where a reading ends, in time of the stream."""
        until_us = reading.until_us
        if reading.events.size:
            until_us = max(until_us or 0, int(reading.events["t"].max()) + 1)
        if until_us is None:
            return now_us - self._lag.us - MARGIN_US
        if self._offset_us is None:
            # It ends now; or later, so that all of it is after what has been vouched for.
            first_us = int(reading.events["t"].min()) if reading.events.size else until_us
            self._offset_us = max(now_us - until_us, self._end_us - first_us)
        end_us = until_us + self._offset_us
        self._lag.see(now_us - end_us, now_us)
        return end_us

    def _in_order(self, events: Events, begin_us: int) -> Events:
        if not events.size:
            return events
        times_us = events["t"].astype(np.int64) + (self._offset_us or 0)
        held_us = np.maximum.accumulate(np.maximum(times_us, begin_us))
        self._health.events_held += int(np.count_nonzero(held_us != times_us))
        moved = events.copy()
        moved["t"] = held_us
        return moved


class _SmallestLag:
    """How far the camera's time is behind the host's at the least, over the last 10 to 20 s."""

    def __init__(self) -> None:
        self._before_us: int | None = None
        self._now_us: int | None = None
        self._begun_us = 0

    @property
    def us(self) -> int:
        """0 where nothing has come yet."""
        return min((lag for lag in (self._before_us, self._now_us) if lag is not None), default=0)

    def see(self, lag_us: int, now_us: int) -> None:
        """Take in the lag of a reading."""
        if now_us - self._begun_us > _FORGET_US:
            self._before_us, self._now_us, self._begun_us = self._now_us, None, now_us
        self._now_us = lag_us if self._now_us is None else min(self._now_us, lag_us)
