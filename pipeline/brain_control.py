"""What a brain can be asked while it runs; `docs/control.md` has it in words."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from drivers.errors import InputError
from pipeline.binning import View
from pipeline.brain_session import BrainSession
from pipeline.chosen_views import read_view
from pipeline.comparison import Comparison
from pipeline.lane import Lane
from pipeline.pupil import Pupil

CHANGING = ("target", "view", "add_class", "undo", "load", "rehearsal", "settings")
"""What changes what is learnt or said: logged, to be done again in a replay. So is `save`."""
_SAFE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")

Request = Mapping[str, Any]
Answer = dict[str, Any]


class BrainControl:
    """Answers one request at a time with a JSON object.

    Raises `InputError` for a request that makes no sense; the server turns it into the reply.
    Names from outside never become paths: a checkpoint goes to the path given at the start, or
    under a plain name into the folder given at the start.
    """

    def __init__(
        self,
        *,
        pupils: Sequence[Pupil],
        learning: bool,
        save: Sequence[Path | None],
        save_folder: Path | None,
        status: Callable[[], dict[str, Any]],
        record: Callable[[Pupil], dict[str, object]],
    ) -> None:
        """`save` is each pupil's path, if it has one."""
        self.paused = False
        self.stopped = False
        self._pupils = tuple(pupils)
        self._lanes = [lane for pupil in pupils for lane in pupil.lanes]
        self._learning = learning
        self._save = tuple(save)
        self._save_folder = save_folder
        self._status = status
        self._record = record
        self._comparison: Comparison | None = None
        self._commands: dict[str, Callable[[Request], Answer]] = {
            "status": self._say_status,
            "target": self._set_target,
            "view": self._set_view,
            "add_class": self._add_class,
            "undo": self._undo,
            "save": self._save_version,
            "versions": self._list_versions,
            "load": self._load,
            "compare": self._compare,
            "rehearsal": self._rehearse,
            "settings": self._change_settings,
            "pause": lambda _: self._pause(True),
            "resume": lambda _: self._pause(False),
            "stop": self._stop,
        }

    def handle(self, request: Request) -> Answer:
        """The reply to `{"command": ..., ...}`."""
        command = request.get("command")
        if not isinstance(command, str) or command not in self._commands:
            raise InputError(
                what="command",
                got=repr(command)[:80],
                allowed=", ".join(self._commands),
                todo="send one of these",
            )
        answer = self._commands[command](request)
        if command in CHANGING or (command == "save" and "name" in answer):
            session = self._pupils[0].session
            # Only of one source a session is kept, to be done again.
            if session is not None and len(self._lanes) == 1:
                said = dict(request)
                if command == "view":
                    # From the frame on from which it held, whatever packets a replay comes in.
                    said["view"] = answer["view"]
                session.note("request", request=said, answer=answer)
        return answer

    def close(self) -> None:
        """End what runs beside."""
        if self._comparison is not None:
            self._comparison.close()

    def _say_status(self, request: Request) -> Answer:
        """Of all; what is taught is that of the source that is named, else of the first, and stands
        with each source where weights are apart.
        """
        status = self._status()
        if len(self._pupils) > 1:
            for source, pupil in zip(status["sources"], self._pupils, strict=True):
                source.update(_taught_status(pupil))
        taught = _taught_status(self._pupil(request) if "source" in request else self._pupils[0])
        return status | taught | {"paused": self.paused, "learning": self._learning}

    def _lane(self, request: Request) -> Lane:
        """The lane of the source that is named; it need not be where there is only one."""
        name = request.get("source")
        found = [lane for lane in self._lanes if name is not None and lane.source == name]
        if name is None and len(self._lanes) == 1:
            found = self._lanes
        if not found:
            known = [lane.source for lane in self._lanes if lane.source is not None]
            raise InputError(
                what="source",
                got="none named" if name is None else repr(name)[:80],
                allowed=", ".join(known) or "none yet: no events have come",
                todo='say which one: "source"',
            )
        return found[0]

    def _taught_lane(self) -> Lane:
        """The lane whose lesson runs, else the first: who ends a lesson need not know whose."""
        for pupil in self._pupils:
            if pupil.session is not None and pupil.session.teacher.lesson_stream is not None:
                return pupil.lanes[pupil.session.teacher.lesson_stream]
        return self._lanes[0]

    def _pupil(self, request: Request) -> Pupil:
        """Who is meant: the only one, or that of the source that is named."""
        if len(self._pupils) == 1:
            return self._pupils[0]
        return self._pupil_of(self._lane(request))

    def _pupil_of(self, lane: Lane) -> Pupil:
        return next(pupil for pupil in self._pupils if lane in pupil.lanes)

    def _taught(self, request: Request, what: str) -> BrainSession:
        return _taught_by(self._pupil(request), what)

    def _set_target(self, request: Request) -> Answer:
        ends = request.get("class") is None and not request.get("follow_labels")
        lane = self._taught_lane() if ends and "source" not in request else self._lane(request)
        teacher = _taught_by(self._pupil_of(lane), "target").teacher
        if request.get("follow_labels"):
            teacher.end_lesson()
            lane.recogniser.targets.follow_timeline()
            return {"target": "as the label file says"}
        gesture_class, t_us = request.get("class"), request.get("t_us", lane.now_us)
        seconds = request.get("seconds")
        if isinstance(gesture_class, int) and not isinstance(gesture_class, bool):
            names = lane.recogniser.engine.class_names
            known = 1 <= gesture_class <= len(names)
            gesture_class = names[gesture_class - 1] if known else gesture_class
        if (
            not (gesture_class is None or isinstance(gesture_class, str))
            or type(t_us) is not int
            or not 0 <= t_us < 2**63
            or not (seconds is None or type(seconds) in (int, float))
        ):
            raise InputError(
                what="target",
                got=repr(dict(request))[:80],
                allowed=f'"class": a number from 1 to {len(lane.recogniser.votes)}, a name or '
                'null; "t_us": a whole number; "seconds": a number',
                todo="mend the request",
            )
        if gesture_class is None:
            teacher.end_lesson(t_us)
            return {"class": None, "t_us": t_us}
        stream = lane.recogniser.stream
        return teacher.begin_lesson(gesture_class, t_us, seconds, stream).described()

    def _set_view(self, request: Request) -> Answer:
        """Look at another part of the sensor, as `read_view` reads it, from the next frame on."""
        text = request.get("view")
        chosen = read_view(text if isinstance(text, str) else repr(text)[:80])
        looking = self._lane(request).intake.look(chosen)
        if looking is None:
            return {"view": str(chosen), "t_us": None}
        from_us, view = looking
        held = replace(chosen, from_us=from_us)
        return {"view": str(held), "t_us": from_us, **view_figures(view)}

    def _add_class(self, request: Request) -> Answer:
        number = self._taught(request, "add_class").teacher.add_class(request.get("name"))
        return {"class": number, "classes": list(self._pupil(request).engine.class_names)}

    def _undo(self, request: Request) -> Answer:
        session = self._taught(request, "undo")
        lesson = session.teacher.undo()
        session.taken_back(lesson.number)
        return {"undone": lesson.described(), "version": session.teacher.versions.current}

    def _list_versions(self, request: Request) -> Answer:
        return {"versions": self._taught(request, "versions").teacher.versions.listing()}

    def _load(self, request: Request) -> Answer:
        version = self._taught(request, "load").teacher.load(request.get("version"))
        classes = list(self._pupil(request).engine.class_names)
        return {"version": version.number, "classes": classes}

    def _compare(self, request: Request) -> Answer:
        session = self._taught(request, "compare")
        asked = (request.get("before"), request.get("after"), request.get("source"))
        if self._comparison is None or self._comparison.asked != asked:
            versions = session.teacher.versions
            found = [versions.find(which) for which in asked[:2]]
            self.close()
            session.wait_until_written()
            before, after = (version.path for version in found)
            self._comparison = Comparison(asked, before, after, session.teacher.clips_folder)
        answer = self._comparison.answer()
        if answer["state"] != "running":
            self.close()
            self._comparison = None
        return answer

    def _rehearse(self, request: Request) -> Answer:
        rehearsal = self._taught(request, "rehearsal").teacher.rehearsal
        on = request.get("on")
        if not isinstance(on, bool):
            raise InputError(
                what="rehearsal", got=repr(on)[:80], allowed="true or false", todo="say which"
            )
        rehearsal.on = on
        return {"on": on}

    def _change_settings(self, request: Request) -> Answer:
        teacher = self._taught(request, "settings").teacher
        teacher.change_settings(
            {name: value for name, value in request.items() if name not in ("command", "source")}
        )
        return teacher.settings()

    def _pause(self, paused: bool) -> Answer:
        self.paused = paused
        return {"paused": paused}

    def _stop(self, _request: Request) -> Answer:
        self.stopped = True
        return {"stopping": True}

    def _save_version(self, request: Request) -> Answer:
        """Into the folder for checkpoints, where there is one; else as a version of the session."""
        name = request.get("name")
        session = self._pupil(request).session
        if name is not None and self._save_folder is None and session and session.keeps:
            teacher = session.teacher
            checked = teacher.versions.check_name(name)
            version = teacher.make_version("saved", checked)
            return {"version": version.number, "name": checked, "file": version.path.name}
        return self._save_checkpoint(self._pupil(request), name)

    def _save_checkpoint(self, pupil: Pupil, name: object) -> Answer:
        path = self._save[self._pupils.index(pupil)]
        if name is not None:
            if self._save_folder is None:
                raise InputError(
                    what="checkpoint name",
                    got=repr(name)[:80],
                    allowed="none: this brain has no folder for checkpoints",
                    todo="start it with --session or --save-folder",
                )
            if not isinstance(name, str) or not _SAFE_NAME.fullmatch(name):
                raise InputError(
                    what="checkpoint name",
                    got=repr(name)[:80],
                    allowed="1 to 64 letters, digits, - and _",
                    todo="choose a plain name",
                )
            path = self._save_folder / f"{name}.safetensors"
        if path is None:
            raise InputError(
                what="save",
                got="no path",
                allowed="a name in a session, or a brain started with --save or --save-folder",
                todo="start it so, or give a name if it has a folder",
            )
        return {"version": pupil.engine.save(path, self._record(pupil)), "file": path.name}


def _taught_by(pupil: Pupil, what: str) -> BrainSession:
    """What keeps its lessons; raises `InputError` where it is given none."""
    if pupil.session is None:
        raise InputError(
            what=what,
            got=f"a request of {what}",
            allowed="none while nobody teaches this brain",
            todo="start it with --teach or --session",
        )
    return pupil.session


def _taught_status(pupil: Pupil) -> Answer:
    """Classes, lessons and versions of one set of weights."""
    if pupil.session is None:
        return {"classes": list(pupil.engine.class_names), "lesson": None, "lessons": 0}
    return pupil.session.teacher.status()


def view_figures(view: View) -> dict[str, int]:
    """The part of the sensor that is looked at, in pixels."""
    return {
        "x": view.x0,
        "y": view.y0,
        "width": view.columns * view.cell,
        "height": view.rows * view.cell,
        "cell": view.cell,
    }
