"""A test's own sources before a real brain: packets of made events, and what the brain says."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from subprocess import Popen
from typing import Any

from drivers.events import EventPacket, Events, SensorSize
from pipeline import bus, wire
from pipeline.control import control_request

SENSOR = SensorSize(32, 32)
BEGIN_US = 5_000_000


def packets_of(
    events: Events, packet_us: int = 20_000, *, name: str = "desk", shift_us: int = 0
) -> list[EventPacket]:
    """Two seconds of `some_events`, by a source of this name whose clock is shifted."""
    events = events.copy()
    events["t"] += shift_us
    packets = []
    for seq in range(2_000_000 // packet_us):
        begin = BEGIN_US + shift_us + seq * packet_us
        inside = (events["t"] >= begin) & (events["t"] < begin + packet_us)
        packets.append(EventPacket(events[inside], SENSOR, name, seq, begin, begin + packet_us))
    return packets


def end_of(packets: Sequence[EventPacket]) -> list[bytes | memoryview]:
    """The end message of a stream of these packets, all of which were sent."""
    count = sum(len(packet.events) for packet in packets)
    totals = wire.StreamTotals(count, len(packets), None, 0, packets[-1].t_end_us)
    return wire.encode_end(packets[0].source, SENSOR, totals, time.time_ns())


def publisher_at(address: str) -> bus.EventPublisher:
    """One that loses nothing."""
    return bus.EventPublisher(address, policy="block")


def wait_for(brain: Popen[bytes], *sources: bus.EventPublisher) -> None:
    """Until the brain hears all of these."""
    deadline = time.monotonic() + 30
    for source in sources:
        while not source.wait_for_subscribers(1, 0.1):
            assert brain.poll() is None, brain.communicate()
            assert time.monotonic() < deadline


def summary_of(out: bytes) -> dict[str, Any]:
    """The last line of a brain's JSON Lines."""
    found: dict[str, Any] = json.loads(out.splitlines()[-1])["summary"]
    return found


def frames_of(control: str) -> int:
    """Frames that a brain says it has stepped."""
    return int(control_request(control, {"command": "status"}, timeout_s=10)["frames"])


def until(condition: Callable[[], bool], timeout_s: float = 30.0) -> None:
    """Look again and again at a running process."""
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, "waited too long"
        time.sleep(0.02)
