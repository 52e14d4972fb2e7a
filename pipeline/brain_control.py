"""What a brain can be asked while it runs: status, target, view, save, pause, resume, stop."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from drivers.errors import InputError
from models.engine import Engine
from pipeline.binning import View
from pipeline.chosen_views import ChosenView, read_view
from pipeline.targets import Targets

COMMANDS = ("status", "target", "view", "save", "pause", "resume", "stop")
_SAFE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")


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
        self._learning = learning
        self._save = save
        self._save_folder = save_folder
        self._status = status
        self._record = record
        self._look = look
        self._now_us = now_us

    def handle(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """The reply to `{"command": ..., ...}`."""
        command = request.get("command")
        if command == "status":
            return self._status() | {"paused": self.paused, "learning": self._learning}
        if command == "target":
            return self._set_target(request)
        if command == "view":
            return self._set_view(request.get("view"))
        if command == "save":
            return self._save_checkpoint(request.get("name"))
        if command in ("pause", "resume"):
            self.paused = command == "pause"
            return {"paused": self.paused}
        if command == "stop":
            self.stopped = True
            return {"stopping": True}
        raise InputError(
            what="command",
            got=repr(command)[:80],
            allowed=", ".join(COMMANDS),
            todo="send one of these",
        )

    def _set_target(self, request: Mapping[str, Any]) -> dict[str, Any]:
        if not self._learning:
            raise InputError(
                what="target",
                got="a target",
                allowed="none while this brain only recognises",
                todo="start the brain with --teach or --learn",
            )
        if request.get("follow_labels"):
            self._targets.follow_timeline()
            return {"target": "as the label file says"}
        gesture_class = request.get("class")
        from_us = request.get("t_us", self._now_us())
        if isinstance(gesture_class, str):
            gesture_class = self._class_of(gesture_class)
        whole = [value for value in (gesture_class, from_us) if value is not None]
        if from_us is None or any(type(value) is not int for value in whole):
            raise InputError(
                what="target",
                got=repr(dict(request))[:80],
                allowed='"class": a number from 1, a name or null; "t_us": a whole number',
                todo="mend the request",
            )
        self._targets.set_by_hand(gesture_class, from_us)
        return {"class": gesture_class, "t_us": from_us}

    def _set_view(self, text: object) -> dict[str, Any]:
        """Look at another part of the sensor, as `read_view` reads it, from the next frame on."""
        chosen = read_view(text if isinstance(text, str) else repr(text)[:80])
        looking = self._look(chosen)
        if looking is None:
            return {"view": str(chosen), "t_us": None}
        from_us, view = looking
        return {"view": str(chosen), "t_us": from_us, **view_figures(view)}

    def _class_of(self, name: str) -> int:
        names = tuple(self._engine.class_names)
        if name not in names:
            known = ", ".join(names)
            raise InputError(
                what="target class", got=repr(name)[:80], allowed=known, todo="use one of these"
            )
        return names.index(name) + 1

    def _save_checkpoint(self, name: object) -> dict[str, Any]:
        path = self._save
        if name is not None:
            if self._save_folder is None:
                raise InputError(
                    what="checkpoint name",
                    got=repr(name)[:80],
                    allowed="none: this brain has no folder for checkpoints",
                    todo="start it with --save-folder",
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
                allowed="a brain started with --save or --save-folder",
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
