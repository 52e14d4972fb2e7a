"""`wigwag replay` and `live`: source and brain as real processes over the real bus, and what they
say.
"""

from __future__ import annotations

import signal
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

import msgspec
from rich.console import Console

from drivers.errors import InputError
from pipeline.addresses import ipc_address, private_run_directory
from pipeline.atomic_file import AtomicFile, write_atomically
from pipeline.children import LineReader
from pipeline.growing_file import GrowingFile
from pipeline.label_printer import LabelPrinter
from pipeline.labels import decode_label
from pipeline.logs import pass_on, say
from pipeline.repeated_labels import RepeatedLabels
from pipeline.standard_output import GONE, leave_stdout
from pipeline.summary import RunSummary, decode_summary, print_summary, write_summary
from pipeline.supervision import AfterKill, Stage, Stages, Told
from pipeline.terminal import Keys, ProgressLine

INTERRUPTED = 130
_GRACE_S = 1.5
"""After Ctrl-C children get this long to write their summary; then they are killed."""
_READERS_S = 5.0
"""After Ctrl-C a brain and a recorder have this long to take in what the source gave. After the
source's end a brain that was started again has it: it may have missed being told."""


@dataclass(frozen=True, slots=True)
class SessionSettings:
    """What `wigwag replay` or `live` was asked to do, apart from what its children are told."""

    sources: tuple[tuple[str, ...], ...]
    """Arguments of `wigwag source`, without its addresses, for each."""
    brain_arguments: tuple[str, ...]
    """Of `wigwag brain`, without its addresses."""
    recorder_arguments: tuple[str, ...] | None = None
    """Of `wigwag record`, without its address; None where nothing is recorded."""
    threads: int = 1
    """For the brain; the source gets one."""
    after_kill: AfterKill = "end"
    standing_by: int = 0
    """Processes that are loaded, and wait to take the place of what is killed."""
    endless: bool = False
    """It may run for hours: labels are in `output` as they are said."""
    step: bool = False
    """Start paused, go on key by key."""
    as_json: bool = False
    output: Path | None = None
    """Every label said, as JSON Lines; not there where a stage failed, unless it is `endless`."""
    summary: Path | None = None
    source_control: Path | None = None
    """Where the address is kept at which the source of a session that is kept can be asked."""
    greeting: str | None = None
    """What is said with the first label, when all stages are there."""
    console_arguments: tuple[str, ...] | None = None
    """Of `wigwag console`, without that of the source; None for a session without one."""
    elsewhere: Callable[[], SessionSettings] | None = None
    """Of a session that goes on elsewhere when a stage was killed: what it is asked to do then."""


class Session:
    """One run of a recording, or of cameras, through one brain."""

    def __init__(self, settings: SessionSettings) -> None:
        if settings.step and not Keys.available():
            raise InputError(
                what="--step",
                got="no terminal on standard input",
                allowed="a terminal, whose keys go on",
                todo="run it in a terminal, or leave --step out",
            )
        self._settings = settings
        self._printer = LabelPrinter(sys.stdout, named=len(settings.sources) > 1)
        self._progress = ProgressLine()
        self._interrupts = 0
        self._labels = RepeatedLabels()
        self._wrong: InputError | None = None
        """A replay that was begun anew said something else."""
        self._summary: RunSummary | None = None
        self._paused = settings.step
        self._begin = time.monotonic()

    def run(self) -> int:
        """Run to the end; returns the exit status.

        Every child has ended when this returns, and files asked for are whole or absent; labels of
        an endless session are there up to where it came.
        """
        handlers = {
            number: signal.signal(number, self._interrupt)
            for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
        }
        try:
            if self._settings.output is None:
                return self._run_children(None)
            kind = GrowingFile if self._settings.endless else AtomicFile
            with kind(self._settings.output) as output:
                return self._run_children(output)
        finally:
            self._progress.clear()
            for number, handler in handlers.items():
                signal.signal(number, handler)

    @property
    def began(self) -> bool:
        """Whether anything was seen: a label was said, or a frame stepped."""
        return self._labels.count > 0 or (self._summary is not None and self._summary.frames > 0)

    def _interrupt(self, _number: int, _frame: FrameType | None) -> None:
        self._interrupts += 1

    def _run_children(self, output: AtomicFile | None) -> int:
        self._folder = private_run_directory()
        with Keys() as keys, LineReader() as reader:
            self._stages = stages = Stages(
                reader,
                self._labels,
                self._settings.after_kill,
                self._go_elsewhere,
                self._settings.standing_by,
            )
            try:
                for name, arguments in self._told().items():
                    stages.start(
                        name, arguments, threads=self._settings.threads if name == "brain" else 1
                    )
                status = self._follow(reader, keys, output)
            finally:
                stages.close()
        return self._close(status, output)

    def _go_elsewhere(self) -> Told:
        if self._settings.elsewhere is not None:
            self._settings = self._settings.elsewhere()
        return self._told()

    def _told(self) -> Told:
        """What every stage is told, by name; those started last come last."""
        folder, sources = self._folder, self._settings.sources
        numbers = [""] if len(sources) == 1 else [f" {n}" for n in range(1, len(sources) + 1)]
        events = [ipc_address(folder, f"events{number.strip()}") for number in numbers]
        self._controls = [ipc_address(folder, f"source{number.strip()}") for number in numbers]
        if self._settings.source_control is not None:
            write_atomically(self._settings.source_control, f"{self._controls[0]}\n".encode())
        told: dict[str, tuple[str, ...]] = {
            f"source{number}": (*arguments, "--bind", address, "--control", control)
            for number, arguments, address, control in zip(
                numbers, sources, events, self._controls, strict=True
            )
        }
        connects = tuple(f"--connect={address}" for address in events)
        told["brain"] = ("brain", *connects, "--json", *self._settings.brain_arguments)
        if self._settings.recorder_arguments is not None:
            told["recorder"] = ("record", *connects, *self._settings.recorder_arguments)
        if self._settings.console_arguments is not None:
            shown = self._settings.console_arguments
            # Pause, step and seek are of one source.
            asked = ("--source-control", self._controls[0]) if len(sources) == 1 else ()
            told["console"] = ("console", *asked, *shown)
        return told

    def _follow(self, reader: LineReader, keys: Keys, output: AtomicFile | None) -> int:
        """Pass on what the children say until all have ended; the status of the first failure."""
        stages = self._stages
        sources = [stage for stage in stages.values() if stage.kind == "source"]
        brain = stages["brain"]
        recorder, console = stages.get("recorder"), stages.get("console")
        working = [stage for stage in stages.values() if stage is not console]
        readers_left: float | None = None
        status = 0
        deadline: float | None = None
        brain_ended: float | None = None
        source_ended: float | None = None
        unheard: set[int] = set()
        while (reader.open_pipes or stages.waits) and (
            deadline is None or time.monotonic() < deadline
        ):
            quiet = {recorder.child.pipes()[0]} if recorder else set()
            for pipe, line in reader.read(0.05):
                if pipe == brain.child.pipes()[0]:
                    self._take_label_line(line, output)
                elif pipe not in quiet | unheard:
                    self._pass_on(line)
            if self._interrupts > 1:
                break
            if deadline is not None:
                continue
            if not self._interrupts and brain_ended is None:
                for text in stages.supervise():
                    self._progress.clear()
                    say(text, "error")
            status = self._failure(working)
            if console is not None and brain_ended is None:
                # It never ends by itself: whoever wanted it shall know at once.
                status = status or self._failure([console])
            if brain.child.status == 0 and brain_ended is None:
                brain_ended = time.monotonic()
                if console is not None:
                    console.child.interrupt()
            if any(source.child.status != 0 for source in sources):
                source_ended = None
            elif source_ended is None:
                source_ended = time.monotonic()
            # A brain told to stop leaves a source that waits for a reader which never comes.
            abandoned = brain_ended is not None and time.monotonic() > brain_ended + _GRACE_S
            if brain.restarts and source_ended is not None and not stages.waits:
                abandoned = abandoned or time.monotonic() > source_ended + _READERS_S
            if self._interrupts and recorder is not None and readers_left is None:
                # The source says its end, so that nothing it gave is missing in what is kept.
                readers_left = time.monotonic() + _READERS_S
                for source in sources:
                    source.child.interrupt()
            waits = readers_left is not None and time.monotonic() < readers_left
            if status or (self._interrupts and not waits) or abandoned:
                deadline = time.monotonic() + _GRACE_S
                if status and not self.began:
                    # One error is all there is to say; how the others end is none.
                    others = [stage for stage in stages.values() if not stage.child.status]
                    unheard.update(pipe for stage in others for pipe in stage.child.pipes())
                stages.interrupt()
            else:
                self._obey(keys.pressed())
        if deadline is None and self._interrupts < 2:
            for stage in working:
                stage.child.wait(time.monotonic() + _GRACE_S)
            status = self._failure(working)
        return status

    def _failure(self, stages: Sequence[Stage]) -> int:
        """The exit status of the first that failed, said if it was killed; 0 if none did."""
        if self._wrong is not None:
            return 2
        for stage in stages:
            status = stage.child.status
            if stage.kind in ("source", "recorder") and status == INTERRUPTED:
                continue  # told to end, by us
            if stage.killed and stage.survives and not self._interrupts:
                continue  # started again
            if status is not None and status < 0:
                say(f"the {stage.name} process was ended by signal {-status}", "error")
                return 1
            if status:
                return status
        return 0

    def _take_label_line(self, line: bytes, output: AtomicFile | None) -> None:
        summary = decode_summary(line)
        if summary is not None:
            self._summary = summary
            return
        label = decode_label(line)
        try:
            if self._wrong is not None or not self._labels.is_new(label):
                return
        except InputError as error:
            self._wrong = error
            say(str(error), "error")
            return
        if not self._interrupts:
            self._stages.stand_by()
        if self._labels.count == 1:
            self._begin = time.monotonic()
            if self._settings.greeting is not None:
                say(self._settings.greeting)
        if output is not None:
            output.write(line)
        if self._settings.as_json or label.changed:
            self._progress.clear()
        try:
            if self._settings.as_json:
                sys.stdout.write(line.decode())
                sys.stdout.flush()
            else:
                self._printer.show(label)
        except BrokenPipeError:
            # What is kept of a session, lessons say, shall be whole.
            leave_stdout()
            say(GONE, "error")
            self._interrupts = max(self._interrupts, 1)
        seen_s = self._labels.seen_s
        speed = seen_s / max(time.monotonic() - self._begin, 1e-3)
        self._progress.show(
            f"{seen_s:8.1f} s seen at {speed:.1f} times real time, now: {label.label}"
            f"{' (space: pause)' if Keys.available() else ''}"
        )

    def _pass_on(self, line: bytes) -> None:
        """What a child says on its standard error is for the user."""
        self._progress.clear()
        pass_on(line.decode("utf-8", "replace"))

    def _obey(self, keys: str) -> None:
        """Space pauses and goes on; s, Enter or . advances a paused replay by one packet."""
        for key in keys:
            if key == " ":
                self._paused = not self._paused
                self._ask_sources("pause" if self._paused else "resume")
            elif key in "s.\n" and self._paused:
                self._ask_sources("step")
        if keys and self._paused:
            self._progress.show("paused (space: go on, s: one step)", now=True)

    def _ask_sources(self, command: str) -> None:
        # Here: the bus takes long to import, and the children should start first.
        from pipeline.control import control_request

        for control in self._controls:
            try:
                control_request(control, {"command": command}, timeout_s=0.5)
            except InputError as error:
                # It may just have ended; a key press must not end the session.
                self._pass_on(f"wigwag: {command}: {error}\n".encode())

    def _close(self, status: int, output: AtomicFile | None) -> int:
        self._progress.clear()
        summary = self._summary
        restarts = self._stages.restarts
        # Interrupted, nobody may have waited for a summary: what was said is kept all the same.
        said = summary is not None or (self._interrupts > 0 and self._labels.count > 0)
        if output is not None and said and not status:
            output.commit()
        if summary is not None and restarts:
            went_on = "brain" in restarts and self._settings.after_kill != "begin anew"
            summary = msgspec.structs.replace(
                summary,
                restarts=restarts,
                labels_in_all=self._labels.count if went_on else None,
            )
        if summary is not None and self._interrupts and self._stages.get("recorder"):
            # The source was, and said its end for the recorder: that is all the brain knows.
            summary = msgspec.structs.replace(summary, ended="interrupted")
        if summary is not None and not status:
            if self._settings.summary is not None:
                write_summary(self._settings.summary, summary)
            print_summary(
                summary,
                Console(stderr=True, highlight=False)
                if self._settings.as_json
                else self._printer.console,
            )
        if status:
            return status
        if self._interrupts:
            if output is not None and not said:
                sys.stderr.write(f"wigwag: interrupted, {output.path} was not written\n")
            return INTERRUPTED
        if summary is None:
            sys.stderr.write("wigwag: the brain ended without a summary\n")
            return 1
        return 0
