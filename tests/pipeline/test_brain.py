import json
import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from drivers.errors import InputError
from drivers.events import EventPacket, Events
from models.live_learning import ONLINE
from pipeline import bus, wire
from pipeline.control import control_request
from tests.pipeline.streams_by_hand import (
    BEGIN_US,
    SENSOR,
    end_of,
    frames_of,
    packets_of,
    publisher_at,
    summary_of,
    until,
    wait_for,
)


def complaints(error: bytes) -> list[bytes]:
    """Lines of a brain's standard error, without the notice of a first start's compilation."""
    return [line for line in error.splitlines() if b"compiling the events engine" not in line]


def _send(publisher: bus.EventPublisher, parts: list[bytes | memoryview]) -> None:
    assert publisher.deliver(parts)


def test_rubbish_is_refused_counted_and_survived(
    wigwag, tiny_checkpoint: Path, some_events: Events, address: Callable[[str], str]
) -> None:
    """Messages that are not understood are counted by reason, and the run ends well."""
    brain = wigwag.start(
        "brain", "--connect", address("events"), "--checkpoint", tiny_checkpoint, "--json"
    )
    packets = packets_of(some_events)
    with publisher_at(address("events")) as source:
        wait_for(brain, source)
        good = wire.encode_packet(packets[0], time.time_ns())
        header = bytes(good[1])
        _send(source, good)
        _send(source, [good[0], b"\xc1rubbish", good[2]])
        _send(source, [good[0], header.replace(b"version\x02", b"version\x63"), good[2]])
        _send(source, [good[0], header.replace(b"on:?", b"on:b"), good[2]])
        _send(source, [good[0], header, bytes(good[2])[:-5]])
        _send(source, [good[0], header])
        other = EventPacket(packets[1].events, SENSOR, "intruder", 1, BEGIN_US, BEGIN_US + 40_000)
        _send(source, wire.encode_packet(other, time.time_ns()))
        for packet in packets[1:]:
            _send(source, wire.encode_packet(packet, time.time_ns()))
        _send(source, end_of(packets))
        out, error = brain.communicate(timeout=30)
    assert (brain.returncode, complaints(error)) == (0, [])
    summary = summary_of(out)
    assert summary["refused"] == {
        "header": 1,
        "version": 1,
        "dtype": 1,
        "truncated": 1,
        "parts": 1,
        "other source": 1,
    }
    assert summary["events_in"] == summary["events_binned"] == len(some_events)
    assert summary["frames"] == 2000
    assert summary["events_lost"] == 0


def test_gaps_and_a_lost_tail_are_counted(
    wigwag, tiny_checkpoint: Path, some_events: Events, address: Callable[[str], str]
) -> None:
    """Missing packets show as gaps, and the end message tells the lost events and the time."""
    brain = wigwag.start(
        "brain", "--connect", address("events"), "--checkpoint", tiny_checkpoint, "--json"
    )
    packets = packets_of(some_events)
    kept = packets[:10] + packets[13:90]
    with publisher_at(address("events")) as source:
        wait_for(brain, source)
        for packet in kept:
            _send(source, wire.encode_packet(packet, time.time_ns()))
        _send(source, end_of(packets))
        out, _ = brain.communicate(timeout=30)
    summary = summary_of(out)
    received = sum(len(packet.events) for packet in kept)
    assert summary["packets_missed"] == 13
    assert summary["events_in"] == received
    assert summary["events_lost"] == len(some_events) - received
    assert (summary["frames"], summary["stream_s"]) == (2000, 2.0)


def test_control_teaches_saves_and_stops(
    wigwag,
    tiny_checkpoint: Path,
    some_events: Events,
    address: Callable[[str], str],
    tmp_path: Path,
) -> None:
    """A target makes it learn, save writes only where allowed, stop ends it."""
    brain = wigwag.start(
        "brain", "--connect", address("events"), "--checkpoint", tiny_checkpoint, "--json",
        "--teach", "--save-folder", tmp_path, "--control", address("control"), "--keep-running",
    )  # fmt: skip
    with publisher_at(address("events")) as source:
        wait_for(brain, source)

        def ask(**request: object) -> dict[str, object]:
            return control_request(address("control"), request, timeout_s=10)

        assert ask(command="status")["frames"] == 0
        assert ask(command="target", **{"class": "arm roll"}) == {"class": 8, "t_us": 0}
        for wrong in (
            {"command": "dance"},
            {"command": "target", "class": 12},
            {"command": "target", "class": True},
            {"command": "save", "name": "../escape"},
            {"command": "save"},
            {"command": "view", "view": [0, 0, 32]},
        ):
            with pytest.raises(InputError):
                ask(**wrong)
        assert ask(command="view", view="4,4,24") == {"view": "4,4,24", "t_us": None}
        packets = packets_of(some_events)
        for packet in packets:
            _send(source, wire.encode_packet(packet, time.time_ns()))
        _send(source, end_of(packets))
        until(lambda: ask(command="status")["frames"] == 2000)
        assert ask(command="save", name="after")["file"] == "after.safetensors"
        assert ask(command="stop") == {"stopping": True}
        out, _ = brain.communicate(timeout=10)
    summary = summary_of(out)
    assert (brain.returncode, summary["ended"]) == (0, "stopped")
    assert summary["updates"] == 2000 // ONLINE.update_every_steps
    (view,) = summary["views"]
    assert view.pop("t_us") == packets[0].t_begin_us
    assert view == {"x": 8, "y": 8, "width": 16, "height": 16, "cell": 1}
    assert summary["events_outside_view"] > 0
    assert [path.name for path in tmp_path.iterdir()] == ["after.safetensors"]


def test_a_pause_holds_the_stream_and_loses_nothing(
    wigwag, tiny_checkpoint: Path, some_events: Events, address: Callable[[str], str]
) -> None:
    """A paused brain steps nothing; resumed, it takes in everything that waited."""
    brain = wigwag.start(
        "brain", "--connect", address("events"), "--checkpoint", tiny_checkpoint, "--json",
        "--control", address("control"),
    )  # fmt: skip
    packets = packets_of(some_events)
    with publisher_at(address("events")) as source:
        wait_for(brain, source)
        control_request(address("control"), {"command": "pause"}, timeout_s=10)
        messages = [wire.encode_packet(packet, time.time_ns()) for packet in packets]
        sender = threading.Thread(target=lambda: [_send(source, m) for m in messages])
        sender.start()
        status = control_request(address("control"), {"command": "status"}, timeout_s=10)
        assert (status["paused"], status["frames"]) == (True, 0)
        control_request(address("control"), {"command": "resume"}, timeout_s=10)
        sender.join(30)
        _send(source, end_of(packets))
        out, _ = brain.communicate(timeout=30)
    assert summary_of(out)["events_binned"] == len(some_events)


def test_a_signal_ends_it_with_its_summary(
    wigwag,
    tiny_checkpoint: Path,
    some_events: Events,
    address: Callable[[str], str],
) -> None:
    """Ended in the middle it still writes its summary, and exits with 130."""
    brain = wigwag.start(
        "brain", "--connect", address("events"), "--checkpoint", tiny_checkpoint, "--json"
    )
    with publisher_at(address("events")) as source:
        wait_for(brain, source)
        packets = packets_of(some_events)
        for packet in packets[:50]:
            _send(source, wire.encode_packet(packet, time.time_ns()))
        assert brain.stdout.readline()
        brain.send_signal(signal.SIGTERM)
        out, error = brain.communicate(timeout=2)
    assert (brain.returncode, complaints(error)) == (130, [])
    assert summary_of(out)["ended"] == "interrupted"


def test_a_source_started_again_is_a_new_stream(
    wigwag, tiny_checkpoint: Path, some_events: Events, address: Callable[[str], str]
) -> None:
    """With --keep-running the same stream again gives the same labels: nothing carries over."""
    brain = wigwag.start(
        "brain", "--connect", address("events"), "--checkpoint", tiny_checkpoint, "--json",
        "--keep-running", "--control", address("control"),
    )  # fmt: skip
    packets = packets_of(some_events)
    for times in (1, 2):
        with publisher_at(address("events")) as source:
            wait_for(brain, source)
            for packet in packets:
                _send(source, wire.encode_packet(packet, time.time_ns()))
            _send(source, end_of(packets))
            until(lambda frames=2000 * times: frames_of(address("control")) == frames)
            # The brain stays; a source that has given out everything ends all the same.
            assert _closes(source)
    control_request(address("control"), {"command": "stop"}, timeout_s=10)
    out, _ = brain.communicate(timeout=10)
    labels = [json.loads(line) | {"latency_us": 0} for line in out.splitlines()[:-1]]
    assert labels[: len(labels) // 2] == labels[len(labels) // 2 :]
    assert summary_of(out)["events_in"] == 2 * len(some_events)
    assert summary_of(out)["events_lost"] == 0


def _closes(source: bus.EventPublisher) -> bool:
    closed: list[bool] = []
    closing = threading.Thread(target=lambda: closed.append(source.close(None)), daemon=True)
    closing.start()
    closing.join(10)
    return closed == [True]
