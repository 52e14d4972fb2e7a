"""What `inspect_recording` says of recordings."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from drivers.errors import InputError
from drivers.events import EVENT_DTYPE, Events, SensorSize
from recordings.aedat4_writer import Aedat4Writer
from recordings.aedat31_writer import Aedat31Writer
from recordings.formats import Format
from recordings.inspect import inspect_recording


def test_a_recording_in_figures(tmp_path: Path, example_events: Events) -> None:
    """Size, count, times and polarity are those of the events written."""
    path = tmp_path / "a.aedat4"
    with Aedat4Writer(path, SensorSize(128, 96)) as writer:
        writer.write(example_events)
    info = inspect_recording(path)
    assert (info.format, info.width, info.height) == (Format.AEDAT4, 128, 96)
    assert info.events == example_events.size
    assert info.t_first_us == example_events["t"][0]
    assert info.t_last_us == example_events["t"][-1]
    assert info.duration_us == example_events["t"][-1] - example_events["t"][0]
    assert info.on_share == pytest.approx(example_events["on"].mean())
    assert (info.damaged, info.damage) == (False, None)


def test_a_cut_recording_is_damaged(tmp_path: Path, example_events: Events) -> None:
    """Of a cut file, the figures are those of what could be read, and the damage is told."""
    path = tmp_path / "a.aedat"
    with Aedat31Writer(path, SensorSize(128, 96)) as writer:
        for first in range(0, example_events.size, 10_000):
            writer.write(example_events[first : first + 10_000])
    path.write_bytes(path.read_bytes()[:-1])
    info = inspect_recording(path)
    assert 0 < info.events < example_events.size
    assert info.t_last_us == example_events["t"][info.events - 1]
    assert info.damaged
    assert info.damage is not None
    assert str(path) in info.damage


def test_nothing_is_none(tmp_path: Path) -> None:
    """Without events, times and share are None and not zero."""
    path = tmp_path / "a.aedat"
    Aedat31Writer(path, SensorSize(128, 96)).close()
    info = inspect_recording(path)
    assert info.events == 0
    assert (info.t_first_us, info.t_last_us, info.duration_us, info.on_share) == (None,) * 4
    assert not info.damaged


def test_one_event_lasts_no_time(tmp_path: Path) -> None:
    """A single event at time 0 has times, a duration of 0 and a share."""
    path = tmp_path / "a.aedat"
    with Aedat31Writer(path, SensorSize(128, 96)) as writer:
        writer.write(np.array([(0, 1, 1, True)], dtype=EVENT_DTYPE))
    info = inspect_recording(path)
    assert (info.t_first_us, info.t_last_us, info.duration_us, info.on_share) == (0, 0, 0, 1.0)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("aedat4_davis346_frames_imu_triggers.aedat4", ("AEDAT4", 346, 260, 78_830)),
        ("aedat4_640x480.aedat4", ("AEDAT4", 640, 480, 255_283)),
        ("aedat4_empty_stereo.aedat4", ("AEDAT4", 100, 100, 0)),
        ("aedat4_frames_only.aedat4", ("AEDAT4", 346, 260, 0)),
        ("aedat4_small.aedat4", ("AEDAT4", 320, 240, 111_954)),
        ("aedat2_moving_dark_box.aedat", ("AEDAT 2.0", 128, 128, 489_834)),
        ("evt2.raw", ("EVT2", 640, 480, 521_252)),
        ("evt3.raw", ("EVT3", 1280, 720, 1_218_618)),
        ("dat_gen4.dat", ("DAT", 1280, 720, 1_218_618)),
        ("es_dvs.es", ("ES", 320, 240, 473_225)),
    ],
)
def test_real_files(real_data: Path, name: str, expected: tuple[str, int, int, int]) -> None:
    """Every real file of the formats folder is described rightly, those without events too."""
    info = inspect_recording(real_data / "formats" / name)
    assert (info.format.value, info.width, info.height, info.events) == expected
    assert not info.damaged
    assert (info.on_share is None) == (info.events == 0)
    assert info.on_share is None or 0.3 < info.on_share < 0.7


def test_what_is_no_recording_is_refused(tmp_path: Path) -> None:
    """A text file is not described but refused."""
    (tmp_path / "a").write_text("hello")
    with pytest.raises(InputError, match="hello"):
        inspect_recording(tmp_path / "a")
