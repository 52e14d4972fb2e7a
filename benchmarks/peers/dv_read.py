"""Events of an AEDAT4 file read with dv-processing, batch by batch."""

from __future__ import annotations

import time
from typing import Any

import dv_processing as dv

from pipeline.benchmarks.worker import Ready, serve


def prepare(options: dict[str, Any]) -> Ready:
    """Ready to read."""

    def run_block(_number: int) -> dict[str, Any]:
        start_ns = time.perf_counter_ns()
        recording = dv.io.MonoCameraRecording(options["recording"])
        events = 0
        while (batch := recording.getNextEventBatch()) is not None:
            events += batch.size()
        return {"times_ns": [(time.perf_counter_ns() - start_ns) / events], "events": events}

    return Ready(run_block, {"dv-processing": dv.__version__})


serve(prepare)
