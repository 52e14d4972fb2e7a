"""What a source leaves out of its events: hot pixels, then background activity; both counted."""

from __future__ import annotations

import threading
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from drivers.errors import InputError
from drivers.events import EventPacket, Events, SensorSize, empty_events
from pipeline.filter_settings import USUAL_NOISE_MS, FilterSettings, check_noise_ms
from pipeline.hot_pixels import HotPixels
from pipeline.noise_filter import NoiseFilter
from recordings.scanning import first_at


@dataclass(frozen=True, slots=True)
class FilterCounts:
    """`received` is always the sum of the three below it."""

    received: int = 0
    kept: int = 0
    removed_hot: int = 0
    removed_noise: int = 0

    @property
    def removed(self) -> dict[str, int]:
        """What was removed, by filter; those that removed nothing are left out."""
        found = {"hot pixels": self.removed_hot, "background activity": self.removed_noise}
        return {name: count for name, count in found.items() if count}


class EventFilters:
    """The filters of one source. `ask` may be called from any thread; the rest from one.

    A change takes effect with the packet after it.
    """

    def __init__(self, sensor: SensorSize, settings: FilterSettings) -> None:
        self.counts = FilterCounts()
        self._sensor = sensor
        self._settings = FilterSettings()
        self._wanted = settings
        self._asked_to_watch = False
        self._changed = True
        self._lock = threading.Lock()
        self._hot: HotPixels | None = None
        self._noise: NoiseFilter | None = None

    def apply(self, packet: EventPacket) -> EventPacket:
        """The packet without what the filters remove; its span stays as it is."""
        self._take_changes(packet.t_begin_us)
        received = packet.events.size
        if self._hot is None and self._noise is None:
            self.counts = replace(
                self.counts,
                received=self.counts.received + received,
                kept=self.counts.kept + received,
            )
            return packet
        cooled = packet.events if self._hot is None else self._without_hot(self._hot, packet)
        clean = cooled if self._noise is None else self._noise.keep(cooled)
        self.counts = FilterCounts(
            received=self.counts.received + received,
            kept=self.counts.kept + clean.size,
            removed_hot=self.counts.removed_hot + received - cooled.size,
            removed_noise=self.counts.removed_noise + cooled.size - clean.size,
        )
        return replace(packet, events=clean)

    def take_change(self) -> FilterSettings | None:
        """What the packet filtered last was filtered by, where it is the first, or where there was
        a change since this was asked last.
        """
        changed, self._changed = self._changed, False
        return self._settings if changed else None

    def ask(self, request: dict[str, Any]) -> None:
        """Switch as a control request says; raises `InputError` for what makes no sense.

        `hot_pixels`: true, false or "find" (watch anew); `noise_ms`: a number, true, or false.
        """
        with self._lock:
            wanted, watch = self._wanted, self._asked_to_watch
            if "hot_pixels" in request:
                value = request["hot_pixels"]
                if value not in (True, False, "find"):
                    raise _refused("hot_pixels", value, 'true, false or "find"')
                # "find" is equal to neither of the others; 1 and 0 are as good as they.
                wanted = replace(wanted, hot_pixels=bool(value))
                watch = value == "find"
            if "noise_ms" in request:
                wanted = replace(wanted, noise_ms=_noise_ms(request["noise_ms"]))
            self._wanted, self._asked_to_watch = wanted, watch

    def status(self) -> dict[str, Any]:
        """What is on, what was found and what was removed, for a control reply."""
        hot = self._hot
        return {
            **asdict(self._wanted),
            "hot_pixels_found": 0 if hot is None else hot.found,
            **asdict(self.counts),
        }

    def _take_changes(self, now_us: int) -> None:
        if self._wanted == self._settings and not self._asked_to_watch:
            return
        with self._lock:
            wanted, watch = self._wanted, self._asked_to_watch
            self._asked_to_watch = False
        self._changed = True
        if not wanted.hot_pixels:
            self._hot = None
        elif self._hot is None or watch:
            self._hot = self._hot or HotPixels(self._sensor)
            self._hot.watch(now_us)
        if wanted.noise_ms != self._settings.noise_ms:
            self._noise = None
            if wanted.noise_ms is not None:
                self._noise = NoiseFilter(self._sensor, round(wanted.noise_ms * 1000))
        self._settings = wanted

    def _without_hot(self, hot: HotPixels, packet: EventPacket) -> Events:
        """Through the mask, and where a watch ends within the packet, through both masks."""
        ends_us = hot.watch_ends_us
        if ends_us is None:
            return hot.keep(packet.events)
        split = first_at(packet.events, ends_us)
        before = packet.events[:split]
        hot.see(before)
        first = hot.keep(before)
        if packet.t_end_us < ends_us:
            return first
        hot.end_watch()
        return np.concatenate([first, hot.keep(packet.events[split:])])


def warm_up() -> None:
    """Have the filters compiled or loaded now, not when one is switched on."""
    sensor = SensorSize(1, 1)
    filters = EventFilters(sensor, FilterSettings(hot_pixels=True, noise_ms=USUAL_NOISE_MS))
    filters.apply(EventPacket(empty_events(), sensor, "", 0, 0, 1))


def _noise_ms(value: object) -> float | None:
    if value is False:
        return None
    if value is True:
        return USUAL_NOISE_MS
    if not isinstance(value, int | float):
        raise _refused("noise_ms", value, "a number of milliseconds, true or false")
    return float(check_noise_ms(value))


def _refused(name: str, value: object, allowed: str) -> InputError:
    return InputError(
        what=f"filter {name}", got=f"{value!r:.40}", allowed=allowed, todo="mend the request"
    )
