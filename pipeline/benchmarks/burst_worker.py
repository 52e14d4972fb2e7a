"""A worker that has a source replay a recording in real time, and notes when frames are there."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from pipeline.addresses import ipc_address, private_run_directory
from pipeline.benchmarks.worker import Ready, serve
from pipeline.bus import EventSubscriber
from pipeline.children import Child, start_process
from pipeline.intake import Intake
from pipeline.memory import keep_freed_memory
from pipeline.wire import EndMessage, EventsMessage, decode

_LONGEST_WAIT_MS = 60_000


def prepare(options: dict[str, Any]) -> Ready:
    """See `worker.serve`; options: recording, policy (block or drop).

    The answer holds, for every packet, the stream's time at its end (in us, from the first one's
    begin) and how much later than the quickest its frames were there; and all counts of events.
    """
    Intake.warm_up()
    keep_freed_memory()

    def run_block(_number: int) -> dict[str, Any]:
        return _replay(Path(options["recording"]), options["policy"])

    return Ready(run_block)


def _replay(path: Path, policy: str) -> dict[str, Any]:
    intake = Intake(columns=32, rows=32)
    address = ipc_address(private_run_directory(), "events")
    told = ["source", str(path), "--bind", address, "--backpressure", policy]
    source = Child("source", start_process(told, threads=1))
    ends_us: list[int] = []
    there_ns: list[int] = []
    begin_us: int | None = None
    try:
        with EventSubscriber([address]) as bus:
            while True:
                message = decode(bus.receive(_LONGEST_WAIT_MS) or [])
                if isinstance(message, EndMessage):
                    break
                if isinstance(message, EventsMessage):
                    packet = message.packet
                    for _ in intake.push(packet):
                        pass
                    begin_us = packet.t_begin_us if begin_us is None else begin_us
                    ends_us.append(packet.t_end_us - begin_us)
                    there_ns.append(time.perf_counter_ns())
            for _ in intake.finish(message.totals):
                pass
    finally:
        source.close()
    delays_ns = [there - 1000 * end for there, end in zip(there_ns, ends_us, strict=True)]
    smallest_ns = min(delays_ns)
    return {
        "times_ns": [delay - smallest_ns for delay in delays_ns],
        "ends_us": ends_us,
        "received": intake.counts.events_in,
        "lost": intake.events_lost,
    }


if __name__ == "__main__":
    serve(prepare)
