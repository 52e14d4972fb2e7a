"""An AEDAT4 file to frames of 1 ms, with tonic's reader and transforms.

The package is under the GPL: this program uses it as its users do, and is no part of wigwag.
"""

from __future__ import annotations

import time
from typing import Any

import tonic
from tonic.io import read_aedat4
from tonic.transforms import Downsample, ToFrame

from pipeline.benchmarks.worker import Ready, serve


def prepare(options: dict[str, Any]) -> Ready:
    """Ready to read."""
    smaller = Downsample(sensor_size=(128, 128, 2), target_size=(32, 32))
    to_frame = ToFrame(sensor_size=(32, 32, 2), time_window=1000, include_incomplete=True)

    def run_block(_number: int) -> dict[str, Any]:
        start_ns = time.perf_counter_ns()
        found = read_aedat4(options["recording"])
        events = found.astype([("t", "<i8"), ("x", "<i2"), ("y", "<i2"), ("p", "?")])
        to_frame(smaller(events))
        return {
            "times_ns": [(time.perf_counter_ns() - start_ns) / len(events)],
            "events": len(events),
        }

    return Ready(run_block, {"tonic": tonic.__version__}, "counts, 16 bit")


serve(prepare)
