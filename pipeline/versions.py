"""Versions of a session's network: numbered, named, each a checkpoint file of its own."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from drivers.errors import InputError
from models.checkpoint_file import StoredNetwork, read_checkpoint, write_checkpoint
from models.settings import NetworkSettings
from models.teaching import Kept
from pipeline.background import BackgroundWriter

KEPT_BYTES = 2 << 30
"""Of versions without a name, a thousand of a small network; then the oldest go. The first one and
the current one stay besides. By the size in memory, which a replay finds the same; files are
smaller."""
NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,63}")


@dataclass(slots=True)
class Version:
    """What is known of one."""

    number: int
    name: str | None
    parent: int | None
    lessons: int
    """Given before it, those taken back not counted."""
    t_us: int
    reason: str
    path: Path
    size_bytes: int
    digest: str | None = None
    """None until it is written."""

    def described(self) -> dict[str, Any]:
        """As the control protocol has it."""
        names = ("name", "parent", "lessons", "t_us", "reason", "digest")
        return {"version": self.number} | {name: getattr(self, name) for name in names}


class Versions:
    """All versions of a session, newest last."""

    def __init__(
        self,
        folder: Path,
        writer: BackgroundWriter,
        written: Callable[[Version], None] = lambda _version: None,
    ) -> None:
        """`written` is called, by the writer's thread, when one is on disk or has been removed."""
        self.current = 0
        self._folder = folder
        self._writer = writer
        self._written = written
        self._versions: dict[int, Version] = {}
        self._next = 0

    def add(
        self,
        kept: Kept,
        settings: NetworkSettings,
        class_names: tuple[str, ...],
        *,
        lessons: int,
        t_us: int,
        reason: str,
        name: str | None = None,
    ) -> Version:
        """The next version, current from now on; its file is written beside the frames."""
        number = self._next
        parent = self._versions.get(self.current)
        version = Version(
            number=number,
            name=name,
            parent=parent.number if parent else None,
            lessons=lessons,
            t_us=t_us,
            reason=reason,
            path=self._folder / f"{number:05d}.safetensors",
            size_bytes=kept.size_bytes,
        )
        self._next += 1
        self._versions[number] = version
        self.current = number

        def write() -> None:
            version.digest = write_checkpoint(
                version.path,
                settings,
                kept.tensors(),
                class_names,
                parent=parent.digest if parent else None,
                record={"session": version.described()},
            )
            self._written(version)

        self._writer.do(write)
        self._forget_old()
        return version

    def check_name(self, name: object) -> str:
        """A name to give; raises `InputError`."""
        if not isinstance(name, str) or not NAME.fullmatch(name):
            raise InputError(
                what="version name",
                got=repr(name)[:80],
                allowed="a letter, then up to 63 letters, digits, - and _",
                todo="choose a plain name",
            )
        if any(version.name == name for version in self._versions.values()):
            raise InputError(
                what="version name",
                got=repr(name),
                allowed="one that no version has",
                todo="choose another",
            )
        return name

    def find(self, which: object) -> Version:
        """By number or name; raises `InputError`."""
        for version in self._versions.values():
            if (type(which) is int and version.number == which) or (
                isinstance(which, str) and which in (version.name, str(version.number))
            ):
                return version
        known = ", ".join(version.name or str(number) for number, version in self._named())
        raise InputError(
            what="version", got=repr(which)[:80], allowed=known, todo="choose one of these"
        )

    def read(self, version: Version) -> StoredNetwork:
        """What its file holds; waits until it is written."""
        self._writer.wait()
        self._writer.check()
        return read_checkpoint(version.path)

    def listing(self) -> list[dict[str, Any]]:
        """All that are kept, as the control protocol has them."""
        return [version.described() for version in self._versions.values()]

    def _named(self) -> list[tuple[int, Version]]:
        return sorted(self._versions.items())

    def _forget_old(self) -> None:
        plain = [
            version
            for version in self._versions.values()
            if version.name is None and version.number not in (0, self.current)
        ]
        too_many = sum(version.size_bytes for version in plain) - KEPT_BYTES
        for version in plain:
            if too_many <= 0:
                break
            too_many -= version.size_bytes
            del self._versions[version.number]
            version.reason = "removed"

            def remove(version: Version = version) -> None:
                version.path.unlink(missing_ok=True)
                self._written(version)

            self._writer.do(remove)
