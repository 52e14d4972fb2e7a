"""What every reader of a file format offers, and what the readers share."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import BinaryIO, Protocol

from drivers.errors import InputError, in_words
from drivers.events import Events, SensorSize

BLOCK_EVENTS = 32_768
"""Events that a reader gathers before it gives them out, where the file does not say."""


MAX_HEADER_BYTES = 1 << 20
"""A header of text is never longer; what goes on beyond it is no header."""


class Format(Enum):
    """A file format that can be read."""

    AEDAT2 = "AEDAT 2.0"
    AEDAT31 = "AEDAT 3.1"
    AEDAT4 = "AEDAT4"
    EVT2 = "EVT2"
    EVT3 = "EVT3"
    DAT = "DAT"
    ES = "ES"


@dataclass(slots=True)
class ReadCounts:
    """What a pass over a file met and did not give out as it was."""

    off_sensor: int = 0
    """Events outside the sensor, left out."""
    invalid: int = 0
    """Events that the file itself marks as invalid, left out."""
    special: int = 0
    """Entries among the events that are none: triggers, frame pixels, inertial samples."""
    other_streams: int = 0
    """Events of further cameras in the same file, left out."""
    time_reversals: int = 0
    """Events earlier than one before them, given out with that one's time."""


class FileDamage(Exception):  # noqa: N818 -- it ends a reader's stream, it is not an error of the call
    """From a certain byte on, the file cannot be read; what came before has been given out."""

    def __init__(self, offset: int, missing: str) -> None:
        super().__init__(f"from byte {offset} on: {missing}")
        self.offset = offset


@dataclass(frozen=True, slots=True)
class Chunk:
    """Events as they stand in the file: their times may still decrease, places lie anywhere."""

    offset: int
    """Byte of the file at which the piece that held them begins."""
    events: Events
    """`t` is two's complement where it is negative."""


class Reader(Protocol):
    """One file of one format. `chunks` may be called any number of times."""

    sensor: SensorSize
    notes: tuple[str, ...]
    """What the file did not say and was assumed, and what of it is not read."""

    def chunks(self, counts: ReadCounts) -> Iterator[Chunk]:
        """The events in the order of the file, in memory that does not grow with it.

        Adds to `counts` what is left out. Raises `FileDamage` where the file breaks off or
        makes no sense any more, after everything before that point was given out.
        """
        ...


def open_file(path: Path) -> BinaryIO:
    """Open a file to read. Raises `InputError` where that cannot be done."""
    try:
        if path.is_dir():
            raise IsADirectoryError("it is a folder")
        if path.exists() and not path.is_file():
            raise OSError("it is no regular file")
        return path.open("rb")
    except OSError as error:
        raise InputError(
            what=f"recording {path}",
            got=in_words(error),
            allowed="a file that can be read",
            todo="check the path",
        ) from error


def not_readable(path: Path, offset: int, found: str, expected: str) -> InputError:
    """The error for a file that is not what it should be."""
    return InputError(
        what=f"recording {path}, byte {offset}",
        got=found,
        allowed=expected,
        todo="check that the file is complete and of this format",
    )


def reraise_unless_failure(error: BaseException) -> None:
    """Raise `error` again unless it says that a decoding library could not go on.

    Libraries written in Rust panic on some broken files. Their PanicException is not an
    `Exception`, and each of them has its own class for it.
    """
    if not isinstance(error, Exception) and type(error).__name__ != "PanicException":
        raise error


def header_lines(file: BinaryIO, path: Path, last_line: bytes) -> list[str]:
    """The `#` lines at the start of an AEDAT file, without line ends; stops after `last_line`.

    Leaves the file at the first byte behind them. A line that begins with `#` but is no text
    is data. Raises `InputError` for a file that ends inside its header.
    """
    lines: list[str] = []
    while True:
        at = file.tell()
        line = file.readline(_MAX_LINE)
        text = line.rstrip(b"\r\n")
        if not line.startswith(b"#") or not text.isascii() or b"\0" in text:
            file.seek(at)
            return lines
        if not line.endswith(b"\n"):
            raise not_readable(path, at, "the end of the file", "a whole header line")
        if at > MAX_HEADER_BYTES:
            raise not_readable(path, at, "still the header", f"{MAX_HEADER_BYTES} bytes of it")
        lines.append(text.decode("ascii"))
        if text == last_line:
            return lines


_MAX_LINE = 65_536
