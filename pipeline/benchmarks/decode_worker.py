"""A worker that reads a recording, part of the way or all of it."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import aedat

from pipeline.addresses import ipc_address, private_run_directory
from pipeline.benchmarks.neighbour import busy_neighbour
from pipeline.benchmarks.worker import Ready, serve
from pipeline.bus import EventSubscriber
from pipeline.children import Child, start_process
from pipeline.intake import Intake
from pipeline.wire import EndMessage, EventsMessage, decode, encode_packet
from recordings.formats import open_recording

_LONGEST_WAIT_MS = 60_000

Timed = tuple[int, int]
"""Nanoseconds taken and events that came."""


def prepare(options: dict[str, Any]) -> Ready:
    """See `worker.serve`; options: recording, way (decoder, packets, frames or processes), busy
    (whether another process computes meanwhile).
    """
    Intake.warm_up()
    path = Path(options["recording"])
    ways: dict[str, Callable[[Path], Timed]] = {
        "decoder": _decode,
        "packets": _read,
        "frames": _read_to_frames,
        "processes": _send_to_frames,
    }
    way = ways[options["way"]]

    beside = busy_neighbour if options.get("busy") else nullcontext

    def run_block(_number: int) -> dict[str, Any]:
        with beside():
            taken_ns, events = way(path)
        return {"times_ns": [taken_ns / events], "events": events}

    return Ready(run_block)


def _decode(path: Path) -> Timed:
    start_ns = time.perf_counter_ns()
    events = sum(packet["events"].size for packet in aedat.Decoder(str(path)) if "events" in packet)
    return time.perf_counter_ns() - start_ns, events


def _read(path: Path) -> Timed:
    start_ns = time.perf_counter_ns()
    with open_recording(path) as recording:
        events = sum(packet.events.size for packet in recording)
    return time.perf_counter_ns() - start_ns, events


def _read_to_frames(path: Path) -> Timed:
    intake = Intake(columns=32, rows=32)
    start_ns = time.perf_counter_ns()
    with open_recording(path) as recording:
        for packet in recording:
            message = decode(encode_packet(packet, 0))
            if isinstance(message, EventsMessage):
                for _ in intake.push(message.packet):
                    pass
        for _ in intake.finish(None):
            pass
    return time.perf_counter_ns() - start_ns, intake.counts.events_in


def _send_to_frames(path: Path) -> Timed:
    """From a source process; the clock runs from the first packet that comes to the end."""
    intake = Intake(columns=32, rows=32)
    address = ipc_address(private_run_directory(), "events")
    told = ["source", str(path), "--bind", address, "--speed", "max"]
    source = Child("source", start_process(told, threads=1))
    start_ns = before = 0
    try:
        with EventSubscriber([address]) as bus:
            while True:
                message = decode(bus.receive(_LONGEST_WAIT_MS) or [])
                if isinstance(message, EndMessage):
                    break
                if isinstance(message, EventsMessage):
                    for _ in intake.push(message.packet):
                        pass
                    if not start_ns:
                        start_ns, before = time.perf_counter_ns(), message.packet.events.size
            for _ in intake.finish(message.totals):
                pass
            taken_ns = time.perf_counter_ns() - start_ns
        if intake.events_lost or intake.counts.events_in != message.totals.events:
            sys.exit(f"{intake.events_lost} events were lost")
    finally:
        source.close()
    return taken_ns, intake.counts.events_in - before


if __name__ == "__main__":
    serve(prepare)
