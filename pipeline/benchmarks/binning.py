"""`wigwag bench binning`: events in memory to frames of 1 ms, beside tonic and dv-processing."""

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
PEER_EVENTS = 400_000
"""Of a block: peers that take fifty times as long need not have as many."""
LARGER = (346, 260)
"""A sensor whose centred view leaves events out."""
_WORKER = (sys.executable, "-P", "-m", "pipeline.benchmarks.binning_worker")


def measure(settings: BenchSettings) -> Iterator[Table]:
    """One table."""
    with tempfile.TemporaryDirectory(prefix="wigwag-bench-") as name, ExitStack() as stack:
        many, few = Path(name) / "many.npy", Path(name) / "few.npy"
        events = synthetic_events(settings.size(EVENTS))
        np.save(many, events)
        np.save(few, events[: settings.size(PEER_EVENTS)])
        workers = Workers(stack, peers=settings.peers, threads=settings.threads)
        ours: dict[str, Any] = {
            "events": str(many),
            "sensor": [SENSOR.width, SENSOR.height],
            "packet_us": None,
        }
        peer = {**ours, "events": str(few)}
        workers.add_peer("tonic", "Downsample, ToFrame: (n, 2, 32, 32)", "tonic_frames.py", peer)
        workers.add_peer(
            "dv-processing", "slices of 1 ms, pictures of 128x128", "dv_frames.py", peer
        )
        workers.add("wigwag", "large packets: (n, 2, 32, 32), 0 and 1", _WORKER, ours)
        workers.add("wigwag, 1 ms", "packets of 1 ms", _WORKER, {**ours, "packet_us": 1000})
        workers.add(
            "wigwag, cropped",
            "large packets, a sensor of 346x260",
            _WORKER,
            {**ours, "sensor": LARGER},
        )
        yield event_rates(
            "binning alone",
            workers,
            settings,
            references=("tonic", "wigwag"),
            note=f"input: synthetic events, {EVENTS_PER_S / 1e6:g} million per second of stream",
        )
