"""`wigwag bench filters`: noise and hot pixels out of events in memory, beside dv-processing."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.benchmarks.event_rates import event_rates
from pipeline.benchmarks.rows import Table
from pipeline.benchmarks.settings import BenchSettings
from pipeline.benchmarks.synthetic import EVENTS_PER_S, SENSOR, synthetic_events
from pipeline.benchmarks.worker_process import Workers

EVENTS = 4_000_000
NOISE_MS = 10.0
_WORKER = (sys.executable, "-P", "-m", "pipeline.benchmarks.filters_worker")
_CONTENDERS: tuple[tuple[str, str, dict[str, Any]], ...] = (
    ("wigwag", "background activity", {"noise_ms": NOISE_MS}),
    ("wigwag, hot", "hot pixels", {"hot_pixels": True}),
    (
        "wigwag, both",
        "hot pixels, then background activity",
        {"noise_ms": NOISE_MS, "hot_pixels": True},
    ),
    (
        "wigwag, 1 ms",
        "both, in packets of 1 ms",
        {"noise_ms": NOISE_MS, "hot_pixels": True, "packet_us": 1000},
    ),
)


def measure(settings: BenchSettings) -> Iterator[Table]:
    """One table."""
    with tempfile.TemporaryDirectory(prefix="wigwag-bench-") as name, ExitStack() as stack:
        path = Path(name) / "events.npy"
        np.save(path, synthetic_events(settings.size(EVENTS)))
        workers = Workers(stack, peers=settings.peers, threads=settings.threads)
        common: dict[str, Any] = {"events": str(path), "sensor": [SENSOR.width, SENSOR.height]}
        workers.add_peer(
            "dv-processing", "background activity", "dv_filter.py", common | {"noise_ms": NOISE_MS}
        )
        for contender, what, options in _CONTENDERS:
            workers.add(contender, what, _WORKER, common | options)
        yield event_rates(
            "filters",
            workers,
            settings,
            references=("dv-processing", "wigwag"),
            note=f"input: synthetic events, {EVENTS_PER_S / 1e6:g} million per second of stream, "
            f"of a sensor of {SENSOR.width}x{SENSOR.height}; noise within {NOISE_MS:g} ms",
        )
