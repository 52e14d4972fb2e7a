"""A camera that may be unplugged: the stream goes on in silence until it is back."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace

import numpy as np

from drivers.camera_health import CameraHealth
from drivers.closing import Closing
from drivers.errors import CameraGoneError, InputError
from drivers.events import EventPacket, EventSource, empty_events

SILENCE_S = 0.01
"""Without a camera, time is vouched for in steps of this."""
AGAIN_S = 0.5
"""Before each attempt to open it again."""


class ReconnectingCamera(Closing):
    """Opens a camera, and opens it again whenever it goes away.

    A camera goes away when its iteration raises `CameraGoneError`, or ends without being closed.
    Until it is back, packets without events carry the time on by the host's clock. After that the
    camera's times go on from there: they are moved as a whole, so that they never go back. How
    long it was away is counted and said in `health`; what happened then was not seen.
    """

    def __init__(
        self,
        open_camera: Callable[[], EventSource],
        *,
        again_s: float = AGAIN_S,
        silence_s: float = SILENCE_S,
        clock_ns: Callable[[], int] = time.monotonic_ns,
    ) -> None:
        """Open it for the first time; raises what `open_camera` raises."""
        self._open_camera = open_camera
        self._again_s = again_s
        self._silence_s = silence_s
        self._clock_ns = clock_ns
        self._closed = threading.Event()
        self._camera: EventSource = open_camera()
        self.health = CameraHealth()
        self.name = self._camera.name
        self.sensor = self._camera.sensor
        self.live = True
        self.real_sensor = bool(getattr(self._camera, "real_sensor", False))

    def __iter__(self) -> Iterator[EventPacket]:
        """Packets from now until it is closed, numbered from 0 and without gaps."""
        seq = end_us = 0
        known_us, known_ns = 0, self._clock_ns()  # a time of the stream, and when that was
        while not self._closed.is_set():
            offset_us: int | None = None if seq else 0
            why = "it gives no more"
            try:
                for packet in self._camera:
                    self._watch_health()
                    if offset_us is None:
                        # It is back: its first packet ends now.
                        came_back_us = known_us + self._passed_us(known_ns)
                        offset_us = max(came_back_us - packet.t_end_us, end_us - packet.t_begin_us)
                        self._say_back(end_us, packet.t_begin_us + offset_us)
                    yield self._moved(packet, seq, end_us, offset_us)
                    seq, end_us = seq + 1, packet.t_end_us + offset_us
                    known_us, known_ns = end_us, self._clock_ns()
            except CameraGoneError as error:
                why = error.got
            self._watch_health()
            if self._closed.is_set():
                return
            self._camera.close()
            self.health.times_away += 1
            self.health.notices.append(f"the camera is gone ({why}); looking for it")
            begun_us = end_us
            for silence in self._silence(seq, end_us, known_us, known_ns):
                yield silence
                seq, end_us = seq + 1, silence.t_end_us
            self.health.away_us += end_us - begun_us

    def close(self) -> None:
        """Close the camera, or stop looking for it."""
        self._closed.set()
        self._camera.close()

    def _silence(
        self, seq: int, begin_us: int, known_us: int, known_ns: int
    ) -> Iterator[EventPacket]:
        """Packets without events until the camera is open again, or this is closed."""
        opening = _Opening(self._open_camera, self._again_s, self._closed)
        while not opening.ended.wait(self._silence_s):
            end_us = max(begin_us, known_us + self._passed_us(known_ns))
            yield EventPacket(
                events=empty_events(),
                sensor=self.sensor,
                source=self.name,
                seq=seq,
                t_begin_us=begin_us,
                t_end_us=end_us,
                received_ns=time.time_ns(),
            )
            begin_us, seq = end_us, seq + 1
        camera = opening.result()
        if camera is None:
            return
        self._camera = camera
        if self._closed.is_set():
            camera.close()
        elif camera.sensor != self.sensor:
            sensor = camera.sensor
            camera.close()
            raise InputError(
                what=f"camera {self.name}, plugged in again",
                got=f"a sensor of {sensor.width}x{sensor.height}",
                allowed=f"{self.sensor.width}x{self.sensor.height}, as before",
                todo="plug the same camera in, or start anew for this one",
            )

    def _passed_us(self, since_ns: int) -> int:
        return (self._clock_ns() - since_ns) // 1000

    def _watch_health(self) -> None:
        inner: CameraHealth | None = getattr(self._camera, "health", None)
        if inner is not None:
            self.health.take_over(inner)

    def _say_back(self, silent_until_us: int, begins_us: int) -> None:
        self.health.away_us += begins_us - silent_until_us
        self.health.notices.append(
            f"the camera is back; away {self.health.away_us / 1e6:.1f} s in all, "
            "and nothing was seen in that time"
        )

    def _moved(self, packet: EventPacket, seq: int, begin_us: int, offset_us: int) -> EventPacket:
        """The packet in time of this stream; its span begins where the one before ended."""
        events = packet.events
        if offset_us and events.size:
            events = events.copy()
            events["t"] += np.uint64(offset_us % 2**64)
        return replace(
            packet,
            events=events,
            source=self.name,
            seq=seq,
            t_begin_us=begin_us if seq else packet.t_begin_us,
            t_end_us=packet.t_end_us + offset_us,
        )


class _Opening:
    """Opens a camera in a thread of its own, since that takes seconds, until it succeeds."""

    def __init__(
        self, open_camera: Callable[[], EventSource], again_s: float, stop: threading.Event
    ) -> None:
        self.ended = threading.Event()
        self._camera: EventSource | None = None
        self._error: Exception | None = None
        self._open_camera = open_camera
        self._again_s = again_s
        self._stop = stop
        threading.Thread(target=self._run, name="camera-opening", daemon=True).start()

    def result(self) -> EventSource | None:
        """The open camera, None if told to stop; raises what opening it should never raise."""
        if self._error is not None:
            raise self._error
        return self._camera

    def _run(self) -> None:
        try:
            while self._camera is None and not self._stop.wait(self._again_s):
                with suppress(InputError):  # not back yet
                    self._camera = self._open_camera()
        except Exception as error:
            self._error = error  # for the thread that waits
        finally:
            self.ended.set()
