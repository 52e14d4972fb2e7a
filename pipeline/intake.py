"""What comes off the bus, made into frames in order, with everything lost on the way counted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from drivers.events import EventPacket, SensorSize, empty_events
from pipeline.binning import BinningCounts, FrameBinner, View, centred_view
from pipeline.chosen_views import ChosenView, Square, view_of
from pipeline.decisions import FRAME_US
from pipeline.memory import keep_freed_memory
from pipeline.wire import MAX_SPAN_US, StreamTotals
from recordings import scanning

Frame = npt.NDArray[np.uint8]
"""shape (2, rows, columns), 0 and 1, or numbers of events; channel 0 is ON."""


class Intake:
    """Packets of one source in, frames of the model's size with their begin times out."""

    def __init__(
        self,
        *,
        columns: int,
        rows: int,
        counts: bool = False,
        views: Sequence[ChosenView] = (),
    ) -> None:
        """`views` are looked at in turn; without any, the largest in the centre. With `counts`,
        cells count their events.
        """
        self.looked: list[tuple[int, View]] = []
        """Every view that was looked at, with the time of its first frame."""
        self._square: Square | None = None
        self._ahead = sorted(views, key=lambda view: view.from_us)
        self.source: str | None = None
        self.packets = 0
        self.packets_missed = 0
        self.gaps = 0
        """Streams that another one followed without an end having been said."""
        self.stream_us = 0
        """Length of the streams so far."""
        self.refused: Counter[str] = Counter()
        self.damage: list[str] = []
        self.removed: Counter[str] = Counter()
        """Events that the source's filters left out, by filter, as end messages say."""
        self._columns = columns
        self._rows = rows
        self._counts = counts
        self._closed = BinningCounts()
        self._lost_before = 0
        self._binner: FrameBinner | None = None
        self._first: EventPacket | None = None
        self._before: EventPacket | None = None
        self._lost = 0
        self._next_us = 0

    @staticmethod
    def warm_up(*, counts: bool = False) -> None:
        """Have all on the way compiled now, and memory kept, not when the first packet waits."""
        keep_freed_memory()
        scanning.warm_up()
        size = SensorSize(1, 1)
        binner = FrameBinner(size, centred_view(size, 1, 1), counts=counts)
        binner.push(EventPacket(empty_events(), size, "", 0, 0, FRAME_US))

    def accepts(self, source: str) -> bool:
        """Whether this is the source that the brain listens to; another one is refused."""
        if self.source is None:
            self.source = source
        if source != self.source:
            self.refused["other source"] += 1
        return source == self.source

    def breaks_stream(self, packet: EventPacket) -> bool:
        """Whether the packet cannot go on from the one before: its source was started again."""
        before = self._before
        return before is not None and (
            packet.seq <= before.seq
            or packet.sensor != before.sensor
            or packet.t_begin_us - before.t_end_us > MAX_SPAN_US
        )

    def cut_off(self) -> Iterator[tuple[int, Frame]]:
        """The last frames of a stream whose source was started again."""
        self.gaps += 1
        yield from self.finish(None)

    @property
    def open(self) -> bool:
        """Whether a stream has begun and not ended."""
        return self._binner is not None

    def push(self, packet: EventPacket) -> Iterator[tuple[int, Frame]]:
        """The frames that this packet completes, each with the time it begins at."""
        if self._binner is None or self._before is None:
            view = self._first_view(packet)
            self._binner = FrameBinner(packet.sensor, view, counts=self._counts)
            self._first = packet
            self._next_us = packet.t_begin_us
            self.stream_us += packet.t_end_us - packet.t_begin_us
        else:
            self.packets_missed += packet.seq - self._before.seq - 1
            self.stream_us += max(0, packet.t_end_us - self._before.t_end_us)
        self._before = packet
        self.packets += 1
        self._lost += packet.lost_before
        yield from self._looking(self._binner, packet)

    def look(self, chosen: ChosenView) -> tuple[int, View] | None:
        """Look there from the next frame on, or from a later time that it names.

        Gives the time of that frame and the view; None where no stream is open yet, whose first
        frame it then is. Raises `InputError` for a view that is not on the sensor.
        """
        if self._binner is None or self._before is None:
            self._add(chosen)
            return None
        view = self._view(chosen.square, self._binner.sensor)
        edge_us = self._binner.next_edge_us or 0
        # The packet that is being pushed may not be through yet: all of it is still seen as before.
        behind_us = max(0, self._before.t_end_us - edge_us)
        edge_us += -(-behind_us // FRAME_US) * FRAME_US
        from_us = max(edge_us, chosen.from_us)
        self._add(replace(chosen, from_us=from_us))
        return from_us, view

    def finish(self, totals: StreamTotals | None) -> Iterator[tuple[int, Frame]]:
        """The stream's last frames; the next packet opens another stream.

        `totals` are what the end message said, None where there was none. Where they end after
        the last packet that came, silence follows it; the last frame may be covered in part.
        """
        if totals is not None:
            self._compare(totals)
        if self._binner is not None and self._before is not None:
            if totals is not None:
                yield from self._silence(self._binner, self._before, totals.t_end_us)
            yield from self._timed(self._binner.finish())
        self._closed = self.counts
        self._lost_before += self._lost
        self._lost = 0
        self._binner = self._first = self._before = None

    @property
    def counts(self) -> BinningCounts:
        """Of all streams so far."""
        now = self._binner.counts if self._binner is not None else BinningCounts()
        return BinningCounts(
            **{
                name: getattr(self._closed, name) + getattr(now, name)
                for name in BinningCounts.__slots__
            }
        )

    @property
    def events_lost(self) -> int:
        """Events that never came here, as far as the source said or totals show."""
        return self._lost_before + self._lost

    def _view(self, square: Square | None, sensor: SensorSize) -> View:
        return view_of(square, sensor, self._columns, self._rows)

    def _add(self, chosen: ChosenView) -> None:
        self._ahead = sorted([*self._ahead, chosen], key=lambda view: view.from_us)

    def _first_view(self, packet: EventPacket) -> View:
        """What a stream begins with, as the one before it ended; later ones must fit as well."""
        while self._ahead and self._ahead[0].from_us <= packet.t_begin_us:
            self._square = self._ahead.pop(0).square
        for chosen in self._ahead:
            self._view(chosen.square, packet.sensor)
        view = self._view(self._square, packet.sensor)
        self.looked.append((packet.t_begin_us, view))
        return view

    def _looking(self, binner: FrameBinner, packet: EventPacket) -> Iterator[tuple[int, Frame]]:
        """The frames of a packet, cut where another view is to be looked at."""
        while self._ahead:
            open_us = packet.t_begin_us if binner.open_bin_us is None else binner.open_bin_us
            later = -(-(self._ahead[0].from_us - open_us) // FRAME_US)
            edge_us = max(open_us + later * FRAME_US, binner.next_edge_us or open_us)
            if edge_us > packet.t_end_us:
                break
            if edge_us > packet.t_begin_us:
                split = scanning.first_at(packet.events, edge_us)
                early = replace(packet, events=packet.events[:split], t_end_us=edge_us)
                packet = replace(packet, events=packet.events[split:], t_begin_us=edge_us)
                for frames in binner.iter_push(early):
                    yield from self._timed(frames)
            # One that was asked for meanwhile comes later, so this is still the first.
            self._square = self._ahead.pop(0).square
            binner.look_at(self._view(self._square, binner.sensor))
            self.looked.append((edge_us, binner.view))
        for frames in binner.iter_push(packet):
            yield from self._timed(frames)

    def _compare(self, totals: StreamTotals) -> None:
        """What the totals know better than the headers: the lost tail, whole lost packets."""
        if totals.damage is not None:
            self.damage.append(totals.damage)
        self.removed.update(totals.removed)
        received = self._binner.counts.events_in if self._binner is not None else 0
        self._lost = max(self._lost, totals.lost)
        # Who joined late was never meant to get what went out before.
        if self._first is None or self._first.seq == 0:
            self._lost += max(0, totals.events - received)
            last = self._before.seq if self._before is not None else -1
            self.packets_missed += max(0, totals.packets - 1 - last)

    def _silence(
        self, binner: FrameBinner, last: EventPacket, t_end_us: int
    ) -> Iterator[tuple[int, Frame]]:
        """Frames from the last packet that came to the stream's end: those behind it were lost."""
        missing_us = t_end_us - last.t_end_us
        if missing_us > MAX_SPAN_US:
            self.refused["span"] += 1
        elif missing_us > 0:
            self.stream_us += missing_us
            silence = replace(
                last, events=empty_events(), t_begin_us=last.t_end_us, t_end_us=t_end_us
            )
            for frames in binner.iter_push(silence):
                yield from self._timed(frames)

    def _timed(self, frames: npt.NDArray[np.uint8]) -> Iterator[tuple[int, Frame]]:
        for frame in frames:
            t_us = self._next_us
            self._next_us += FRAME_US
            yield t_us, frame
