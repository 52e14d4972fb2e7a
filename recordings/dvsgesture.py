"""The folder layout of the DvsGesture data set, read: recordings, labels, train and test split."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from drivers.errors import InputError
from drivers.gestures import GESTURE_NAMES
from recordings.labels import GestureInterval, read_label_file

TRAIN_FILE = "trials_to_train.txt"
TEST_FILE = "trials_to_test.txt"
MAPPING_FILE = "gesture_mapping.csv"

Split = Literal["train", "test"]
_NAME = re.compile(r"user(\d+)_(\w+)\.aedat")


@dataclass(frozen=True, slots=True)
class SetRecording:
    """One recording of the set: a person under one light."""

    path: Path
    user: int
    light: str
    split: Split
    intervals: tuple[GestureInterval, ...]
    """The labelled gestures, by time, in the recording's own microseconds."""


@dataclass(frozen=True, slots=True)
class Trial:
    """One labelled gesture of one recording."""

    recording: SetRecording
    interval: GestureInterval


@dataclass(frozen=True, slots=True)
class GestureSet:
    """What a folder in the DvsGesture layout holds."""

    folder: Path
    recordings: tuple[SetRecording, ...]
    """Those to train first, each part in the order of its list."""

    def of(self, split: Split, users: Collection[int] | None = None) -> tuple[SetRecording, ...]:
        """The recordings of one part, of some of its users if they are named.

        Raises `InputError` for a user who is not in that part.
        """
        part = tuple(item for item in self.recordings if item.split == split)
        if users is None:
            return part
        if strangers := sorted(set(users) - {item.user for item in part}):
            raise InputError(
                what=f"gesture set {self.folder}",
                got=f"no recordings to {split} of user {', '.join(map(str, strangers))}",
                allowed="users of that part of the set",
                todo="name others, or choose the other part",
            )
        return tuple(item for item in part if item.user in users)

    def trials(self, split: Split | None = None) -> Iterator[Trial]:
        """Every labelled gesture, of one part or of both."""
        for item in self.recordings:
            if split in (None, item.split):
                yield from (Trial(item, interval) for interval in item.intervals)

    def counts(self) -> dict[str, int]:
        """How much was found: recordings, users and trials, of each part and in all."""
        found: dict[str, int] = {}
        parts: tuple[tuple[Split, str], ...] = (("train", "train_"), ("test", "test_"))
        for split, prefix in parts:
            part = self.of(split)
            found[f"{prefix}recordings"] = len(part)
            found[f"{prefix}users"] = len({item.user for item in part})
            found[f"{prefix}trials"] = sum(len(item.intervals) for item in part)
        found["recordings"] = len(self.recordings)
        found["users"] = len({item.user for item in self.recordings})
        found["trials"] = found["train_trials"] + found["test_trials"]
        return found


def recording_name(user: int, light: str) -> str:
    """The file name of a user's recording under a light: `user01_led.aedat`."""
    return f"user{user:02d}_{light}.aedat"


def labels_path(recording: Path) -> Path:
    """The label file that belongs to a recording: `user01_led_labels.csv` beside it."""
    return recording.with_name(f"{recording.stem}_labels.csv")


def read_gesture_set(folder: Path) -> GestureSet:
    """Read a folder in the DvsGesture layout, real or simulated; no events are read.

    Raises `InputError` naming file and line for a missing folder, list, recording or label
    file, a name that is not `userNN_light.aedat`, a recording listed twice, and a class that is
    none of the eleven; also where both lists together are empty. One of the two lists may be
    missing: then that part is empty.
    """
    lists: tuple[tuple[Split, Path], ...] = (
        ("train", folder / TRAIN_FILE),
        ("test", folder / TEST_FILE),
    )
    if not any(path.is_file() for _, path in lists):
        raise InputError(
            what=f"gesture set {folder}",
            got="neither of its lists" if folder.is_dir() else "no such folder",
            allowed=f"a folder with {TRAIN_FILE} and {TEST_FILE}",
            todo="check the path, or write a set with `wigwag simulate DIR --layout dvsgesture`",
        )
    recordings: list[SetRecording] = []
    seen: dict[str, Path] = {}
    for split, path in lists:
        if not path.is_file():
            continue
        for line, name in enumerate(path.read_text(encoding="utf-8-sig").splitlines(), start=1):
            if not name.strip():
                continue
            if name.strip() in seen:
                raise InputError(
                    what=f"{path}, line {line}",
                    got=f"{name.strip()!r}, listed before in {seen[name.strip()]}",
                    allowed="each recording once",
                    todo="remove one of the two lines",
                )
            seen[name.strip()] = path
            recordings.append(_recording(folder, name.strip(), split, f"{path}, line {line}"))
    if not recordings:
        raise InputError(
            what=f"gesture set {folder}",
            got="no recordings in its lists",
            allowed="one or more .aedat names, one a line",
            todo=f"list recordings in {TRAIN_FILE} or {TEST_FILE}",
        )
    return GestureSet(folder, tuple(recordings))


def _recording(folder: Path, name: str, split: Split, where: str) -> SetRecording:
    match = _NAME.fullmatch(name)
    path = folder / name
    if match is None or not path.is_file():
        raise InputError(
            what=where,
            got=repr(name) if match is None else f"{name!r}, which is not in the folder",
            allowed="the name of a file like user01_led.aedat in the same folder",
            todo="mend the line or put the file there",
        )
    intervals = read_label_file(labels_path(path))
    for interval in intervals:
        if interval.gesture_class > len(GESTURE_NAMES):
            raise InputError(
                what=f"label file {labels_path(path)}",
                got=f"class {interval.gesture_class}",
                allowed=f"1 to {len(GESTURE_NAMES)}",
                todo="mend the row",
            )
    return SetRecording(path, int(match[1]), match[2], split, tuple(intervals))
