"""A recording: a file of events as a source of packets."""

from __future__ import annotations

import time
from collections.abc import Iterator
from itertools import chain
from pathlib import Path

from drivers.closing import Closing
from drivers.errors import InputError
from drivers.events import EventPacket, Events, SensorSize
from recordings.cutting import cut_at_pauses, cut_on_grid, put_in_order
from recordings.reading import FileDamage, Format, ReadCounts, Reader, open_file


class Recording(Closing):
    """A file of events as an `EventSource`. Made by `recordings.formats.open_recording`.

    It can be iterated any number of times, each time from the start; `damage` and `counts`
    then tell of the latest pass. Reading takes memory that does not grow with the file.

    The first packet begins at the first event's time (plus `start_us`). The last one ends one
    microsecond after the last event, or at `stop_us` where events go on beyond it.
    """

    def __init__(
        self,
        path: Path,
        file_format: Format,
        reader: Reader,
        *,
        packet_us: int | None = None,
        start_us: int | None = None,
        stop_us: int | None = None,
    ) -> None:
        _check_span(path, packet_us, start_us, stop_us)
        self.path = path
        self.name = path.stem
        self.format = file_format
        self.sensor: SensorSize = reader.sensor
        self.notes: tuple[str, ...] = reader.notes
        """What the file did not say and was assumed, and what of it is not read."""
        self.damage: str | None = None
        """Set once reading has met damage: at which byte, and what is missing."""
        self.counts = ReadCounts()
        """What was left out or changed, so far in this pass."""
        self._reader = reader
        self._packet_us, self._start_us, self._stop_us = packet_us, start_us, stop_us
        self._sought_us: int | None = None
        self._closed = False
        first = next(self._events(), None)
        self.t_first_us: int | None = None if first is None else int(first["t"][0])
        """Time of the file's first event; None where it has no event."""

    @property
    def time_reversals(self) -> int:
        """Events whose time stepped back and was held at the latest one, so far."""
        return self.counts.time_reversals

    @property
    def events_off_sensor(self) -> int:
        """Events outside the sensor, left out, so far."""
        return self.counts.off_sensor

    def left_out(self) -> Iterator[str]:
        """What the reader did not give out, or changed, in the latest pass, in words."""
        yield from self.notes
        for number, text in (
            (self.counts.off_sensor, "events off the sensor, left out"),
            (self.counts.invalid, "events marked as invalid, left out"),
            (self.counts.other_streams, "events of further cameras, left out"),
            (self.counts.time_reversals, "events whose time went back, held at the latest time"),
        ):
            if number:
                yield f"{number:,} {text}"

    def seek(self, start_us: int) -> None:
        """Let the next iteration, and only that, begin so long after the first event.

        After the last event it gives nothing. Raises `InputError` for a time below 0 or not before
        the stop.
        """
        _check_span(self.path, None, start_us, self._stop_us)
        self._sought_us = start_us

    def __iter__(self) -> Iterator[EventPacket]:
        """Packets from the start. Raises `InputError` for a start after the last event."""
        if self._was_closed():
            raise InputError(
                what=f"recording {self.path}",
                got="reading after close()",
                allowed="reading while it is open",
                todo="open it again",
            )
        events = self._events()
        first = next(events, None)
        if first is None:
            return
        t_first_us = int(first["t"][0])
        sought_us, self._sought_us = self._sought_us, None
        begin_us = t_first_us + (self._start_us or 0 if sought_us is None else sought_us)
        stop_us = None if self._stop_us is None else t_first_us + self._stop_us
        ordered = chain((first,), events)
        # No name may keep the first events alive for as long as the rest is read.
        del first, events
        if self._packet_us is None:
            spans = cut_at_pauses(ordered, begin_us, stop_us)
        else:
            spans = cut_on_grid(ordered, begin_us, stop_us, self._packet_us)
        seq = 0
        for seq, (t_begin_us, t_end_us, part) in enumerate(spans, start=1):
            if self._was_closed():
                return
            yield EventPacket(
                events=part,
                sensor=self.sensor,
                source=self.name,
                seq=seq - 1,
                t_begin_us=t_begin_us,
                t_end_us=t_end_us,
                received_ns=time.time_ns(),
            )
        if seq == 0 and sought_us is None:
            raise InputError(
                what=f"start in recording {self.path}",
                got=_seconds(self._start_us or 0),
                allowed="a time before the last event",
                todo="choose an earlier start",
            )

    def close(self) -> None:
        """End the recording; a running iteration gives no further packet."""
        self._closed = True

    def _was_closed(self) -> bool:
        return self._closed

    def _events(self) -> Iterator[Events]:
        self.damage = None
        self.counts = counts = ReadCounts()
        # The file may be gone since the last pass; each library would say so in its own way.
        open_file(self.path).close()
        try:
            yield from put_in_order(self._reader.chunks(counts), self.sensor, counts)
        except FileDamage as damage:
            self.damage = f"{self.path}: {damage}"


def _check_span(
    path: Path, packet_us: int | None, start_us: int | None, stop_us: int | None
) -> None:
    begin = 0 if start_us is None else start_us
    if packet_us is not None and packet_us < 1:
        raise InputError(
            what=f"packet length for recording {path}",
            got=f"{packet_us} us",
            allowed="1 us or more",
            todo="choose another one",
        )
    if begin < 0:
        raise InputError(
            what=f"start for recording {path}",
            got=_seconds(begin),
            allowed="0 s or more after the first event",
            todo="choose another one",
        )
    if stop_us is not None and stop_us <= begin:
        raise InputError(
            what=f"stop for recording {path}",
            got=_seconds(stop_us),
            allowed=f"more than the start, {_seconds(begin)}",
            todo="choose a later stop",
        )


def _seconds(t_us: int) -> str:
    """As options and requests have it, whole to the microsecond."""
    return f"{t_us / 1e6:.6f}".rstrip("0").rstrip(".") + " s"
