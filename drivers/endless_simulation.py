"""The simulated camera without an end: one performance after the other, in one time."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import count

import numpy as np

from drivers.closing import Closing
from drivers.events import EventPacket
from drivers.gestures import GESTURE_NAMES
from drivers.simulated_camera import SENSOR, SimulatedCamera


class EndlessSimulation(Closing):
    """All gestures in an order that changes, by one simulated person. Everything is simulated.

    The same arguments give the same events.
    """

    def __init__(self, user: int, light: str, *, seconds: float = 3.0, seed: int = 0) -> None:
        """`seconds` is the length of each gesture; raises `InputError` for what is out of range."""
        self._user, self._light, self._seconds, self._seed = user, light, seconds, seed
        self._performance: SimulatedCamera = self._perform(0)
        self._closed = False
        self.name = self._performance.name
        self.sensor = SENSOR

    def __iter__(self) -> Iterator[EventPacket]:
        offset_us = seq = 0
        for session in count():
            self._performance = self._perform(session)
            for packet in self._performance:
                if self._closed:
                    return
                events = packet.events.copy()
                events["t"] += np.uint64(offset_us)
                yield replace(
                    packet,
                    events=events,
                    seq=seq,
                    t_begin_us=packet.t_begin_us + offset_us,
                    t_end_us=packet.t_end_us + offset_us,
                )
                seq += 1
            offset_us += self._performance.duration_us

    def close(self) -> None:
        """End the stream; a running iteration gives no further packet."""
        self._closed = True
        self._performance.close()

    def _perform(self, session: int) -> SimulatedCamera:
        order = np.random.default_rng([self._seed, self._user, session]).permutation(
            len(GESTURE_NAMES)
        )
        return SimulatedCamera(
            self._user,
            self._light,
            [int(place) + 1 for place in order],
            self._seconds,
            seed=self._seed,
            session=session,
        )
