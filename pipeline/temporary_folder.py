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
        self._lock: int | None = None
        self._open = True
        for _ in range(_TRIES):
            self.path = Path(tempfile.mkdtemp(prefix=prefix, dir=base))
            try:
                self._lock = _lock(self.path)
            except BlockingIOError:
                continue  # another process takes it for an abandoned one
            except FileNotFoundError:
                continue  # it is gone already
            except OSError:
                return  # a file system without locks: nobody can take it for an abandoned one
            if self.path.is_dir():
                return
            os.close(self._lock)
        raise OSError(f"{base}: folders that were made are removed at once")

    def close(self) -> None:
        """Remove it with all that is in it."""
        if not self._open:
            return
        self._open = False
        shutil.rmtree(self.path, ignore_errors=True)
        if self._lock is not None:
            os.close(self._lock)


def _lock(path: Path) -> int:
    """A descriptor that holds the folder; raises `BlockingIOError` where another process does."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(descriptor)
        raise
    return descriptor


def _remove_abandoned(base: Path, prefix: str) -> None:
    """Remove this user's folders of a kind that no process holds."""
    for path in base.glob(f"{prefix}*"):
        with suppress(OSError):
            found = path.lstat()
            if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid():
                continue
            lock = _lock(path)
            shutil.rmtree(path, ignore_errors=True)
            os.close(lock)
