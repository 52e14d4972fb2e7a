"""The labelled gestures of one recording, cut and kept in a file that opens in milliseconds.

A safetensors file: one tensor `bits`, the frames of all gestures one after the other, which is
mapped into memory rather than read, and JSON metadata: what it was made from, and a checksum.
"""

from __future__ import annotations

import json
import struct
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from safetensors.numpy import save

from drivers.errors import InputError
from pipeline.atomic_file import write_atomically
from pipeline.grid import Grid
from recordings.dvsgesture import SetRecording

FORMAT = 1
"""Of the file; one of another format is made anew."""
_KEY = "wigwag-trials"
_LONGEST_HEADER = 1 << 20


@dataclass(frozen=True, slots=True)
class TrialArchive:
    """Where the bits of a recording's gestures are."""

    path: Path
    bits: npt.NDArray[np.uint8]
    """shape (frames, bytes), of all gestures together, mapped from the file."""
    offset: int
    """Of `bits` in the file."""
    frames: tuple[int, ...]
    """Length of each gesture."""


def source_of(recording: SetRecording, grid: Grid) -> dict[str, Any]:
    """What an archive depends on: the file, as its size and time tell, the labels, the grid."""
    found = recording.path.stat()
    return {
        "recording": recording.path.name,
        "size": found.st_size,
        "mtime_ns": found.st_mtime_ns,
        **grid.described(),
        "intervals": [
            [interval.t_begin_us, interval.t_end_us, interval.gesture_class]
            for interval in recording.intervals
        ],
    }


def write_archive(
    path: Path, source: dict[str, Any], gestures: Sequence[npt.NDArray[np.uint8]]
) -> None:
    """Write an archive whole or not at all; `gestures` have shape (frames, bytes).

    Raises `InputError` where the folder cannot be written.
    """
    bits = np.concatenate(gestures) if gestures else np.zeros((0, 1), np.uint8)
    meta = {
        "format": FORMAT,
        "source": source,
        "frames": [len(gesture) for gesture in gestures],
        "crc32": zlib.crc32(bits.data),
    }
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(
            what=f"cache {path.parent}",
            got=error.strerror or str(error),
            allowed="a folder that can be made",
            todo="name another with --cache",
        ) from error
    write_atomically(path, save({"bits": bits}, metadata={_KEY: json.dumps(meta)}))


def open_archive(path: Path, source: dict[str, Any]) -> TrialArchive | str | None:
    """The archive at `path`; None where there is none, or one that was made from something else.

    Text says what is wrong with one that is damaged.
    """
    try:
        with path.open("rb") as file:
            (length,) = struct.unpack("<Q", file.read(8))
            if length > _LONGEST_HEADER:
                return f"a header of {length} bytes"
            header = json.loads(file.read(length))
        meta = json.loads(header["__metadata__"][_KEY])
        if meta["format"] != FORMAT or meta["source"] != source:
            return None
        frames, width = header["bits"]["shape"]
        begin, end = header["bits"]["data_offsets"]
        if (begin, end) != (0, path.stat().st_size - 8 - length) or end != frames * width:
            return f"{path.stat().st_size} bytes, where its header asks for others"
        lengths = tuple(int(count) for count in meta["frames"])
        if sum(lengths) != frames:
            return f"gestures of {sum(lengths)} frames, where it has {frames}"
        offset = 8 + length
        bits: npt.NDArray[np.uint8] = (
            np.memmap(path, np.uint8, mode="r", offset=offset, shape=(frames, width))
            if frames
            else np.zeros((0, width), np.uint8)
        )
        if zlib.crc32(bits.data) != meta["crc32"]:
            return "contents that do not fit its checksum"
        return TrialArchive(path, bits, offset, lengths)
    except FileNotFoundError:
        return None
    except (OSError, struct.error, ValueError, KeyError, TypeError) as error:
        return str(error) or type(error).__name__
