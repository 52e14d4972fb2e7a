"""A pupil: one set of weights, what is taught to it, and the lanes that it sees by."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from models.engine import Engine, StreamFrame
from models.errors import NotFiniteError
from pipeline.brain_session import BrainSession
from pipeline.decisions import FRAME_US
from pipeline.labels import Label
from pipeline.lane import AtHand, Lane


class Stepped(NamedTuple):
    """A frame of a lane that was stepped."""

    lane: Lane
    latency_ns: int
    label: Label | None


class Pupil:
    """Of a brain: sees by all of its lanes, or by one of them where each is learnt apart."""

    def __init__(self, engine: Engine, session: BrainSession | None, lanes: Sequence[Lane]) -> None:
        self.engine = engine
        self.session = session
        self.lanes = tuple(lanes)
        self._spared = False

    def step(self, handle: Callable[[dict[str, Any]], dict[str, Any]]) -> list[Stepped]:
        """Step the frames at hand in its lanes, together; `advance` comes after.

        Frames are left out, or not learnt from, as their lanes' courses say. Requests that a
        replay has for this moment are made by `handle`.
        """
        if self.session is not None:
            self.session.before_frame(handle)
        self._spared = False
        lanes: list[Lane] = []
        frames: list[StreamFrame] = []
        for lane in self.lanes:
            if lane.frame is not None:
                frame = self._begin(lane, lane.frame)
                if frame is not None:
                    lanes.append(lane)
                    frames.append(frame)
        return self._step(lanes, frames) if frames else []

    def advance(self) -> None:
        """All that was made of the step is said: rehearse, and go on to the lanes' next frames."""
        if self.session is not None:
            self.session.teacher.end_step(may_rehearse=not self._spared)
        for lane in self.lanes:
            if lane.frame is not None:
                lane.advance()

    def _begin(self, lane: Lane, at_hand: AtHand) -> StreamFrame | None:
        """What a lane's frame brings to the step, if anything."""
        session = self.session
        lane.now_us = at_hand.t_us + FRAME_US
        rehearses = session is not None and session.teacher.rehearsal.running
        skipped = lane.course.next(lane.sent_ns, at_hand.ahead_ns, rehearses)
        self._spared = self._spared or skipped is not None
        if session is not None:
            session.begin_frame(at_hand.frame, at_hand.t_us, lane.recogniser.stream)
        if skipped == "frames":
            lane.recogniser.counts.frames_skipped += 1
            return None
        return lane.recogniser.bring(at_hand.frame, at_hand.t_us, learn=skipped != "learning")

    def _step(self, lanes: list[Lane], frames: list[StreamFrame]) -> list[Stepped]:
        """One step of the network; none where it was spoilt, and is now what it was before."""
        begin_ns = time.perf_counter_ns()
        try:
            results = self.engine.step_together(frames)
        except NotFiniteError:
            if self.session is None:
                raise
            self.session.teacher.recover()
            self._spared = True
            return []
        spent_ns = (time.perf_counter_ns() - begin_ns) // len(frames)
        stepped = []
        for lane, frame, result in zip(lanes, frames, results, strict=True):
            latency_ns, label = lane.recogniser.take(
                result, frame, lane.now_us - FRAME_US, lane.sent_ns, engine_ns=spent_ns
            )
            lane.latencies.add(latency_ns)
            stepped.append(Stepped(lane, latency_ns, label))
            if self.session is not None:
                self.session.teacher.end_frame(frame.frame, frame.stream)
        return stepped
