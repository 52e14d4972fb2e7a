"""The sending half of `bus_receiver.py`: as many messages as each line of its input asks for."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from typing import Any

import numpy as np
import zmq

from drivers.events import EVENT_DTYPE, EventPacket, SensorSize
from pipeline.bus import SEND_HWM, EventPublisher
from pipeline.memory import keep_freed_memory
from pipeline.wire import Part, encode_packet

TOPIC = b"events/bench"


def run(options: dict[str, Any]) -> None:
    """Options: `way` (bare, bus or packets), `address`, `events` of a message."""
    keep_freed_memory()
    packet = _packet(options["events"])
    parts = encode_packet(packet, 0)
    with ExitStack() as stack:
        send: Callable[[], object]
        if options["way"] == "bare":
            send = _bare(stack, options["address"], parts)
        else:
            publisher = stack.enter_context(
                EventPublisher(options["address"], policy="block", topic=TOPIC)
            )
            publisher.wait_for_subscribers()
            if options["way"] == "bus":
                send = lambda: publisher.publish(parts)  # noqa: E731  # as short as the bare one
            else:
                send = lambda: publisher.publish(encode_packet(packet, time.time_ns()))  # noqa: E731
        for line in sys.stdin:
            for _ in range(int(line)):
                send()


def _bare(stack: ExitStack, address: str, parts: Sequence[Part]) -> Callable[[], object]:
    """Bare pyzmq with the options that the bus has."""
    context = stack.enter_context(zmq.Context())
    socket = stack.enter_context(context.socket(zmq.XPUB))
    socket.sndhwm = SEND_HWM
    socket.linger = 0
    socket.xpub_nodrop = True
    socket.bind(address)
    socket.recv()  # the subscription
    return lambda: socket.send_multipart(parts, copy=False)


def _packet(count: int) -> EventPacket:
    random = np.random.default_rng(0)
    events = np.zeros(count, dtype=EVENT_DTYPE)
    events["t"] = np.arange(count)
    events["x"], events["y"] = random.integers(0, 128, (2, count))
    return EventPacket(events, SensorSize(128, 128), "bench", 0, 0, count)


if __name__ == "__main__":
    run(json.loads(sys.argv[1]))
