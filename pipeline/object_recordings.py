"""Recordings of objects in one folder: the class of each is its file name without a number."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from drivers.errors import InputError
from pipeline.binning import FrameBinner, Frames, centred_view
from recordings.endings import is_called_recording
from recordings.formats import open_recording

_NUMBER = re.compile(r"[_-]?\d+$")


@dataclass(frozen=True, slots=True)
class ObjectRecording:
    """All frames of one recording, kept as bits."""

    name: str
    class_name: str
    bits: npt.NDArray[np.uint8]
    """shape (frames, bytes)."""
    side: int

    def frames(self, begin: int, end: int) -> Frames:
        """Frames `[begin, end)` of 1 ms, shape (end - begin, 2, side, side)."""
        cells = 2 * self.side * self.side
        frames = np.unpackbits(self.bits[begin:end], axis=1, count=cells)
        return frames.reshape(-1, 2, self.side, self.side)


def class_of(path: Path) -> str:
    """`Estilete_1.aedat` is a recording of the class `Estilete`."""
    return _NUMBER.sub("", path.stem)


def recordings_of(folder: Path) -> list[Path]:
    """Every recording of a folder in order of name; raises `InputError` where there is none."""
    paths = sorted(filter(is_called_recording, folder.glob("*")))
    if not paths:
        raise InputError(
            what=f"folder {folder}",
            got="no recording",
            allowed="recordings of objects, one class to a file name",
            todo="name another folder",
        )
    return paths


def read_object_recordings(folder: Path, *, side: int) -> list[ObjectRecording]:
    """Every recording of a folder in order of name; raises `InputError` where there is none."""
    return [_read(path, side) for path in recordings_of(folder)]


def _read(path: Path, side: int) -> ObjectRecording:
    with open_recording(path) as source:
        binner = FrameBinner(source.sensor, centred_view(source.sensor, side, side))
        chunks = [chunk for packet in source for chunk in binner.iter_push(packet)]
        packed = [
            np.packbits(chunk.reshape(len(chunk), 2 * side * side), axis=1) for chunk in chunks
        ]
        if source.damage is not None or not packed:
            raise InputError(
                what=f"recording {path}",
                got=source.damage or "no events",
                allowed="a whole recording",
                todo="copy it again, or take it out of the folder",
            )
    return ObjectRecording(path.stem, class_of(path), np.concatenate(packed), side)
