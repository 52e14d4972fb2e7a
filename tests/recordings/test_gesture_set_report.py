"""What is said about a folder in the DvsGesture layout."""

from __future__ import annotations

from pathlib import Path

import pytest

from recordings.dvsgesture import labels_path, read_gesture_set, recording_name
from recordings.gesture_set_report import report_lines
from recordings.labels import GestureInterval, write_label_file

LIGHTS = ("fluorescent", "fluorescent_led", "lab", "led", "natural")
ROWS = (1, 2, 3, 4, 5, 6, 7, 8, 8, 9, 10, 11)


def add(folder: Path, user: int, light: str, classes: tuple[int, ...] = ROWS) -> None:
    """A recording, of which only the name and labels matter here, put on its list."""
    path = folder / recording_name(user, light)
    path.write_bytes(b"")
    spans = [GestureInterval(1000 * n, 1000 * n + 500, number) for n, number in enumerate(classes)]
    write_label_file(labels_path(path), spans)
    name = "trials_to_train.txt" if user < 24 else "trials_to_test.txt"
    with (folder / name).open("a") as file:
        file.write(f"{path.name}\n")


@pytest.fixture
def published(tmp_path: Path) -> Path:
    """As many recordings, users and label rows as the real set has."""
    for first, last, recordings in ((1, 23, 98), (24, 29, 24)):
        places = [(user, light) for light in LIGHTS for user in range(first, last + 1)]
        for user, light in places[:recordings]:
            add(tmp_path, user, light)
    return tmp_path


def test_a_whole_set_is_as_published(published: Path) -> None:
    """122 recordings, 1,176 gestures to train and 288 to test, and no more to say."""
    assert report_lines(read_gesture_set(published)) == [
        "to train: 98 recordings of users 1-23, 1,176 gestures: as published",
        "to test: 24 recordings of users 24-29, 288 gestures: as published",
    ]


def test_what_is_missing_or_too_much_is_named(published: Path) -> None:
    """A gesture not labelled, a recording on no list, a user on both."""
    write_label_file(
        published / "user03_lab_labels.csv",
        [GestureInterval(1000 * n, 1000 * n + 9, c) for n, c in enumerate((*ROWS[:-1], 9))],
    )
    (published / "user30_led.aedat").write_bytes(b"")
    lists = [published / name for name in ("trials_to_train.txt", "trials_to_test.txt")]
    names = lists[0].read_text().splitlines()
    moved = next(name for name in names if name.startswith("user23"))
    lists[0].write_text("\n".join(name for name in names if name != moved))
    lists[1].write_text(f"{lists[1].read_text()}{moved}\n")
    assert report_lines(read_gesture_set(published)) == [
        "to train: 97 recordings of users 1-23, 1,164 gestures; "
        "published: 98 recordings of users 1-23, 1,176 gestures",
        "to test: 25 recordings of users 23-29, 300 gestures; "
        "published: 24 recordings of users 24-29, 288 gestures",
        "user03_lab.aedat: 12 gestures, usual are 12: 2 of air drums instead of 1, "
        "0 of other gestures instead of 1",
        "users to train and to test: 23; the test is not independent",
        "recordings on neither list, left out: user30_led.aedat",
    ]


def test_a_part_of_the_users_is_named_in_ranges(tmp_path: Path) -> None:
    """Users 1, 2, 3 and 7, and nobody to test."""
    for user in (7, 2, 1, 3):
        add(tmp_path, user, "led")
    lines = report_lines(read_gesture_set(tmp_path))
    assert lines[0].startswith("to train: 4 recordings of users 1-3,7, 48 gestures; published")
    assert lines[1].startswith("to test: 0 recordings of users none, 0 gestures; published")
    assert len(lines) == 2
