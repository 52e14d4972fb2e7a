"""A lane: one source's way through a brain, from its messages to frames, one at hand at a time."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from pipeline import wire
from pipeline.brain_session import BrainSession
from pipeline.bus import EventSubscriber
from pipeline.course import Course
from pipeline.decisions import FRAME_US
from pipeline.intake import Frame, Intake
from pipeline.latencies import Latencies
from pipeline.logs import say
from pipeline.preview import Preview
from pipeline.process_guard import PARENT_VARIABLE, restarts_before
from pipeline.recogniser import Recogniser
from pipeline.silence_notice import SilenceNotice

_AWAY_NS = 500_000_000
"""After a stream's end: long enough for its source to see that its reader has left."""


@dataclass(frozen=True, slots=True)
class LaneParts:
    """What a lane works with."""

    events: EventSubscriber
    intake: Intake
    recogniser: Recogniser
    course: Course
    session: BrainSession | None


class AtHand(NamedTuple):
    """A frame whose turn it is."""

    t_us: int
    frame: Frame
    ahead_ns: int
    """How much of the stream the same packet had before it."""


class Lane:
    """Takes in the messages of one address; a frame at hand stays until `advance`."""

    def __init__(
        self,
        address: str,
        parts: LaneParts,
        *,
        keep_running: bool,
        is_free: Callable[[str], bool],
    ) -> None:
        """`is_free`: whether no other lane has a source of that name."""
        self.events, self.intake = parts.events, parts.intake
        self.recogniser, self.course = parts.recogniser, parts.course
        self.session = parts.session
        self.latencies = Latencies()
        self.preview = Preview()
        self.frame: AtHand | None = None
        self.ended = False
        """Its stream has ended, and no other is waited for."""
        self.now_us = 0
        """Stream time of the end of the frame last done."""
        self.sent_ns = 0
        """When the message in hand was sent."""
        self._begin_ns: int | None = None
        self._end_ns = 0
        self._keep_running = keep_running
        self._is_free = is_free
        self._name_was_said = False
        self._back_ns: int | None = None
        self._frames: Iterator[AtHand] = iter(())
        self._silence = SilenceNotice("events", address)
        # A session watches its children itself, and may have paused the source.
        self._watched = PARENT_VARIABLE in os.environ

    @property
    def source(self) -> str | None:
        """The name that its source says, once it has said it."""
        return self.intake.source

    @property
    def wall_ns(self) -> int:
        """From the first packet to the last frame."""
        return 0 if self._begin_ns is None else max(0, self._end_ns - self._begin_ns)

    def receive(self, wait_ms: int) -> None:
        """With no frame at hand: take in the next message, if one comes in time."""
        if self._back_ns is not None and time.monotonic_ns() >= self._back_ns:
            self.events.come_back()
            self._back_ns = None
        parts = self.events.receive(wait_ms)
        if parts is not None:
            self._silence.heard()
            self._frames = self._take(parts)
            self.advance()
        elif not self._watched:
            self._silence.look()

    def advance(self) -> None:
        """The frame at hand is done; the next one of its message is then."""
        self.frame = next(self._frames, None)
        if self.frame is None:
            self._end_ns = time.monotonic_ns()

    def close(self) -> None:
        """Nothing more is stepped, but what came in is accounted for."""
        while self.frame is not None:
            self.advance()
        if self.intake.open:
            for _ in self.intake.finish(None):
                pass

    def _take(self, parts: Sequence[wire.Part]) -> Iterator[AtHand]:
        """The frames that a message completes; what it changes happens as they are asked for."""
        try:
            message = wire.decode(parts)
        except wire.WireError as error:
            self.intake.refused[error.reason] += 1
            return
        if isinstance(message, wire.JsonMessage):
            self.intake.refused["kind"] += 1
        elif isinstance(message, wire.EndMessage):
            if self._accepts(message.source):
                yield from self._end(message)
        elif self._accepts(message.packet.source):
            yield from self._push(message)

    def _accepts(self, source: str) -> bool:
        """Whether this is the lane's source; labels of two of one name could not be told apart."""
        if self.intake.source is None and not self._is_free(source):
            self.intake.refused["name of another source"] += 1
            if not self._name_was_said:
                self._name_was_said = True
                say(
                    f"source {source!r}: got two of this name; allowed: one; "
                    "start the other with --name. Its events are refused.",
                    "error",
                )
            return False
        return self.intake.accepts(source)

    def _push(self, message: wire.EventsMessage) -> Iterator[AtHand]:
        packet = message.packet
        if self._begin_ns is None:
            self._begin_ns = time.monotonic_ns()
        if self.intake.breaks_stream(packet):
            yield from _at_hand(self.intake.cut_off())
        if not self.intake.open:
            if self.session is not None:
                packet = self.session.begin_stream(packet)
            gaps = restarts_before() + self.intake.gaps
            self.recogniser.begin_stream(packet.source, gaps=gaps)
        if message.filters is not None and self.session is not None:
            self.session.note_filters(packet, message.filters)
        self.sent_ns = message.sent_ns
        if self.preview.wanted:
            self.preview.see(packet)
        yield from _at_hand(self.intake.push(packet))

    def _end(self, message: wire.EndMessage) -> Iterator[AtHand]:
        self.sent_ns = message.sent_ns
        totals = message.totals
        if self.session is not None and self.session.replay is not None:
            totals = self.session.replay.end(totals)
        yield from _at_hand(self.intake.finish(totals))
        # The source stays until its readers have left; the next one finds us back.
        self.events.leave()
        if self._keep_running:
            self._back_ns = time.monotonic_ns() + _AWAY_NS
        else:
            self.ended = True


def _at_hand(frames: Iterable[tuple[int, Frame]]) -> Iterator[AtHand]:
    for ahead, (t_us, frame) in enumerate(frames):
        yield AtHand(t_us, frame, ahead * 1000 * FRAME_US)
