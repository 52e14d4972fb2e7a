"""A simulated event camera before a simulated person; it can stand in for a live one."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np

from drivers.body import body_shapes
from drivers.closing import Closing
from drivers.errors import InputError
from drivers.events import EVENT_DTYPE, EventPacket, Events, SensorSize
from drivers.lighting import LIGHT_NAMES, Light, find_light
from drivers.performance import LabelledSpan, Performance, rehearse
from drivers.pixels import Floats, PixelArray, PixelEvents, PixelSettings
from drivers.rendering import draw_background, paint, take_log
from drivers.subject import Subject, draw_subject

SENSOR = SensorSize(128, 128)
RENDER_STEP_US = 2500
_CHUNK_STEPS = 80
"""Renderings that are prepared together; has no influence on the events."""


class SimulatedCamera(Closing):
    """Events of one simulated user performing gestures under one light. Everything is simulated.

    The same arguments give the same events, whatever `packet_us` is. Time is the simulation's,
    not the clock's: packets come as fast as they are asked for.
    """

    def __init__(
        self,
        user: int,
        light: str,
        gestures: Sequence[int],
        seconds: float | tuple[float, float] = 3.0,
        *,
        seed: int = 0,
        packet_us: int = 1000,
        session: int = 0,
        pixels: PixelSettings | None = None,
    ) -> None:
        """A session of `gestures` (classes 1 to 11, in any order) of `seconds` each.

        `seconds` may be a range from which each length is drawn. `session` tells apart several
        sessions of one user under one light. Raises `InputError` for an argument out of range.
        """
        if packet_us < 1:
            raise InputError(
                what="packet length",
                got=f"{packet_us} us",
                allowed="1 us or more",
                todo="choose a longer one",
            )
        self.light: Light = find_light(light)
        self.subject: Subject = draw_subject(user, seed)
        self.sensor = SENSOR
        self.name = f"simulated-user{user:02d}-{light}"
        self._packet_us = packet_us
        self._settings = pixels or PixelSettings()
        self._key = [seed, user, 2, LIGHT_NAMES.index(self.light.name), session]
        rng = np.random.default_rng([*self._key, 0])
        self.performance: Performance = rehearse(self.subject, gestures, seconds, seed, rng)
        self._closed = False

    @property
    def duration_us(self) -> int:
        """Length of the session; it begins at 0."""
        return self.performance.duration_us

    @property
    def spans(self) -> tuple[LabelledSpan, ...]:
        """Which class is performed from when to when: (class, begin us, end us), half-open."""
        return self.performance.spans

    def __iter__(self) -> Iterator[EventPacket]:
        """Packets from the session's start, each time anew."""
        begin_us = seq = 0
        waiting: list[Events] = []
        for covered_us, events in self._simulate():
            waiting.append(events)
            last = covered_us >= self.duration_us
            if covered_us < begin_us + self._packet_us and not last:
                continue
            ready = np.concatenate(waiting)
            while begin_us < covered_us:
                end_us = min(begin_us + self._packet_us, self.duration_us)
                if end_us > covered_us:
                    break
                count = int(np.searchsorted(ready["t"], end_us))
                if self._closed:
                    return
                yield EventPacket(
                    events=ready[:count],
                    sensor=self.sensor,
                    source=self.name,
                    seq=seq,
                    t_begin_us=begin_us,
                    t_end_us=end_us,
                    received_ns=time.time_ns(),
                )
                ready, begin_us, seq = ready[count:], end_us, seq + 1
            waiting = [ready]

    def close(self) -> None:
        """End the stream; a running iteration gives no further packet."""
        self._closed = True

    def _simulate(self) -> Iterator[tuple[int, Events]]:
        """Runs of events, each with the time up to which the session is now covered."""
        rng = np.random.default_rng([*self._key, 1])
        light = self.light
        subject = _lit(self.subject, light)
        # A user stands before the same wall under every light.
        wall = np.random.default_rng([*self._key[:2], 3])
        background = draw_background(
            self.sensor.width,
            self.sensor.height,
            subject.background,
            subject.background_texture * light.contrast,
            wall,
        )
        flicker_hz = float(rng.choice(light.flicker_hz)) if light.flicker_hz else 0.0
        ends_us = np.arange(RENDER_STEP_US, self.duration_us + RENDER_STEP_US, RENDER_STEP_US)
        ends_us = np.minimum(ends_us, self.duration_us)

        canvas = np.empty_like(background)
        before = np.full_like(background, -1.0)
        log = np.empty_like(background)
        paint(self._shapes(subject, np.zeros(1))[0], background, light.shade, canvas)
        take_log(canvas, before, log)
        array = PixelArray(
            self._settings, self.sensor, log, light.noise_hz, light.bandwidth_hz, rng
        )
        now_us = 0
        for first in range(0, ends_us.size, _CHUNK_STEPS):
            chunk = ends_us[first : first + _CHUNK_STEPS]
            shapes = self._shapes(subject, chunk.astype(np.float64))
            flicker = light.flicker_log(chunk.astype(np.float64), flicker_hz)
            parts = []
            for index, end_us in enumerate(chunk.tolist()):
                paint(shapes[index], background, light.shade, canvas)
                take_log(canvas, before, log)
                parts.append(array.respond(log, float(flicker[index]), now_us, end_us))
                now_us = end_us
            yield now_us, _as_events(parts, self.sensor.width)

    def _shapes(self, subject: Subject, t_us: Floats) -> Floats:
        return body_shapes(subject, *self.performance.pose(t_us))


def _lit(subject: Subject, light: Light) -> Subject:
    """The subject with every luminance drawn towards the background by the light's contrast."""
    wall = subject.background
    skin, shirt, hair = (
        wall * (value / wall) ** light.contrast
        for value in (subject.skin, subject.shirt, subject.hair)
    )
    return replace(
        subject, skin=skin, shirt=shirt, hair=hair, fabric=subject.fabric * light.contrast
    )


def _as_events(parts: list[PixelEvents], width: int) -> Events:
    """One array of events from runs of times, pixel numbers and ON flags."""
    t, where, on = (np.concatenate([part[index] for part in parts]) for index in range(3))
    events = np.empty(t.size, dtype=EVENT_DTYPE)
    events["t"], events["on"] = t, on
    events["x"], events["y"] = where % width, where // width
    return events
