"""What is in a recording, found by reading all of it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from recordings.formats import open_recording
from recordings.reading import Format


@dataclass(frozen=True, slots=True)
class RecordingInfo:
    """A recording in figures. What only events could tell is None where there are none."""

    format: Format
    width: int
    height: int
    events: int
    t_first_us: int | None
    t_last_us: int | None
    duration_us: int | None
    """From the first event to the last."""
    on_share: float | None
    """Part of the events that are ON, 0 to 1."""
    damaged: bool
    damage: str | None
    """From which byte on the file cannot be read, and why."""
    events_off_sensor: int
    """Left out: outside the sensor."""
    events_invalid: int
    """Left out: marked as invalid in the file."""
    events_of_other_streams: int
    """Left out: of a further camera in the same file."""
    time_reversals: int
    """Events earlier than one before them, counted among `events` with that one's time."""
    notes: tuple[str, ...]
    """What the file did not say and was assumed, and what of it is not read."""


def inspect_recording(path: Path) -> RecordingInfo:
    """Read a recording to its end, or as far as it goes, and say what is in it.

    Raises `InputError` as `open_recording` does.
    """
    events = on = 0
    t_last_us: int | None = None
    with open_recording(path) as recording:
        for packet in recording:
            events += packet.events.size
            on += int(np.count_nonzero(packet.events["on"]))
            if packet.events.size:
                t_last_us = int(packet.events["t"][-1])
        t_first_us, counts = recording.t_first_us, recording.counts
        both = t_first_us is not None and t_last_us is not None
        return RecordingInfo(
            format=recording.format,
            width=recording.sensor.width,
            height=recording.sensor.height,
            events=events,
            t_first_us=t_first_us,
            t_last_us=t_last_us,
            duration_us=(t_last_us or 0) - (t_first_us or 0) if both else None,
            on_share=on / events if events else None,
            damaged=recording.damage is not None,
            damage=recording.damage,
            events_off_sensor=counts.off_sensor,
            events_invalid=counts.invalid,
            events_of_other_streams=counts.other_streams,
            time_reversals=counts.time_reversals,
            notes=recording.notes,
        )
