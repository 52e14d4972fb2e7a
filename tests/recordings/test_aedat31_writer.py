"""AEDAT 3.1 as written here, checked against the format's own bytes."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drivers.errors import InputError
from drivers.events import EVENT_DTYPE, Events, SensorSize, empty_events
from recordings.aedat31_writer import Aedat31Writer
from recordings.event_writer import MAX_PACKET_SPAN_US
from recordings.formats import Format, open_recording

SENSOR = SensorSize(128, 128)
END = b"#!END-HEADER\r\n"


def decode(content: bytes) -> list[tuple[int, int, int, bool]]:
    """Events of a file, decoded one by one straight from the format's description."""
    at = content.index(END) + len(END)
    events = []
    while at < len(content):
        kind, _, size, offset, wraps, capacity, number, valid = struct.unpack_from(
            "<hhiiiiii", content, at
        )
        assert (kind, size, offset) == (1, 8, 4)
        assert capacity == number == valid
        at += 28
        for _ in range(number):
            data, t = struct.unpack_from("<Ii", content, at)
            assert data & 1
            row, column = (data >> 2) & 0x7FFF, data >> 17
            events.append(((wraps << 31) | t, column, row, bool(data & 2)))
            at += size
    return events


@settings(max_examples=60, deadline=None)
@given(
    rows=st.lists(
        st.tuples(st.integers(0, 400_000), st.integers(0, 127), st.integers(0, 127), st.booleans()),
        min_size=1,
        max_size=150,
    ),
    t_us=st.sampled_from([0, (1 << 31) - 50_000, 1_718_924_384_950_507, (1 << 62) - 100_000_000]),
    piece=st.integers(1, 200),
)
def test_what_was_written_is_read(
    tmp_path_factory: pytest.TempPathFactory,
    rows: list[tuple[int, int, int, bool]],
    t_us: int,
    piece: int,
) -> None:
    """A plain decoder and our reader give back the events, also where the 31-bit time wraps."""
    path = tmp_path_factory.getbasetemp() / "round.aedat"
    events = np.array([(0, x, y, on) for _, x, y, on in rows], dtype=EVENT_DTYPE)
    events["t"] = t_us + np.cumsum([step for step, *_ in rows])
    with Aedat31Writer(path, SENSOR) as writer:
        for first in range(0, events.size, piece):
            writer.write(events[first : first + piece])
    assert decode(path.read_bytes()) == events.tolist()
    with open_recording(path) as recording:
        read = np.concatenate([empty_events(), *(packet.events for packet in recording)])
    assert read.tobytes() == events.tobytes()
    assert recording.damage is None


@pytest.mark.parametrize("size", [(128, 128), (346, 260), (1280, 720), (1, 1)])
def test_the_sensor_is_kept(tmp_path: Path, size: tuple[int, int]) -> None:
    """The size of any sensor is read back from the header."""
    path = tmp_path / "a.aedat"
    Aedat31Writer(path, SensorSize(*size)).close()
    recording = open_recording(path)
    assert recording.sensor == SensorSize(*size)
    assert recording.format is Format.AEDAT31
    assert recording.notes == ()
    assert list(recording) == []


def test_the_header_is_that_of_the_gesture_set(tmp_path: Path) -> None:
    """A 128x128 recording names the DVS128, as the recordings of DvsGesture do."""
    Aedat31Writer(tmp_path / "a.aedat", SENSOR).close()
    lines = (tmp_path / "a.aedat").read_bytes().split(b"\r\n")
    assert lines[:3] == [b"#!AER-DAT3.1", b"#Format: RAW", b"#Source 1: DVS128"]
    assert lines[-2:] == [b"#!END-HEADER", b""]


def test_waiting_events_reach_the_file_in_time(tmp_path: Path, example_events: Events) -> None:
    """At no moment does the file lack more than the span that packets may gather."""
    path = tmp_path / "a.aedat"
    with Aedat31Writer(path, SENSOR) as writer:
        for first in range(0, example_events.size, 1000):
            part = example_events[first : first + 1000]
            writer.write(part)
            there = decode(path.read_bytes())
            lacking = example_events[len(there) : first + 1000]["t"]
            assert lacking.size == 0 or lacking[-1] - lacking[0] < MAX_PACKET_SPAN_US


def test_the_caller_may_reuse_its_array(tmp_path: Path, example_events: Events) -> None:
    """What was given to `write` is kept even if the caller overwrites it before the next call."""
    path = tmp_path / "a.aedat"
    part = example_events[:10].copy()
    with Aedat31Writer(path, SENSOR) as writer:
        writer.write(part)
        part["x"] = 0
    assert decode(path.read_bytes()) == example_events[:10].tolist()


def test_events_off_the_sensor_are_refused(tmp_path: Path) -> None:
    """An event that the sensor does not have is refused."""
    events = np.array([(1, 128, 0, True)], dtype=EVENT_DTYPE)
    with Aedat31Writer(tmp_path / "a", SENSOR) as writer:
        with pytest.raises(InputError, match="column 128"):
            writer.write(events)
        assert writer.events_written == 0
