"""Background activity out of events in memory, with dv-processing's filter."""

from __future__ import annotations

import time
from datetime import timedelta
from typing import Any

import dv_processing as dv
import numpy as np

from pipeline.benchmarks.worker import Ready, serve


def prepare(options: dict[str, Any]) -> Ready:
    """Ready to filter."""
    found = np.load(options["events"])
    store = dv.EventStore()
    for t, x, y, on in found.tolist():
        store.push_back(t, x, y, on)
    size = tuple(options["sensor"])
    noise = timedelta(milliseconds=options["noise_ms"])

    def run_block(_number: int) -> dict[str, Any]:
        noise_filter = dv.noise.BackgroundActivityNoiseFilter(size, noise)
        start_ns = time.perf_counter_ns()
        noise_filter.accept(store)
        kept = noise_filter.generateEvents()
        taken_ns = time.perf_counter_ns() - start_ns
        return {"times_ns": [taken_ns / len(found)], "kept": kept.size()}

    return Ready(run_block, {"dv-processing": dv.__version__}, "")


serve(prepare)
