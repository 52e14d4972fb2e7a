"""A recording of any format written anew as AEDAT4 or AEDAT 3.1."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from drivers.errors import InputError
from drivers.events import SensorSize
from recordings.aedat4_writer import Aedat4Writer
from recordings.aedat31_writer import Aedat31Writer
from recordings.event_writer import EventWriter
from recordings.formats import open_recording
from recordings.outputs import check_outputs, check_parent, place_of_output
from recordings.reading import Format

_WRITERS: dict[str, tuple[Format, Callable[[Path, SensorSize], EventWriter]]] = {
    ".aedat4": (Format.AEDAT4, Aedat4Writer),
    ".aedat": (Format.AEDAT31, Aedat31Writer),
}


@dataclass(frozen=True, slots=True)
class ConversionReport:
    """What was written, and what of the source could not be."""

    path: Path
    format: Format
    events: int
    """Events written."""
    events_off_sensor: int
    """Events of the source outside its sensor, not written."""
    time_reversals: int
    """Events written with the time of one before them, which was later than their own."""
    damage: str | None
    """Damage of the source: only what came before it was written."""


def convert_recording(src: Path, dst: Path) -> ConversionReport:
    """Write `src` as `dst`: `.aedat4` as AEDAT4, `.aedat` as AEDAT 3.1.

    The file takes its name only when it is whole; until then, one that is there stays what it was.
    Raises `InputError` for another ending, a place that cannot be written, and as `open_recording`
    does for the source.
    """
    if dst.suffix.lower() not in _WRITERS:
        raise InputError(
            what=f"output file {dst}",
            got=f"the ending {dst.suffix!r}",
            allowed=".aedat4 (AEDAT4) or .aedat (AEDAT 3.1)",
            todo="choose one of the two endings",
        )
    check_parent("output file", dst)
    check_outputs({"output file": dst}, [src])
    place = place_of_output("output file", dst)
    file_format, writer_for = _WRITERS[dst.suffix.lower()]
    unfinished = place.with_name(f".{place.name}.{os.getpid()}.part")
    with open_recording(src) as recording:
        try:
            with writer_for(unfinished, recording.sensor) as writer:
                for packet in recording:
                    writer.write(packet.events)
            unfinished.replace(place)
        finally:
            unfinished.unlink(missing_ok=True)
        return ConversionReport(
            path=dst,
            format=file_format,
            events=writer.events_written,
            events_off_sensor=recording.events_off_sensor,
            time_reversals=recording.time_reversals,
            damage=recording.damage,
        )
