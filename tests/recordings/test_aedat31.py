"""AEDAT 3.1 files with everything that cameras and programs put into them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drivers.errors import InputError
from drivers.events import Events, SensorSize, empty_events
from recordings.aedat31_writer import HEADER_DTYPE, POLARITY_DTYPE, Aedat31Writer
from recordings.formats import Recording, open_recording

HEADER = b"#!AER-DAT3.1\r\n#Format: RAW\r\n#Source 1: DVS128\r\n#-Source 0: DVS128\r\n" + (
    b"#Start-Time: 2016-05-13 10:09:21 (TZ+0200)\r\n#!END-HEADER\r\n"
)


def packet(
    kind: int,
    body: bytes,
    number: int,
    *,
    size: int = 8,
    source: int = 1,
    overflow: int = 0,
    valid: int | None = None,
) -> bytes:
    """One packet of any type."""
    header = np.zeros(1, dtype=HEADER_DTYPE)
    header["type"], header["source"], header["size"] = kind, source, size
    header["time_offset"], header["overflow"] = 4, overflow
    header["capacity"] = header["number"] = number
    header["valid"] = number if valid is None else valid
    return header.tobytes() + body


def polarity(rows: list[tuple[int, int, int, int, int]], **settings_: int) -> bytes:
    """A packet of polarity events: (t, x, y, on, valid) each."""
    body = np.zeros(len(rows), dtype=POLARITY_DTYPE)
    for index, (t, x, y, on, valid) in enumerate(rows):
        body[index] = ((x << 17) | (y << 2) | (on << 1) | valid, t)
    number_valid = sum(row[4] for row in rows)
    return packet(1, body.tobytes(), len(rows), valid=number_valid, **settings_)


def opened(path: Path, *parts: bytes, header: bytes = HEADER) -> tuple[Recording, Events]:
    """A file of these packets, opened and read."""
    path.write_bytes(header + b"".join(parts))
    recording = open_recording(path)
    return recording, np.concatenate([empty_events(), *(item.events for item in recording)])


@settings(max_examples=40, deadline=None)
@given(
    order=st.permutations(range(6)),
    kinds=st.lists(st.sampled_from([0, 2, 3, 4, 7, 12, 100]), min_size=6, max_size=6),
    sizes=st.lists(st.integers(4, 90), min_size=6, max_size=6),
)
def test_packets_of_other_types_are_passed_over(
    tmp_path_factory: pytest.TempPathFactory, order: list[int], kinds: list[int], sizes: list[int]
) -> None:
    """Between packets of any other type and size, the polarity events are found."""
    path = tmp_path_factory.getbasetemp() / "mixed.aedat"
    parts = []
    for number, index in enumerate(order):
        size = sizes[index]
        parts.append(packet(kinds[index], bytes(range(size)) * 3, 3, size=size))
        parts.append(polarity([(number, number, 2, 1, 1)]))
    recording, events = opened(path, *parts)
    assert events.tolist() == [(number, number, 2, True) for number in range(6)]
    assert recording.damage is None
    assert recording.counts.special == 3 * kinds.count(0)


def test_invalid_events_are_counted(tmp_path: Path) -> None:
    """Events without the valid bit are left out and counted."""
    rows = [(1, 1, 1, 1, 1), (2, 2, 2, 0, 0), (3, 3, 3, 0, 1)]
    recording, events = opened(tmp_path / "a", polarity(rows))
    assert events.tolist() == [(1, 1, 1, True), (3, 3, 3, False)]
    assert recording.counts.invalid == 1


def test_the_overflow_of_times_is_carried(tmp_path: Path) -> None:
    """The packet's count of wraps stands above the 31 bits of each time."""
    top = (1 << 31) - 1
    parts = [polarity([(top, 1, 1, 1, 1)]), polarity([(0, 1, 1, 1, 1)], overflow=1)]
    _, events = opened(tmp_path / "a", *parts)
    assert events["t"].tolist() == [top, top + 1]


def test_one_source_is_read(tmp_path: Path) -> None:
    """Of several cameras the first one met is read, the events of others are counted."""
    parts = [
        polarity([(1, 5, 5, 1, 1)], source=3),
        polarity([(2, 6, 6, 1, 1), (2, 7, 7, 1, 1)], source=1),
        polarity([(3, 8, 8, 1, 1)], source=3),
    ]
    recording, events = opened(tmp_path / "a", *parts)
    assert events["x"].tolist() == [5, 8]
    assert recording.counts.other_streams == 2


@pytest.mark.parametrize(
    ("line", "size", "assumed"),
    [
        (b"#Source 0: DAVIS346BSI", SensorSize(346, 260), False),
        (b"#Source 0: DAVIS240C", SensorSize(240, 180), False),
        (b"#Source 0: DAVISHet640", SensorSize(640, 480), False),
        (b"#Source 0: DVS128", SensorSize(128, 128), False),
        (b"#Sensor-Size: 77x33", SensorSize(77, 33), False),
        (b"#Source 0: Processor", SensorSize(128, 128), True),
    ],
)
def test_the_sensor_comes_from_the_header(
    tmp_path: Path, line: bytes, size: SensorSize, assumed: bool
) -> None:
    """Known cameras give the size; for others that of DvsGesture is assumed, and said."""
    header = b"#!AER-DAT3.1\r\n#Format: RAW\r\n" + line + b"\r\n#!END-HEADER\r\n"
    recording, _ = opened(tmp_path / "a", header=header)
    assert recording.sensor == size
    assert bool(recording.notes) is assumed


@pytest.mark.parametrize(
    "change",
    [{"kind": -1}, {"kind": 50}, {"size": 0}, {"number": -2}, {"valid": 9}, {"overflow": -1}],
)
def test_a_senseless_packet_header_is_damage(tmp_path: Path, change: dict[str, int]) -> None:
    """What came before is given out; the damage names the byte of the senseless header."""
    settings_ = {"kind": 1, "number": 1} | change
    bad = packet(body=bytes(8), **settings_)
    good = polarity([(1, 5, 5, 1, 1)])
    recording, events = opened(tmp_path / "a", good, bad)
    assert events.size == 1
    assert recording.damage is not None
    assert f"from byte {len(HEADER) + len(good)} on" in recording.damage


@pytest.mark.parametrize(
    "header",
    [
        b"#!AER-DAT3.1\r\n",
        HEADER[:-20],
        HEADER.replace(b"#!END-HEADER\r\n", b""),
        HEADER.replace(b"RAW", b"SERIAL_TS"),
        b"#!AER-DAT3.10\r\n#!END-HEADER\r\n",
    ],
)
def test_a_wrong_header_is_refused(tmp_path: Path, header: bytes) -> None:
    """A header without its end, in another encoding or of another version ends in one line."""
    with pytest.raises(InputError, match="byte"):
        opened(tmp_path / "a", header=header)


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_a_cut_file_gives_its_whole_packets(
    tmp_path_factory: pytest.TempPathFactory, example_events: Events, data: st.DataObject
) -> None:
    """Cut at any byte, a file gives its whole packets and says where the next one began."""
    path = tmp_path_factory.getbasetemp() / "cut.aedat"
    with Aedat31Writer(path, SensorSize(128, 96)) as writer:
        for first in range(0, 4000, 100):
            part = example_events[first : first + 100].copy()
            part["t"] *= 100
            writer.write(part)
    content = path.read_bytes()
    start = content.index(b"#!END-HEADER\r\n") + 14
    ends, counts = [start], [0]
    while ends[-1] < len(content):
        number = int.from_bytes(content[ends[-1] + 20 : ends[-1] + 24], "little")
        ends.append(ends[-1] + 28 + 8 * number)
        counts.append(counts[-1] + number)
    cut = data.draw(st.integers(start, len(content)))
    path.write_bytes(content[:cut])
    with open_recording(path) as recording:
        events = np.concatenate([empty_events(), *(item.events for item in recording)])
    whole = sum(end <= cut for end in ends) - 1
    assert events.size == counts[whole]
    assert events["x"].tolist() == example_events["x"][: counts[whole]].tolist()
    if cut in ends:
        assert recording.damage is None
    else:
        assert recording.damage is not None
        assert f"from byte {ends[whole]} on" in recording.damage
