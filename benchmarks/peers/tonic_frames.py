"""Frames of 1 ms from events in memory, with tonic's transforms.

The package is under the GPL: this program uses it as its users do, and is no part of wigwag.
"""

from __future__ import annotations

import time
from typing import Any

import numpy as np
import tonic
from tonic.transforms import Downsample, ToFrame

from pipeline.benchmarks.worker import Ready, serve


def prepare(options: dict[str, Any]) -> Ready:
    """Ready to bin."""
    found = np.load(options["events"])
    events = np.zeros(len(found), [("t", "<i8"), ("x", "<i2"), ("y", "<i2"), ("p", "?")])
    for ours, theirs in (("t", "t"), ("x", "x"), ("y", "y"), ("on", "p")):
        events[theirs] = found[ours]
    width, height = options["sensor"]
    smaller = Downsample(sensor_size=(width, height, 2), target_size=(32, 32))
    to_frame = ToFrame(sensor_size=(32, 32, 2), time_window=1000, include_incomplete=True)

    def run_block(_number: int) -> dict[str, Any]:
        start_ns = time.perf_counter_ns()
        frames = to_frame(smaller(events))
        taken_ns = time.perf_counter_ns() - start_ns
        return {"times_ns": [taken_ns / len(events)], "frames": len(frames)}

    return Ready(run_block, {"tonic": tonic.__version__}, "counts, 16 bit")


serve(prepare)
