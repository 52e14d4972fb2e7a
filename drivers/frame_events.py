"""Events from ordinary pictures: what an event camera would have seen between two frames.

Each pixel remembers the log of the light at its last event. Between two frames its log light is
taken to run in a straight line, and an event falls wherever that line is a threshold away from
what the pixel remembers, so that times are spread between the frames.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from numba import njit

from drivers.errors import InputError
from drivers.events import EVENT_DTYPE, Events, SensorSize, empty_events

Picture = npt.NDArray[np.uint8]
"""Grey levels, shape (height, width)."""

LINEAR_BELOW = 20.0
"""Grey levels below this count linearly: their logarithm is mostly the camera's noise."""
MOST_EVENTS = 8
"""Of one pixel between two frames; a larger step of light is a cut of the film, not a movement."""


@dataclass(frozen=True, slots=True)
class FrameEventSettings:
    """Thresholds are steps of the natural log of the grey level."""

    threshold_on: float = 0.2
    threshold_off: float = 0.2
    threshold_mismatch: float = 0.03
    """Standard deviation of each pixel's thresholds about their means."""
    seed: int = 0
    """Of the mismatch."""

    def __post_init__(self) -> None:
        lowest = min(self.threshold_on, self.threshold_off)
        if not (lowest >= 0.02 and 0 <= self.threshold_mismatch <= lowest / 2):
            raise InputError(
                what="thresholds",
                got=f"{self.threshold_on}, {self.threshold_off} +- {self.threshold_mismatch}",
                allowed="0.02 or more each, mismatch at most half of the smaller",
                todo="choose larger thresholds or less mismatch",
            )


def log_of_grey_levels() -> npt.NDArray[np.float32]:
    """Natural log of the 256 grey levels, shape (256,), linear at the dark end."""
    levels = np.arange(256, dtype=np.float64)
    steep = math.log(LINEAR_BELOW) / LINEAR_BELOW
    logs = np.where(levels < LINEAR_BELOW, levels * steep, np.log(np.maximum(levels, 1.0)))
    return logs.astype(np.float32)


class FrameEvents:
    """Pixels of one size, which see one picture after the other."""

    def __init__(self, sensor: SensorSize, settings: FrameEventSettings) -> None:
        count = sensor.width * sensor.height
        rng = np.random.default_rng(settings.seed)
        floor = 0.4 * min(settings.threshold_on, settings.threshold_off)

        def thresholds(mean: float) -> npt.NDArray[np.float32]:
            drawn = rng.normal(mean, settings.threshold_mismatch, count)
            return np.maximum(drawn, floor).astype(np.float32)

        self.sensor = sensor
        self._on, self._off = thresholds(settings.threshold_on), thresholds(settings.threshold_off)
        self._logs = log_of_grey_levels()
        self._before: npt.NDArray[np.float32] | None = None
        self._reference = np.zeros(count, np.float32)
        self._t_us = 0
        # Room for all that there can be; memory is taken where it is written.
        self._offset_us = np.empty(MOST_EVENTS * count, np.uint32)
        self._pixel = np.empty(MOST_EVENTS * count, np.int32)
        self._brighter = np.empty(MOST_EVENTS * count, np.bool_)
        self.left_out = 0
        """Events beyond `MOST_EVENTS` of a pixel between two frames."""

    def see(self, picture: Picture, t_us: int) -> Events:
        """Events from the picture before up to this one, taken at `t_us`, times below it.

        None for the first picture. Raises `InputError` for a picture of another size and for a
        time that is not later than the one before.
        """
        size = (self.sensor.height, self.sensor.width)
        if picture.shape != size or picture.dtype != np.uint8:
            raise InputError(
                what="picture",
                got=f"shape {picture.shape}, {picture.dtype}",
                allowed=f"shape {size}, uint8",
                todo="convert it to grey levels of the size of the first one",
            )
        flat = np.ascontiguousarray(picture).reshape(-1)
        if self._before is None:
            self._before = self._logs[flat]
            self._reference[:] = self._before
            self._t_us = t_us
            return empty_events()
        if t_us <= self._t_us:
            raise InputError(
                what="time of a picture",
                got=f"{t_us} us after one at {self._t_us} us",
                allowed="later than the one before",
                todo="leave this picture out",
            )
        span_us = t_us - self._t_us
        found, left_out = _respond(
            flat,
            self._logs,
            self._on,
            self._off,
            self._before,
            self._reference,
            span_us,
            self._offset_us,
            self._pixel,
            self._brighter,
        )
        self.left_out += left_out
        offset_us = self._offset_us[:found]
        # 16 bits are sorted several times as fast.
        short = offset_us.astype(np.uint16) if span_us <= 1 << 16 else offset_us
        order = np.argsort(short, kind="stable")
        events = np.empty(found, EVENT_DTYPE)
        pixel = self._pixel[:found][order]
        events["t"] = offset_us[order].astype(np.int64) + self._t_us
        events["y"], events["x"] = np.divmod(pixel, self.sensor.width)
        events["on"] = self._brighter[:found][order]
        self._t_us = t_us
        return events


@njit(cache=True)  # type: ignore[untyped-decorator]  # numba ships no types
def _respond(
    picture: npt.NDArray[np.uint8],
    logs: npt.NDArray[np.float32],
    on: npt.NDArray[np.float32],
    off: npt.NDArray[np.float32],
    before: npt.NDArray[np.float32],
    reference: npt.NDArray[np.float32],
    span_us: int,
    offset_us: npt.NDArray[np.uint32],
    where: npt.NDArray[np.int32],
    brighter: npt.NDArray[np.bool_],
) -> tuple[int, int]:
    """Events of all pixels, in the order of pixels, and how many are left out; the arrays have
    room for `MOST_EVENTS` of each.
    """
    found = left_out = 0
    for pixel in range(picture.size):
        now = logs[picture[pixel]]
        last = before[pixel]
        before[pixel] = now
        gap = now - reference[pixel]
        if -off[pixel] < gap < on[pixel]:
            continue
        up = gap > 0
        step = on[pixel] if up else -off[pixel]
        count = int(gap / step)
        first = max(count - MOST_EVENTS, 0)
        left_out += first
        for number in range(first + 1, count + 1):
            level = reference[pixel] + number * step
            share = (level - last) / (now - last) if now != last else 0.0
            offset_us[found] = min(int(max(share, 0.0) * span_us), span_us - 1)
            where[found], brighter[found] = pixel, up
            found += 1
        reference[pixel] += count * step
    return found, left_out
