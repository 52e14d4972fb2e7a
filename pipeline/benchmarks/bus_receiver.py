"""A worker that receives messages from a process that it starts; the time of one is counted."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

import zmq

from pipeline.addresses import ipc_address, private_run_directory
from pipeline.benchmarks.bus_sender import TOPIC
from pipeline.benchmarks.worker import Ready, serve
from pipeline.bus import SEND_HWM, EventSubscriber
from pipeline.intake import Intake
from pipeline.wire import decode


def prepare(options: dict[str, Any]) -> Ready:
    """See `worker.serve`; options: way (bare, bus or packets), events, messages."""
    Intake.warm_up()
    address = ipc_address(private_run_directory(), "bench")
    receive: Callable[[], object]
    if options["way"] == "bare":
        socket: zmq.Socket[bytes] = zmq.Context.instance().socket(zmq.SUB)
        socket.rcvhwm = SEND_HWM
        socket.subscribe(TOPIC)
        socket.connect(address)
        receive = lambda: socket.recv_multipart(copy=False)  # noqa: E731  # as short as it goes
    else:
        bus = EventSubscriber([address], [TOPIC])
        checked = options["way"] == "packets"
        receive = (lambda: decode(bus.receive() or [])) if checked else bus.receive
    sender = subprocess.Popen(
        [
            sys.executable,
            "-P",
            "-m",
            "pipeline.benchmarks.bus_sender",
            json.dumps({**options, "address": address}),
        ],
        stdin=subprocess.PIPE,
        text=True,
    )
    messages = options["messages"]

    def run_block(_number: int) -> dict[str, Any]:
        assert sender.stdin is not None  # told to be a pipe
        sender.stdin.write(f"{messages}\n")
        sender.stdin.flush()
        receive()
        start_ns = time.perf_counter_ns()
        for _ in range(messages - 1):
            receive()
        return {"times_ns": [(time.perf_counter_ns() - start_ns) / (messages - 1)]}

    return Ready(run_block, versions={"pyzmq": zmq.__version__, "libzmq": zmq.zmq_version()})


if __name__ == "__main__":
    serve(prepare)
