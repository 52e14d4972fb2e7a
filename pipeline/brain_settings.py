"""What a brain process is told at its start."""

from __future__ import annotations

import os
from dataclasses import dataclass, field, replace
from importlib.resources import files
from pathlib import Path
from typing import Any

from drivers.errors import InputError
from models.learning_settings import LearningSettings
from models.live_learning import ONLINE
from models.settings import EngineName
from pipeline.chosen_views import ChosenView
from pipeline.decisions import DecisionSettings
from recordings.outputs import check_parent

SHIPPED = "small.safetensors"


@dataclass(frozen=True, slots=True)
class BrainSettings:
    """Of `run_brain`."""

    connect: tuple[str, ...]
    """Addresses of sources' events, one a source."""
    checkpoint: Path
    labels: Path | None = None
    """Label file to score by."""
    learn: Path | None = None
    """Label file to learn from and to score by."""
    teach: bool = False
    """Accept targets over the control socket."""
    session: Path | None = None
    """New folder that keeps all that is taught, and what is needed to do it again."""
    replay: Path | None = None
    """Folder of a session to do again: its requests at their frames, compared with its labels."""
    rehearse: Path | None = None
    """Labelled recordings or clips of what is not to be forgotten."""
    save: Path | None = None
    """Where the weights go at the end, and on request."""
    save_folder: Path | None = None
    """Where they may go under a plain name, on request."""
    latest: Path | None = None
    """Where they are kept while lessons change them; what is begun from if it is there already."""
    publish: str | None = None
    """Address to publish labels and telemetry on, for watchers; lossy."""
    control: str | None = None
    """Address of the control socket."""
    metrics: str | None = None
    """HOST:PORT of the figures for Prometheus."""
    decisions: DecisionSettings = field(default_factory=DecisionSettings)
    layer: int = -1
    """Whose votes count; -1 is the top."""
    views: tuple[ChosenView, ...] = ()
    """Parts of the sensor that are looked at in turn; without any, the largest in the centre."""
    threads: int = 1
    device: str = "auto"
    engine: EngineName = "auto"
    learning: LearningSettings = ONLINE
    """How weights change while there is a target; see `learns`."""
    separate: bool = False
    """Of several sources: weights of its own for each, instead of the same for all."""
    skip_when_behind: bool = False
    """Live: leave out learning, then frames, rather than fall behind. Replay waits instead."""
    keep_running: bool = False
    """Wait for the next stream after the end of one."""
    as_json: bool = False
    insecure: bool = False
    """Allow tcp beyond this host without keys."""
    server_key: Path | None = None
    """Public CURVE key of the source."""
    secret_key: Path | None = None
    """Secret CURVE key of this brain: for the addresses it binds, and towards the source."""

    def __post_init__(self) -> None:
        if len(self.connect) > 1:
            self._check_several()
        if self.labels is not None and self.learn is not None:
            raise InputError(
                what="label files",
                got="--labels and --learn",
                allowed="one of them",
                todo="--learn scores too; use --labels to score without learning",
            )
        if self.learn is not None and (self.session or self.replay):
            raise InputError(
                what="--learn",
                got="a label file in a session",
                allowed="left out there",
                todo="teach over the control address, or replay the label file without --session",
            )
        if self.latest is not None and not self.teaches:
            raise InputError(
                what="--latest",
                got="a brain that is given no lessons",
                allowed="one that is taught (--teach, --session)",
                todo="leave it out, or keep what is learnt from a label file with --save",
            )
        for path in (self.save, self.latest):
            if path is not None:
                check_parent("checkpoint to save", path)
        files = [path.absolute().parent for path in (self.save, self.latest) if path]
        for folder in (*files, self.save_folder):
            if folder is not None and folder.is_dir() and not os.access(folder, os.W_OK):
                raise InputError(
                    what=f"checkpoint folder {folder}",
                    got="one that this user may not write to",
                    allowed="a folder that can be written",
                    todo="choose another, or change its permissions",
                )
        if self.save_folder is not None and not self.save_folder.is_dir():
            raise InputError(
                what=f"checkpoint folder {self.save_folder}",
                got="no folder",
                allowed="an existing folder",
                todo="make it first",
            )

    def _check_several(self) -> None:
        """What belongs to one recording, or keeps one stream, cannot be of several sources."""
        given = {
            "--labels": self.labels,
            "--learn": self.learn,
            "--session": self.session,
            "--replay-session": self.replay,
        }
        for option, value in given.items():
            if value is not None:
                raise InputError(
                    what=option,
                    got=f"{len(self.connect)} sources",
                    allowed="one source: it is of one stream",
                    todo="start a brain for each source instead, or leave the option out",
                )
        if len(set(self.connect)) < len(self.connect):
            raise InputError(
                what="--connect",
                got=", ".join(self.connect),
                allowed="each address once",
                todo="name every source once",
            )

    def apart(self) -> tuple[BrainSettings, ...]:
        """Those of each set of weights: files to write are numbered where there are several."""
        if not self.separate or len(self.connect) == 1:
            return (self,)
        return tuple(
            replace(
                self,
                connect=(address,),
                save=_numbered(self.save, number),
                latest=_numbered(self.latest, number),
            )
            for number, address in enumerate(self.connect, start=1)
        )

    @property
    def begun_from(self) -> Path:
        """The checkpoint, or the latest weights where an earlier brain has left some."""
        return self.latest if self.latest and self.latest.is_file() else self.checkpoint

    @property
    def learns(self) -> bool:
        """Whether weights may change."""
        return self.teaches or self.learn is not None

    @property
    def teaches(self) -> bool:
        """Whether lessons are given over the control address, or as a session had them."""
        return self.teach or bool(self.session or self.replay)

    def kept(self) -> dict[str, Any]:
        """What a session keeps to be begun in the same way: views, options of `wigwag brain`."""
        learning, decisions = self.learning, self.decisions
        return {
            "views": [str(view) for view in self.views],
            "options": {
                "engine": self.engine,
                "device": self.device,
                "threads": self.threads,
                "seed": learning.seed,
                "rate": learning.rate,
                "learn-every": learning.learn_every_steps,
                "update-every": learning.update_every_steps,
                "window-ms": decisions.window_ms,
                "threshold": decisions.threshold,
                "min-events-per-s": decisions.min_events_per_s,
                "layer": self.layer,
            },
        }


def _numbered(path: Path | None, number: int) -> Path | None:
    return path and path.with_stem(f"{path.stem}-{number}")


def shipped_checkpoint() -> Path:
    """The checkpoint that comes with wigwag; raises `InputError` where it is not there."""
    path = Path(str(files("models"))) / "checkpoints" / SHIPPED
    if not path.is_file():
        raise InputError(
            what="shipped checkpoint",
            got=f"no file {path}",
            allowed="an installation with its checkpoint",
            todo="install again, or name another with --checkpoint",
        )
    return path
