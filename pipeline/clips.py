"""Clips: pieces of labelled streams as packed frames, in memory and in files, both bounded."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from zipfile import BadZipFile

import numpy as np
import numpy.typing as npt

from drivers.errors import InputError, in_words
from models.settings import NetworkSettings
from pipeline.atomic_file import write_atomically
from pipeline.background import BackgroundWriter
from pipeline.intake import Frame

CLIP_FRAMES = 1000
SHORTEST_FRAMES = 200
"""Less of a gesture says little; the first 50 ms are not even looked at."""
LESSON_CLIPS = 6
"""Of lessons, per class; the oldest goes."""
GIVEN_CLIPS = 8
"""Brought along, per class."""


@dataclass(frozen=True, slots=True, eq=False)
class Clip:
    """Frames of one class, one after the other."""

    class_name: str
    t_us: int
    """Stream time of the first frame."""
    bits: npt.NDArray[np.uint8]
    """shape (frames, bytes)."""
    lesson: int = 0
    """The lesson that it comes from, from 1; 0 for what was brought along."""

    def frame(self, number: int, shape: tuple[int, int, int]) -> Frame:
        """One frame, shape (2, rows, columns)."""
        cells = shape[0] * shape[1] * shape[2]
        return np.unpackbits(self.bits[number], count=cells).reshape(shape)


def refuse_counts(network: NetworkSettings) -> None:
    """Raise `InputError` for a network that cannot be taught live: clips are of binary frames."""
    if network.counts_events:
        raise InputError(
            what="checkpoint to teach",
            got=f"input_frames = {network.input_frames}",
            allowed="binary frames: what is taught is kept as such",
            todo="teach one trained on binary frames; this one runs live without teaching",
        )


def pack_frame(frame: Frame) -> npt.NDArray[np.uint8]:
    """A frame as bits, shape (bytes,)."""
    return np.packbits(frame.reshape(-1))


def cut_clips(
    class_name: str, t_us: int, bits: Sequence[npt.NDArray[np.uint8]], lesson: int
) -> list[Clip]:
    """Packed frames of 1 ms, the first at `t_us`, as clips; a rest that is too short is left."""
    return [
        Clip(class_name, t_us + 1000 * begin, np.stack(bits[begin : begin + CLIP_FRAMES]), lesson)
        for begin in range(0, len(bits), CLIP_FRAMES)
        if len(bits) - begin >= SHORTEST_FRAMES
    ]


class ClipMemory:
    """The newest clips of lessons, and those brought along, by class."""

    def __init__(self, folder: Path, writer: BackgroundWriter, given: Sequence[Clip] = ()) -> None:
        """Clips of lessons are kept as files in `folder`."""
        self._folder = folder
        self._writer = writer
        self._clips: dict[str, list[Clip]] = {}
        for clip in given:
            self._clips.setdefault(clip.class_name, []).append(clip)
        if given:
            self._write(folder / "given.npz", given)

    @property
    def classes(self) -> tuple[str, ...]:
        """Classes of which there are clips, in the order in which they came."""
        return tuple(self._clips)

    def of(self, class_name: str) -> list[Clip]:
        """Its clips, oldest first."""
        return self._clips.get(class_name, [])

    def add(self, clips: Iterable[Clip]) -> None:
        """Keep clips of a lesson; the oldest of the class go where there are too many."""
        for clip in clips:
            of_class = self._clips.setdefault(clip.class_name, [])
            of_class.append(clip)
            self._write(self._path(clip), [clip])
            taught = [each for each in of_class if each.lesson]
            if len(taught) > LESSON_CLIPS:
                of_class.remove(taught[0])
                self._remove(taught[0])

    def forget_lesson(self, lesson: int) -> None:
        """Drop the clips of a lesson that is taken back."""
        for class_name, clips in list(self._clips.items()):
            for clip in [clip for clip in clips if clip.lesson == lesson]:
                clips.remove(clip)
                self._remove(clip)
            if not clips:
                del self._clips[class_name]

    def _path(self, clip: Clip) -> Path:
        return self._folder / f"lesson-{clip.lesson:05d}-{clip.t_us}.npz"

    def _write(self, path: Path, clips: Sequence[Clip]) -> None:
        self._writer.do(lambda: write_clips(path, clips))

    def _remove(self, clip: Clip) -> None:
        self._writer.do(lambda: self._path(clip).unlink(missing_ok=True))


def write_clips(path: Path, clips: Sequence[Clip]) -> None:
    """Keep clips in a file, whole or not at all; raises `InputError`."""
    data = BytesIO()
    np.savez_compressed(
        data,
        class_names=np.array([clip.class_name for clip in clips]),
        t_us=np.array([clip.t_us for clip in clips], np.int64),
        lessons=np.array([clip.lesson for clip in clips], np.int64),
        frames=np.array([len(clip.bits) for clip in clips], np.int64),
        bits=np.concatenate([clip.bits for clip in clips]),
    )
    write_atomically(path, data.getvalue())


def read_clips(path: Path) -> list[Clip]:
    """What `write_clips` wrote; nothing in it can run code. Raises `InputError`."""
    try:
        with np.load(path, allow_pickle=False) as file:
            names, t_us, lessons = file["class_names"], file["t_us"], file["lessons"]
            ends = np.cumsum(file["frames"])
            bits = file["bits"]
        if bits.dtype != np.uint8 or bits.ndim != 2 or ends[-1] != len(bits):
            raise ValueError("frames that do not fit")
        parts = np.split(bits, ends[:-1])
        return [
            Clip(str(name), int(begin), part, int(lesson))
            for name, begin, part, lesson in zip(names, t_us, parts, lessons, strict=True)
        ]
    except (OSError, ValueError, KeyError, IndexError, EOFError, BadZipFile) as error:
        raise InputError(
            what=f"clips {path}",
            got=in_words(error),
            allowed="a file of clips that wigwag wrote",
            todo="name another",
        ) from error
