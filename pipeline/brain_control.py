"""What a brain can be asked while it runs; `docs/control.md` has it in words."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from drivers.errors import InputError
from models.engine import Engine
from pipeline.binning import View
from pipeline.brain_session import BrainSession
from pipeline.chosen_views import ChosenView, read_view
from pipeline.comparison import Comparison
from pipeline.targets import Targets

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
        engine: Engine,
        targets: Targets,
        session: BrainSession | None,
        learning: bool,
        save: Path | None,
        save_folder: Path | None,
        status: Callable[[], dict[str, Any]],
        record: Callable[[], dict[str, object]],
        look: Callable[[ChosenView], tuple[int, View] | None],
        now_us: Callable[[], int],
    ) -> None:
        self.paused = False
        self.stopped = False
        self._engine = engine
        self._targets = targets
        self._session = session
        self._learning = learning
        self._save = save
        self._save_folder = save_folder
        self._status = status
        self._record = record
        self._look = look
        self._now_us = now_us
        self._comparison: Comparison | None = None
        self._commands: dict[str, Callable[[Request], Answer]] = {
            "status": self._say_status,
            "target": self._set_target,
            "view": self._set_view,
            "add_class": self._add_class,
            "undo": self._undo,
            "save": self._save_version,
            "versions": lambda _: {"versions": self._taught("versions").teacher.versions.listing()},
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
        if self._session is not None and (
            command in CHANGING or (command == "save" and "name" in answer)
        ):
            said = dict(request)
            if command == "view":
                # From the frame on from which it held, whatever packets a replay comes in.
                said["view"] = answer["view"]
            self._session.note("request", request=said, answer=answer)
        return answer

    def close(self) -> None:
        """End what runs beside."""
        if self._comparison is not None:
            self._comparison.close()

    def _say_status(self, _request: Request) -> Answer:
        taught: Answer = {"classes": list(self._engine.class_names), "lesson": None, "lessons": 0}
        if self._session is not None:
            taught = self._session.teacher.status()
        return self._status() | taught | {"paused": self.paused, "learning": self._learning}

    def _taught(self, what: str) -> BrainSession:
        if self._session is None:
            raise InputError(
                what=what,
                got=f"a request of {what}",
                allowed="none while nobody teaches this brain",
                todo="start it with --teach or --session",
            )
        return self._session

    def _set_target(self, request: Request) -> Answer:
        teacher = self._taught("target").teacher
        if request.get("follow_labels"):
            teacher.end_lesson()
            self._targets.follow_timeline()
            return {"target": "as the label file says"}
        gesture_class, t_us = request.get("class"), request.get("t_us", self._now_us())
        seconds = request.get("seconds")
        if isinstance(gesture_class, int) and not isinstance(gesture_class, bool):
            names = self._engine.class_names
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
                allowed=f'"class": a number from 1 to {len(self._engine.class_names)}, a name or '
                'null; "t_us": a whole number; "seconds": a number',
                todo="mend the request",
            )
        if gesture_class is None:
            teacher.end_lesson(t_us)
            return {"class": None, "t_us": t_us}
        return teacher.begin_lesson(gesture_class, t_us, seconds).described()

    def _set_view(self, request: Request) -> Answer:
        """Look at another part of the sensor, as `read_view` reads it, from the next frame on."""
        text = request.get("view")
        chosen = read_view(text if isinstance(text, str) else repr(text)[:80])
        looking = self._look(chosen)
        if looking is None:
            return {"view": str(chosen), "t_us": None}
        from_us, view = looking
        held = replace(chosen, from_us=from_us)
        return {"view": str(held), "t_us": from_us, **view_figures(view)}

    def _add_class(self, request: Request) -> Answer:
        number = self._taught("add_class").teacher.add_class(request.get("name"))
        return {"class": number, "classes": list(self._engine.class_names)}

    def _undo(self, _request: Request) -> Answer:
        session = self._taught("undo")
        lesson = session.teacher.undo()
        session.taken_back(lesson.number)
        return {"undone": lesson.described(), "version": session.teacher.versions.current}

    def _load(self, request: Request) -> Answer:
        version = self._taught("load").teacher.load(request.get("version"))
        return {"version": version.number, "classes": list(self._engine.class_names)}

    def _compare(self, request: Request) -> Answer:
        session = self._taught("compare")
        asked = (request.get("before"), request.get("after"))
        if self._comparison is None or self._comparison.asked != asked:
            versions = session.teacher.versions
            found = [versions.find(which) for which in asked]
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
        rehearsal = self._taught("rehearsal").teacher.rehearsal
        on = request.get("on")
        if not isinstance(on, bool):
            raise InputError(
                what="rehearsal", got=repr(on)[:80], allowed="true or false", todo="say which"
            )
        rehearsal.on = on
        return {"on": on}

    def _change_settings(self, request: Request) -> Answer:
        teacher = self._taught("settings").teacher
        teacher.change_settings(
            {name: value for name, value in request.items() if name != "command"}
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
        session = self._session
        if name is not None and self._save_folder is None and session and session.keeps:
            teacher = session.teacher
            checked = teacher.versions.check_name(name)
            version = teacher.make_version("saved", checked)
            return {"version": version.number, "name": checked, "file": version.path.name}
        return self._save_checkpoint(name)

    def _save_checkpoint(self, name: object) -> Answer:
        path = self._save
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
        return {"version": self._engine.save(path, self._record()), "file": path.name}


def view_figures(view: View) -> dict[str, int]:
    """The part of the sensor that is looked at, in pixels."""
    return {
        "x": view.x0,
        "y": view.y0,
        "width": view.columns * view.cell,
        "height": view.rows * view.cell,
        "cell": view.cell,
    }
