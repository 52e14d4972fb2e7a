"""A pupil of a brain and its lanes, put together as the settings say."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack

from models.engine import Engine
from pipeline.brain_session import BrainSession
from pipeline.brain_settings import BrainSettings
from pipeline.bus import EventSubscriber
from pipeline.clips import refuse_counts
from pipeline.course import Course, LiveCourse
from pipeline.intake import Intake
from pipeline.lane import Lane, LaneParts
from pipeline.pupil import Pupil
from pipeline.recogniser import Recogniser
from pipeline.scoring import TrialVotes
from pipeline.targets import Targets
from recordings.labels import GestureInterval


def make_pupil(
    settings: BrainSettings,
    engine: Engine,
    intervals: Sequence[GestureInterval],
    events: Sequence[EventSubscriber],
    is_free: Callable[[str], bool],
    stack: ExitStack,
) -> Pupil:
    """With a lane, and a stream of the engine, for each of `events`; `is_free` as in `Lane`.

    What is opened on the way is closed by `stack`. Raises `InputError` and `ModelError`.
    """
    if settings.teaches:
        refuse_counts(engine.settings)
    streams = [0, *(engine.add_stream() for _ in events[1:])]
    recognisers = [_recogniser(settings, engine, intervals, stream) for stream in streams]
    session: BrainSession | None = None
    if settings.teaches:
        session = stack.enter_context(BrainSession(settings, engine, recognisers))
    replay = session.replay if session else None
    shape = engine.settings
    lanes = []
    for address, subscriber, recogniser in zip(settings.connect, events, recognisers, strict=True):
        views = replay.views if replay else settings.views
        parts = LaneParts(
            events=subscriber,
            intake=Intake(
                columns=shape.width, rows=shape.height, counts=shape.counts_events, views=views
            ),
            recogniser=recogniser,
            course=_course(settings, session),
            session=session,
        )
        lanes.append(Lane(address, parts, keep_running=settings.keep_running, is_free=is_free))
    return Pupil(engine, session, lanes)


def _recogniser(
    settings: BrainSettings, engine: Engine, intervals: Sequence[GestureInterval], stream: int
) -> Recogniser:
    classes = len(engine.class_names)
    return Recogniser(
        engine,
        source="",
        decisions=settings.decisions,
        targets=Targets(intervals, classes=classes, on=settings.learn is not None),
        trials=TrialVotes(intervals, engine.settings, layer=settings.layer),
        layer=settings.layer,
        stream=stream,
    )


def _course(settings: BrainSettings, session: BrainSession | None) -> Course:
    """A session's log has that of its only source; what several are spared is counted alone."""
    if session is not None and len(settings.connect) == 1:
        return session.course
    return LiveCourse(skip=settings.skip_when_behind, note=lambda *_: None)
