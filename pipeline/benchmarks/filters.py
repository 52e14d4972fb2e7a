"""`wigwag bench filters`: noise and hot pixels out of events in memory, beside dv-processing."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.benchmarks.interleaving import interleave
from pipeline.benchmarks.rows import Table, compared_rows
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
        workers.wait_until_ready()
        blocks = interleave(workers.started, settings.blocks)
        reference = "dv-processing" if "dv-processing" in blocks else "wigwag"
        yield Table(
            "filters",
            compared_rows(
                workers.started,
                blocks,
                unit="M events/s",
                reference=reference,
                convert=lambda time_ns: 1e3 / time_ns,
                better="higher",
            ),
            reference,
            (
                f"input: synthetic events, {EVENTS_PER_S / 1e6:g} million per second of stream, "
                f"of a sensor of {SENSOR.width}x{SENSOR.height}; noise within {NOISE_MS:g} ms",
                *workers.notes,
            ),
            workers.versions,
        )
