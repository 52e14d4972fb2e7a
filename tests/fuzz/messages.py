"""What must hold of any message from the bus, and how to break them.

A case is one msgpack array of the message's parts.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from random import Random
from typing import Any

import msgspec

from drivers.errors import InputError
from drivers.events import EventPacket
from pipeline import wire
from pipeline.binning import View
from pipeline.filter_settings import FilterSettings
from pipeline.intake import Intake
from pipeline.labels import Label, decode_label, encode_label
from pipeline.preview import Preview, decode_preview
from tests.fuzz.mutations import mutate, mutate_value
from tests.fuzz.seeds import SENSOR, some_events

_LONGEST_US = 2_000_000
"""A packet that vouches for hours of silence is allowed, and takes its time."""


def wire_seeds() -> list[bytes]:
    """One message of every kind."""
    events = some_events()
    end_us = int(events["t"][-1]) + 1
    packet = EventPacket(events, SENSOR, "cam", 3, int(events["t"][0]), end_us, lost_before=2)
    totals = wire.StreamTotals(events=200, packets=4, damage=None, lost=2, t_end_us=end_us)
    label = encode_label(
        Label(
            t_us=5, source="cam", label="unsure", gesture_class=0, confidence=0.5, counts=(1, 2),
            window_us=500_000, model_version="0" * 12, latency_us=5, changed=True,
        )
    )  # fmt: skip
    shown = Preview()
    shown.see(packet)
    view = View(x0=0, y0=0, cell=1, columns=32, rows=32)
    preview = shown.take("cam", end_us, view, {"counts": [1, 2]})
    found = [
        wire.encode_packet(packet, 1),
        wire.encode_packet(packet, 1, filters=FilterSettings(hot_pixels=True, noise_ms=2.0)),
        wire.encode_end("cam", SENSOR, totals, 2),
        wire.encode_json("label", "cam", 0, label, 3),
        wire.encode_json("telemetry", "source", 1, label, 4),
        wire.encode_json("preview", "cam", 2, preview, 5),
    ]
    return [msgspec.msgpack.encode([bytes(part) for part in parts]) for parts in found]


def mutate_message(seed: bytes, others: Sequence[bytes], random: Random) -> bytes:
    """The parts with one of them changed: as bytes, or inside what it encodes."""
    parts: list[bytes] = msgspec.msgpack.decode(seed)
    kind = random.randrange(10)
    if kind == 0:
        del parts[random.randrange(len(parts))]
    elif kind == 1:
        parts.insert(random.randrange(4), random.choice(parts))
    elif kind <= 6:
        parts[1] = _changed_map(parts[1], random)
    elif kind == 7 and parts[2][:1] == b"{":
        value = mutate_value(json.loads(parts[2]), random)
        parts[2] = json.dumps(value).encode("utf-8", "replace")
        if random.randrange(20) == 0:
            parts[2] = b"[" * 100_000
        parts[1] = _changed_map(parts[1], random, count=len(parts[2]))
    else:
        at = random.randrange(len(parts))
        parts[at] = mutate(parts[at], (), random)
    return msgspec.msgpack.encode(parts)


def _changed_map(header: bytes, random: Random, **fixed: int) -> bytes:
    values: dict[str, Any] = msgspec.msgpack.decode(header)
    values = values | fixed if fixed else mutate_value(values, random)
    try:
        return msgspec.msgpack.encode(values)
    except OverflowError:  # msgpack ends at 64 bits
        return mutate(header, (), random)


def check_message(data: bytes, folder: Path) -> bool:
    """Decode a message and take it in as a brain does; whether it was understood."""
    parts: list[bytes] = msgspec.msgpack.decode(data)
    try:
        message = wire.decode(parts)
        if isinstance(message, wire.JsonMessage):
            if message.kind == "label":
                decode_label(message.payload)
            elif message.kind == "preview":
                shown = decode_preview(message.payload)
                assert shown.on.shape == shown.off.shape == (shown.head.height, shown.head.width)
        if not isinstance(message, wire.EventsMessage):
            return True
        packet = message.packet
        assert packet.events.nbytes == len(parts[2])
        if packet.t_end_us - packet.t_begin_us > _LONGEST_US:
            return True
        intake = Intake(columns=32, rows=32)
        frames = sum(1 for _ in intake.push(packet)) + sum(1 for _ in intake.finish(None))
        counted = intake.counts
        assert counted.events_in == packet.events.size
        assert counted.frames == frames
        kinds = (counted.events_binned, counted.events_outside_view, counted.events_late)
        assert sum(kinds) + counted.events_invalid == counted.events_in
    except InputError:
        return False
    return True
