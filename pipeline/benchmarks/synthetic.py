"""Synthetic events: a noisy blob on a circle. They are nobody's gesture, only work to be done."""

from __future__ import annotations

import numpy as np

from drivers.events import EVENT_DTYPE, Events, SensorSize

SENSOR = SensorSize(128, 128)
EVENTS_PER_S = 1_000_000
"""Ten times what a person before such a sensor causes."""


def synthetic_events(count: int) -> Events:
    """So many seeded events on a sensor of 128x128 pixels, in order of time."""
    random = np.random.default_rng(0)
    events = np.zeros(count, dtype=EVENT_DTYPE)
    span_us = count * 1_000_000 // EVENTS_PER_S
    events["t"] = np.sort(random.integers(10_000_000, 10_000_000 + max(1, span_us), count))
    turn = 2 * np.pi * (events["t"] % 1_000_000) / 1e6
    events["x"] = (64 + 40 * np.cos(turn) + random.normal(0, 6, count)).clip(0, 127)
    events["y"] = (64 + 40 * np.sin(turn) + random.normal(0, 6, count)).clip(0, 127)
    events["on"] = random.random(count) < 0.5
    return events
