"""The brain process: one engine step per frame from the bus, labels to whoever wants them."""

from __future__ import annotations

import logging
import os
import signal
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack
from dataclasses import asdict
from types import FrameType
from typing import Any

import msgspec

from drivers.errors import InputError
from models.engine import Engine
from models.errors import NotFiniteError
from pipeline import bus, wire
from pipeline.brain_control import BrainControl
from pipeline.brain_report import build_figures, build_status, build_summary
from pipeline.brain_session import BrainSession
from pipeline.brain_settings import BrainSettings
from pipeline.control import ControlServer
from pipeline.course import LiveCourse
from pipeline.decisions import FRAME_US
from pipeline.intake import Frame, Intake
from pipeline.label_printer import LabelPrinter
from pipeline.labels import Label, encode_label
from pipeline.latencies import Latencies
from pipeline.metrics import MetricsServer
from pipeline.preview import TOPIC, Preview
from pipeline.process_guard import PARENT_VARIABLE, exit_with_parent, restarts_before
from pipeline.recogniser import Recogniser
from pipeline.scoring import TrialVotes
from pipeline.security import CurveClient, CurveServer
from pipeline.silence_notice import SilenceNotice
from pipeline.summary import Ending, RunSummary, encode_summary, print_summary
from pipeline.targets import Targets
from recordings.labels import read_label_file

_BREATH_NS = 50_000_000
"""Control requests and signals are looked at this often, in the middle of a packet too."""
_TELEMETRY_NS = 1_000_000_000
_WAIT_MS = 50
_AWAY_NS = 500_000_000
"""After a stream's end: long enough for its source to see that its reader has left."""


def load_chosen_engine(settings: BrainSettings) -> Engine:
    """The engine asked for, with the checkpoint's weights; raises `ModelError`."""
    from models.engines import load_engine

    logging.basicConfig(level=logging.INFO, format="wigwag: %(message)s")
    return load_engine(
        settings.begun_from,
        engine=settings.engine,
        device=settings.device,
        threads=settings.threads,
        learning=settings.learning if settings.learns else None,
    )


def run_brain(
    settings: BrainSettings, load: Callable[[BrainSettings], Engine] = load_chosen_engine
) -> RunSummary:
    """Run until the stream's end, a stop request, SIGINT or SIGTERM; gives the closing summary.

    Labels go to standard output, as JSON Lines with the summary as the last line, or as text.
    Raises `InputError` and `ModelError` for what cannot be used.
    """
    exit_with_parent()
    # While loading there is nothing to close or keep, and Python would hear a signal only after.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_DFL)
    file = settings.learn or settings.labels
    intervals = read_label_file(file) if file else []
    engine = load(settings)
    Intake.warm_up()
    classes, layers = len(engine.class_names), len(engine.settings.layers)
    targets = Targets(intervals, classes=classes, on=settings.learn is not None)
    trials = TrialVotes(intervals, layers=layers, classes=classes, layer=settings.layer)
    with ExitStack() as stack:
        brain = Brain(settings, engine, targets, trials, stack)
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, brain.interrupt)
        return brain.run()


class Brain:
    """State of one brain process: sockets, stream, engine, counters."""

    def __init__(
        self,
        settings: BrainSettings,
        engine: Engine,
        targets: Targets,
        trials: TrialVotes,
        stack: ExitStack,
    ) -> None:
        self._settings = settings
        self._engine = engine
        self._trials = trials
        self._recogniser = Recogniser(
            engine,
            source="",
            decisions=settings.decisions,
            targets=targets,
            trials=trials,
            layer=settings.layer,
        )
        shape = engine.settings
        self._session: BrainSession | None = None
        if settings.teaches:
            self._session = stack.enter_context(
                BrainSession(settings, engine, self._recogniser, targets)
            )
        replay = self._session.replay if self._session else None
        views = replay.views if replay else settings.views
        self._intake = Intake(columns=shape.width, rows=shape.height, views=views)
        self._course = (
            self._session.course
            if self._session
            else LiveCourse(skip=settings.skip_when_behind, note=lambda *_: None)
        )
        self._latencies = Latencies()
        self._preview = Preview()
        self._printer = LabelPrinter(sys.stdout)
        self._control = BrainControl(
            engine=engine,
            targets=targets,
            session=self._session,
            learning=settings.learns,
            save=settings.save,
            save_folder=settings.save_folder,
            status=self._status,
            record=self._record,
            look=self._intake.look,
            now_us=lambda: self._stream_now_us,
        )
        stack.callback(self._control.close)
        self._interrupted = False
        self._ended = False
        self._back_ns: int | None = None
        self._stream_now_us = 0
        self._sent_ns = 0
        self._begin_ns: int | None = None
        self._end_ns = 0
        self._next_breath_ns = 0
        self._next_telemetry_ns = 0
        self._saved: str | None = None
        self._open_sockets(settings, stack)

    def _open_sockets(self, settings: BrainSettings, stack: ExitStack) -> None:
        theirs = (
            CurveClient(settings.server_key, settings.secret_key) if settings.server_key else None
        )
        ours = CurveServer(settings.secret_key) if settings.secret_key else None
        insecure = settings.insecure
        self._events = stack.enter_context(
            bus.EventSubscriber([settings.connect], security=theirs, insecure=insecure)
        )
        self._publisher: bus.Publisher | None = None
        self._published: Counter[str] = Counter()
        if settings.publish:
            self._publisher = stack.enter_context(
                bus.Publisher(settings.publish, security=ours, insecure=insecure)
            )
        self._server: ControlServer | None = None
        if settings.control:
            self._server = stack.enter_context(
                ControlServer(
                    settings.control, self._control.handle, security=ours, insecure=insecure
                )
            )

        self._metrics: MetricsServer | None = None
        if settings.metrics:
            self._metrics = stack.enter_context(MetricsServer(settings.metrics, insecure=insecure))

    def interrupt(self, _number: int, _frame: FrameType | None) -> None:
        """End soon: the handler of SIGINT and SIGTERM."""
        self._interrupted = True

    def run(self) -> RunSummary:
        """Take in messages until something ends it; gives the closing summary."""
        silence = SilenceNotice("events", self._settings.connect)
        # A session watches its children itself, and may have paused the source.
        watched = PARENT_VARIABLE in os.environ
        while not self._stopping and not self._ended:
            self._breathe()
            if self._control.paused:
                time.sleep(_WAIT_MS / 1000)
                continue
            if self._back_ns is not None and time.monotonic_ns() >= self._back_ns:
                self._events.come_back()
                self._back_ns = None
            parts = self._events.receive(_WAIT_MS)
            if parts is not None:
                silence.heard()
                self._take(parts)
            elif not watched:
                silence.look()
        if self._intake.open:
            # Nothing more is stepped, but what came in is accounted for.
            for _ in self._intake.finish(None):
                pass
        if self._settings.save is not None:
            self._saved = self._engine.save(self._settings.save, self._record())
        told = self._finish_session()
        summary = self._summary()
        if self._settings.as_json:
            sys.stdout.buffer.write(encode_summary(summary))
            sys.stdout.buffer.flush()
        else:
            print_summary(summary, self._printer.console)
        if isinstance(told, InputError):
            raise told
        if told is not None:
            sys.stderr.write(f"wigwag: {told}\n")
        return summary

    def _finish_session(self) -> str | InputError | None:
        """What a session has to tell at its end, or why it must be told to have failed."""
        if self._session is None:
            return None
        self._session.before_frame(self._control.handle)
        try:
            return self._session.finish(self._stream_now_us)
        except InputError as error:
            return error

    @property
    def _stopping(self) -> bool:
        over = self._session is not None and self._session.over
        return over or self._interrupted or self._control.stopped

    def _take(self, parts: Sequence[wire.Part]) -> None:
        try:
            message = wire.decode(parts)
        except wire.WireError as error:
            self._intake.refused[error.reason] += 1
            return
        if isinstance(message, wire.JsonMessage):
            self._intake.refused["kind"] += 1
        elif isinstance(message, wire.EndMessage):
            if self._intake.accepts(message.source):
                self._sent_ns = message.sent_ns
                totals = message.totals
                if self._session is not None and self._session.replay is not None:
                    totals = self._session.replay.end(totals)
                self._step_all(self._intake.finish(totals))
                self._ended = not self._settings.keep_running
                if not self._ended:
                    # The source stays until its readers have left; the next one finds us back.
                    self._events.leave()
                    self._back_ns = time.monotonic_ns() + _AWAY_NS
        elif self._intake.accepts(message.packet.source):
            self._take_packet(message)

    def _take_packet(self, message: wire.EventsMessage) -> None:
        packet = message.packet
        if self._begin_ns is None:
            self._begin_ns = time.monotonic_ns()
        if self._intake.breaks_stream(packet):
            self._step_all(self._intake.cut_off())
        if not self._intake.open:
            if self._session is not None:
                packet = self._session.begin_stream(packet)
            gaps = restarts_before() + self._intake.gaps
            self._recogniser.begin_stream(packet.source, gaps=gaps)
        self._sent_ns = message.sent_ns
        if self._preview.wanted:
            self._preview.see(packet)
        self._step_all(self._intake.push(packet))

    def _step_all(self, frames: Iterable[tuple[int, Frame]]) -> None:
        for ahead, (t_us, frame) in enumerate(frames):
            if time.monotonic_ns() >= self._next_breath_ns:
                self._breathe()
                while self._control.paused and not self._stopping:
                    time.sleep(_WAIT_MS / 1000)
                    self._breathe()
            if not self._stopping:
                self._step(t_us, frame, ahead_ns=ahead * 1000 * FRAME_US)
        self._end_ns = time.monotonic_ns()

    def _step(self, t_us: int, frame: Frame, *, ahead_ns: int) -> None:
        session = self._session
        if session is not None:
            session.before_frame(self._control.handle)
        self._stream_now_us = t_us + FRAME_US
        rehearses = session is not None and session.teacher.rehearsal.running
        skipped = self._course.next(self._sent_ns, ahead_ns, rehearses)
        if session is not None:
            session.begin_frame(frame, t_us)
        if skipped == "frames":
            self._recogniser.counts.frames_skipped += 1
            return
        learn = skipped != "learning"
        try:
            latency_ns, label = self._recogniser.step(frame, t_us, self._sent_ns, learn=learn)
        except NotFiniteError:
            if session is None:
                raise
            session.teacher.recover()
            return
        self._latencies.add(latency_ns)
        if label is not None:
            self._publish(label)
        if self._preview.wanted and self._preview.step(self._recogniser.engine, latency_ns):
            figures = build_figures(self._intake, self._recogniser, self._course.backlog.behind_ns)
            view = self._intake.looked[-1][1]
            payload = self._preview.take(self._stream_now_us, view, figures)
            self._tell("preview", self._recogniser.source, payload)
        if session is not None:
            session.teacher.end_frame(frame, may_rehearse=skipped is None)

    def _publish(self, label: Label) -> None:
        line = encode_label(label)
        if self._session is not None:
            self._session.label(line)
        if self._settings.as_json:
            sys.stdout.buffer.write(line)
            sys.stdout.buffer.flush()
        else:
            self._printer.show(label)
        self._tell("label", label.source, line)

    def _breathe(self) -> None:
        """Answer whoever asks, and say about once a second how things go."""
        now_ns = time.monotonic_ns()
        self._next_breath_ns = now_ns + _BREATH_NS
        if self._server is not None:
            self._server.serve()
        if self._metrics is not None:
            self._metrics.look(self._status)
        if self._session is not None:
            self._session.look(now_ns)
        if self._publisher is None:
            return
        self._preview.want(self._publisher.subscribers(TOPIC) > 0)
        if now_ns >= self._next_telemetry_ns:
            self._next_telemetry_ns = now_ns + _TELEMETRY_NS
            self._tell("telemetry", "brain", msgspec.json.encode(self._status()))

    def _tell(self, kind: wire.SaidKind, source: str, payload: bytes) -> None:
        """Give watchers a message; one that is slow misses it, and nobody waits."""
        if self._publisher is not None:
            seq = self._published[kind]
            self._published[kind] += 1
            self._publisher.publish(wire.encode_json(kind, source, seq, payload, time.time_ns()))

    def _summary(self) -> RunSummary:
        if self._interrupted:
            ended: Ending = "interrupted"
        else:
            ended = "stopped" if self._control.stopped else "end of stream"
        begin_ns = self._begin_ns
        return build_summary(
            ended=ended,
            intake=self._intake,
            counts=self._recogniser.counts,
            engine=self._engine,
            trials=self._trials,
            latencies=self._latencies,
            wall_ns=0 if begin_ns is None else max(0, self._end_ns - begin_ns),
            saved=self._saved,
        )

    def _status(self) -> dict[str, Any]:
        return build_status(self._summary(), self._stream_now_us, self._course.backlog.behind_ns)

    def _record(self) -> dict[str, object]:
        """How these weights came to be; the same run gives the same record."""
        return {
            "adapted_on": self._intake.source,
            "frames": self._recogniser.counts.frames,
            "updates": self._engine.updates,
            "learning": asdict(self._settings.learning),
        }
