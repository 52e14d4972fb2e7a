"""A worker that makes frames of 1 ms from events in memory."""

from __future__ import annotations

import time
from typing import Any

import numpy as np

from drivers.events import EventPacket, SensorSize
from pipeline.benchmarks.worker import Ready, serve
from pipeline.binning import FrameBinner, centred_view
from pipeline.memory import keep_freed_memory
from recordings.cutting import cut_at_pauses, cut_on_grid


def prepare(options: dict[str, Any]) -> Ready:
    """See `worker.serve`; options: events (a file), sensor, packet_us (None: as large as it goes).

    A block bins all events once; its one time is that of an event.
    """
    keep_freed_memory()
    events = np.load(options["events"])
    sensor = SensorSize(*options["sensor"])
    begin_us = int(events["t"][0])
    if options["packet_us"] is None:
        spans = cut_at_pauses(iter([events]), begin_us, None)
    else:
        spans = cut_on_grid(iter([events]), begin_us, None, options["packet_us"])
    packets = [
        EventPacket(part, sensor, "bench", seq, first_us, end_us)
        for seq, (first_us, end_us, part) in enumerate(spans)
    ]

    def run_block(_number: int) -> dict[str, Any]:
        binner = FrameBinner(sensor, centred_view(sensor))
        start_ns = time.perf_counter_ns()
        for packet in packets:
            for _ in binner.iter_push(packet):
                pass
        taken_ns = time.perf_counter_ns() - start_ns
        return {"times_ns": [taken_ns / len(events)], "frames": binner.counts.frames}

    return Ready(run_block, note=f"{len(packets):,} packets")


if __name__ == "__main__":
    serve(prepare)
