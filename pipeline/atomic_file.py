"""A text file that is there whole or not at all."""

from __future__ import annotations

import os
import tempfile
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

from drivers.errors import InputError, in_words
from recordings.outputs import place_of_output


class AtomicFile:
    """Lines go to a temporary file beside `path`; `commit` puts it in place, `discard` drops it.

    Leaving it as a context manager without `commit` discards. Raises `InputError` where the
    folder cannot be written, or is full, and where `path` is something else than a file.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._place = place_of_output("output file", path)
        try:
            handle, name = tempfile.mkstemp(
                prefix=f".{self._place.name}.", suffix=".part", dir=self._place.parent
            )
        except OSError as error:
            raise self._failure(error) from error
        self._temporary: Path | None = Path(name)
        self._file = os.fdopen(handle, "wb")

    def write(self, data: bytes) -> None:
        """Append bytes."""
        try:
            self._file.write(data)
        except OSError as error:
            raise self._failure(error) from error

    def commit(self) -> None:
        """Sync the file and rename it to its place."""
        if self._temporary is None:
            return
        self._sync()
        self._put_in_place()

    def discard(self) -> None:
        """Drop what was written, unless it was committed."""
        if self._temporary is None:
            return
        with suppress(OSError):  # what a full disk did not take is dropped too
            self._file.close()
        self._temporary.unlink(missing_ok=True)
        self._temporary = None

    def _sync(self) -> None:
        """Sync and close."""
        try:
            self._file.flush()
            os.fsync(self._file.fileno())
            self._file.close()
        except OSError as error:
            raise self._failure(error) from error

    def _put_in_place(self) -> None:
        if self._temporary is None:
            return
        # mkstemp makes files private; what the user asked for gets the usual rights.
        mask = os.umask(0)
        os.umask(mask)
        self._temporary.chmod(0o666 & ~mask)
        self._temporary.replace(self._place)
        self._temporary = None

    def _failure(self, error: OSError) -> InputError:
        return InputError(
            what=f"output file {self.path}",
            got=in_words(error),
            allowed="a file in a folder that exists, can be written and has room",
            todo="make room, or choose another path",
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.discard()


def write_atomically(path: Path, data: bytes) -> None:
    """Write a whole file, or leave what was there."""
    with AtomicFile(path) as file:
        file.write(data)
        file.commit()


def append_whole(file: int, data: bytes, path: Path) -> None:
    """Append to an open file descriptor, in one piece unless the disk is full.

    Raises `InputError` for what could not be written; a piece of it may stand there then.
    """
    try:
        while data:
            data = data[os.write(file, data) :]
    except OSError as error:
        raise InputError(
            what=f"output file {path}",
            got=in_words(error),
            allowed="a disk with room for what is to be kept",
            todo="make room, and begin a new session",
        ) from error
