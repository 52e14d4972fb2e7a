"""Bursts of events at real-time speed: a real source process, and this one that receives."""

from __future__ import annotations

import os
import time
from pathlib import Path

import numpy as np
import pytest

from drivers.events import EVENT_DTYPE, Events, SensorSize
from pipeline.addresses import ipc_address, private_run_directory
from pipeline.bus import EventSubscriber
from pipeline.control import control_request
from pipeline.intake import Intake
from pipeline.wire import EndMessage, EventsMessage, decode
from recordings.aedat4_writer import Aedat4Writer
from recordings.formats import open_recording

pytestmark = pytest.mark.alone

SENSOR = SensorSize(128, 128)
BURST_EVENTS = 2_500_000
"""In 100 ms: 25 million per second."""
LARGE_BURST_EVENTS = 6_000_000
"""More packets of `BLOCK_EVENTS` than the queues of both sides hold, however late the source is."""
QUIET_EVENTS = 300
"""One a millisecond, for 100 ms before the burst and 200 ms after it."""
WAIT_MS = 30_000
WAIT_S = WAIT_MS / 1000
EVT2 = (
    Path(os.environ.get("WIGWAG_DATA", Path(__file__).parents[3] / "shared" / "data"))
    / "formats"
    / "evt2.raw"
)


def write_burst(path: Path, burst_events: int) -> Path:
    """A recording of silence, a burst and silence."""
    random = np.random.default_rng(5)
    events = np.zeros(burst_events + QUIET_EVENTS, dtype=EVENT_DTYPE)
    quiet_us = np.setdiff1d(np.arange(400), np.arange(100, 200)) * 1000
    burst_us = random.integers(100_000, 200_000, burst_events)
    events["t"] = np.sort(np.concatenate([quiet_us, burst_us]))
    events["x"], events["y"] = random.integers(0, 128, (2, len(events)))
    with Aedat4Writer(path, SENSOR, compression="lz4") as writer:
        writer.write(events)
    return path


class Received:
    """What came, and what was said of it."""

    def __init__(self) -> None:
        self.intake = Intake(columns=32, rows=32)
        self.frames = 0
        self.parts: list[Events] = []
        self.end: EndMessage | None = None

    def read(self, bus: EventSubscriber) -> None:
        """Take everything up to the end."""
        while self.end is None:
            parts = bus.receive(WAIT_MS)
            assert parts is not None, "nothing came"
            message = decode(parts)
            if isinstance(message, EventsMessage):
                self.parts.append(message.packet.events)
                self.frames += sum(1 for _ in self.intake.push(message.packet))
            elif isinstance(message, EndMessage):
                self.end = message
        self.frames += sum(1 for _ in self.intake.finish(self.end.totals))

    @property
    def events(self) -> int:
        """How many came."""
        return sum(part.size for part in self.parts)


@pytest.mark.parametrize("recording", ["burst", "evt2"])
def test_a_burst_is_absorbed(wigwag, recording: str, tmp_path: Path) -> None:
    """With `block` every event of a burst arrives as it was, and becomes a frame's."""
    if recording == "burst":
        path = write_burst(tmp_path / "burst.aedat4", BURST_EVENTS)
    elif EVT2.exists():
        path = EVT2
    else:
        pytest.skip("no real recordings here")
    address = ipc_address(private_run_directory(), "events")
    received = Received()
    source = wigwag.start("source", path, "--bind", address)
    with EventSubscriber([address]) as bus:
        received.read(bus)
    assert source.wait(WAIT_S) == 0
    whole = np.concatenate([packet.events for packet in open_recording(path)])
    assert received.end is not None
    assert received.end.totals.events == received.events == len(whole)
    assert (received.end.totals.lost, received.intake.events_lost) == (0, 0)
    assert received.intake.packets_missed == 0
    assert np.concatenate(received.parts).tobytes() == whole.tobytes()
    assert received.intake.counts.events_in == len(whole)
    assert received.frames == -(-int(whole["t"][-1] + 1 - whole["t"][0]) // 1000)


def test_a_burst_is_shed_and_counted(wigwag, tmp_path: Path) -> None:
    """With `drop` and a reader that sleeps through it, sent is received plus dropped."""
    burst = write_burst(tmp_path / "burst.aedat4", LARGE_BURST_EVENTS)
    folder = private_run_directory()
    address, control = ipc_address(folder, "events"), ipc_address(folder, "control")
    received = Received()
    source = wigwag.start(
        "source", burst, "--bind", address, "--control", control, "--backpressure", "drop"
    )
    deadline = time.monotonic() + WAIT_S
    with EventSubscriber([address], receive_hwm=1) as bus:
        while control_request(control, {"command": "status"}, timeout_s=WAIT_S)["t_end_us"] < (
            200_000
        ):
            assert time.monotonic() < deadline, "the source does not go on"
        received.read(bus)
    assert source.wait(WAIT_S) == 0
    assert received.end is not None
    totals = received.end.totals
    assert totals.lost > 0
    assert totals.events == received.events == received.intake.counts.events_in
    assert received.events + totals.lost == LARGE_BURST_EVENTS + QUIET_EVENTS
    assert received.intake.events_lost == totals.lost
    assert f"{totals.lost:,} events lost" in source.stderr.read().decode()
    # Lost events leave their time behind, at the stream's end too.
    assert received.frames == 400
