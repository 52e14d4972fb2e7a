"""A worker that takes noise and hot pixels out of events in memory."""

from __future__ import annotations

import time
from typing import Any

import numpy as np

from drivers.events import EventPacket, SensorSize
from pipeline.benchmarks.worker import Ready, serve
from pipeline.event_filters import EventFilters
from pipeline.filter_settings import FilterSettings
from pipeline.memory import keep_freed_memory
from recordings.cutting import cut_at_pauses, cut_on_grid


def prepare(options: dict[str, Any]) -> Ready:
    """See `worker.serve`; options: events (a file), sensor, noise_ms, hot_pixels, packet_us.

    A block filters all events once; its one time is that of an event.
    """
    keep_freed_memory()
    events = np.load(options["events"])
    sensor = SensorSize(*options["sensor"])
    settings = FilterSettings(options.get("hot_pixels", False), options.get("noise_ms"))
    begin_us = int(events["t"][0])
    if "packet_us" in options:
        spans = cut_on_grid(iter([events]), begin_us, None, options["packet_us"])
    else:
        spans = cut_at_pauses(iter([events]), begin_us, None)
    packets = [
        EventPacket(part, sensor, "bench", seq, first_us, end_us)
        for seq, (first_us, end_us, part) in enumerate(spans)
    ]

    def run_block(_number: int) -> dict[str, Any]:
        filters = EventFilters(sensor, settings)
        start_ns = time.perf_counter_ns()
        for packet in packets:
            filters.apply(packet)
        taken_ns = time.perf_counter_ns() - start_ns
        return {"times_ns": [taken_ns / len(events)], "kept": filters.counts.kept}

    return Ready(run_block, note=f"{len(packets):,} packets")


if __name__ == "__main__":
    serve(prepare)
