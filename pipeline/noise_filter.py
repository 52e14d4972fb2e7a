"""The background-activity filter: an event stays if a neighbour fired shortly before it.

Delbruck, "Frame-free dynamic digital vision", 2008: noise of a pixel has nothing to do with that
of its neighbours, what moves through the picture sets them off one after the other.
"""

from __future__ import annotations

import numba
import numpy as np
import numpy.typing as npt

from drivers.events import EVENT_DTYPE, Events, SensorSize, empty_events

_NEVER_US = -(1 << 62)
_OVERLAY = np.dtype(
    {"names": ["t", "rest"], "formats": ["<u8", "<u8"], "offsets": [0, 5], "itemsize": 13}
)
"""`EVENT_DTYPE` in two loads, which overlap: bits 24-39 of `rest` are x, 40-55 y, 56-63 on."""


class NoiseFilter:
    """Keeps an event if one of its eight neighbours fired at most `noise_us` before it.

    The pixel's own earlier events do not count: a hot pixel would support itself. What is removed
    still supports its neighbours, so the first two events of a moving edge cost one. Events off
    the sensor are left for others to count. Results do not depend on how events are cut up.
    """

    def __init__(self, sensor: SensorSize, noise_us: int) -> None:
        self.noise_us = noise_us
        self._sensor = sensor
        self._last_us = np.full((sensor.height + 2) * (sensor.width + 2), _NEVER_US, np.int64)
        self.keep(empty_events())  # compiled or loaded now, not while the first packet waits

    def keep(self, events: Events) -> Events:
        """Those that stay, in their order; shape (kept,). `events` are in order of time."""
        found = np.empty(events.size, EVENT_DTYPE)
        kept = _keep_supported(
            np.ascontiguousarray(events).view(_OVERLAY),
            self._sensor.width,
            self._sensor.height,
            self.noise_us,
            self._last_us,
            found.view(_OVERLAY),
        )
        return found[:kept]


@numba.njit(cache=True)  # type: ignore[untyped-decorator, unused-ignore]  # numba has no types
def _keep_supported(
    events: Events,
    width: int,
    height: int,
    noise_us: int,
    last_us: npt.NDArray[np.int64],
    found: Events,
) -> int:
    """Copy what stays into `found`; `last_us` has a border of one pixel that never fires."""
    stride = width + 2
    kept = 0
    for index in range(len(events)):
        t_us = np.int64(events[index].t)
        rest = events[index].rest
        x = np.int64((rest >> np.uint64(24)) & np.uint64(0xFFFF))
        y = np.int64((rest >> np.uint64(40)) & np.uint64(0xFFFF))
        # Written in any case and taken back by not counting it: no branch to be guessed.
        found[kept].t = events[index].t
        found[kept].rest = rest
        if x >= width or y >= height:
            kept += 1
            continue
        place = (y + 1) * stride + x + 1
        above = max(
            last_us[place - stride - 1], last_us[place - stride], last_us[place - stride + 1]
        )
        below = max(
            last_us[place + stride - 1], last_us[place + stride], last_us[place + stride + 1]
        )
        beside = max(last_us[place - 1], last_us[place + 1])
        last_us[place] = t_us
        kept += t_us - max(above, below, beside) <= noise_us
    return kept
