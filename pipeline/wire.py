"""The wire format: events, their end, labels, telemetry and previews as multipart messages.

A message is `[topic, header, payload]`. The header is a msgpack map (`Header`); the payload is
the raw bytes of the events, JSON, or a preview (`pipeline.preview`). Nothing received is trusted:
whatever does not fit raises `WireError`, whose `reason` receivers count.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Annotated, Any, Literal, TypeAlias

import msgspec
import numpy as np
import zmq

from drivers.errors import InputError
from drivers.events import EVENT_DTYPE, EventPacket, SensorSize
from pipeline.filter_settings import FilterSettings
from recordings.scanning import are_inside

WIRE_VERSION = 2
EVENT_DTYPE_TEXT = "t:<u8,x:<u2,y:<u2,on:?"
"""How the header spells `EVENT_DTYPE`: packed fields in this order, 13 bytes."""
JSON_DTYPE_TEXT = "json"
PREVIEW_DTYPE_TEXT = "preview"
MAX_SPAN_US = 24 * 3600 * 1_000_000
"""Longest span one packet may vouch for: a corrupt time must not ask for years of frames."""

Part: TypeAlias = bytes | memoryview | zmq.Frame
Kind = Literal["events", "end", "label", "telemetry", "preview"]
SaidKind = Literal["label", "telemetry", "preview"]
"""What a brain says: its payload is not looked into here."""
RefusalReason = Literal[
    "parts", "header", "version", "kind", "topic", "dtype", "truncated", "span", "order", "payload"
]

_TOPIC_ROOMS: dict[str, str] = {
    "events": "events",
    "end": "events",
    "label": "labels",
    "telemetry": "telemetry",
    "preview": "preview",
}

_TimeUs = Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)]
_Count = Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)]
# It is printed: a control character could steer a terminal, or forge a line of a log.
_Name = Annotated[
    str, msgspec.Meta(min_length=1, max_length=255, pattern=r"^[^\x00-\x1f\x7f-\x9f]+\Z")
]
_Pixels = Annotated[int, msgspec.Meta(ge=0, le=65536)]


class WireError(InputError):
    """A message that cannot be used; `reason` is one of `RefusalReason`."""

    def __init__(self, reason: RefusalReason, got: str, allowed: str) -> None:
        super().__init__(
            what="message from the bus",
            got=got,
            allowed=allowed,
            todo="check that sender and receiver are the same version of wigwag",
        )
        self.reason: RefusalReason = reason


class Header(msgspec.Struct, frozen=True, omit_defaults=True):
    """What every message says about itself."""

    version: int
    kind: Kind
    source: _Name
    seq: _Count
    t_begin_us: _TimeUs
    t_end_us: _TimeUs
    count: _Count
    """Events in the payload; for any other payload its length in bytes."""
    dtype: str
    width: _Pixels
    """Of the sensor; 0 where a message has none."""
    height: _Pixels
    sent_ns: _Count
    """Wall clock of the sender (`time.time_ns`) when the message was made."""
    lost: _Count
    """Events known to have been lost between the previous packet and this one."""
    filters: FilterSettings | None = None
    """Those of the source, on a packet from which on they are others, and on a stream's first."""


class StreamTotals(msgspec.Struct, frozen=True):
    """What a source says at its end, so that a receiver can see a lost tail.

    A receiver that was there from the start has missed `events - received` on the way, besides
    the `lost` that never went out.
    """

    events: _Count
    """Events that went out on the bus."""
    packets: _Count
    """Sequence numbers used: packets that went out and packets that were dropped."""
    damage: str | None
    """What is broken in the recording, as its reader says; None for a sound one."""
    lost: _Count
    """Events known lost before they went out: by the camera, or dropped by the publisher."""
    t_end_us: _TimeUs
    """End of the last packet, whether it went out or was dropped; 0 where there was none."""
    removed: dict[str, _Count] = {}
    """Events that the source's filters left out, by filter; neither lost nor in `events`."""


@dataclass(frozen=True, slots=True)
class EventsMessage:
    """A packet as received; its events are a read-only view of the message, not a copy."""

    packet: EventPacket
    sent_ns: int
    filters: FilterSettings | None = None
    """See `Header.filters`."""


@dataclass(frozen=True, slots=True)
class EndMessage:
    """The end of a source's stream."""

    source: str
    totals: StreamTotals
    sensor: SensorSize
    """Also known where the stream had no packet at all."""
    sent_ns: int


@dataclass(frozen=True, slots=True)
class JsonMessage:
    """A label, a telemetry snapshot or a preview, its payload as it came."""

    kind: SaidKind
    source: str
    """The source that it is about; the stage of a telemetry snapshot."""
    payload: bytes
    """JSON; of a preview JSON and the arrays that it describes."""
    sent_ns: int
    seq: int
    """0, 1, 2, ...: a gap shows what a lossy socket dropped."""


Message: TypeAlias = EventsMessage | EndMessage | JsonMessage


class _Preamble(msgspec.Struct):
    """What is read first, from any version."""

    version: Any
    kind: Any = None


_encoder = msgspec.msgpack.Encoder()
_preamble_decoder = msgspec.msgpack.Decoder(_Preamble)
_header_decoder = msgspec.msgpack.Decoder(Header)
_totals_decoder = msgspec.json.Decoder(StreamTotals)


def check_name(name: str) -> str:
    """The name of a source; raises `InputError` for one that every receiver would refuse."""
    try:
        return msgspec.convert(name, _Name)
    except msgspec.ValidationError as error:
        raise InputError(
            what="name of the source",
            got=f"{name!r:.80}",
            allowed="1 to 255 characters, none of them a control character",
            todo="give another with --name",
        ) from error


def topic(kind: Kind, source: str) -> bytes:
    """`events/<source>`, `labels/<source>`, `telemetry/<stage>` or `preview/<source>`.

    Subscriptions match by prefix: `events/cam1` also brings `events/cam10`.
    """
    return f"{_TOPIC_ROOMS[kind]}/{source}".encode()


def encode_packet(
    packet: EventPacket, sent_ns: int, *, filters: FilterSettings | None = None
) -> list[bytes | memoryview]:
    """The message of a packet; the payload is a view of its events, which must stay unchanged.

    `filters`: see `Header.filters`. Raises `WireError` for events of another dtype and for a span
    that no receiver would take.
    """
    if packet.events.dtype != EVENT_DTYPE:
        raise WireError("dtype", str(packet.events.dtype), EVENT_DTYPE_TEXT)
    _check_span(packet.t_begin_us, packet.t_end_us)
    header = Header(
        version=WIRE_VERSION,
        kind="events",
        source=packet.source,
        seq=packet.seq,
        t_begin_us=packet.t_begin_us,
        t_end_us=packet.t_end_us,
        count=len(packet.events),
        dtype=EVENT_DTYPE_TEXT,
        width=packet.sensor.width,
        height=packet.sensor.height,
        sent_ns=sent_ns,
        lost=packet.lost_before,
        filters=filters,
    )
    payload = np.ascontiguousarray(packet.events).view(np.uint8).data
    return [topic("events", packet.source), _encoder.encode(header), payload]


def encode_end(
    source: str, sensor: SensorSize, totals: StreamTotals, sent_ns: int
) -> list[bytes | memoryview]:
    """The message that ends a stream, on the topic of its events."""
    return _encode_json(
        "end",
        source,
        totals.packets,
        msgspec.json.encode(totals),
        sent_ns,
        (sensor.width, sensor.height),
    )


def encode_json(
    kind: SaidKind, source: str, seq: int, payload: bytes, sent_ns: int
) -> list[bytes | memoryview]:
    """The message of a label, telemetry snapshot or preview that is encoded already."""
    return _encode_json(kind, source, seq, payload, sent_ns, (0, 0))


def _encode_json(
    kind: Kind, source: str, seq: int, payload: bytes, sent_ns: int, size: tuple[int, int]
) -> list[bytes | memoryview]:
    header = Header(
        version=WIRE_VERSION,
        kind=kind,
        source=source,
        seq=seq,
        t_begin_us=0,
        t_end_us=0,
        count=len(payload),
        dtype=_dtype_text(kind),
        width=size[0],
        height=size[1],
        sent_ns=sent_ns,
        lost=0,
    )
    return [topic(kind, source), _encoder.encode(header), payload]


def _dtype_text(kind: Kind) -> str:
    return PREVIEW_DTYPE_TEXT if kind == "preview" else JSON_DTYPE_TEXT


def decode(parts: Sequence[Part]) -> Message:
    """The message in these parts; raises `WireError` for anything that does not fit."""
    if len(parts) != 3:
        raise WireError("parts", f"{len(parts)} parts", "topic, header, payload")
    header = decode_header(parts[1])
    said, expected = bytes(_view(parts[0])), topic(header.kind, header.source)
    if said != expected:
        raise WireError("topic", repr(said[:80]), repr(expected))
    payload = _view(parts[2])
    if header.kind == "events":
        return _decode_events(header, payload)
    if header.dtype != _dtype_text(header.kind):
        raise WireError("dtype", repr(header.dtype[:80]), repr(_dtype_text(header.kind)))
    if payload.nbytes != header.count:
        raise WireError("truncated", f"{payload.nbytes} bytes", f"{header.count} bytes")
    if header.kind == "end":
        return _decode_end(header, payload)
    return JsonMessage(header.kind, header.source, bytes(payload), header.sent_ns, header.seq)


def decode_header(part: Part) -> Header:
    """The header alone; raises `WireError` ("header", "version" or "kind")."""
    data = _view(part)
    try:
        header = _header_decoder.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        _check_preamble(data)
        raise WireError("header", str(error), "a complete header") from error
    if header.version != WIRE_VERSION:
        _check_preamble(data)
    return header


def _check_preamble(data: memoryview) -> None:
    """Say what of any version's header does not fit, if it is that which does not."""
    try:
        preamble = _preamble_decoder.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise WireError("header", str(error), "a msgpack map") from error
    if preamble.version != WIRE_VERSION:
        raise WireError("version", f"version {preamble.version!r:.40}", f"version {WIRE_VERSION}")
    if not isinstance(preamble.kind, str) or preamble.kind not in _TOPIC_ROOMS:
        raise WireError("kind", f"kind {preamble.kind!r:.40}", ", ".join(_TOPIC_ROOMS))


def _decode_events(header: Header, payload: memoryview) -> EventsMessage:
    if header.dtype != EVENT_DTYPE_TEXT:
        raise WireError("dtype", repr(header.dtype[:80]), repr(EVENT_DTYPE_TEXT))
    expected = header.count * EVENT_DTYPE.itemsize
    if payload.nbytes != expected:
        raise WireError("truncated", f"{payload.nbytes} bytes", f"{expected} bytes")
    _check_span(header.t_begin_us, header.t_end_us)
    events = np.frombuffer(payload, dtype=EVENT_DTYPE)
    events.setflags(write=False)
    if not are_inside(events, header.t_begin_us, header.t_end_us):
        t_us = events["t"]
        first, last = int(t_us[0]), int(t_us[-1])
        if first < header.t_begin_us or last >= header.t_end_us:
            raise WireError(
                "span",
                f"events from {first} to {last} us",
                f"times in [{header.t_begin_us}, {header.t_end_us}) us",
            )
        raise WireError("order", "a time that goes back", "times that never decrease")
    packet = EventPacket(
        events=events,
        sensor=_sensor(header),
        source=header.source,
        seq=header.seq,
        t_begin_us=header.t_begin_us,
        t_end_us=header.t_end_us,
        lost_before=header.lost,
    )
    return EventsMessage(packet, header.sent_ns, header.filters)


def _decode_end(header: Header, payload: memoryview) -> EndMessage:
    try:
        totals = _totals_decoder.decode(payload)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise WireError("payload", str(error), "totals as JSON") from error
    return EndMessage(header.source, totals, _sensor(header), header.sent_ns)


def _sensor(header: Header) -> SensorSize:
    if not (header.width and header.height):
        raise WireError("header", f"sensor {header.width}x{header.height}", "1 to 65536 pixels")
    return _sensor_of(header.width, header.height)


_sensor_of = lru_cache(maxsize=64)(SensorSize)


def _check_span(t_begin_us: int, t_end_us: int) -> None:
    if not 0 <= t_begin_us <= t_end_us < 2**63 or t_end_us - t_begin_us > MAX_SPAN_US:
        raise WireError(
            "span", f"[{t_begin_us}, {t_end_us}) us", f"0 <= begin <= end, {MAX_SPAN_US} us at most"
        )


def _view(part: Part) -> memoryview:
    view = part.buffer if isinstance(part, zmq.Frame) else memoryview(part)
    return view.cast("B") if view.format != "B" or view.ndim != 1 else view
