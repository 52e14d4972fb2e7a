"""Pictures into files: film, moving picture, still. Written beside the target and renamed."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import cv2
import numpy as np
from PIL import GifImagePlugin, Image

from drivers.errors import InputError, in_words
from pipeline.view_canvas import FOOTER, TEXT_COLOURS
from pipeline.view_picture import Picture, shades
from recordings.outputs import place_of_output


@contextmanager
def _in_place_of(path: Path) -> Iterator[Path]:
    """A temporary path beside `path`, renamed to it at the end, removed on any error."""
    place = place_of_output("output file", path)
    try:
        # The ending stays last: the film writer goes by it.
        handle, name = tempfile.mkstemp(f".part{path.suffix}", f".{place.stem}.", place.parent)
    except OSError as error:
        raise InputError(
            what=f"output file {path}",
            got=in_words(error),
            allowed="a file in a folder that exists and can be written",
            todo="choose another path",
        ) from error
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        with temporary.open("rb") as file:
            os.fsync(file.fileno())
        # mkstemp makes files private; what the user asked for gets the usual rights.
        mask = os.umask(0)
        os.umask(mask)
        temporary.chmod(0o666 & ~mask)
        temporary.replace(place)
    finally:
        temporary.unlink(missing_ok=True)


def write_mp4(path: Path, pictures: Iterable[Picture], fps: float) -> int:
    """Write a film (MPEG-4 part 2); returns its number of pictures.

    Raises `InputError` where the installed OpenCV cannot write such a film, or wrote one
    that does not open again.
    """
    with _in_place_of(path) as temporary:
        writer: cv2.VideoWriter | None = None
        count = 0
        try:
            for picture in pictures:
                if writer is None:
                    size = (picture.shape[1], picture.shape[0])
                    code = cv2.VideoWriter.fourcc(*"mp4v")
                    writer = cv2.VideoWriter(str(temporary), code, fps, size)
                    if not writer.isOpened():
                        raise _no_film(path, "no encoder")
                writer.write(np.ascontiguousarray(picture[:, :, ::-1]))
                count += 1
        finally:
            if writer is not None:
                writer.release()
        film = cv2.VideoCapture(str(temporary))
        try:
            if not film.read()[0]:
                raise _no_film(path, "a film that does not open again")
        finally:
            film.release()
    return count


def _no_film(path: Path, got: str) -> InputError:
    return InputError(
        what=f"film {path}",
        got=got,
        allowed="an OpenCV that can write mp4v films",
        todo="write a .gif instead, or install opencv-python-headless from PyPI",
    )


def write_gif(path: Path, pictures: Iterable[Picture], period_cs: int) -> int:
    """Write a moving picture that repeats for ever; returns its number of pictures.

    `period_cs` is the time each is shown, in hundredths of a second. Pictures go to the file
    one by one (Pillow's own writer for many pictures would hold all of them in memory).
    """
    palette = _palette()
    with _in_place_of(path) as temporary, temporary.open("wb") as file:
        count = 0
        for picture in pictures:
            image = Image.fromarray(picture).quantize(palette=palette, dither=Image.Dither.NONE)
            if count == 0:
                file.write(_gif_head(image))
            for block in GifImagePlugin.getdata(image, duration=period_cs * 10):
                file.write(block)
            count += 1
        file.write(b";")
    return count


def _palette() -> Image.Image:
    """256 colours: the shades of the events, and the text colours blended into the footer."""
    footer = np.array(FOOTER, dtype=np.float64)
    blends = [
        np.rint(footer + level * (np.array(colour) - footer))
        for colour in TEXT_COLOURS
        for level in np.linspace(0.0, 1.0, 16)
    ]
    colours = np.concatenate([shades(), np.array(blends, dtype=np.uint8)])
    # All 256 are filled, so that no reader or writer renumbers them.
    filled = np.concatenate([colours, np.repeat(colours[:1], 256 - len(colours), axis=0)])
    image = Image.new("P", (1, 1))
    image.putpalette(filled.tobytes())
    return image


def _gif_head(image: Image.Image) -> bytes:
    """Header, global palette of 256 colours and the extension for endless repetition (GIF 89a)."""
    width, height = image.size
    sides = width.to_bytes(2, "little") + height.to_bytes(2, "little")
    palette = bytes(image.getpalette() or ()).ljust(768, b"\0")
    return b"GIF89a" + sides + b"\xf7\0\0" + palette + b"!\xff\x0bNETSCAPE2.0\x03\x01\0\0\0"


def write_png(path: Path, picture: Picture) -> None:
    """Write one still picture."""
    with _in_place_of(path) as temporary:
        Image.fromarray(picture).save(temporary, "PNG", optimize=True)
