"""AEDAT4 files as other programs write them."""

from __future__ import annotations

from pathlib import Path

import faery
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drivers.errors import InputError
from drivers.events import Events, SensorSize, empty_events
from recordings.aedat4_writer import Aedat4Writer
from recordings.formats import open_recording

REAL = (
    "formats/aedat4_davis346_frames_imu_triggers.aedat4",
    "formats/aedat4_640x480.aedat4",
    "formats/aedat4_small.aedat4",
    "dvs128_gesture/dvSave-2024_06_20_15_59_41.aedat4",
)


def read(path: Path) -> Events:
    """All events of a file."""
    return np.concatenate([empty_events(), *(packet.events for packet in open_recording(path))])


@pytest.mark.parametrize("name", REAL)
def test_faery_finds_the_same_events(real_data: Path, name: str) -> None:
    """A second, independent library decodes exactly the same events from real files."""
    events = read(real_data / name)
    others = np.concatenate(list(faery.events_stream_from_file(real_data / name)))
    assert events.size == others.size
    for field in ("t", "x", "y", "on"):
        assert (events[field] == others[field]).all()


def test_files_without_events_open_and_say_so(real_data: Path) -> None:
    """Two empty streams and a file of frames alone give no packets and tell why."""
    stereo = open_recording(real_data / "formats" / "aedat4_empty_stereo.aedat4", packet_us=1000)
    frames = open_recording(real_data / "formats" / "aedat4_frames_only.aedat4")
    assert list(stereo) == list(frames) == []
    assert (stereo.t_first_us, frames.t_first_us) == (None, None)
    assert (stereo.damage, frames.damage) == (None, None)
    assert stereo.notes == ("stream 0 is read; further streams of events: 1",)
    assert frames.notes == ("the file has no stream of events",)
    assert frames.sensor == SensorSize(346, 260)


@settings(max_examples=12, deadline=None)
@given(share=st.floats(0.01, 0.99))
def test_a_cut_real_file_gives_a_beginning(
    real_data: Path, tmp_path_factory: pytest.TempPathFactory, share: float
) -> None:
    """A real file with several streams, cut anywhere, gives the first of its events and says so."""
    source = real_data / "formats" / "aedat4_small.aedat4"
    content = source.read_bytes()
    path = tmp_path_factory.getbasetemp() / "cut.aedat4"
    path.write_bytes(content[: int(share * len(content))])
    with open_recording(path) as recording:
        events = np.concatenate([empty_events(), *(packet.events for packet in recording)])
    assert events.tobytes() == read(source)[: events.size].tobytes()
    assert abs(events.size / 111_954 - share) < 0.05
    assert recording.damage is not None
    assert "from byte" in recording.damage


@pytest.fixture
def written(tmp_path: Path, example_events: Events) -> Path:
    """A file of our own."""
    path = tmp_path / "own.aedat4"
    with Aedat4Writer(path, SensorSize(128, 96)) as writer:
        writer.write(example_events)
    return path


@pytest.mark.parametrize(
    ("old", "new", "text"),
    [
        (b"#!AER-DAT4.0\r\n", b"#!AER-DAT4.01\n", "AER-DAT4.01"),
        (b"IOHE", b"OHIE", "b'IOHE'"),
        (b"<dv version", b"<vd version", "broken header"),
        (b"ZSTD", b"ZST\xff", "broken header"),
        (b'"sizeX"', b'"sizeZ"', "byte 14"),
        (b"EVTS", b"TEXT", "byte 14"),
    ],
)
def test_a_broken_header_ends_in_one_line(
    written: Path, capfd: pytest.CaptureFixture[str], old: bytes, new: bytes, text: str
) -> None:
    """The error names file and byte; no library's trace reaches the terminal."""
    written.write_bytes(written.read_bytes().replace(old, new, 1))
    with pytest.raises(InputError, match=text) as caught:
        open_recording(written)
    assert str(written) in str(caught.value)
    assert "\n" not in str(caught.value)
    assert capfd.readouterr().err == ""


@settings(max_examples=60, deadline=None)
@given(where=st.floats(0, 1, exclude_max=True), noise=st.binary(min_size=1, max_size=40))
def test_noise_in_a_file_never_passes_for_events(
    tmp_path_factory: pytest.TempPathFactory,
    example_events: Events,
    where: float,
    noise: bytes,
) -> None:
    """Bytes changed anywhere behind the header: a beginning of the events, and damage."""
    path = tmp_path_factory.getbasetemp() / "noise.aedat4"
    with Aedat4Writer(path, SensorSize(128, 96)) as writer:
        writer.write(example_events[:20_000])
    content = path.read_bytes()
    header = 18 + int.from_bytes(content[14:18], "little")
    at = header + int(where * (len(content) - header))
    changed = content[:at] + noise + content[at + len(noise) :]
    path.write_bytes(changed)
    events = read(path)
    assert events.tobytes() == example_events[: events.size].tobytes()
    recording = open_recording(path)
    assert sum(packet.events.size for packet in recording) == events.size
    assert (recording.damage is None) == (changed == content) or events.size == 20_000
