"""EVT2, EVT3, DAT and Event Stream read, through `faery`.

These formats have neither packets with lengths nor an end mark: a file that is cut exactly
between two of its words is just a shorter file, and only a cut inside one shows.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from drivers.events import EVENT_DTYPE, Events, SensorSize
from recordings.reading import (
    Chunk,
    FileDamage,
    Format,
    ReadCounts,
    not_readable,
    open_file,
    reraise_unless_failure,
)

FALLBACK = SensorSize(1280, 720)
"""For a header that gives no size and names no camera that we know."""

_UNLIMITED = (65_535, 65_535)
"""Where the header gives no size, faery lets every event pass and we count those outside."""

_WORD_BYTES = {Format.EVT2: 4, Format.EVT3: 2, Format.DAT: 8}
_FAERY_TYPE = {Format.EVT2: "evt", Format.EVT3: "evt", Format.DAT: "dat", Format.ES: "es"}
_FAERY_VERSION = {Format.EVT2: "evt2", Format.EVT3: "evt3", Format.DAT: "dat2"}

_CAMERAS = (
    ("gen31", SensorSize(640, 480)),
    ("gen3", SensorSize(640, 480)),
    ("genx320", SensorSize(320, 320)),
    ("gen4", SensorSize(1280, 720)),
    ("imx636", SensorSize(1280, 720)),
)
_ES_HEADER = 20
_ES_EVENT = 5
_ES_DVS = 1
_ES_LONGEST_STEP_US = 127
_ES_WAIT_BYTES = b"\xfe\xff"


@dataclass(frozen=True, slots=True)
class PropheseeHeader:
    """The `% key value` lines at the start of a Prophesee file."""

    values: dict[str, str]
    data_at: int
    """Byte of the first word behind them."""

    @property
    def file_format(self) -> Format | None:
        """EVT2, EVT3 or DAT; None for anything else."""
        word = self.values.get("format", "").split(";")[0].strip().upper()
        word = word or "EVT" + self.values.get("evt", "?").replace(".0", "")
        if word in ("EVT2", "EVT3"):
            return Format[word]
        if word == "EVT?" and self.values.get("version") == "2":
            return Format.DAT
        return None

    @property
    def sensor(self) -> SensorSize | None:
        """The size, where the header gives it."""
        pairs = dict(self.values)
        for part in self.values.get("format", "").split(";")[1:]:
            key, _, value = part.partition("=")
            pairs[key.strip().lower()] = value.strip()
        if "geometry" in pairs:
            pairs["width"], _, pairs["height"] = pairs["geometry"].partition("x")
        width, height = pairs.get("width", ""), pairs.get("height", "")
        if width.isdigit() and height.isdigit():
            return SensorSize(int(width), int(height))
        return None


def read_prophesee_header(path: Path) -> PropheseeHeader:
    """The header of a Prophesee file; keys in lower case, none where there is no header.

    Raises `InputError` for a file that ends inside it.
    """
    values: dict[str, str] = {}
    with open_file(path) as file:
        while True:
            at = file.tell()
            line = file.readline(4096)
            if not line.startswith(b"% ") or not line.isascii():
                return PropheseeHeader(values, at)
            if not line.endswith(b"\n"):
                raise not_readable(path, at, "the end of the file", "a whole header line")
            key, _, value = line.decode("ascii")[2:].strip().partition(" ")
            if key.lower() == "end":
                return PropheseeHeader(values, file.tell())
            values[key.lower()] = value.strip()


class FaeryReader:
    """Events of a file in one of the formats that faery reads. Row 0 is the upper one."""

    def __init__(self, path: Path, file_format: Format) -> None:
        """Read the header. Raises `InputError` where it does not fit the format."""
        self._path = path
        self._format = file_format
        if file_format is Format.ES:
            self.sensor, self.notes = _read_es_header(path), ()
            self._data_at = _ES_HEADER
            return
        header = read_prophesee_header(path)
        self._data_at = header.data_at
        if file_format is Format.DAT:
            # Behind the text stand the type of the events and their size in bytes.
            with open_file(path) as file:
                file.seek(header.data_at)
                kind = file.read(2)
            if kind not in (b"\x0c\x08", b"\x00\x08"):
                raise not_readable(path, header.data_at, f"event type {kind!r}", "b'\\x0c\\x08'")
            self._data_at += len(kind)
        given = header.sensor
        self.sensor, self.notes = (given, ()) if given else _assumed(header)

    sensor: SensorSize
    notes: tuple[str, ...]

    def chunks(self, counts: ReadCounts) -> Iterator[Chunk]:
        """See `Reader`."""
        del counts  # these formats mark nothing as invalid, and faery gives events alone
        # Imported where it is used: it takes half a second, which AEDAT files need not wait for.
        import faery

        tail = _EsTail() if self._format is Format.ES else None
        given = 0
        try:
            stream = faery.events_stream_from_file(
                self._path,
                dimensions_fallback=_UNLIMITED,
                version_fallback=_FAERY_VERSION.get(self._format),
                file_type=_FAERY_TYPE[self._format],
            )
            for found in stream:
                # Its dtype has our layout and differs in a title of the last field alone.
                events: Events = found.view(EVENT_DTYPE)
                if tail is not None:
                    tail.add(events)
                given += events.size
                yield Chunk(self._data_at, events)
        except BaseException as error:
            reraise_unless_failure(error)
            raise FileDamage(
                self._data_at,
                f"broken after {given} whole events ({error}); faery reads 64 KiB at a time, "
                "what stands before the break in its last piece is missing too",
            ) from error
        if tail is not None:
            tail.check(self._path)
        else:
            self._check_words()

    def _check_words(self) -> None:
        word = _WORD_BYTES[self._format]
        size = self._path.stat().st_size
        left = (size - self._data_at) % word
        if left:
            raise FileDamage(size - left, f"word of {word} bytes cut after {left}")


class _EsTail:
    """How many bytes the events of an Event Stream took, to find a cut one at the end."""

    def __init__(self) -> None:
        self._bytes = _ES_HEADER
        self._last_us = 0

    def add(self, events: Events) -> None:
        steps = np.diff(events["t"].astype(np.int64), prepend=self._last_us)
        # A step in time that is too long for an event's own byte takes further bytes before it.
        self._bytes += _ES_EVENT * events.size + int((steps // _ES_LONGEST_STEP_US).sum())
        self._last_us = int(events["t"][-1]) if events.size else self._last_us

    def check(self, path: Path) -> None:
        size = path.stat().st_size
        with open_file(path) as file:
            file.seek(min(self._bytes, size))
            tail = file.read().lstrip(_ES_WAIT_BYTES)
        if tail:
            raise FileDamage(size - len(tail), f"event of {_ES_EVENT} bytes cut after {len(tail)}")


def _read_es_header(path: Path) -> SensorSize:
    with open_file(path) as file:
        head = file.read(_ES_HEADER)
    if len(head) < _ES_HEADER or head[15] != _ES_DVS:
        raise not_readable(
            path,
            min(len(head), 15),
            "the end of the file" if len(head) < _ES_HEADER else f"event type {head[15]}",
            f"a header of {_ES_HEADER} bytes with event type {_ES_DVS} (DVS)",
        )
    if head[12] != 2:
        version = ".".join(str(part) for part in head[12:15])
        raise not_readable(path, 12, f"Event Stream {version}", "Event Stream 2")
    width, height = int.from_bytes(head[16:18], "little"), int.from_bytes(head[18:20], "little")
    return SensorSize(width, height)


def _assumed(header: PropheseeHeader) -> tuple[SensorSize, tuple[str, ...]]:
    names = " ".join(header.values.get(key, "") for key in ("plugin_name", "system_id"))
    for camera, size in _CAMERAS:
        if camera in names.lower():
            return size, (f"no size in the header: {size.width}x{size.height} of a {camera}",)
    return FALLBACK, (f"no size in the header: {FALLBACK.width}x{FALLBACK.height} is assumed",)
