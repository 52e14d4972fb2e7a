"""The text at the start of a Prophesee file: which format it is, and of what sensor."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from drivers.events import SensorSize
from recordings.reading import MAX_HEADER_BYTES, Format, not_readable, open_file

FALLBACK = SensorSize(1280, 720)
"""For a header that gives no size and names no camera that we know."""

_CAMERAS = (
    ("gen31", SensorSize(640, 480)),
    ("gen3", SensorSize(640, 480)),
    ("genx320", SensorSize(320, 320)),
    ("gen4", SensorSize(1280, 720)),
    ("imx636", SensorSize(1280, 720)),
)
_MAX_LINE = 4096


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
        if width.isdecimal() and height.isdecimal():
            # A number of thousands of digits is as much out of range as this one.
            return SensorSize(int(width[:20]), int(height[:20]))
        return None

    def sensor_or_assumed(self) -> tuple[SensorSize, tuple[str, ...]]:
        """The size, and what had to be assumed for it."""
        given = self.sensor
        if given is not None:
            return given, ()
        names = " ".join(self.values.get(key, "") for key in ("plugin_name", "system_id"))
        for camera, size in _CAMERAS:
            if camera in names.lower():
                return size, (f"no size in the header: {size.width}x{size.height} of a {camera}",)
        return FALLBACK, (f"no size in the header: {FALLBACK.width}x{FALLBACK.height} is assumed",)


def read_prophesee_header(path: Path) -> PropheseeHeader:
    """The header of a Prophesee file; keys in lower case, none where there is no header.

    A line of it begins with `% ` and is text: other bytes are data. Raises `InputError` for a
    file that ends inside it, and for one without end.
    """
    values: dict[str, str] = {}
    with open_file(path) as file:
        while True:
            at = file.tell()
            line = file.readline(_MAX_LINE)
            text = _as_text(line)
            if text is None:
                return PropheseeHeader(values, at)
            if not line.endswith(b"\n"):
                raise not_readable(path, at, "the end of the file", "a whole header line")
            if at > MAX_HEADER_BYTES:
                raise not_readable(path, at, "still the header", f"{MAX_HEADER_BYTES} bytes of it")
            key, _, value = text[2:].strip().partition(" ")
            if key.lower() == "end":
                return PropheseeHeader(values, file.tell())
            values[key.lower()] = value.strip()


def _as_text(line: bytes) -> str | None:
    """A header line as text; None for what is none."""
    if not line.startswith(b"% "):
        return None
    try:
        return line.decode("utf-8")
    except UnicodeDecodeError:
        return None
