"""The folder of a session: what lies where, and the settings that it was begun with."""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

from drivers.errors import InputError, in_words
from pipeline.atomic_file import write_atomically

FORMAT = 1
"""Of the settings file; a reader refuses a newer one."""


@dataclass(frozen=True, slots=True)
class SessionFolder:
    """Paths in it."""

    path: Path

    @property
    def events(self) -> Path:
        """What the camera gave, AEDAT4."""
        return self.path / "events.aedat4"

    @property
    def checkpoint(self) -> Path:
        """What the session was begun with."""
        return self.path / "begin.safetensors"

    @property
    def settings(self) -> Path:
        """How it was begun, JSON."""
        return self.path / "settings.json"

    @property
    def log(self) -> Path:
        """See `pipeline.session_log`."""
        return self.path / "log.jsonl"

    @property
    def labels(self) -> Path:
        """Every label, JSON Lines."""
        return self.path / "labels.jsonl"

    @property
    def targets(self) -> Path:
        """The lessons not taken back, as a label file; written at the end."""
        return self.path / "targets.csv"

    @property
    def latest(self) -> Path:
        """Weights of a few seconds ago at most, for a session that was killed."""
        return self.path / "latest.safetensors"

    @property
    def control(self) -> Path:
        """The address at which the brain is asked while it runs."""
        return self.path / "control.txt"

    @property
    def source_control(self) -> Path:
        """The address at which the source is asked while it runs."""
        return self.path / "source_control.txt"

    @property
    def summary(self) -> Path:
        """The closing summary, JSON."""
        return self.path / "summary.json"

    def make(self) -> None:
        """Make the folder; raises `InputError` where it cannot be, or holds a session already."""
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            if self.log.exists():
                raise FileExistsError("a folder with a session in it")
        except OSError as error:
            raise self.unusable(error) from error

    def next(self) -> SessionFolder:
        """The next free folder for a session whose stages were killed: `monday-2` of `monday`."""
        paths = (self.path.with_name(f"{self.path.name}-{number}") for number in count(2))
        return SessionFolder(next(path for path in paths if not path.exists()))

    def begin(self, checkpoint: Path, settings: dict[str, Any]) -> None:
        """Make it, with the checkpoint and the settings; raises `InputError`."""
        self.make()
        try:
            shutil.copyfile(checkpoint, self.checkpoint)
        except OSError as error:
            raise self.unusable(error) from error
        text = json.dumps({"format": FORMAT, **settings}, indent=1)
        write_atomically(self.settings, text.encode() + b"\n")

    def unusable(self, error: OSError) -> InputError:
        """What to say of a folder in which no session can begin."""
        return InputError(
            what=f"session folder {self.path}",
            got=in_words(error),
            allowed="a new or empty folder that can be written",
            todo="choose a new folder for every session",
        )

    def read_control(self) -> str:
        """Where the brain of a running session is asked; raises `InputError`."""
        return self._read_address(self.control)

    def read_source_control(self) -> str:
        """Where its source is; raises `InputError`."""
        return self._read_address(self.source_control)

    def _read_address(self, path: Path) -> str:
        try:
            return path.read_text(encoding="utf-8").strip()
        except OSError as error:
            raise InputError(
                what=f"session {self.path}",
                got=in_words(error),
                allowed="the folder of a session that runs",
                todo="wait until it has started, or give the address with --control",
            ) from error

    def read_settings(self) -> dict[str, Any]:
        """What `begin` was given; raises `InputError`."""
        try:
            settings: dict[str, Any] = json.loads(self.settings.read_text(encoding="utf-8"))
            if settings["format"] != FORMAT:
                raise ValueError(f"format {settings['format']!r}")
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise InputError(
                what=f"session settings {self.settings}",
                got=in_words(error),
                allowed=f"the settings of a session, format {FORMAT}",
                todo="name the folder that `wigwag adapt --session` was given",
            ) from error
        return settings
