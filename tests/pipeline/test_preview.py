import json
import time
from pathlib import Path

import numpy as np
import pytest

from drivers.errors import InputError
from drivers.events import EVENT_DTYPE, EventPacket, Events, SensorSize
from models.checkpoint_file import read_checkpoint
from models.events_engine import EventsEngine
from pipeline import bus, wire
from pipeline.addresses import ipc_address, private_run_directory
from pipeline.binning import View, centred_view
from pipeline.preview import MOST_STEPS, Preview, decode_preview

SENSOR = SensorSize(32, 32)
VIEW = centred_view(SENSOR, 16, 16)


def packet_of(events: Events, sensor: SensorSize = SENSOR, seq: int = 0) -> EventPacket:
    """All events as one packet."""
    end_us = int(events["t"][-1]) + 1 if len(events) else 0
    return EventPacket(events, sensor, "desk", seq, 0, end_us)


def events_at(*places: tuple[int, int, bool]) -> Events:
    """One event a place (x, y, on), in order."""
    events = np.zeros(len(places), EVENT_DTYPE)
    for number, (x, y, on) in enumerate(places):
        events[number] = (number, x, y, on)
    return events


@pytest.fixture(scope="module")
def engine(tiny_checkpoint: Path) -> EventsEngine:
    """Steps, does not learn."""
    return EventsEngine(read_checkpoint(tiny_checkpoint), None)


def test_events_are_drawn_by_polarity(engine: EventsEngine) -> None:
    """Each picture counts its own polarity, and what lies off the sensor is left out."""
    preview = Preview()
    preview.want(True)
    preview.see(packet_of(events_at((1, 2, True), (31, 30, False), (32, 5, True), (3, 40, False))))
    preview.see(packet_of(events_at((1, 2, True))))
    engine.step(np.zeros((2, 16, 16), np.uint8), None)
    preview.step(engine, 0, 0)
    message = decode_preview(preview.take("desk", 1000, VIEW, {}))
    assert message.on.shape == message.off.shape == (32, 32)
    assert {tuple(map(int, at)): int(message.on[*at]) for at in np.argwhere(message.on)} == {
        (2, 1): 2
    }
    assert np.argwhere(message.off).tolist() == [[30, 31]]
    assert message.head.view == (0, 0, 32, 32)


def test_a_large_sensor_is_shown_smaller(engine: EventsEngine) -> None:
    """1280x720 comes at an eighth, with its last column and the view that the network sees."""
    preview = Preview()
    preview.want(True)
    preview.see(packet_of(events_at((1279, 719, True)), SensorSize(1280, 720)))
    view = centred_view(SensorSize(1280, 720), 16, 16)
    head = (message := decode_preview(preview.take("desk", 0, view, {}))).head
    assert (head.width, head.height, head.shrunk) == (160, 90, 8)
    assert message.on[89, 159] == 1
    assert head.view == (35, 0, 90, 90)


def test_the_raster_is_who_fired_step_by_step(engine: EventsEngine) -> None:
    """Rows are the latest steps in order, also where an interval had more than are kept."""
    preview = Preview()
    preview.want(True)
    random = np.random.default_rng(1)
    fired = []
    for _ in range(MOST_STEPS + 30):
        engine.step((random.random((2, 16, 16)) < 0.3).astype(np.uint8), None)
        fired.append([row.copy() for row in engine.sample_spikes(48)])
        preview.step(engine, 0, 5_000_000)
    message = decode_preview(preview.take("desk", 7, VIEW, {"counts": [1]}))
    assert (message.head.steps, message.head.t_us) == (MOST_STEPS, 7)
    assert message.head.latency_ms == 5
    assert message.head.figures == {"counts": [1]}
    for layer, raster in enumerate(message.rasters):
        want = np.array([rows[layer] for rows in fired[-MOST_STEPS:]])
        assert np.array_equal(raster, want)
    assert any(raster.any() for raster in message.rasters)
    assert decode_preview(preview.take("desk", 8, VIEW, {})).head.steps == 0


def test_the_view_shown_is_the_one_looked_at() -> None:
    """A view that was moved is where it was moved to, in pixels of the picture."""
    preview = Preview()
    preview.want(True)
    preview.see(packet_of(events_at((600, 300, True)), SensorSize(1280, 720)))
    head = decode_preview(preview.take("desk", 0, View(320, 160, 10, 16, 16), {})).head
    assert head.view == (40, 20, 20, 20)


@pytest.mark.parametrize("payload", [b"", b"\xff\0\0\0{}", b"\x02\0\0\0{}", b"\x09\0\0\0[1, 2, 3]"])
def test_rubbish_is_no_preview(payload: bytes) -> None:
    """What does not fit says what it should be."""
    with pytest.raises(InputError, match="preview: got"):
        decode_preview(payload)


def test_a_cut_preview_is_refused() -> None:
    """Arrays of another size than the head says are not read."""
    preview = Preview()
    preview.see(packet_of(events_at((1, 2, True))))
    whole = preview.take("desk", 0, VIEW, {})
    with pytest.raises(InputError, match="bytes for arrays"):
        decode_preview(whole[:-1])


def test_a_brain_sends_previews_to_whom_subscribes_and_labels_stay(
    wigwag, tiny_checkpoint: Path, some_events: Events
) -> None:
    """Previews come to their subscriber while it is there; labels are those without one."""
    folder = private_run_directory()
    published = ipc_address(folder, "said")
    alone, _ = _run(wigwag, tiny_checkpoint, some_events, ipc_address(folder, "a"), published, ())
    labels, messages = _run(
        wigwag, tiny_checkpoint, some_events, ipc_address(folder, "b"), published, (b"preview/",)
    )
    previews = [decode_preview(message.payload) for message in messages]
    assert previews
    assert {message.kind for message in messages} == {"preview"}
    assert {message.source for message in messages} == {"desk"}
    times_us = [preview.head.t_us for preview in previews]
    assert times_us == sorted(set(times_us))
    last = previews[-1].head
    assert len(last.figures["counts"]) == 11
    assert (last.width, last.height, len(last.neurons)) == (32, 32, 3)
    # None of the two runs depends on who looks on.
    assert labels == alone


def _run(
    wigwag,
    checkpoint: Path,
    events: Events,
    address: str,
    published: str,
    topics: tuple[bytes, ...],
) -> tuple[list[tuple[int, int]], list[wire.JsonMessage]]:
    """Labels of a run (time, class) and what a subscriber to these topics got of it."""
    brain = wigwag.start(
        "brain",
        *("--connect", address, "--checkpoint", checkpoint, "--publish", published, "--json"),
    )
    messages = []
    subscriber = bus.EventSubscriber([published], topics)
    with bus.EventPublisher(address, policy="block") as source, subscriber:
        assert source.wait_for_subscribers(1, 60)
        for seq in range(100):
            begin = 5_000_000 + seq * 20_000
            inside = (events["t"] >= begin) & (events["t"] < begin + 20_000)
            packet = EventPacket(events[inside], SENSOR, "desk", seq, begin, begin + 20_000)
            assert source.deliver(wire.encode_packet(packet, time.time_ns()))
            # In step with the subscriber, where there is one: it shall see some of the run.
            if topics and (parts := subscriber.receive(1000 if seq > 10 and not messages else 10)):
                messages.append(_json(parts))
        totals = wire.StreamTotals(len(events), 100, None, 0, 7_000_000)
        assert source.deliver(wire.encode_end("desk", SENSOR, totals, time.time_ns()))
        out, error = brain.communicate(timeout=60)
    assert brain.returncode == 0, error
    lines = [json.loads(line) for line in out.splitlines()]
    return [(line["t_us"], line["class"]) for line in lines if "t_us" in line], messages


def _json(parts: list[object]) -> wire.JsonMessage:
    message = wire.decode(parts)  # type: ignore[arg-type]  # frames as they came
    assert isinstance(message, wire.JsonMessage)
    return message
