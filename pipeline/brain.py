"""The brain process: one engine step per frame from the bus, labels to whoever wants them."""

from __future__ import annotations

import logging
import signal
import sys
import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import asdict
from types import FrameType
from typing import Any

import msgspec

from drivers.errors import InputError
from models.engine import Engine
from models.errors import DeviceError
from pipeline import bus, wire
from pipeline.brain_control import BrainControl
from pipeline.brain_parts import make_pupil
from pipeline.brain_report import build_status, build_summary, lane_figures
from pipeline.brain_settings import BrainSettings
from pipeline.control import ControlServer
from pipeline.intake import Intake
from pipeline.label_printer import LabelPrinter
from pipeline.labels import Label, encode_label
from pipeline.lane import Lane
from pipeline.logs import say
from pipeline.metrics import MetricsServer
from pipeline.preview import TOPIC
from pipeline.process_guard import exit_with_parent
from pipeline.pupil import Pupil, Stepped
from pipeline.security import CurveClient, CurveServer
from pipeline.standard_output import GONE, leave_stdout
from pipeline.summary import Ending, RunSummary, encode_summary, print_summary
from pipeline.unseen_labels import unseen_labels
from recordings.labels import GestureInterval, read_label_file, refuse_unknown_classes

_BREATH_NS = 50_000_000
"""Control requests and signals are looked at this often, in the middle of a packet too."""
_TELEMETRY_NS = 1_000_000_000
_WAIT_MS = 50


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
    """Run until the streams' end, a stop request, SIGINT or SIGTERM; gives the closing summary.

    Labels go to standard output, as JSON Lines with the summary as the last line, or as text.
    Raises `InputError` and `ModelError` for what cannot be used.
    """
    exit_with_parent()
    # While loading there is nothing to close or keep, and Python would hear a signal only after.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_DFL)
    file = settings.learn or settings.labels
    intervals = read_label_file(file) if file else []
    engines = [load(apart) for apart in settings.apart()]
    if file:
        refuse_unknown_classes(file, intervals, len(engines[0].class_names))
    Intake.warm_up(counts=any(engine.settings.counts_events for engine in engines))
    with ExitStack() as stack:
        brain = Brain(settings, engines, intervals, stack)
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, brain.interrupt)
        return brain.run()


class Brain:
    """State of one brain process: sockets, pupils with their lanes, counters."""

    def __init__(
        self,
        settings: BrainSettings,
        engines: Sequence[Engine],
        intervals: Sequence[GestureInterval],
        stack: ExitStack,
    ) -> None:
        """`engines` are those of `settings.apart()`."""
        self._settings = settings
        self._apart = settings.apart()
        self._pupils: list[Pupil] = []
        for apart, engine in zip(self._apart, engines, strict=True):
            events = [self._subscribe(address, stack) for address in apart.connect]
            pupil = make_pupil(apart, engine, intervals, events, self._is_free, stack)
            self._pupils.append(pupil)
        self._lanes = [lane for pupil in self._pupils for lane in pupil.lanes]
        self._any = bus.AnyOf([lane.events for lane in self._lanes])
        self._printer = LabelPrinter(sys.stdout, named=len(self._lanes) > 1)
        self._control = BrainControl(
            pupils=self._pupils,
            learning=settings.learns,
            save=[apart.save for apart in self._apart],
            save_folder=settings.save_folder,
            status=self._status,
            record=self._record,
        )
        stack.callback(self._control.close)
        self._interrupted = False
        self._next_breath_ns = 0
        self._next_telemetry_ns = 0
        self._saved: list[str] = []
        self._open_sockets(settings, stack)

    def _is_free(self, source: str) -> bool:
        """Whether no lane has a source of this name."""
        return all(lane.source != source for pupil in self._pupils for lane in pupil.lanes)

    def _subscribe(self, address: str, stack: ExitStack) -> bus.EventSubscriber:
        settings = self._settings
        theirs = (
            CurveClient(settings.server_key, settings.secret_key) if settings.server_key else None
        )
        return stack.enter_context(
            bus.EventSubscriber([address], security=theirs, insecure=settings.insecure)
        )

    def _open_sockets(self, settings: BrainSettings, stack: ExitStack) -> None:
        ours = CurveServer(settings.secret_key) if settings.secret_key else None
        insecure = settings.insecure
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
        """Take in messages until something ends it; gives the closing summary.

        Raises `DeviceError`, after all that is not lost was kept and said, where the engine's
        device is no more to be used.
        """
        trouble: DeviceError | None = None
        try:
            self._go_on()
        except DeviceError as error:
            trouble = error
        for lane in self._lanes:
            lane.close()
        told = self._keep_what_is_left() if trouble else self._finish()
        summary = self._summary()
        if self._settings.as_json:
            sys.stdout.buffer.write(encode_summary(summary))
            sys.stdout.buffer.flush()
        else:
            print_summary(summary, self._printer.console)
        for said in told:
            if isinstance(said, InputError):
                raise said
            sys.stderr.write(f"wigwag: {said}\n")
        if trouble is not None:
            raise trouble
        return summary

    def _go_on(self) -> None:
        """Until something ends it."""
        alone = len(self._lanes) == 1
        while not self._stopping:
            self._breathe()
            if self._control.paused:
                time.sleep(_WAIT_MS / 1000)
                continue
            open_lanes = [lane for lane in self._lanes if not lane.ended]
            if not open_lanes:
                return
            for lane in open_lanes:
                if lane.frame is None:
                    lane.receive(_WAIT_MS if alone else 0)
            ready = [lane for lane in open_lanes if lane.frame is not None]
            if ready:
                self._step_while(ready)
            elif not alone:
                self._any.wait(_WAIT_MS)

    def _step_while(self, ready: Sequence[Lane]) -> None:
        """Step what is at hand until one of these lanes has no more, or it is time to breathe."""
        while True:
            for pupil in self._pupils:
                for stepped in pupil.step(self._control.handle):
                    self._tell_of(pupil, stepped)
                pupil.advance()
            for lane in ready:
                if lane.frame is None:
                    return
            if self._stopping or time.monotonic_ns() >= self._next_breath_ns:
                return

    def _finish(self) -> list[str | InputError]:
        """Save, end sessions; what they have to tell, or why they must be told to have failed."""
        told: list[str | InputError] = []
        for pupil, apart in zip(self._pupils, self._apart, strict=True):
            if apart.save is not None:
                self._saved.append(pupil.engine.save(apart.save, self._record(pupil)))
        for pupil in self._pupils:
            if pupil.session is None:
                continue
            pupil.session.before_frame(self._control.handle)
            try:
                said = pupil.session.finish(max(lane.now_us for lane in pupil.lanes))
            except InputError as error:
                told.append(error)
            else:
                told += [] if said is None else [said]
        file = self._settings.learn or self._settings.labels
        if file is not None and (unseen := unseen_labels(file, self._lanes[0])):
            told.append(unseen)
        return told

    def _keep_what_is_left(self) -> list[str | InputError]:
        """Save where the device still gives its weights; where weights are, line by line."""
        told: list[str | InputError] = []
        for pupil, apart in zip(self._pupils, self._apart, strict=True):
            if apart.save is not None:
                try:
                    self._saved.append(pupil.engine.save(apart.save, self._record(pupil)))
                except DeviceError:
                    told.append(f"weights could not be saved to {apart.save}")
                else:
                    told.append(f"weights of now are in {apart.save}")
            if pupil.session is not None:
                pupil.session.wait_until_written()
            if apart.latest is not None and apart.latest.is_file():
                told.append(f"weights of a few seconds ago are in {apart.latest}")
        return told

    @property
    def _stopping(self) -> bool:
        if self._interrupted or self._control.stopped:
            return True
        return any(pupil.session is not None and pupil.session.over for pupil in self._pupils)

    def _tell_of(self, pupil: Pupil, stepped: Stepped) -> None:
        lane = stepped.lane
        if stepped.label is not None:
            self._publish(pupil, stepped.label)
        recogniser = lane.recogniser
        if lane.preview.wanted and lane.preview.step(
            pupil.engine, recogniser.stream, stepped.latency_ns
        ):
            view = lane.intake.looked[-1][1]
            source = recogniser.source
            payload = lane.preview.take(source, lane.now_us, view, lane_figures(lane))
            self._tell("preview", source, payload)

    def _publish(self, pupil: Pupil, label: Label) -> None:
        line = encode_label(label)
        if pupil.session is not None:
            pupil.session.label(line)
        try:
            if self._settings.as_json:
                sys.stdout.buffer.write(line)
                sys.stdout.buffer.flush()
            else:
                self._printer.show(label)
        except BrokenPipeError:
            leave_stdout()
            say(GONE, "error")
            self._interrupted = True
        self._tell("label", label.source, line)

    def _breathe(self) -> None:
        """Answer whoever asks, and say about once a second how things go."""
        now_ns = time.monotonic_ns()
        self._next_breath_ns = now_ns + _BREATH_NS
        if self._server is not None:
            self._server.serve()
        if self._metrics is not None:
            self._metrics.look(self._status)
        for pupil in self._pupils:
            if pupil.session is not None:
                pupil.session.look(now_ns)
        if self._publisher is None:
            return
        wanted = self._publisher.subscribers(TOPIC) > 0
        for lane in self._lanes:
            lane.preview.want(wanted)
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
        return build_summary(ended, self._lanes, self._saved)

    def _status(self) -> dict[str, Any]:
        return build_status(self._summary(), self._lanes)

    def _record(self, pupil: Pupil) -> dict[str, object]:
        """How these weights came to be; the same run gives the same record."""
        lanes = pupil.lanes
        return {
            "adapted_on": _named(lanes),
            "frames": sum(lane.recogniser.counts.frames for lane in lanes),
            "updates": pupil.engine.updates,
            "learning": asdict(self._settings.learning),
        }


def _named(lanes: Sequence[Lane]) -> str | None:
    """Their sources, as far as they are known."""
    return ", ".join(lane.source for lane in lanes if lane.source is not None) or None
