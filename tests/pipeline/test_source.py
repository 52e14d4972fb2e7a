import hashlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from drivers.errors import InputError
from pipeline.addresses import ipc_address, private_run_directory
from pipeline.bus import EventSubscriber
from pipeline.control import control_request
from pipeline.filter_settings import FilterSettings
from pipeline.telemetry import StageSnapshot
from pipeline.wire import EndMessage, EventsMessage, JsonMessage, Message, decode

ROOT = Path(__file__).resolve().parents[2]
SYNTHETIC_SOURCE = Path(__file__).with_name("synthetic_source.py")
DEADLINE_S = 30.0


class SyntheticProcess:
    """The source process of `synthetic_source.py`."""

    def __init__(
        self, packets: int, events: int = 100, span_us: int = 1000, **settings: Any
    ) -> None:
        folder = private_run_directory()
        self.events = ipc_address(folder, "events")
        self.control = ipc_address(folder, "control")
        asked = {
            "packets": packets,
            "events": events,
            "span_us": span_us,
            "settings": {"bind": self.events, "control": self.control, **settings},
        }
        self._process = subprocess.Popen(
            [sys.executable, str(SYNTHETIC_SOURCE), json.dumps(asked)],
            env=os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def ask(self, command: str, **more: object) -> dict[str, Any]:
        """Its answer to a request."""
        return control_request(self.control, {"command": command, **more}, timeout_s=DEADLINE_S)

    def wait_until(self, condition: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        """Its status as soon as it meets a condition."""
        deadline = time.monotonic() + DEADLINE_S
        while not condition(status := self.ask("status")):
            assert time.monotonic() < deadline, status
        return status

    def interrupt(self, number: signal.Signals) -> None:
        """Send a signal."""
        self._process.send_signal(number)

    def result(self, timeout_s: float = DEADLINE_S) -> dict[str, Any]:
        """What it printed, once it has ended well."""
        out, error = self._process.communicate(timeout=timeout_s)
        assert self._process.returncode == 0, error
        answer: dict[str, Any] = json.loads(out)
        answer["said"] = error
        return answer

    def kill(self) -> None:
        """End it, whatever it does."""
        self._process.kill()
        self._process.communicate()


@pytest.fixture
def start() -> Iterator[Callable[..., SyntheticProcess]]:
    """Starts source processes, which are gone when the test is."""
    started: list[SyntheticProcess] = []

    def make(*arguments: Any, **settings: Any) -> SyntheticProcess:
        started.append(SyntheticProcess(*arguments, **settings))
        return started[-1]

    yield make
    for process in started:
        process.kill()


def messages(bus: EventSubscriber) -> Iterator[Message]:
    """Everything that comes, up to the end message, included."""
    while True:
        parts = bus.receive(round(DEADLINE_S * 1000))
        assert parts is not None, "nothing came"
        message = decode(parts)
        yield message
        if isinstance(message, EndMessage):
            return


def test_ten_million_events_at_full_speed_reach_a_slow_consumer(
    start: Callable[..., SyntheticProcess],
) -> None:
    """With `block` nothing is lost or changed, however slow the reader and small the queues."""
    source = start(200, events=50_000, speed=None, send_hwm=2)
    digest = hashlib.blake2b()
    seen = packets = 0
    with EventSubscriber([source.events], receive_hwm=2) as bus:
        for message in messages(bus):
            if isinstance(message, EventsMessage):
                digest.update(message.packet.events.tobytes())
                assert message.packet.seq == packets
                assert message.packet.lost_before == 0
                seen += len(message.packet.events)
                packets += 1
                time.sleep(0.002)  # the slow consumer
    given = source.result()
    assert isinstance(message, EndMessage)
    assert (seen, packets) == (10_000_000, 200)
    assert (message.totals.events, message.totals.packets, message.totals.lost) == (seen, 200, 0)
    assert digest.hexdigest() == given["digest"]
    assert given["ended"] == "end of recording"


def test_dropping_source_counts_every_lost_event(start: Callable[..., SyntheticProcess]) -> None:
    """With `drop` the source never waits, and sent = received + dropped, to the event."""
    source = start(100, events=50_000, speed=None, send_hwm=1, policy="drop")
    received = announced = 0
    gaps = 0
    last = -1
    with EventSubscriber([source.events], receive_hwm=1) as bus:
        source.wait_until(lambda status: status["packets"] == 100)  # nothing is read till then
        for message in messages(bus):
            if isinstance(message, EventsMessage):
                received += len(message.packet.events)
                announced += message.packet.lost_before
                gaps += message.packet.seq - last - 1
                last = message.packet.seq
    assert isinstance(message, EndMessage)
    totals = message.totals
    assert totals.lost > 0
    assert totals.events == received
    assert received + totals.lost == 100 * 50_000
    assert totals.packets == 100
    assert announced == gaps * 50_000
    assert totals.lost == announced + (99 - last) * 50_000
    assert f"{totals.lost:,} events lost" in source.result()["said"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("moment", ["no subscriber", "in time", "paused", "blocked"])
def test_signal_ends_the_source_at_any_moment(
    start: Callable[..., SyntheticProcess], moment: str, number: signal.Signals
) -> None:
    """Ctrl-C ends it quickly and in order, whatever it waits for."""
    by_moment: dict[str, dict[str, Any]] = {
        "paused": {"paused": True},
        "blocked": {"speed": None, "send_hwm": 1},
    }
    settings = by_moment.get(moment, {})
    source = start(1000, events=20_000 if moment == "blocked" else 10, **settings)
    if moment == "no subscriber":
        source.ask("status")
        source.interrupt(number)
        assert source.result(2.0)["ended"] == "interrupted"
        return
    with EventSubscriber([source.events], receive_hwm=1):
        if moment == "paused":
            source.ask("step")
            source.wait_until(lambda status: status["packets"] == 1)
        elif moment == "in time":
            source.wait_until(lambda status: status["packets"] > 5)
        else:
            before = -1
            while before != (before := source.ask("status")["packets"]) or before < 1:
                time.sleep(0.1)  # until it gets no further
        source.interrupt(number)
        given = source.result(2.0)
    assert given["ended"] == "interrupted"
    assert given["totals"]["packets"] < 1000


def test_interrupted_source_still_says_its_totals(start: Callable[..., SyntheticProcess]) -> None:
    """A reader that keeps up hears of the end, with the totals of what went out."""
    source = start(100_000, events=3)
    received = 0
    with EventSubscriber([source.events]) as bus:
        for message in messages(bus):
            if isinstance(message, EventsMessage):
                received += len(message.packet.events)
                if message.packet.seq == 20:
                    source.interrupt(signal.SIGINT)
    assert isinstance(message, EndMessage)
    assert message.totals.events == received


def test_a_reader_that_is_late_still_gets_all_that_went_out_before_ctrl_c(
    start: Callable[..., SyntheticProcess],
) -> None:
    """Its queue was full when the signal came: every packet and the end, with their totals."""
    source = start(1000, events=20_000, speed=None, send_hwm=1)
    received = packets = 0
    with EventSubscriber([source.events], receive_hwm=1) as bus:
        before = -1
        while before != (before := source.ask("status")["packets"]) or before < 1:
            time.sleep(0.1)  # until it gets no further
        source.interrupt(signal.SIGINT)
        time.sleep(0.3)  # a reader that is late is what is wanted
        for message in messages(bus):
            if isinstance(message, EventsMessage):
                received += len(message.packet.events)
                packets += 1
    assert isinstance(message, EndMessage)
    assert (message.totals.packets, message.totals.events) == (packets, received)
    assert before <= packets < 1000


def test_filters_are_switched_while_the_source_runs_and_counted_to_the_event(
    start: Callable[..., SyntheticProcess],
) -> None:
    """Received = kept + removed, in the status, in the end message and in what is said; the first
    packet says which are on, and so does the first that others have filtered.
    """
    source = start(10, events=2000, paused=True, hot_pixels=True)
    with EventSubscriber([source.events]) as bus:
        source.ask("step", packets=4)
        source.wait_until(lambda status: status["packets"] == 4)
        with pytest.raises(InputError, match="noise_ms: got 'x'"):
            source.ask("filters", noise_ms="x")
        assert source.ask("filters", noise_ms=0.2)["filters"]["noise_ms"] == 0.2
        source.ask("resume")
        events = [message for message in messages(bus) if isinstance(message, EventsMessage)]
    received = [len(message.packet.events) for message in events]
    said = {message.packet.seq: message.filters for message in events if message.filters}
    assert said == {0: FilterSettings(True, None), 4: FilterSettings(True, 0.2)}
    given = source.result()
    removed = given["totals"]["removed"]["background activity"]
    assert received[:4] == [2000] * 4
    assert removed == 20_000 - sum(received) > 0
    assert f"{removed:,} events removed: background activity" in given["said"]


def test_filters_are_switched_from_another_terminal(
    start: Callable[..., SyntheticProcess], wigwag
) -> None:
    """`wigwag filters` says what is on and what was left out, and switches each alone."""
    source = start(10, events=2000, paused=True, hot_pixels=True)
    told = ("filters", "--control", source.control)
    with EventSubscriber([source.events]):
        status, said, error = wigwag.run(*told, "--noise-ms", 0.2)
        assert status == 0, error
        assert "background activity: on, 0.2 ms; 0 events left out" in said
        source.ask("step", packets=4)
        source.wait_until(lambda status: status["packets"] == 4)
        found = json.loads(wigwag.run(*told, "--json")[1])
        assert found["received"] == found["kept"] + found["removed_noise"] == 8000
        assert found["removed_noise"] > 0
        off = json.loads(wigwag.run(*told, "--no-noise", "--no-hot-pixels", "--json")[1])
        assert (off["noise_ms"], off["hot_pixels"]) == (None, False)
        assert json.loads(wigwag.run(*told, "--find", "--json")[1])["hot_pixels"] is True
        status, _, error = wigwag.run(*told, "--no-noise", "--noise-ms", 2)
        assert (status, "on and off" in error) == (2, True)
        source.ask("resume")


def test_source_obeys_its_control_address(start: Callable[..., SyntheticProcess]) -> None:
    """Step, pause, resume, status and stop do what they say; anything else is refused."""
    source = start(100_000, paused=True)
    with EventSubscriber([source.events]) as bus:
        source.ask("step", packets=3)
        source.wait_until(lambda status: status["packets"] == 3)
        for seq in range(3):
            parts = bus.receive(5000)
            assert parts is not None
            message = decode(parts)
            assert isinstance(message, EventsMessage)
            assert message.packet.seq == seq
        status = source.ask("status")
        assert status.pop("filters")["kept"] == 300
        assert status == {
            "source": "synthetic",
            "paused": True,
            "packets": 3,
            "events": 300,
            "lost": 0,
            "t_end_us": 3000,
            "position_us": None,
            "restarts": 0,
        }
        assert source.ask("resume")["paused"] is False
        source.wait_until(lambda status: status["packets"] > 10)
        for bad in (
            {"command": "jump"},
            {"command": "seek", "s": 1},
            {},
            {"command": "step", "packets": 0},
        ):
            with pytest.raises(InputError, match="allowed"):
                control_request(source.control, bad)
        source.ask("stop")
    assert source.result()["ended"] == "stopped"


def test_source_waits_for_all_its_subscribers(start: Callable[..., SyntheticProcess]) -> None:
    """Nobody who was to be waited for misses the beginning."""
    source = start(20, speed=None, subscribers=2)
    ends: list[tuple[int, Message]] = []

    def read() -> None:
        with EventSubscriber([source.events]) as bus:
            heard = list(messages(bus))
        ends.append((len(heard), heard[-1]))

    first = threading.Thread(target=read)
    first.start()
    source.wait_until(lambda status: status["packets"] == 0)
    second = threading.Thread(target=read)
    second.start()
    first.join(DEADLINE_S)
    second.join(DEADLINE_S)
    assert [number for number, _ in ends] == [21, 21]


def test_telemetry_comes_on_the_same_address(start: Callable[..., SyntheticProcess]) -> None:
    """About once a second the source says how it does, also while it is paused."""
    source = start(10, paused=True)
    with (
        EventSubscriber([source.events]),
        EventSubscriber([source.events], [b"telemetry/"]) as watcher,
    ):
        parts = watcher.receive(round(DEADLINE_S * 1000))
        assert parts is not None
        message = decode(parts)
    assert isinstance(message, JsonMessage)
    snapshot = msgspec.json.decode(message.payload, type=StageSnapshot)
    assert (message.source, snapshot.stage, snapshot.lost) == ("source", "source", 0)
