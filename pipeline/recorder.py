"""The recorder process: events off the bus into an AEDAT4 file, as they come."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from drivers.events import EventPacket, SensorSize
from pipeline.bus import EventSubscriber
from pipeline.process_guard import stopping_on_signals
from pipeline.security import CurveClient
from pipeline.silence_notice import SilenceNotice
from pipeline.wire import (
    EndMessage,
    EventsMessage,
    JsonMessage,
    Part,
    StreamTotals,
    WireError,
    decode,
)
from recordings import scanning
from recordings.aedat4_writer import Aedat4Writer
from recordings.outputs import check_new_recording

_WAIT_MS = 50


@dataclass(frozen=True, slots=True)
class RecorderReport:
    """What was recorded, and what was not."""

    path: Path
    source: str | None
    """None where nothing came."""
    events: int
    packets: int
    events_lost: int
    """Lost before they came here, as said by the source and by its totals."""
    events_refused: int
    """Came, but could not be written: off the sensor, or earlier than what was written."""
    refused: dict[str, int]
    """Messages that were not understood or of another source, by reason."""
    damage: str | None
    """What the source said was broken in its own file."""
    complete: bool
    """Whether the source said its end; otherwise this side was interrupted."""

    @property
    def problems(self) -> list[str]:
        """Everything a user must be told, one line each; empty when all was recorded."""
        lines = []
        if self.events_lost:
            lines.append(f"{self.events_lost:,} events were lost on the way")
        if self.events_refused:
            lines.append(f"{self.events_refused:,} events not written: off sensor or back in time")
        lines += [f"{count:,} messages refused: {why}" for why, count in self.refused.items()]
        if self.damage:
            lines.append(f"the source says: {self.damage}")
        if not self.complete and self.source is not None:
            lines.append("interrupted before the source's end")
        return lines


def run_recorder(
    connect: str,
    out: Path,
    *,
    source: str | None = None,
    server_key: Path | None = None,
    secret_key: Path | None = None,
    insecure: bool = False,
    stop: threading.Event | None = None,
) -> RecorderReport:
    """Record one source (by default the first heard) until its end, SIGINT or SIGTERM.

    The file is made with the first message and is readable at any moment after. Raises
    `InputError` for an address or a path that cannot be used, and for a file that is there.
    """
    stop = stop or threading.Event()
    key = CurveClient(server_key, secret_key) if server_key else None
    check_new_recording(out)
    scanning.warm_up()  # a source that waits for its readers begins when this one subscribes
    with (
        stopping_on_signals(stop),
        ExitStack() as files,
        EventSubscriber([connect], security=key, insecure=insecure) as bus,
    ):
        recorder = _Recorder(out, source, files)
        silence = SilenceNotice("events", connect)
        while not (stop.is_set() or recorder.complete):
            parts = bus.receive(_WAIT_MS)
            if parts is None:
                silence.look()
            else:
                silence.heard()
                recorder.take(parts)
        return recorder.report()


class _Recorder:
    """One file and what goes into it."""

    def __init__(self, out: Path, source: str | None, files: ExitStack) -> None:
        self.complete = False
        self._out = out
        self._source = source
        self._files = files
        self._writer: Aedat4Writer | None = None
        self._refused: Counter[str] = Counter()
        self._first_seq: int | None = None
        self._packets = 0
        self._end_us = 0
        self._events_received = 0
        self._lost = 0
        self._totals: StreamTotals | None = None

    def take(self, parts: Sequence[Part]) -> None:
        """Write what a message holds, or count why not."""
        try:
            message = decode(parts)
        except WireError as error:
            self._refused[error.reason] += 1
            return
        if isinstance(message, JsonMessage):
            self._refused["kind"] += 1
        elif isinstance(message, EventsMessage):
            packet = message.packet
            if self._is_ours(packet.source, packet.sensor):
                self._write(packet)
        elif self._is_ours(message.source, message.sensor):
            self._end(message)

    def report(self) -> RecorderReport:
        """How it went."""
        return RecorderReport(
            path=self._out,
            source=self._source if self._writer else None,
            events=self._writer.events_written if self._writer else 0,
            packets=self._packets,
            events_lost=self._lost,
            events_refused=self._events_received
            - (self._writer.events_written if self._writer else 0),
            refused=dict(self._refused),
            damage=self._totals.damage if self._totals else None,
            complete=self.complete,
        )

    def _is_ours(self, source: str, sensor: SensorSize) -> bool:
        if self._source is None:
            self._source = source
        if source != self._source:
            self._refused["other source"] += 1
            return False
        if self._writer is None:
            self._writer = self._files.enter_context(Aedat4Writer(self._out, sensor))
        elif sensor != self._writer.sensor:
            self._refused["other sensor"] += 1
            return False
        return True

    def _write(self, packet: EventPacket) -> None:
        if self._first_seq is None:
            self._first_seq = packet.seq
            self._end_us = packet.t_begin_us
        self._packets += 1
        self._lost += packet.lost_before
        self._events_received += len(packet.events)
        if packet.t_begin_us < self._end_us or self._writer is None:
            return  # a source that was started anew: a file's time cannot go back
        inside = (packet.events["x"] < packet.sensor.width) & (
            packet.events["y"] < packet.sensor.height
        )
        self._end_us = packet.t_end_us
        self._writer.write(packet.events if inside.all() else packet.events[inside])

    def _end(self, message: EndMessage) -> None:
        self.complete = True
        self._totals = message.totals
        if self._first_seq:  # who joined late was never meant to get what went out before
            return
        unheard = max(0, message.totals.events - self._events_received)
        self._lost = max(self._lost, message.totals.lost) + unheard
