"""Events as light: the last event of every pixel, fading, in two colours on dark."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from drivers.events import Events, SensorSize

Picture = npt.NDArray[np.uint8]
"""RGB, shape (height, width, 3)."""
Colour = tuple[int, int, int]

BACKGROUND: Colour = (16, 18, 24)
ON_COLOUR: Colour = (255, 176, 0)
OFF_COLOUR: Colour = (100, 143, 255)
# Amber and blue stay apart for every common kind of colour blindness, and in lightness too.

SHADES = 32
"""Steps of fading per colour: few enough for a GIF's palette to hold them all exactly."""
_NEVER_US = -(2**60)


def shades() -> Picture:
    """Every colour a pixel can take, shape (2 * SHADES, 3): OFF from dark to bright, then ON."""
    level = np.linspace(0.0, 1.0, SHADES)[:, None]
    dark = np.array(BACKGROUND, dtype=np.float64)
    ramps = [dark + level * (np.array(bright) - dark) for bright in (OFF_COLOUR, ON_COLOUR)]
    return np.rint(np.concatenate(ramps)).astype(np.uint8)


class EventSurface:
    """When each pixel last fired and which way; memory is that of the sensor, not of the events."""

    def __init__(self, sensor: SensorSize, fade_ms: float) -> None:
        self._fade_us = fade_ms * 1000.0
        self._last_us = np.full((sensor.height, sensor.width), _NEVER_US, dtype=np.int64)
        self._on = np.zeros((sensor.height, sensor.width), dtype=np.bool_)
        self._shades = shades()
        self.events = 0
        """Events taken in."""
        self.off_sensor = 0
        """Events that name a pixel the sensor does not have; they are not drawn."""

    def add(self, events: Events) -> None:
        """Take in events in order of time."""
        height, width = self._on.shape
        inside = (events["x"] < width) & (events["y"] < height)
        kept = events if inside.all() else events[inside]
        self.events += len(events)
        self.off_sensor += len(events) - len(kept)
        # Of several events at one pixel, NumPy keeps the last assigned: the latest.
        self._last_us[kept["y"], kept["x"]] = kept["t"].astype(np.int64)
        self._on[kept["y"], kept["x"]] = kept["on"]

    def draw(self, t_us: int) -> Picture:
        """The surface at `t_us`, shape (height, width, 3).

        Brightness is exp(-(t_us - t_last) / fade), 1 for events at or after `t_us`: drawn with
        the beginning of a frame, every event of the frame is seen at its brightest.
        """
        age_us = np.maximum(t_us - self._last_us, 0)
        level = np.rint(np.exp(-age_us / self._fade_us) * (SHADES - 1)).astype(np.intp)
        picture: Picture = self._shades[level + SHADES * self._on]
        return picture


def enlarge(picture: Picture, scale: int) -> Picture:
    """Every pixel as a square of `scale` by `scale` pixels."""
    return picture.repeat(scale, axis=0).repeat(scale, axis=1)
