from pathlib import Path

import numpy as np
import pytest

from drivers.events import Events, SensorSize
from pipeline.benchmarks.inputs import labels_of, read_frames, recording_of
from pipeline.benchmarks.settings import BenchSettings
from recordings.aedat4_writer import Aedat4Writer
from recordings.labels import GestureInterval, write_label_file


@pytest.fixture
def recording(tmp_path: Path, some_events: Events) -> Path:
    """Two seconds of a moving blob."""
    path = tmp_path / "blob.aedat4"
    with Aedat4Writer(path, SensorSize(32, 32)) as writer:
        writer.write(some_events)
    return path


def test_frames_come_from_the_middle_of_every_gesture(recording: Path, tmp_path: Path) -> None:
    """Two labelled gestures give half of the frames each, those around their middles."""
    labels = tmp_path / "labels.csv"
    intervals = [GestureInterval(5_200_000, 5_400_000, 1), GestureInterval(6_000_000, 6_800_000, 2)]
    write_label_file(labels, intervals)
    everything = read_frames(recording, None, rows=16, columns=16, count=2000)
    assert everything.shape[1:] == (2, 16, 16)
    found = read_frames(recording, labels, rows=16, columns=16, count=100)
    assert len(found) == 100
    for part, middle in ((found[:50], 300), (found[50:], 1400)):
        begins = range(middle - 30, middle - 20)
        assert any(np.array_equal(part, everything[begin : begin + 50]) for begin in begins)


def test_the_simulated_sample_is_taken_unless_told_otherwise(recording: Path) -> None:
    """It comes with its label file and is called simulated; another recording has none."""
    path, called = recording_of(BenchSettings())
    assert path.is_file()
    assert "simulated" in called
    labels = labels_of(BenchSettings())
    assert labels is not None
    assert labels.is_file()
    own = BenchSettings(recording=recording)
    assert (recording_of(own)[0], labels_of(own)) == (recording, None)
