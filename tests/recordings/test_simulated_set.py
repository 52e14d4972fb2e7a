import csv
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from drivers.errors import InputError
from drivers.gestures import GESTURE_NAMES
from drivers.simulated_camera import SimulatedCamera
from recordings.dvsgesture import read_gesture_set
from recordings.formats import open_recording
from recordings.labels import read_label_file
from recordings.simulated_set import (
    SET_GESTURES,
    write_simulated_recording,
    write_simulated_set,
)

SHORT = {"gestures": (2, 8), "seconds": 0.3}


def events_of(path):
    """All events of a recording, as one array."""
    with open_recording(path) as recording:
        return np.concatenate([packet.events for packet in recording])


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A small set of a user to train and one to test, under two lights."""
    folder = tmp_path_factory.mktemp("set")
    write_simulated_set(folder, [24, 23], lights=("led", "natural"), **SHORT)
    return folder


def test_the_folder_has_exactly_the_files_of_the_layout(folder):
    """Recordings, labels, two lists, the mapping, and a notice that all is simulated."""
    expected = {"trials_to_train.txt", "trials_to_test.txt", "gesture_mapping.csv"}
    expected.add("SIMULATED.txt")
    for user in (23, 24):
        for light in ("led", "natural"):
            expected |= {f"user{user}_{light}.aedat", f"user{user}_{light}_labels.csv"}
    assert {path.name for path in folder.iterdir()} == expected
    assert "simulated" in (folder / "SIMULATED.txt").read_text()


def test_people_beyond_those_of_the_real_set_train(tmp_path):
    """Users from 100 on, beside those who test."""
    for user in (99, 100):
        write_simulated_set(tmp_path, [user], lights=("led",), gestures=(2,), seconds=0.1)
    assert (tmp_path / "trials_to_train.txt").read_text() == "user100_led.aedat\n"
    assert (tmp_path / "trials_to_test.txt").read_text() == "user99_led.aedat\n"


def test_users_to_24_train_and_the_others_test(folder):
    """The lists hold one recording a line."""
    train = (folder / "trials_to_train.txt").read_text()
    assert train == "user23_led.aedat\nuser23_natural.aedat\n"
    test = (folder / "trials_to_test.txt").read_text()
    assert test == "user24_led.aedat\nuser24_natural.aedat\n"


def test_the_mapping_names_all_eleven_classes(folder):
    """Classes are counted from 1, in the order of DvsGesture."""
    rows = list(csv.reader((folder / "gesture_mapping.csv").read_text().splitlines()))
    assert rows[0] == ["action", "label"]
    assert rows[1:] == [[name, str(number)] for number, name in enumerate(GESTURE_NAMES, start=1)]


def test_the_reader_of_the_layout_finds_what_was_written(folder):
    """Reading gives every recording with its labelled gestures."""
    counts = read_gesture_set(folder).counts()
    assert (counts["recordings"], counts["train_trials"], counts["test_trials"]) == (4, 4, 4)


def test_recordings_are_aedat_31_with_the_cameras_events(folder):
    """What the simulated camera gave is in the file, unchanged, and labels lie inside."""
    path = folder / "user24_natural.aedat"
    header, _, _ = path.read_bytes().partition(b"#!END-HEADER\r\n")
    assert header.startswith(b"#!AER-DAT3.1\r\n")
    assert b"\r\n#Simulated: yes" in header
    camera = SimulatedCamera(24, "natural", *SHORT.values())
    expected = np.concatenate([packet.events for packet in camera])
    found = events_of(path)
    assert found.tobytes() == expected.tobytes()
    for interval in read_label_file(folder / "user24_natural_labels.csv"):
        inside = (found["t"] >= interval.t_begin_us) & (found["t"] < interval.t_end_us)
        assert inside.sum() > 100
        assert interval.t_end_us < camera.duration_us


def test_the_files_do_not_depend_on_the_number_of_processes(folder, tmp_path):
    """Two processes write the same bytes as one, and progress is told after each recording."""
    told = []
    write_simulated_set(
        tmp_path,
        [23, 24],
        processes=2,
        lights=("led", "natural"),
        progress=lambda recording, done, total: told.append((recording.user, done, total)),
        **SHORT,
    )
    assert [item[1:] for item in told] == [(1, 4), (2, 4), (3, 4), (4, 4)]
    names = sorted(path.name for path in folder.iterdir())
    assert sorted(path.name for path in tmp_path.iterdir()) == names
    for name in names:
        assert (tmp_path / name).read_bytes() == (folder / name).read_bytes()


def test_a_set_can_be_added_to(tmp_path):
    """Users written later are listed beside those that were there."""
    for user in (2, 1, 30):
        write_simulated_set(tmp_path, [user], lights=("led",), gestures=(1,), seconds=0.1)
    assert [item.user for item in read_gesture_set(tmp_path).recordings] == [1, 2, 30]


def test_a_recording_of_the_set_has_every_class_and_the_arm_roll_twice():
    """Twelve trials in order of class, as in DvsGesture."""
    assert sorted(SET_GESTURES) == list(SET_GESTURES)
    assert set(SET_GESTURES) == set(range(1, 12))
    assert len(SET_GESTURES) == 12
    assert SET_GESTURES.count(8) == 2


def test_one_session_is_written_as_aedat4_with_its_labels(tmp_path):
    """Gestures may come in any order; the label file lies beside the recording."""
    path = tmp_path / "session.aedat4"
    written = write_simulated_recording(path, [9, 1], user=3, light="led", seconds=0.3, seed=5)
    camera = SimulatedCamera(3, "led", [9, 1], 0.3, seed=5)
    expected = np.concatenate([packet.events for packet in camera])
    assert events_of(path).tobytes() == expected.tobytes()
    assert written.events == expected.size
    labels = read_label_file(tmp_path / "session_labels.csv")
    assert [item.gesture_class for item in labels] == [9, 1]
    assert tuple(labels) == written.intervals


@pytest.mark.parametrize("wrong", [{"users": []}, {"processes": 0}, {"lights": ("moon",)}])
def test_a_set_that_cannot_be_written_is_refused_before_anything_is(tmp_path, wrong):
    """Nothing is made where the arguments are wrong."""
    target = tmp_path / "set"
    with pytest.raises(InputError):
        write_simulated_set(target, **{"users": [1], **SHORT, **wrong})
    assert not target.exists()


@pytest.mark.parametrize("processes", [1, 2])
def test_what_goes_wrong_in_a_worker_is_told_in_one_line(tmp_path, processes):
    """A recording that cannot be written names its path, whichever process was to write it."""
    (tmp_path / "user01_led.unfinished").symlink_to(tmp_path / "nowhere" / "file")
    with pytest.raises(InputError, match=r"user01_led\.unfinished"):
        write_simulated_set(tmp_path, [1], processes=processes, lights=("led",), **SHORT)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_made_is_named(tmp_path):
    """A file in the way is said to be there."""
    (tmp_path / "set").write_text("in the way")
    with pytest.raises(InputError, match="set"):
        write_simulated_set(tmp_path / "set", [1], **SHORT)


INTERRUPTED = """
import signal
from pathlib import Path
from recordings.simulated_set import write_simulated_set

if __name__ == "__main__":
    # A background shell starts its programs with SIGINT ignored.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    write_simulated_set(Path("set"), [1, 2, 3], processes=2, seconds=60.0)
"""


def test_an_interrupted_set_leaves_no_half_recording_and_no_process(tmp_path):
    """An interrupt to the writing process alone ends its workers and clears up."""
    (tmp_path / "write.py").write_text(INTERRUPTED)
    root = Path(__file__).resolve().parents[2]
    with subprocess.Popen(
        [sys.executable, "write.py"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(root)},
        stderr=subprocess.PIPE,
        start_new_session=True,
    ) as process:
        deadline = time.monotonic() + 60
        while len(list(tmp_path.glob("set/*.unfinished"))) < 2:
            assert time.monotonic() < deadline
            assert process.poll() is None
            time.sleep(0.02)
        process.send_signal(signal.SIGINT)
        # Every worker holds the pipe too: it ends only when the last of them has ended.
        process.communicate(timeout=10)
        assert process.returncode != 0
    assert not list(tmp_path.glob("set/*.unfinished"))
    assert not list(tmp_path.glob("set/*.aedat"))
