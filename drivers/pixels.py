"""How the pixels of an event camera answer to light: thresholds, refractoriness, leak, noise."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from numba import njit

from drivers.errors import InputError
from drivers.events import SensorSize

Floats = npt.NDArray[np.float64]
PixelEvents = tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], npt.NDArray[np.bool_]]
"""Times (us), pixel numbers (row * width + column), ON flags; each of shape (n,)."""

_NEVER_US = -1.0
_NOISE_US = 100_000
"""Noise is drawn for so long at once."""


@dataclass(frozen=True, slots=True)
class PixelSettings:
    """The sensor model. Thresholds are steps of the natural log of the light."""

    threshold_on: float = 0.16
    threshold_off: float = 0.19
    threshold_mismatch: float = 0.026
    """Standard deviation of each pixel's two thresholds about their means."""
    refractory_us: int = 500
    """A pixel that fired is held in reset for so long, and starts anew from the light then."""
    leak_hz: float = 0.04
    """ON events per second of a pixel in the dark; each pixel has its own rate."""
    noise_on_share: float = 0.25
    hot_pixels: int = 8
    hot_pixel_hz: float = 20.0

    def __post_init__(self) -> None:
        lowest = min(self.threshold_on, self.threshold_off)
        if lowest < 0.05 or not 0 <= self.threshold_mismatch <= lowest / 2:
            raise InputError(
                what="pixel thresholds",
                got=f"{self.threshold_on}, {self.threshold_off} +- {self.threshold_mismatch}",
                allowed="0.05 or more each, mismatch at most half of the smaller",
                todo="choose larger thresholds or less mismatch",
            )
        if self.refractory_us < 1:
            raise InputError(
                what="refractory period",
                got=f"{self.refractory_us} us",
                allowed="1 us or more",
                todo="choose a longer one",
            )
        rates = (self.leak_hz, self.hot_pixel_hz, float(self.hot_pixels))
        if min(rates) < 0 or not 0 <= self.noise_on_share <= 1:
            raise InputError(
                what="pixel noise",
                got=f"leak, hot rate, hot pixels {rates}, ON share {self.noise_on_share}",
                allowed="rates and counts from 0, share from 0 to 1",
                todo="mend the settings",
            )


class PixelArray:
    """The state of all pixels; `respond` moves it from one rendering to the next."""

    def __init__(
        self,
        settings: PixelSettings,
        sensor: SensorSize,
        log_light: Floats,
        noise_hz: float,
        bandwidth_hz: float,
        rng: np.random.Generator,
    ) -> None:
        """Pixels adapted to `log_light` (height, width), each somewhere between its thresholds.

        `noise_hz`: shot noise of one pixel; `bandwidth_hz`: the photoreceptors' cut-off.
        """
        count = sensor.width * sensor.height
        self._settings = settings
        self._rng = rng
        self._noise_per_us = noise_hz * count * 1e-6
        self._tau_us = 1e6 / (2 * np.pi * bandwidth_hz)
        floor = 0.4 * min(settings.threshold_on, settings.threshold_off)
        spread = settings.threshold_mismatch
        self._on = np.maximum(rng.normal(settings.threshold_on, spread, count), floor)
        self._off = np.maximum(rng.normal(settings.threshold_off, spread, count), floor)
        leak_hz = settings.leak_hz * rng.gamma(2.0, 0.5, count)
        hot = rng.choice(count, size=min(settings.hot_pixels, count), replace=False)
        leak_hz[hot] += settings.hot_pixel_hz * rng.gamma(2.0, 0.5, hot.size)
        self._leak_per_us = leak_hz * self._on * 1e-6
        self._seen = log_light.ravel().copy()
        self._reference = self._seen + rng.uniform(-0.9 * self._on, 0.9 * self._off)
        self._ready_us = np.full(count, _NEVER_US)
        self._noise_us = np.empty(0)
        self._noise_pixel = np.empty(0, dtype=np.int64)
        self._noise_on = np.empty(0, dtype=np.bool_)
        self._noise_taken, self._noise_until_us = 0, 0
        self._times = np.empty(0, dtype=np.int64)
        self._where = np.empty(0, dtype=np.int64)
        self._which = np.empty(0, dtype=np.bool_)

    def respond(self, log_light: Floats, flicker: float, t0_us: int, t1_us: int) -> PixelEvents:
        """Events of `[t0_us, t1_us)`, at whose end the light is `log_light` + `flicker`.

        Returns times (us), pixel numbers (row * width + column) and ON flags, sorted by time;
        equal times keep the order of the pixels.
        """
        first, last = self._take_noise(t1_us)
        capacity = self._seen.size * ((t1_us - t0_us) // self._settings.refractory_us + 1)
        if self._times.size < capacity + last - first:
            self._times = np.empty(capacity + last - first, dtype=np.int64)
            self._where = np.empty(self._times.size, dtype=np.int64)
            self._which = np.empty(self._times.size, dtype=np.bool_)
        found = _respond(
            log_light.ravel(),
            flicker,
            float(t0_us),
            float(t1_us),
            self._tau_us,
            float(self._settings.refractory_us),
            self._on,
            self._off,
            self._leak_per_us,
            self._seen,
            self._reference,
            self._ready_us,
            self._noise_pixel[first:last],
            self._noise_us[first:last],
            self._noise_on[first:last],
            self._times,
            self._where,
            self._which,
        )
        order = np.argsort(self._times[:found], kind="stable")
        return self._times[order], self._where[order], self._which[order]

    def _take_noise(self, until_us: int) -> tuple[int, int]:
        """The range of drawn noise events that are due before `until_us`."""
        first = self._noise_taken
        while self._noise_until_us < until_us:
            begin_us, self._noise_until_us = self._noise_until_us, self._noise_until_us + _NOISE_US
            count = int(self._rng.poisson(self._noise_per_us * _NOISE_US))
            drawn_us = np.sort(self._rng.uniform(begin_us, self._noise_until_us, count))
            pixel = self._rng.integers(0, self._seen.size, count)
            on = self._rng.random(count) < self._settings.noise_on_share
            self._noise_us = np.concatenate([self._noise_us[first:], drawn_us])
            self._noise_pixel = np.concatenate([self._noise_pixel[first:], pixel])
            self._noise_on = np.concatenate([self._noise_on[first:], on])
            first = 0
        self._noise_taken = int(np.searchsorted(self._noise_us, until_us))
        return first, self._noise_taken


@njit(cache=True)  # type: ignore[untyped-decorator]  # numba ships no types
def _respond(
    log_light: Floats,
    flicker: float,
    t0: float,
    t1: float,
    tau: float,
    refractory: float,
    on: Floats,
    off: Floats,
    leak: Floats,
    seen: Floats,
    reference: Floats,
    ready: Floats,
    noise_pixel: npt.NDArray[np.int64],
    noise_time: Floats,
    noise_on: npt.NDArray[np.bool_],
    times: npt.NDArray[np.int64],
    where: npt.NDArray[np.int64],
    which: npt.NDArray[np.bool_],
) -> int:
    """One step of every pixel; fills times, where, which and returns how many events there are.

    Between t0 and t1 the low-passed log light runs in a straight line from `before` to `after`.
    `gap` is how far it is from the pixel's reference; the leak lets the reference sink, so that
    the gap grows. An event falls where the line crosses a threshold.
    """
    span = t1 - t0
    step = 1.0 - math.exp(-span / tau)
    found = 0
    for pixel in range(seen.size):
        before = seen[pixel]
        after = before + step * (log_light[pixel] + flicker - before)
        seen[pixel] = after
        start = t0
        if ready[pixel] >= t0:
            if ready[pixel] >= t1:
                continue
            start = ready[pixel]
            base = before + (after - before) * (start - t0) / span
            gap = 0.0
        else:
            base = reference[pixel]
            gap = before - base
        base -= leak[pixel] * (t1 - start)
        end_gap = after - base
        while end_gap >= on[pixel] or end_gap <= -off[pixel]:
            brighter = end_gap > 0.0
            level = on[pixel] if brighter else -off[pixel]
            share = min(1.0, max(0.0, (level - gap) / (end_gap - gap)))
            at = start + share * (t1 - start)
            times[found] = min(int(at), int(t1) - 1)
            where[found] = pixel
            which[found] = brighter
            found += 1
            ready[pixel] = times[found - 1] + refractory
            if ready[pixel] >= t1:
                break
            start = ready[pixel]
            base = before + (after - before) * (start - t0) / span
            gap = 0.0
            base -= leak[pixel] * (t1 - start)
            end_gap = after - base
        reference[pixel] = base
    for number in range(noise_pixel.size):
        pixel = noise_pixel[number]
        at = noise_time[number]
        if at < ready[pixel]:
            continue
        times[found] = min(int(at), int(t1) - 1)
        where[found] = pixel
        which[found] = noise_on[number]
        found += 1
        ready[pixel] = times[found - 1] + refractory
        reference[pixel] = seen[pixel]
    return found
