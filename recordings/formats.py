"""Which format a recording is of, found by its content, and the way to open any of them."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

from drivers.errors import InputError
from recordings.aedat2 import Aedat2Reader
from recordings.aedat4 import Aedat4Reader
from recordings.aedat31 import Aedat31Reader
from recordings.event_stream import EventStreamReader
from recordings.prophesee import PropheseeReader
from recordings.prophesee_header import read_prophesee_header
from recordings.reading import Format, Reader, not_readable, open_file
from recordings.recording import Recording

__all__ = ["Format", "Recording", "detect_format", "open_recording"]

_MAGIC: tuple[tuple[bytes, Format], ...] = (
    (b"#!AER-DAT2.0", Format.AEDAT2),
    (b"#!AER-DAT3.1", Format.AEDAT31),
    (b"#!AER-DAT4.0", Format.AEDAT4),
    (b"Event Stream", Format.ES),
)
_READERS: dict[Format, Callable[[Path], Reader]] = {
    Format.AEDAT2: Aedat2Reader,
    Format.AEDAT31: Aedat31Reader,
    Format.AEDAT4: Aedat4Reader,
    **{
        item: partial(PropheseeReader, file_format=item)
        for item in (Format.EVT2, Format.EVT3, Format.DAT)
    },
    Format.ES: EventStreamReader,
}
_EXPECTED = ", ".join(item.value for item in Format)


def detect_format(path: Path) -> Format:
    """The format of a file, by its first bytes; its name does not matter.

    Raises `InputError` for a file that cannot be read, and for one of none of the formats.
    """
    with open_file(path) as file:
        head = file.read(4096)
    for magic, file_format in _MAGIC:
        if head.startswith(magic):
            return file_format
    if head.startswith(b"% "):
        header = read_prophesee_header(path)
        if header.file_format is not None:
            return header.file_format
        keys = ", ".join(f"{key} {value}" for key, value in header.values.items())
        raise not_readable(path, 0, f"a header with {keys[:120]}", "evt 2.0, evt 3.0 or Version 2")
    raise not_readable(path, 0, _describe(head), f"a recording in {_EXPECTED}")


def open_recording(
    path: Path,
    *,
    packet_us: int | None = None,
    start_us: int | None = None,
    stop_us: int | None = None,
) -> Recording:
    """Open a recording of any format to be read as packets, again and again if wanted.

    With `packet_us`, every packet covers that many microseconds on a grid from the beginning
    (only the last may be shorter); without, packets are as large as the file has them.
    `start_us` and `stop_us` count from the first event: `[start, stop)` is read. The events
    given out are the same for any packet length.

    Raises `InputError`, naming file, byte, what was found and what was expected, for a file
    that cannot be opened, and for settings out of range.
    """
    file_format = detect_format(path)
    try:
        reader = _READERS[file_format](path)
    except InputError as error:
        if str(path) in error.what:
            raise
        # A value in the header, such as the sensor's size, is refused where no file is known.
        raise not_readable(path, 0, f"{error.what} {error.got}", error.allowed) from error
    return Recording(
        path,
        file_format,
        reader,
        packet_us=packet_us,
        start_us=start_us,
        stop_us=stop_us,
    )


def _describe(head: bytes) -> str:
    return f"bytes {head[:16]!r}" if head else "an empty file"
