"""EVT2, EVT3, DAT and Event Stream."""

from __future__ import annotations

import re
import struct
from pathlib import Path

import faery
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drivers.errors import InputError
from drivers.events import Events, SensorSize, empty_events
from recordings.formats import Format, Recording, detect_format, open_recording

EVT2 = b"% evt 2.0\n"


def read(recording: Recording) -> Events:
    """All events of a recording."""
    return np.concatenate([empty_events(), *(packet.events for packet in recording)])


def evt2(rows: list[tuple[int, int, int, bool]], header: bytes = EVT2) -> bytes:
    """A file of these events, word by word from the format's description."""
    words, high = [], None
    for t, x, y, on in rows:
        if t >> 6 != high:
            high = t >> 6
            words.append(0x8000_0000 | high)
        words.append(on << 28 | (t & 63) << 22 | x << 11 | y)
    return header + struct.pack(f"<{len(words)}I", *words)


ROWS = st.lists(
    st.tuples(st.integers(0, 500), st.integers(0, 639), st.integers(0, 479), st.booleans()),
    max_size=100,
).map(
    lambda rows: [
        (1000 + sum(row[0] for row in rows[: index + 1]), *row[1:])
        for index, row in enumerate(rows)
    ]
)


@settings(max_examples=40, deadline=None)
@given(rows=ROWS)
def test_evt2_events_are_read_exactly(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[int, int, int, bool]]
) -> None:
    """Any events written as EVT2 words come back."""
    path = tmp_path_factory.getbasetemp() / "some.raw"
    path.write_bytes(evt2(rows, b"% evt 2.0\n% geometry 640x480\n% end\n"))
    recording = open_recording(path)
    assert read(recording).tolist() == rows
    assert recording.sensor == SensorSize(640, 480)
    assert (recording.damage, recording.notes) == (None, ())


def test_an_independent_decoder_agrees_on_the_real_evt2_file(real_data: Path) -> None:
    """The real EVT2 file, decoded straight from its words, holds the same events."""
    path = real_data / "formats" / "evt2.raw"
    content = path.read_bytes()
    words = np.frombuffer(content[content.index(b"% evt 2.0\n") + 10 :], dtype="<u4")
    kind = words >> 28
    high = np.maximum.accumulate(np.where(kind == 8, words & 0x0FFF_FFFF, 0).astype(np.uint64))
    cd = kind <= 1
    events = read(open_recording(path))
    assert (events["t"] == ((high << np.uint64(6)) | (words >> 22 & 63))[cd]).all()
    assert (events["x"] == (words >> 11 & 0x7FF)[cd]).all()
    assert (events["y"] == (words & 0x7FF)[cd]).all()
    assert (events["on"] == (kind == 1)[cd]).all()


def test_the_same_recording_in_two_formats_is_the_same(real_data: Path) -> None:
    """The real EVT3 and DAT files are one recording with two clocks."""
    evt3 = read(open_recording(real_data / "formats" / "evt3.raw"))
    dat = read(open_recording(real_data / "formats" / "dat_gen4.dat"))
    for field in ("x", "y", "on"):
        assert (evt3[field] == dat[field]).all()
    assert np.unique(evt3["t"] - dat["t"]).size == 1


def test_an_independent_decoder_agrees_on_the_real_event_stream(real_data: Path) -> None:
    """The real Event Stream file, decoded byte by byte, begins with the same events."""
    path = real_data / "formats" / "es_dvs.es"
    content = path.read_bytes()
    width, height = struct.unpack_from("<HH", content, 16)
    at, t, wanted = 20, 0, []
    while len(wanted) < 2000:
        step = content[at]
        if step >= 0xFE:
            t += 127 if step == 0xFF else 0
            at += 1
            continue
        t += step >> 1
        x, y = struct.unpack_from("<HH", content, at + 1)
        wanted.append((t, x, height - 1 - y, bool(step & 1)))
        at += 5
    recording = open_recording(path)
    assert read(recording)[:2000].tolist() == wanted
    assert recording.sensor == SensorSize(width, height)


@pytest.mark.parametrize(
    ("header", "sensor", "assumed"),
    [
        (b"% evt 2.0\n% geometry 304x240\n", (304, 240), False),
        (b"% format EVT2;height=320;width=320\n", (320, 320), False),
        (b"% Height 10\n% evt 2.0\n% Width 12\n", (12, 10), False),
        (b"% plugin_name hal_plugin_gen3_fx3\n% evt 2.0\n", (640, 480), True),
        (b"% plugin_name hal_plugin_imx636_evk4\n% evt 2.0\n", (1280, 720), True),
        (EVT2, (1280, 720), True),
    ],
)
def test_the_sensor_comes_from_the_header(
    tmp_path: Path, header: bytes, sensor: tuple[int, int], assumed: bool
) -> None:
    """The size is given, follows from the camera's name, or is assumed; the latter two are said."""
    path = tmp_path / "a.raw"
    path.write_bytes(evt2([(1, 3, 4, True)], header))
    recording = open_recording(path)
    assert recording.sensor == SensorSize(*sensor)
    assert bool(recording.notes) is assumed
    assert read(recording).size == 1


def test_events_off_an_assumed_sensor_are_counted(tmp_path: Path) -> None:
    """Where the header gives no size, an event outside the assumed one is left out, and counted."""
    path = tmp_path / "a.raw"
    path.write_bytes(evt2([(1, 3, 4, True), (2, 1300, 4, True), (3, 5, 6, False)]))
    recording = open_recording(path)
    assert read(recording)["x"].tolist() == [3, 5]
    assert recording.events_off_sensor == 1


def test_events_off_a_given_sensor_are_counted(tmp_path: Path) -> None:
    """Where the header gives the size, an event outside it is left out too, and counted."""
    path = tmp_path / "a.raw"
    path.write_bytes(evt2([(1, 3, 4, True), (2, 640, 4, True)], EVT2 + b"% geometry 640x480\n"))
    recording = open_recording(path)
    assert read(recording).tolist() == [(1, 3, 4, True)]
    assert (recording.damage, recording.events_off_sensor) == (None, 1)


def evt3(words: list[int], header: bytes = b"% evt 3.0\n% geometry 128x96\n") -> bytes:
    """A file of these words."""
    return header + struct.pack(f"<{len(words)}H", *words)


def test_a_vector_beyond_the_edge_loses_nothing_silently(tmp_path: Path) -> None:
    """Of an EVT3 vector across the sensor's edge, what is outside is counted, not moved."""
    path = tmp_path / "a.raw"
    path.write_bytes(evt3([0x8001, 0x6001, 0x0001, 0x3000 | 120, 0x4FFF, 0x5003, 0x2005]))
    recording = open_recording(path)
    assert read(recording)["x"].tolist() == [*range(120, 128), 5]
    assert (recording.damage, recording.events_off_sensor) == (None, 6)


def test_a_clock_of_24_bits_is_carried_on(tmp_path: Path) -> None:
    """EVT3's time goes on where it wraps, after 16.8 s; a small step back is held and counted."""
    path = tmp_path / "a.raw"
    highs = [0x7FF, 0xFFF, 0x000, 0x7FF, 0xFFF, 0x001]
    path.write_bytes(evt3([word for high in highs for word in (0x8000 | high, 0x6002, 0x2001)]))
    recording = open_recording(path)
    turns = [0x7FF, 0xFFF, 0x1000, 0x17FF, 0x1FFF, 0x2001]
    assert read(recording)["t"].tolist() == [turn * 4096 + 2 for turn in turns]
    path.write_bytes(evt3([0x8002, 0x6009, 0x2001, 0x6003, 0x2002, 0x8001, 0x2003]))
    recording = open_recording(path)
    assert read(recording)["t"].tolist() == [8201, 8201, 8201]
    assert recording.time_reversals == 2


def test_a_header_line_need_not_be_ascii(tmp_path: Path) -> None:
    """A name with an umlaut in the header is no event."""
    path = tmp_path / "a.raw"
    path.write_bytes(evt2([(1, 3, 4, True)], EVT2 + "% integrator_name Müller\n".encode()))
    recording = open_recording(path)
    assert read(recording).tolist() == [(1, 3, 4, True)]
    assert recording.damage is None


def test_faery_agrees_on_the_real_files(real_data: Path) -> None:
    """Another decoder finds the same events in the real files of these formats."""
    for name in ("evt2.raw", "evt3.raw", "dat_gen4.dat", "es_dvs.es"):
        path = real_data / "formats" / name
        others = np.concatenate(list(faery.events_stream_from_file(path)))
        assert read(open_recording(path)).tobytes() == others.tobytes()


@pytest.mark.parametrize(
    ("name", "word"), [("evt2.raw", 4), ("evt3.raw", 2), ("dat_gen4.dat", 8), ("es_dvs.es", None)]
)
@settings(max_examples=15, deadline=None)
@given(data=st.data())
def test_a_cut_real_file_gives_its_whole_events(
    real_data: Path,
    tmp_path_factory: pytest.TempPathFactory,
    data: st.DataObject,
    name: str,
    word: int | None,
) -> None:
    """Cut anywhere, a real file gives the first of its events; a cut word is said."""
    content = (real_data / "formats" / name).read_bytes()[:60_000]
    path = tmp_path_factory.getbasetemp() / name
    path.write_bytes(content)
    whole = read(open_recording(path))
    cut = data.draw(st.integers(300, len(content)))
    path.write_bytes(content[:cut])
    recording = open_recording(path)
    events = read(recording)
    assert events.tobytes() == whole[: events.size].tobytes()
    assert whole.size * (cut - 300) / len(content) < events.size + 300
    if word is None:
        complete, at, left = es_events(content[:cut])
        assert events.size == complete
    else:
        header = re.match(rb"(% [ -~]*\n)+", content)
        assert header is not None
        start = header.end() + (2 if name.endswith("dat") else 0)
        left = (cut - start) % word
        at = cut - left
    assert (recording.damage is not None) == (left > 0)
    assert recording.damage is None or f"from byte {at} on" in recording.damage


def es_events(content: bytes) -> tuple[int, int, int]:
    """Whole events of an Event Stream, where a cut one begins, and how much there is of it."""
    at = 20
    count = 0
    while at < len(content):
        if content[at] >= 0xFE:
            at += 1
        elif at + 5 <= len(content):
            at, count = at + 5, count + 1
        else:
            return count, at, len(content) - at
    return count, at, 0


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (b"% evt 2.1\n" + bytes(8), "evt 2.1"),
        (b"% evt 4.0\n" + bytes(8), "evt 4.0"),
        (b"% format HDF5\n" + bytes(8), "format HDF5"),
        (b"% evt 3.0\n% geometry 12", "end of the file"),
        (b"% Version 2\n", "event type b''"),
        (b"% Version 2\n\x0e\x08", "event type"),
        (b"Event Stream\x02\x00", "byte 14"),
        (b"Event Stream\x02\x00\x00\x02" + bytes(4), "event type 2"),
        (b"Event Stream\x03\x00\x00\x01" + bytes(4), r"Event Stream 3\.0\.0"),
    ],
)
def test_wrong_headers_are_refused(tmp_path: Path, content: bytes, text: str) -> None:
    """Other versions, other kinds of events and broken headers end in one line."""
    path = tmp_path / "a"
    path.write_bytes(content)
    with pytest.raises(InputError, match=text):
        open_recording(path)


@pytest.mark.parametrize(
    ("header", "file_format"),
    [
        (b"% evt 2.0\n", Format.EVT2),
        (b"% format EVT3;width=1\n", Format.EVT3),
        (b"% Data file containing CD events.\n% Version 2\n", Format.DAT),
    ],
)
def test_prophesee_formats_are_told_apart(
    tmp_path: Path, header: bytes, file_format: Format
) -> None:
    """The header's lines say which of the formats with `%` it is."""
    (tmp_path / "a").write_bytes(header)
    assert detect_format(tmp_path / "a") is file_format
