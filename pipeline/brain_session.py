"""What a brain that is taught keeps: teacher, log, labels and versions, in a folder or for now."""

from __future__ import annotations

import os
import zlib
from collections.abc import Callable, Sequence
from dataclasses import asdict
from typing import Any

from drivers.closing import Closing
from drivers.events import EventPacket
from models.engine import Engine
from models.teaching import teaching_of
from pipeline.atomic_file import append_whole
from pipeline.background import BackgroundWriter
from pipeline.brain_settings import BrainSettings
from pipeline.clips import Clip
from pipeline.course import LiveCourse, LoggedCourse, Skipped
from pipeline.filter_settings import FilterSettings
from pipeline.intake import Frame
from pipeline.latest_weights import LatestWeights
from pipeline.logs import say
from pipeline.recogniser import Recogniser
from pipeline.session_folder import SessionFolder
from pipeline.session_log import SessionLog
from pipeline.session_replay import SessionReplay
from pipeline.teacher import Teacher, TeacherParts
from pipeline.temporary_folder import TemporaryFolder
from pipeline.versions import Version
from recordings.labels import GestureInterval, write_label_file


class BrainSession(Closing):
    """Of one brain process, from its start to its end."""

    def __init__(
        self, settings: BrainSettings, engine: Engine, recognisers: Sequence[Recogniser]
    ) -> None:
        """`recognisers` as in `TeacherParts`. Raises `InputError` and `ModelError` for a folder or
        an engine that cannot be used.
        """
        teaching = teaching_of(engine)
        shape = engine.settings
        given: list[Clip] = []
        if settings.rehearse is not None:
            # Here: the readers of all formats, which a brain that was killed should not wait for.
            from pipeline.given_clips import read_given_clips

            given = read_given_clips(
                settings.rehearse, engine.class_names, columns=shape.width, rows=shape.height
            )
        self.replay = SessionReplay(SessionFolder(settings.replay)) if settings.replay else None
        self._folder: SessionFolder | None = None
        self._temporary: TemporaryFolder | None = None
        self._writer = BackgroundWriter()
        self._log: SessionLog | None = None
        self._labels: int | None = None
        self._said_failure = False
        self._crc = 0
        self.course: LiveCourse | LoggedCourse = LiveCourse(
            skip=settings.skip_when_behind, note=self._note_skipped
        )
        if self.replay is not None:
            self.course = self.replay.course
        if settings.session is not None:
            self._folder = SessionFolder(settings.session)
            self._folder.begin(settings.begun_from, settings.kept())
            self._log = SessionLog(self._folder.log, self._writer)
            flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT
            self._labels = os.open(self._folder.labels, flags, 0o666)
            if settings.control:
                self._folder.control.write_text(settings.control + "\n", encoding="utf-8")
            folder = self._folder.path
        else:
            self._temporary = TemporaryFolder("kept")
            folder = self._temporary.path
        self._t_us = 0
        self._lessons: dict[int, GestureInterval] = {}
        self.teacher = Teacher(
            TeacherParts(engine, teaching, recognisers, settings.learning.rate),
            folder,
            self._writer,
            layer=settings.layer,
            given=given,
            note=self.note,
            written=self._note_version,
        )
        self._latest: LatestWeights | None = None
        if settings.latest is not None:
            self._latest = LatestWeights(
                settings.latest, engine, teaching, self.teacher.versions, self._writer
            )

    def begin_stream(self, packet: EventPacket) -> EventPacket:
        """A stream's first packet, as it is to be taken."""
        if self.replay is not None:
            packet = self.replay.place(packet)
        if self._log is not None:
            self._log.write(
                "stream",
                self.course.frame,
                packet.t_begin_us,
                source=packet.source,
                width=packet.sensor.width,
                height=packet.sensor.height,
            )
        return packet

    def note_filters(self, packet: EventPacket, filters: FilterSettings) -> None:
        """A source's events are filtered so from this packet on."""
        if self._log is not None:
            self._log.write(
                "filters",
                self.course.frame,
                packet.t_begin_us,
                source=packet.source,
                **asdict(filters),
            )

    def before_frame(self, handle: Callable[[dict[str, Any]], dict[str, Any]]) -> None:
        """Replayed requests are made now, between two frames."""
        if self.replay is not None:
            self.replay.ask_due(handle)

    def begin_frame(self, frame: Frame, t_us: int, stream: int) -> None:
        """A stream's frame, shape (2, rows, columns), that begins at `t_us`, stepped or not."""
        self._t_us = t_us
        self._crc = zlib.crc32(frame.data, self._crc)
        self.teacher.begin_frame(t_us, stream)

    def label(self, line: bytes) -> None:
        """A label was said."""
        if self._labels is not None and self._folder is not None:
            # What it rests on is in the log before it is said: the process may be killed.
            self.course.end_run()
            append_whole(self._labels, line, self._folder.labels)
        if self.replay is not None:
            self.replay.label(line)

    def note(self, what: str, **fields: Any) -> None:
        """Write to the log, where there is one."""
        if what == "lesson":
            interval = GestureInterval(fields["begin_us"], fields["end_us"], fields["class"])
            self._lessons[fields["number"]] = interval
        if what == "spoilt":
            cause = (
                f"lesson {fields['lesson']}, {fields['name']}" if fields["lesson"] else "rehearsal"
            )
            say(
                f"{cause} made weights far too large; they are those of version "
                f"{fields['version']} again: learn with a smaller rate",
                "error",
            )
        if self._log is not None:
            self._log.write(what, self.course.frame, self._t_us, **fields)

    def taken_back(self, lesson: int) -> None:
        """A lesson is none."""
        self._lessons.pop(lesson, None)

    @property
    def keeps(self) -> bool:
        """Whether versions outlive the process."""
        return self._temporary is None or self.replay is not None

    def wait_until_written(self) -> None:
        """Until all files are there that were to be; raises `InputError`."""
        self._writer.wait()
        self._writer.check()

    @property
    def over(self) -> bool:
        """Whether a replay has come to its end."""
        return self.replay is not None and self.replay.over

    def look(self, now_ns: int) -> None:
        """Between two frames, now and then: keep the latest weights; tell, once, that files
        cannot be written. Recognition goes on.
        """
        if self._latest is not None:
            self._latest.look(now_ns)
        if self._writer.failed and not self._said_failure:
            self._said_failure = True
            try:
                self._writer.check()
            except ValueError as error:
                say(str(error), "error")

    def finish(self, end_us: int) -> str | None:
        """End the lesson that runs, keep the weights; what a replay has to tell.

        Raises `InputError` for what could not be written, or came out otherwise in a replay.
        """
        self.teacher.end_lesson()
        last = self.teacher.make_version("end")
        if self._latest is not None:
            self._latest.keep()
        self.course.end_run()
        self._writer.wait()
        frames, weights = f"{self._crc:08x}", last.digest or ""
        if self._log is not None and self._folder is not None:
            self._log.write("end", self.course.frame, end_us, frames=frames, weights=weights)
            write_label_file(self._folder.targets, list(self._lessons.values()))
        self._writer.check()
        return None if self.replay is None else self.replay.check(frames, weights)

    def close(self) -> None:
        """End the writer, close files."""
        self._writer.close()
        if self._log is not None:
            self._log.close()
        if self._labels is not None:
            os.close(self._labels)
        if self._temporary is not None:
            self._temporary.close()

    def _note_skipped(self, kind: Skipped, first: int, count: int) -> None:
        if self._log is not None:
            self._log.write("skipped", first, self._t_us, kind=kind, count=count)

    def _note_version(self, version: Version) -> None:
        said = version.described()
        self.note("version", made_us=said.pop("t_us"), **said)
