import threading
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from drivers.errors import InputError
from drivers.events import EVENT_DTYPE, Events, SensorSize
from pipeline.addresses import ipc_address, private_run_directory
from pipeline.bus import EventSubscriber
from pipeline.control import control_request
from pipeline.source import SourceReport, SourceSettings, run_source
from pipeline.wire import EndMessage, EventsMessage, decode
from recordings.aedat4_writer import Aedat4Writer
from tests.pipeline.test_source import DEADLINE_S, messages


def replay(
    settings: dict[str, Any], stop: threading.Event | None = None, packets: int | None = None
) -> tuple[Events, EndMessage | None, SourceReport]:
    """Events, end and report of a source run in this process, stopped after some packets."""
    address = ipc_address(private_run_directory(), "events")
    reports: list[SourceReport] = []
    thread = threading.Thread(
        target=lambda: reports.append(
            run_source(SourceSettings(bind=address, **settings), stop=stop)
        )
    )
    received, end = [], None
    with EventSubscriber([address]) as bus:
        thread.start()
        for message in messages(bus):
            if isinstance(message, EndMessage):
                end = message
            elif isinstance(message, EventsMessage):
                received.append(message.packet.events)
                if stop is not None and len(received) == packets:
                    stop.set()
                    break
    thread.join(DEADLINE_S)
    return np.concatenate(received), end, reports[0]


@pytest.fixture
def recording(tmp_path: Path) -> tuple[Path, Events]:
    """A file of 300 ms, and what is in it."""
    random = np.random.default_rng(3)
    events = np.zeros(30_000, dtype=EVENT_DTYPE)
    events["t"] = np.sort(random.integers(10**9, 10**9 + 300_000, len(events)))
    events["x"] = random.integers(0, 64, len(events))
    events["y"] = random.integers(0, 48, len(events))
    events["on"] = random.integers(0, 2, len(events))
    path = tmp_path / "some.aedat4"
    with Aedat4Writer(path, SensorSize(64, 48)) as writer:
        writer.write(events)
    return path, events


@pytest.mark.parametrize("speed", [None, 1.0, 8.0])
def test_recording_arrives_as_it_is(recording: tuple[Path, Events], speed: float | None) -> None:
    """Every event of the file arrives, the same at any speed."""
    path, events = recording
    received, end, report = replay({"recording": path, "speed": speed})
    assert np.array_equal(received, events)
    assert end is not None
    assert (end.source, end.sensor) == ("some", SensorSize(64, 48))
    assert end.totals == report.totals
    assert (end.totals.events, end.totals.damage) == (len(events), None)


def test_source_stays_until_its_readers_have_left(recording: tuple[Path, Events]) -> None:
    """The end message sent, the source waits: closing first would drop what is still unread."""
    address = ipc_address(private_run_directory(), "events")
    settings = SourceSettings(bind=address, recording=recording[0], speed=None)
    source = threading.Thread(target=run_source, args=(settings,))
    with EventSubscriber([address]) as bus:
        source.start()
        assert any(isinstance(message, EndMessage) for message in messages(bus))
        source.join(0.3)
        assert source.is_alive()
    source.join(DEADLINE_S)
    assert not source.is_alive()


def test_damaged_recording_gives_what_it_has_and_says_so(
    recording: tuple[Path, Events], capsys: pytest.CaptureFixture[str]
) -> None:
    """Whole packets of a truncated file arrive, and the end says what is broken."""
    path, events = recording
    path.write_bytes(path.read_bytes()[: path.stat().st_size * 2 // 3])
    received, end, _ = replay({"recording": path, "speed": None})
    assert 0 < len(received) < len(events)
    assert np.array_equal(received, events[: len(received)])
    assert end is not None
    assert end.totals.damage is not None
    assert end.totals.damage in capsys.readouterr().err


def test_looped_recording_goes_on_in_time(recording: tuple[Path, Events]) -> None:
    """Round and round, times never go back."""
    path, events = recording
    settings = {"recording": path, "speed": 50.0, "loop": True}
    received, _, report = replay(settings, threading.Event(), packets=20)
    assert len(received) > 2 * len(events)
    assert (np.diff(received["t"].astype(np.int64)) >= 0).all()
    assert report.ended == "interrupted"


def test_a_replay_jumps_where_it_is_told(recording: tuple[Path, Events]) -> None:
    """Back to the beginning while paused: the stream's time goes on, and events come again."""
    path, events = recording
    folder = private_run_directory()
    settings = SourceSettings(
        bind=ipc_address(folder, "events"),
        control=ipc_address(folder, "control"),
        recording=path,
        speed=1.0,
        paused=True,
    )
    stop = threading.Event()
    source = threading.Thread(target=run_source, args=(settings,), kwargs={"stop": stop})
    source.start()
    heard: list[EventsMessage] = []

    def ask(command: str, **fields: Any) -> dict[str, Any]:
        request = {"command": command, **fields}
        return control_request(str(settings.control), request, timeout_s=DEADLINE_S)

    def take(packets: int) -> None:
        while len(heard) < packets:
            message = decode(bus.receive(int(DEADLINE_S * 1000)))
            assert isinstance(message, EventsMessage)
            heard.append(message)

    with EventSubscriber([settings.bind]) as bus:
        ask("step", packets=20)
        take(20)
        assert ask("status")["position_us"] >= 20_000
        for bad in (-1, "x", None, True):
            with pytest.raises(InputError, match="request to"):
                ask("seek", s=bad)
        assert ask("seek", s=0.005)["paused"] is True
        ask("step", packets=20)
        take(40)
        position_us = ask("status")["position_us"]
        stop.set()
    source.join(DEADLINE_S)
    assert not source.is_alive()
    assert 20_000 <= position_us <= 27_000
    packets = [message.packet for message in heard]
    for before, after in pairwise(packets):
        assert (after.seq, after.t_begin_us) == (before.seq + 1, before.t_end_us)
    first_us = int(events["t"][0])
    again = events[(events["t"] >= first_us + 5_000) & (events["t"] < first_us + 20_000)]
    seen = np.concatenate([packet.events for packet in packets[20:]])
    places = seen[["x", "y", "on"]].tolist()
    wanted = again[["x", "y", "on"]].tolist()
    assert any(places[at : at + len(wanted)] == wanted for at in range(len(places)))


def test_missing_recording_is_refused(tmp_path: Path) -> None:
    """One clear error, before anything is bound."""
    with pytest.raises(InputError, match="nothing"):
        run_source(SourceSettings(bind="ipc://x", recording=tmp_path / "nothing.aedat4"))
    with pytest.raises(InputError, match="no recording"):
        run_source(SourceSettings(bind="ipc://x"))
