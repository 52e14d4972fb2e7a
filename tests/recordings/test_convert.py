"""Recordings written anew in another format."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from drivers.errors import InputError
from drivers.events import Events, SensorSize, empty_events
from recordings.aedat31_writer import Aedat31Writer
from recordings.convert import convert_recording
from recordings.formats import Format, open_recording


def read(path: Path) -> Events:
    """All events of a file."""
    return np.concatenate([empty_events(), *(packet.events for packet in open_recording(path))])


@pytest.fixture
def source(tmp_path: Path, example_events: Events) -> Path:
    """A recording to convert."""
    path = tmp_path / "source.aedat"
    with Aedat31Writer(path, SensorSize(128, 96)) as writer:
        for first in range(0, example_events.size, 10_000):
            writer.write(example_events[first : first + 10_000])
    return path


@pytest.mark.parametrize(
    ("ending", "file_format"),
    [(".aedat4", Format.AEDAT4), (".aedat", Format.AEDAT31), (".AEDAT4", Format.AEDAT4)],
)
def test_the_ending_chooses_the_format(
    tmp_path: Path, source: Path, example_events: Events, ending: str, file_format: Format
) -> None:
    """The output has the format of its ending, the same events and the same sensor."""
    out = tmp_path / f"out{ending}"
    report = convert_recording(source, out)
    assert (report.path, report.format, report.events) == (out, file_format, 50_000)
    assert report.damage is None
    with open_recording(out) as recording:
        assert recording.format is file_format
        assert recording.sensor == SensorSize(128, 96)
    assert read(out).tobytes() == example_events.tobytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([source.name, out.name])


@pytest.mark.parametrize(
    "name",
    ["formats/evt2.raw", "dvs128_objects/Tesoura.aedat", "formats/aedat4_empty_stereo.aedat4"],
)
def test_real_files_are_converted_exactly(tmp_path: Path, real_data: Path, name: str) -> None:
    """There and back between both formats, a real file keeps every event."""
    first, second = tmp_path / "a.aedat", tmp_path / "b.aedat4"
    convert_recording(real_data / name, first)
    report = convert_recording(first, second)
    wanted = read(real_data / name)
    assert read(second).tobytes() == wanted.tobytes()
    assert report.events == wanted.size
    assert open_recording(second).sensor == open_recording(real_data / name).sensor


def test_damage_of_the_source_is_reported(tmp_path: Path, source: Path) -> None:
    """What was whole is written, and the report tells of the rest."""
    source.write_bytes(source.read_bytes()[:-3])
    report = convert_recording(source, tmp_path / "out.aedat4")
    assert report.damage is not None
    assert str(source) in report.damage
    assert 0 < report.events < 50_000
    assert read(tmp_path / "out.aedat4").size == report.events


def test_an_existing_file_stays_until_the_new_one_is_whole(tmp_path: Path, source: Path) -> None:
    """A source that cannot be read leaves the old output, and no other file, behind."""
    out = tmp_path / "out.aedat4"
    convert_recording(source, out)
    before = out.read_bytes()
    (tmp_path / "bad").write_bytes(b"nonsense")
    with pytest.raises(InputError, match="nonsense"):
        convert_recording(tmp_path / "bad", out)
    assert out.read_bytes() == before
    assert len(list(tmp_path.iterdir())) == 3


@pytest.mark.parametrize(
    "name", ["out.raw", "out", "out.aedat2", "none/out.aedat4", "folder.aedat"]
)
def test_other_outputs_are_refused(tmp_path: Path, source: Path, name: str) -> None:
    """Another ending, a missing folder and a folder's own name end in one line."""
    (tmp_path / "folder.aedat").mkdir()
    with pytest.raises(InputError, match="output file"):
        convert_recording(source, tmp_path / name)


def test_the_source_is_not_overwritten(source: Path) -> None:
    """A recording cannot be converted into itself."""
    before = source.read_bytes()
    with pytest.raises(InputError, match="a file that is read"):
        convert_recording(source, source)
    assert source.read_bytes() == before
