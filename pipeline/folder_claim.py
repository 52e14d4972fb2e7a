"""The folder of a session that is about to begin: this run's alone, and gone if it never does."""

from __future__ import annotations

import fcntl
import os
import shutil
from contextlib import suppress

from pipeline.session_folder import SessionFolder


class FolderClaim:
    """Makes the folder; no other run can claim it while this process lives.

    Raises `InputError` where it cannot be made, holds a session or is claimed already.
    """

    def __init__(self, folder: SessionFolder) -> None:
        self.folder = folder
        path = folder.path
        try:
            self._made = [one for one in (path, *path.parents) if not one.exists()]
            folder.make()
            # Never closed: the system takes the lock back, however the process ends.
            lock = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            self._before = set(path.iterdir())
        except BlockingIOError as error:
            raise folder.unusable(FileExistsError("one in which a session starts")) from error
        except OSError as error:
            raise folder.unusable(error) from error

    def take_back(self) -> None:
        """Remove what has come into the folder since, and the folder itself if it was made."""
        with suppress(OSError):  # something else is in a folder that was made
            for path in set(self.folder.path.iterdir()) - self._before:
                if path.is_dir():
                    shutil.rmtree(path)
                else:
                    path.unlink()
            for made in self._made:
                made.rmdir()
