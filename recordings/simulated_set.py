"""Simulated recordings: one session as AEDAT4, or a whole set in the DvsGesture folder layout."""

from __future__ import annotations

import csv
import signal
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing import active_children, get_context
from pathlib import Path

from drivers.errors import InputError, in_words
from drivers.gestures import GESTURE_NAMES
from drivers.lighting import LIGHT_NAMES, find_light
from drivers.performance import LabelledSpan
from drivers.simulated_camera import SimulatedCamera
from recordings.aedat4_writer import Aedat4Writer
from recordings.aedat31_writer import Aedat31Writer
from recordings.dvsgesture import (
    MAPPING_FILE,
    TEST_FILE,
    TRAIN_FILE,
    labels_path,
    recording_name,
)
from recordings.labels import GestureInterval, write_label_file

ALL_GESTURES: tuple[int, ...] = tuple(range(1, len(GESTURE_NAMES) + 1))
SET_GESTURES: tuple[int, ...] = (1, 2, 3, 4, 5, 6, 7, 8, 8, 9, 10, 11)
"""One recording of the set: in order of class, the arm roll twice, as in DvsGesture."""
SET_SECONDS: tuple[float, float] = (2.5, 4.0)
TEST_USERS = range(24, 100)
"""To test: as in DvsGesture, whose users are 1 to 29. Below and above are people to train on."""
NOTICE_FILE = "SIMULATED.txt"

_PACKET_US = 50_000
_NOTICE = """Everything in this folder is simulated: no person and no camera was involved.
Written by `wigwag simulate` (seed {seed}) in the folder layout of the DvsGesture data set.
Clockwise and counter-clockwise are as seen by the camera; left and right are the performer's.
"""


@dataclass(frozen=True, slots=True)
class SimulatedRecording:
    """What was written for one recording."""

    path: Path
    user: int
    light: str
    events: int
    duration_us: int
    intervals: tuple[GestureInterval, ...]


def write_simulated_recording(
    path: Path,
    gestures: Sequence[int],
    user: int,
    light: str,
    seconds: float | tuple[float, float] = 3.0,
    seed: int = 0,
    *,
    session: int = 0,
) -> SimulatedRecording:
    """Write one simulated session as AEDAT4, and its label file `<name>_labels.csv` beside it.

    `gestures`: classes 1 to 11 in the order in which they are performed, `seconds` each (or a
    range to draw from), with short rests between. The same arguments give the same events.
    """
    camera = SimulatedCamera(
        user, light, gestures, seconds, seed=seed, session=session, packet_us=_PACKET_US
    )
    events = 0
    with camera, Aedat4Writer(path, camera.sensor) as writer:
        for packet in camera:
            writer.write(packet.events)
            events += packet.events.size
    return _labelled(path, camera, user, light, events)


def write_simulated_set(
    folder: Path,
    users: Sequence[int],
    seed: int = 0,
    processes: int = 1,
    progress: Callable[[SimulatedRecording, int, int], None] | None = None,
    *,
    lights: Sequence[str] = LIGHT_NAMES,
    gestures: Sequence[int] = SET_GESTURES,
    seconds: float | tuple[float, float] = SET_SECONDS,
) -> list[SimulatedRecording]:
    """Write a set in the DvsGesture layout: per user and light one AEDAT 3.1 file with labels.

    Users 24-99 are listed to test, all others to train. `progress` is called after each
    recording with it, the number done and the number in all. Work is spread over `processes`;
    the files do not depend on how many. A set already in the folder is added to: its other
    recordings stay listed. Returns the recordings by user and light.
    Raises `InputError` for no users, a wrong light, gesture, length or seed, fewer than one
    process, and a folder that cannot be written.
    """
    if not users or processes < 1:
        raise InputError(
            what="simulated set",
            got=f"{len(users)} users, {processes} processes",
            allowed="one or more of each",
            todo="name users, such as 1-29",
        )
    for light in lights:
        find_light(light)
    tasks = [
        (folder, user, light, tuple(gestures), seconds, seed)
        for user in sorted(set(users))
        for light in lights
    ]
    written: list[SimulatedRecording] = []
    runs = _run(tasks, processes)
    with _disk_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
        try:
            for recording in runs:
                written.append(recording)
                if progress is not None:
                    progress(recording, len(written), len(tasks))
        finally:
            runs.close()
            for task in tasks:
                _unfinished(folder / recording_name(task[1], task[2])).unlink(missing_ok=True)
        _write_lists(folder, seed)
    return sorted(written, key=lambda recording: recording.path.name)


_Task = tuple[Path, int, str, tuple[int, ...], float | tuple[float, float], int]


def _run(tasks: list[_Task], processes: int) -> Generator[SimulatedRecording, None, None]:
    if processes == 1:
        yield from (_write_set_recording(task) for task in tasks)
        return
    others = set(active_children())
    # Spawned, not forked: the caller may hold threads and sockets that must not be copied.
    # Workers leave Ctrl-C to this process, which ends them at once and clears up after them.
    with ProcessPoolExecutor(
        processes,
        mp_context=get_context("spawn"),
        initializer=signal.signal,
        initargs=(signal.SIGINT, signal.SIG_IGN),
    ) as pool:
        try:
            futures = [pool.submit(_write_set_recording, task) for task in tasks]
            for future in as_completed(futures):
                yield future.result()
        except BaseException:
            for worker in set(active_children()) - others:
                worker.terminate()
            raise


class _SimulatedAedat31Writer(Aedat31Writer):
    """An AEDAT 3.1 file whose header says that nothing in it is real."""

    def _header(self) -> bytes:
        end = b"#!END-HEADER"
        return super()._header().replace(end, b"#Simulated: yes, written by wigwag\r\n" + end)


def _write_set_recording(task: _Task) -> SimulatedRecording:
    """Write one recording under a temporary name first: a name in the set is a whole file."""
    folder, user, light, gestures, seconds, seed = task
    camera = SimulatedCamera(user, light, gestures, seconds, seed=seed, packet_us=_PACKET_US)
    path = folder / recording_name(user, light)
    events = 0
    with camera, _SimulatedAedat31Writer(_unfinished(path), camera.sensor) as writer:
        for packet in camera:
            writer.write(packet.events)
            events += packet.events.size
    recording = _labelled(path, camera, user, light, events)
    _unfinished(path).replace(path)
    return recording


@contextmanager
def _disk_errors(path: Path) -> Iterator[None]:
    """Say what the system's error was in one line."""
    try:
        yield
    except OSError as error:
        raise InputError(
            what=f"writing {path}",
            got=in_words(error),
            allowed="a place that can be written, with room for it",
            todo="check the path, its permissions and the free space",
        ) from error


def _unfinished(path: Path) -> Path:
    return path.with_suffix(".unfinished")


def _labelled(
    path: Path, camera: SimulatedCamera, user: int, light: str, events: int
) -> SimulatedRecording:
    intervals = as_intervals(camera.spans)
    with _disk_errors(labels_path(path)):
        write_label_file(labels_path(path), intervals)
    return SimulatedRecording(path, user, light, events, camera.duration_us, tuple(intervals))


def as_intervals(spans: Sequence[LabelledSpan]) -> list[GestureInterval]:
    """Label intervals from the camera's spans (class, begin us, end us)."""
    return [GestureInterval(begin_us, end_us, number) for number, begin_us, end_us in spans]


def _write_lists(folder: Path, seed: int) -> None:
    """The lists of the layout, from the recordings that are in the folder now."""
    names = sorted(path.name for path in folder.glob("user*_*.aedat"))
    test = [name for name in names if int(name[4 : name.index("_")]) in TEST_USERS]
    train = [name for name in names if name not in test]
    for list_name, listed in ((TRAIN_FILE, train), (TEST_FILE, test)):
        (folder / list_name).write_text("".join(f"{name}\n" for name in listed), encoding="utf-8")
    with (folder / MAPPING_FILE).open("w", encoding="utf-8", newline="") as mapping:
        rows = csv.writer(mapping, lineterminator="\n")
        rows.writerow(("action", "label"))
        rows.writerows((name, number) for number, name in enumerate(GESTURE_NAMES, start=1))
    (folder / NOTICE_FILE).write_text(_NOTICE.format(seed=seed), encoding="utf-8")
