import math
from dataclasses import replace
from typing import Any

import msgspec
import numpy as np
import pytest
import zmq
from hypothesis import given, settings
from hypothesis import strategies as st

from drivers.events import EVENT_DTYPE, EventPacket, Events, SensorSize, empty_events
from pipeline import wire
from pipeline.filter_settings import FilterSettings

SENSOR = SensorSize(40, 30)
TOTALS = wire.StreamTotals(events=5, packets=2, damage="cut at byte 9", lost=1, t_end_us=70)


def some(times_us: list[int]) -> Events:
    """Events at these times."""
    events = np.zeros(len(times_us), dtype=EVENT_DTYPE)
    events["t"] = times_us
    events["x"] = np.arange(len(times_us)) % SENSOR.width
    events["on"] = np.arange(len(times_us)) % 2 == 0
    return events


def packet(times_us: list[int] | None = None, **changes: Any) -> EventPacket:
    """A packet of four events, unless told otherwise."""
    made = EventPacket(some(times_us or [10, 11, 11, 19]), SENSOR, "cam", 3, 10, 20, lost_before=7)
    return replace(made, **changes)


def changed_header(parts: list[Any], **changes: Any) -> list[Any]:
    """The message with other fields in its header."""
    fields = msgspec.msgpack.decode(parts[1]) | changes
    return [parts[0], msgspec.msgpack.encode(fields), parts[2]]


def reason(parts: list[Any]) -> str:
    """Why the message is refused."""
    with pytest.raises(wire.WireError) as caught:
        wire.decode(parts)
    assert "\n" not in str(caught.value)
    return caught.value.reason


@settings(deadline=None)
@given(
    times_us=st.lists(st.integers(0, 10**15), max_size=50).map(sorted),
    slack_us=st.integers(0, 10**6),
    seq=st.integers(0, 2**60),
    lost=st.integers(0, 2**60),
    name=st.text(st.characters(exclude_categories=["Cc", "Cs"]), min_size=1, max_size=40),
    filters=st.none() | st.builds(FilterSettings, st.booleans(), st.none() | st.floats(0.1, 1000)),
)
def test_packet_survives_the_wire(
    times_us: list[int],
    slack_us: int,
    seq: int,
    lost: int,
    name: str,
    filters: FilterSettings | None,
) -> None:
    """Any packet comes out as it went in."""
    if times_us and times_us[-1] - times_us[0] > wire.MAX_SPAN_US - 2 * 10**6:
        times_us = times_us[:1]
    begin_us = max(0, times_us[0] - slack_us) if times_us else 0
    end_us = times_us[-1] + 1 + slack_us if times_us else slack_us
    sent = EventPacket(some(times_us), SENSOR, name, seq, begin_us, end_us, lost_before=lost)
    message = wire.decode(wire.encode_packet(sent, 123, filters=filters))
    assert isinstance(message, wire.EventsMessage)
    got = message.packet
    assert (message.sent_ns, message.filters) == (123, filters)
    assert np.array_equal(got.events, sent.events)
    assert replace(got, events=sent.events) == sent


def test_events_are_a_read_only_view_of_the_frame() -> None:
    """Nothing is copied on arrival, and nobody can change what others may be reading."""
    topic, header, payload = wire.encode_packet(packet(), 1)
    frame = zmq.Frame(bytes(payload))
    message = wire.decode([topic, header, frame])
    assert isinstance(message, wire.EventsMessage)
    events = message.packet.events
    assert np.shares_memory(events, np.frombuffer(frame.buffer, dtype=np.uint8))
    assert not events.flags.writeable


def test_end_message_carries_totals_and_sensor() -> None:
    """The end says everything needed to see a lost tail, on the topic of the events."""
    parts = wire.encode_end("cam", SENSOR, TOTALS, 5)
    assert parts[0] == b"events/cam"
    assert wire.decode(parts) == wire.EndMessage("cam", TOTALS, SENSOR, 5)


@pytest.mark.parametrize(
    ("kind", "topic"), [("label", b"labels/cam"), ("telemetry", b"telemetry/cam")]
)
def test_json_message_keeps_its_payload(kind: Any, topic: bytes) -> None:
    """Labels and telemetry arrive as the same bytes, each under its topic."""
    parts = wire.encode_json(kind, "cam", 4, b'{"a":1}', 6)
    assert parts[0] == topic
    assert wire.decode(parts) == wire.JsonMessage(kind, "cam", b'{"a":1}', 6, 4)


@pytest.mark.parametrize(
    "version", [0, wire.WIRE_VERSION - 1, wire.WIRE_VERSION + 1, "2", None, 1.5]
)
def test_other_version_is_refused(version: object) -> None:
    """Only this version is read, whatever else a header of another one may hold."""
    parts = wire.encode_packet(packet(), 1)
    assert reason(changed_header(parts, version=version)) == "version"
    assert reason([parts[0], msgspec.msgpack.encode({"version": version}), b""]) == "version"


@pytest.mark.parametrize("cut", [0, 1, 12, 13, 51])
def test_truncated_payload_is_refused(cut: int) -> None:
    """A payload must hold exactly the events that the header counts."""
    topic, header, payload = wire.encode_packet(packet(), 1)
    assert reason([topic, header, bytes(payload)[:cut]]) == "truncated"
    assert reason([topic, header, bytes(payload) + b"\0"]) == "truncated"


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"dtype": "t:<i8,x:<i2,y:<i2,on:?"}, "dtype"),
        ({"dtype": "json"}, "dtype"),
        ({"kind": "frames"}, "kind"),
        ({"kind": 7}, "kind"),
        ({"kind": "label"}, "topic"),
        ({"source": "another"}, "topic"),
        ({"source": ""}, "header"),
        ({"count": -1}, "header"),
        ({"count": 5}, "truncated"),
        ({"count": 2**62}, "truncated"),
        ({"width": 0}, "header"),
        ({"height": 70000}, "header"),
        ({"seq": "3"}, "header"),
        ({"t_begin_us": -5}, "header"),
        ({"t_end_us": 2**63}, "header"),
        ({"t_begin_us": 12}, "span"),
        ({"t_end_us": 19}, "span"),
        ({"t_begin_us": 30}, "span"),
        ({"t_end_us": 11 + wire.MAX_SPAN_US}, "span"),
        ({"filters": {"hot_pixels": "yes"}}, "header"),
        ({"filters": {"noise_ms": math.nan}}, "header"),
        ({"filters": 7}, "header"),
    ],
)
def test_nonsense_in_the_header_is_refused(changes: dict[str, Any], expected: str) -> None:
    """Every field is checked, and the reason is one that can be counted."""
    assert reason(changed_header(wire.encode_packet(packet(), 1), **changes)) == expected


def test_times_that_go_back_are_refused() -> None:
    """Events out of order inside a packet are seen, even where first and last are fine."""
    assert reason(list(wire.encode_packet(packet([10, 15, 12, 19]), 1))) == "order"


def test_missing_header_field_is_refused() -> None:
    """A header without one of its fields is no header."""
    parts: list[Any] = list(wire.encode_packet(packet(), 1))
    for name in msgspec.msgpack.decode(parts[1]):
        fields = msgspec.msgpack.decode(parts[1])
        del fields[name]
        expected = {"kind": "kind"}.get(name, "header")
        assert reason([parts[0], msgspec.msgpack.encode(fields), parts[2]]) == expected


@pytest.mark.parametrize("changes", [{"events": -3}, {"t_end_us": -1}, {"t_end_us": None}])
def test_end_without_readable_totals_is_refused(changes: dict[str, Any]) -> None:
    """Totals are checked like everything else."""
    parts: list[Any] = wire.encode_end("cam", SENSOR, TOTALS, 5)
    payload = msgspec.json.encode(msgspec.to_builtins(TOTALS) | changes)
    assert reason(changed_header([*parts[:2], payload], count=len(payload))) == "payload"


@settings(deadline=None)
@given(st.lists(st.binary(max_size=80), max_size=5))
def test_any_bytes_are_refused_and_survived(parts: list[bytes]) -> None:
    """Whatever arrives, the answer is a message or a `WireError`, never another exception."""
    assert reason(parts) in ("parts", "header", "version")


@settings(deadline=None)
@given(st.integers(0, 2), st.data())
def test_any_damage_is_refused_or_harmless(part: int, data: st.DataObject) -> None:
    """One changed byte anywhere gives a message or a `WireError`, never another exception."""
    parts = [bytearray(bytes(piece)) for piece in wire.encode_packet(packet(), 1)]
    place = data.draw(st.integers(0, len(parts[part]) - 1))
    parts[part][place] ^= data.draw(st.integers(1, 255))
    try:
        message = wire.decode([bytes(piece) for piece in parts])
    except wire.WireError:
        return
    assert isinstance(message, wire.EventsMessage)


def test_sender_refuses_what_no_receiver_takes() -> None:
    """Events of another dtype and an endless span do not go out at all."""
    with pytest.raises(wire.WireError) as caught:
        wire.encode_packet(packet(events=np.zeros(3, dtype="<u8")), 1)
    assert caught.value.reason == "dtype"
    with pytest.raises(wire.WireError) as caught:
        wire.encode_packet(packet(events=empty_events(), t_end_us=11 + wire.MAX_SPAN_US), 1)
    assert caught.value.reason == "span"
