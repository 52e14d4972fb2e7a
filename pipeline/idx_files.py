"""MNIST's idx files, plain or gzipped."""

from __future__ import annotations

import gzip
from dataclasses import dataclass
from math import prod
from pathlib import Path

import numpy as np
import numpy.typing as npt

from drivers.errors import InputError, in_words

_BYTES = 8
"""Element type of images and labels in an idx file: unsigned bytes."""


@dataclass(frozen=True, slots=True)
class Digits:
    """N images, shape (N, height, width), 0 to 255, and their classes from 0, shape (N,)."""

    images: npt.NDArray[np.uint8]
    classes: npt.NDArray[np.int64]


def read_digits(folder: Path, part: str) -> Digits:
    """`part` is `train` or `t10k`; raises `InputError` for missing, damaged and unequal files."""
    images = read_idx(_existing(folder, f"{part}-images-idx3-ubyte"), dimensions=3)
    classes = read_idx(_existing(folder, f"{part}-labels-idx1-ubyte"), dimensions=1)
    if len(images) != len(classes):
        raise InputError(
            what=f"digits in {folder}",
            got=f"{len(images)} images and {len(classes)} labels",
            allowed="as many of one as of the other",
            todo="copy the files again",
        )
    return Digits(images, classes.astype(np.int64))


def read_idx(path: Path, *, dimensions: int) -> npt.NDArray[np.uint8]:
    """An array of bytes of so many dimensions; raises `InputError` for anything else."""
    try:
        data = path.read_bytes()
        if data[:2] == b"\x1f\x8b":
            data = gzip.decompress(data)
    except (OSError, EOFError) as error:
        raise _refused(path, in_words(error)) from error
    begin = 4 + 4 * dimensions
    if data[:4] != bytes((0, 0, _BYTES, dimensions)) or len(data) < begin:
        raise _refused(path, f"a beginning of {data[:4].hex()}")
    shape = np.frombuffer(data, ">u4", dimensions, 4).astype(int).tolist()
    if len(data) - begin != prod(shape):
        raise _refused(path, f"{len(data) - begin} bytes for the shape {tuple(shape)}")
    return np.frombuffer(data, np.uint8, offset=begin).reshape(shape)


def _existing(folder: Path, name: str) -> Path:
    for path in (folder / f"{name}.gz", folder / name):
        if path.is_file():
            return path
    raise InputError(
        what=f"folder {folder}",
        got=f"no {name}.gz and no {name}",
        allowed="MNIST's four idx files",
        todo="name their folder",
    )


def _refused(path: Path, got: str) -> InputError:
    return InputError(
        what=f"idx file {path}", got=got, allowed="a whole idx file of bytes", todo="copy it again"
    )
