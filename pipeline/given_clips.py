"""Clips that are brought along to a session: from recordings with label files, or kept ones."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from drivers.errors import InputError
from pipeline.binning import FrameBinner, centred_view
from pipeline.clips import CLIP_FRAMES, GIVEN_CLIPS, Clip, pack_frame, read_clips
from pipeline.decisions import FRAME_US
from recordings.dvsgesture import labels_path
from recordings.formats import open_recording
from recordings.labels import GestureInterval, read_label_file


def read_given_clips(
    path: Path, class_names: Sequence[str], *, columns: int, rows: int
) -> list[Clip]:
    """Up to `GIVEN_CLIPS` clips a class, spread evenly over what is there.

    `path`: a recording with its label file beside it (`NAME_labels.csv`), a folder of such, a file
    of clips, or a folder of these (a session's `clips`). Raises `InputError`.
    """
    clips: list[Clip] = []
    for file in clip_files(path):
        if file.suffix == ".npz":
            clips += read_clips(file)
        else:
            clips += _cut(file, class_names, columns, rows)
    size = -(-2 * columns * rows // 8)
    known = [
        clip for clip in clips if clip.class_name in class_names and clip.bits.shape[1] == size
    ]
    if not known:
        raise _unusable(path, "none of a class that the checkpoint knows")
    found: list[Clip] = []
    for name in class_names:
        of_class = [clip for clip in known if clip.class_name == name]
        places = np.linspace(0, len(of_class) - 1, min(GIVEN_CLIPS, len(of_class))).round()
        found += [
            Clip(name, of_class[int(place)].t_us, of_class[int(place)].bits) for place in places
        ]
    return found


def clip_files(path: Path) -> list[Path]:
    """Files of clips, and recordings with a label file beside them: `path` or what is in it.

    Raises `InputError` where there are none.
    """
    found = [
        file
        for file in (sorted(path.iterdir()) if path.is_dir() else [path])
        if file.is_file() and (file.suffix == ".npz" or labels_path(file).is_file())
    ]
    if not found:
        if not path.exists():
            got = "a path that does not exist"
        else:
            got = "a folder without any" if path.is_dir() else "a file that is none"
        raise _unusable(path, got)
    return found


def _unusable(path: Path, got: str) -> InputError:
    return InputError(
        what=f"clips to rehearse {path}",
        got=got,
        allowed="a recording with NAME_labels.csv beside it, a folder of such, or kept clips",
        todo="name another with --rehearse",
    )


def _cut(path: Path, class_names: Sequence[str], columns: int, rows: int) -> list[Clip]:
    """The first second of each labelled gesture."""
    intervals = [
        interval
        for interval in read_label_file(labels_path(path))
        if interval.gesture_class <= len(class_names)
    ]
    parts: dict[GestureInterval, list[np.ndarray[tuple[int], np.dtype[np.uint8]]]] = {}
    with open_recording(path) as recording:
        binner = FrameBinner(recording.sensor, centred_view(recording.sensor, columns, rows))
        t_us: int | None = None
        for packet in recording:
            t_us = packet.t_begin_us if t_us is None else t_us
            for frames in binner.iter_push(packet):
                for frame in frames:
                    while intervals and t_us >= intervals[0].t_end_us:
                        intervals.pop(0)
                    if intervals and t_us >= intervals[0].t_begin_us:
                        kept = parts.setdefault(intervals[0], [])
                        if len(kept) < CLIP_FRAMES:
                            kept.append(pack_frame(frame))
                    t_us += FRAME_US
    return [
        Clip(class_names[interval.gesture_class - 1], interval.t_begin_us, np.stack(bits))
        for interval, bits in parts.items()
    ]
