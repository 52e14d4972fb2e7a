"""Pictures of 1 ms from events in memory, with dv-processing's slicer and accumulator."""

from __future__ import annotations

import time
from datetime import timedelta
from typing import Any

import dv_processing as dv
import numpy as np

from pipeline.benchmarks.worker import Ready, serve


def prepare(options: dict[str, Any]) -> Ready:
    """Ready to bin."""
    found = np.load(options["events"])
    store = dv.EventStore()
    for t, x, y, on in found.tolist():
        store.push_back(t, x, y, on)
    size = tuple(options["sensor"])

    def run_block(_number: int) -> dict[str, Any]:
        accumulator = dv.EdgeMapAccumulator(size)
        slicer = dv.EventStreamSlicer()
        frames = 0

        def picture(events: dv.EventStore) -> None:
            nonlocal frames
            accumulator.accept(events)
            accumulator.generateFrame()
            frames += 1

        slicer.doEveryTimeInterval(timedelta(milliseconds=1), picture)
        start_ns = time.perf_counter_ns()
        slicer.accept(store)
        taken_ns = time.perf_counter_ns() - start_ns
        return {"times_ns": [taken_ns / len(found)], "frames": frames}

    return Ready(run_block, {"dv-processing": dv.__version__}, "one channel, no smaller pictures")


serve(prepare)
