"""Temporary folders that do not outlive their process for long, however it ends."""

from __future__ import annotations

import fcntl
import os
import shutil
import stat
import tempfile
from contextlib import suppress
from pathlib import Path

from drivers.closing import Closing

_TRIES = 10


class TemporaryFolder(Closing):
    """A new folder that only this user can enter (0700), removed by `close`.

    What a killed process could not remove goes when the next folder of the same kind is made: the
    kernel has let go of its lock then.
    """

    def __init__(self, kind: str, base: Path | None = None) -> None:
        """Called `wigwag-KIND-...`, in the usual folder for such unless told.

        Raises `OSError` where none can be made.
        """
        base = base or Path(tempfile.gettempdir())
        prefix = f"wigwag-{kind}-"
        _remove_abandoned(base, prefix)
        for _ in range(_TRIES):
            self.path = Path(tempfile.mkdtemp(prefix=prefix, dir=base))
            lock = _lock(self.path)
            # Another process may have taken it for an abandoned one before it was locked.
            if lock is not None and self.path.is_dir():
                self._lock = lock
                return
            if lock is not None:
                os.close(lock)
        raise OSError(f"{base}: folders that were made are removed at once")

    def close(self) -> None:
        """Remove it with all that is in it."""
        if self._lock >= 0:
            shutil.rmtree(self.path, ignore_errors=True)
            os.close(self._lock)
            self._lock = -1


def _lock(path: Path) -> int | None:
    """A descriptor that holds the folder; None where another process does, or it is gone."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    except OSError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(descriptor)
        return None
    return descriptor


def _remove_abandoned(base: Path, prefix: str) -> None:
    """Remove this user's folders of a kind that no process holds."""
    for path in base.glob(f"{prefix}*"):
        with suppress(OSError):
            found = path.lstat()
            if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid():
                continue
            lock = _lock(path)
            if lock is not None:
                shutil.rmtree(path, ignore_errors=True)
                os.close(lock)
