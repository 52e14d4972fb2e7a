"""AEDAT 2.0 addresses and times, of the DVS128 and of DAVIS cameras."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drivers.errors import InputError
from drivers.events import Events, SensorSize, empty_events
from recordings.formats import Recording, open_recording

VERSION = b"#!AER-DAT2.0\r\n"
DVS128 = VERSION + b"# AEChip: ch.unizh.ini.jaer.chip.retina.DVS128\r\n"
DAVIS346 = VERSION + b"# AEChip: eu.seebetter.ini.chips.davis.Davis346blue\r\n"


def opened(path: Path, header: bytes, pairs: list[tuple[int, int]]) -> tuple[Recording, Events]:
    """A file of these addresses and times, opened and read."""
    path.write_bytes(header + b"".join(struct.pack(">II", *pair) for pair in pairs))
    recording = open_recording(path)
    return recording, np.concatenate([empty_events(), *(item.events for item in recording)])


@settings(max_examples=60, deadline=None)
@given(
    rows=st.lists(st.tuples(st.integers(0, 127), st.integers(0, 127), st.booleans()), max_size=80)
)
def test_dvs128_addresses(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[int, int, bool]]
) -> None:
    """Columns count from the right, rows from the bottom, and bit 0 is clear for ON."""
    pairs = [
        ((127 - y) << 8 | (127 - x) << 1 | (not on), number)
        for number, (x, y, on) in enumerate(rows)
    ]
    path = tmp_path_factory.getbasetemp() / "dvs128.aedat"
    recording, events = opened(path, DVS128, pairs)
    assert events.tolist() == [(number, *row) for number, row in enumerate(rows)]
    assert recording.sensor == SensorSize(128, 128)
    assert recording.notes == ()


@settings(max_examples=60, deadline=None)
@given(
    rows=st.lists(st.tuples(st.integers(0, 345), st.integers(0, 259), st.booleans()), max_size=80),
    special=st.sampled_from([1 << 31, 1 << 31 | 3 << 10, 1 << 10]),
)
def test_davis_addresses(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[int, int, bool]], special: int
) -> None:
    """Between frame pixels, inertial samples and triggers, a DAVIS's events are found."""
    pairs = []
    for number, (x, y, on) in enumerate(rows):
        address = (259 - y) << 22 | (345 - x) << 12 | on << 11
        pairs += [(address | special, number), (address, number)]
    path = tmp_path_factory.getbasetemp() / "davis.aedat"
    recording, events = opened(path, DAVIS346, pairs)
    assert events.tolist() == [(number, *row) for number, row in enumerate(rows)]
    assert recording.counts.special == len(rows)
    assert recording.sensor == SensorSize(346, 260)


def test_external_events_of_a_dvs128_are_counted(tmp_path: Path) -> None:
    """Addresses with bit 15 or a higher one set are no events of pixels."""
    pairs = [(0x8000, 1), (0x0001, 2), (0x8000_0000, 3)]
    recording, events = opened(tmp_path / "a", DVS128, pairs)
    assert events.size == 1
    assert recording.counts.special == 2


def test_davis_events_off_the_sensor_are_counted(tmp_path: Path) -> None:
    """A column or row that the camera does not have is counted and left out."""
    pairs = [(346 << 12, 1), (260 << 22, 2), (0, 3)]
    recording, events = opened(tmp_path / "a", DAVIS346, pairs)
    assert events["t"].tolist() == [3]
    assert recording.events_off_sensor == 2


def test_times_wrap_at_32_bits(tmp_path: Path) -> None:
    """After 2^32 us time goes on; a small step back beside the wrap is a small step back."""
    top = (1 << 32) - 1
    pairs = [(0, top - 5), (0, top), (0, 2), (0, top), (0, 4)]
    recording, events = opened(tmp_path / "a", DVS128, pairs)
    assert events["t"].tolist() == [top - 5, top, top + 3, top + 3, top + 5]
    assert recording.time_reversals == 1
    assert recording.damage is None


def test_times_wrap_between_blocks(tmp_path: Path) -> None:
    """The wrap is carried from one block of reading to the next, more than once."""
    step = 1 << 15
    pairs = [(0, (index * step) & 0xFFFF_FFFF) for index in range(270_000)]
    _, events = opened(tmp_path / "a", DVS128, pairs)
    assert (events["t"] == np.arange(270_000, dtype=np.uint64) * np.uint64(step)).all()


@pytest.mark.parametrize(
    ("line", "size"),
    [
        (b"# AEChip: eu.seebetter.ini.chips.davis.Davis240C", SensorSize(240, 180)),
        (b"# AEChip: eu.seebetter.ini.chips.davis.DAVIS640", SensorSize(640, 480)),
        (b"# HardwareInterface: DVS128-V1 0392", SensorSize(128, 128)),
    ],
)
def test_the_chip_comes_from_the_header(tmp_path: Path, line: bytes, size: SensorSize) -> None:
    """The chip's name gives layout and size; the interface's does where no chip is named."""
    recording, _ = opened(tmp_path / "a", VERSION + line + b"\r\n", [])
    assert recording.sensor == size
    assert recording.notes == ()


def test_no_chip_in_the_header_is_said(tmp_path: Path) -> None:
    """Without a name a DVS128 is assumed and said, unless the addresses cannot be one's."""
    recording, events = opened(tmp_path / "a", VERSION, [(1, 1)])
    assert events.size == 1
    assert "assumed" in recording.notes[0]
    with pytest.raises(InputError, match="names no chip"):
        opened(tmp_path / "a", VERSION, [(1, 1), (1 << 20, 1)])


@pytest.mark.parametrize(
    ("header", "text"),
    [
        (VERSION + b"# AEChip: ch.unizh.ini.jaer.chip.cochlea.CochleaAMS\r\n", "CochleaAMS"),
        (VERSION + b"# created by", "end of the file"),
        (DVS128 + b"#Start of Preferences for this AEChip\r\n", "header without its end"),
        (b"#!AER-DAT2.05\r\n", "AER-DAT2.05"),
    ],
)
def test_a_wrong_header_is_refused(tmp_path: Path, header: bytes, text: str) -> None:
    """Another chip and a header that breaks off end in one line."""
    with pytest.raises(InputError, match=text):
        opened(tmp_path / "a", header, [])


def test_data_that_begins_like_a_header_line_is_data(tmp_path: Path) -> None:
    """A first address whose top byte is '#' is not taken for a header line."""
    address = ord("#") << 24
    recording, events = opened(tmp_path / "a", DAVIS346, [(address, 7), (address, 8)])
    assert events["t"].tolist() == [7, 8]
    assert events["y"].tolist() == [259 - (address >> 22)] * 2
    assert recording.damage is None


@settings(max_examples=40, deadline=None)
@given(cut=st.integers(0, 8 * 300 - 1))
def test_a_cut_file_gives_its_whole_events(
    tmp_path_factory: pytest.TempPathFactory, cut: int
) -> None:
    """Cut inside an event, every whole one is given and the damage names the byte."""
    path = tmp_path_factory.getbasetemp() / "cut.aedat"
    opened(path, DVS128, [(2 * number % 256, number) for number in range(300)])
    path.write_bytes(path.read_bytes()[: len(DVS128) + cut])
    recording = open_recording(path)
    events = np.concatenate([empty_events(), *(item.events for item in recording)])
    assert events["t"].tolist() == list(range(cut // 8))
    if cut % 8:
        at = len(DVS128) + cut // 8 * 8
        assert recording.damage is not None
        assert recording.damage.endswith(f"from byte {at} on: event of 8 bytes cut after {cut % 8}")
    else:
        assert recording.damage is None


def test_a_dark_box_is_led_by_off_events(real_data: Path) -> None:
    """In the real recording of a moving dark box, OFF events run ahead of ON events."""
    with open_recording(real_data / "formats" / "aedat2_moving_dark_box.aedat") as recording:
        events = np.concatenate([packet.events for packet in recording])
    window = ((events["t"] - events["t"][0]) // np.uint64(20_000)).astype(np.int64)
    count = int(window[-1]) + 1
    lead = np.zeros(count)
    enough = np.ones(count, dtype=bool)
    for field in ("x", "y"):
        centre = {}
        for name, chosen in (("all", events), ("on", events["on"]), ("off", ~events["on"])):
            mask = slice(None) if name == "all" else chosen
            found = np.bincount(window[mask], minlength=count)
            total = np.bincount(window[mask], events[field][mask], count)
            centre[name] = total / np.maximum(found, 1)
            enough &= found > 30
        lead += (centre["off"] - centre["on"]) * np.gradient(centre["all"])
    assert (lead[enough] > 0).mean() > 0.7


def test_real_counts_follow_from_the_file_size(real_data: Path) -> None:
    """Each real file gives one event for every eight bytes behind its header."""
    paths = [
        *(real_data / "dvs128_objects").iterdir(),
        real_data / "formats" / "aedat2_moving_dark_box.aedat",
    ]
    for path in paths:
        content = path.read_bytes()
        header = 0
        while content[header : header + 1] == b"#":
            header = content.index(b"\n", header) + 1
        with open_recording(path) as recording:
            assert sum(item.events.size for item in recording) == (len(content) - header) / 8
