"""A thread that writes files, one after the other, while frames go on."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable

from drivers.closing import Closing
from drivers.errors import InputError, in_words


class BackgroundWriter(Closing):
    """Does what it is given, in order; the first failure is kept: see `failed` and `check`.

    Numerical work and the system's calls let frames go on beside it.
    """

    def __init__(self) -> None:
        self._tasks: queue.Queue[Callable[[], None] | None] = queue.Queue()
        self._failure: Exception | None = None
        self._thread = threading.Thread(target=self._run, name="writer", daemon=True)
        self._thread.start()

    def do(self, task: Callable[[], None]) -> None:
        """Have it done after all that was given before."""
        self._tasks.put(task)

    def wait(self) -> None:
        """Until all that was given is done."""
        self._tasks.join()

    @property
    def failed(self) -> bool:
        """Whether something could not be written."""
        return self._failure is not None

    def check(self) -> None:
        """Raise `InputError` where something could not be written."""
        if self._failure is not None:
            raise InputError(
                what="writing the session",
                got=in_words(self._failure),
                allowed="a folder that can be written, with room for it",
                todo="check its permissions and the free space",
            ) from self._failure

    def close(self) -> None:
        """End, after all that was given is done."""
        self._tasks.put(None)
        self._thread.join()

    def _run(self) -> None:
        while (task := self._tasks.get()) is not None:
            try:
                task()
            except Exception as error:
                # Whoever steps frames is told at the next request, and at the end.
                self._failure = self._failure or error
            finally:
                self._tasks.task_done()
