"""Child processes of a session: the programs a user would start by hand, read line by line."""

from __future__ import annotations

import contextlib
import os
import selectors
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, cast

from drivers.closing import Closing
from pipeline.process_guard import PARENT_VARIABLE

THREAD_VARIABLES = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "NUMBA_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
)
"""How numerical libraries are told their threads."""


def command_of(arguments: Sequence[str]) -> list[str]:
    """What runs `wigwag` with these arguments."""
    # -P: a folder called "pipeline" where the user happens to be must not be imported.
    return [sys.executable, "-P", "-m", "pipeline", *arguments]


def start_process(
    arguments: Sequence[str],
    *,
    threads: int,
    variables: Mapping[str, str] | None = None,
    told: bool = False,
) -> subprocess.Popen[bytes]:
    """Start a `wigwag` program in a process group of its own, for a `Child`.

    A Ctrl-C at the terminal therefore reaches the session alone, which ends its children in
    order; should the session die, the children notice by themselves (`process_guard`).
    `variables` are added to its environment. With `told`, its standard input is a pipe.
    """
    room = str(Path(__file__).resolve().parent.parent)
    environment = os.environ | dict.fromkeys(THREAD_VARIABLES, str(threads))
    environment["PYTHONPATH"] = os.pathsep.join(
        path for path in (room, os.environ.get("PYTHONPATH")) if path
    )
    environment[PARENT_VARIABLE] = str(os.getpid())
    environment |= variables or {}
    return subprocess.Popen(
        command_of(arguments),
        stdin=subprocess.PIPE if told else subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment,
        process_group=0,
    )


class Child:
    """One process of `start_process`, by name."""

    def __init__(self, name: str, process: subprocess.Popen[bytes]) -> None:
        self.name = name
        self._process = process
        self._stdout = cast(IO[bytes], process.stdout)
        self._stderr = cast(IO[bytes], process.stderr)

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    @property
    def status(self) -> int | None:
        """Its exit status, negative for a signal; None while it runs."""
        return self._process.poll()

    def interrupt(self) -> None:
        """Ask it to end."""
        self._signal(signal.SIGINT)

    def kill(self) -> None:
        """End it at once."""
        self._signal(signal.SIGKILL)

    def wait(self, deadline: float) -> bool:
        """Wait for its end until `deadline` (`time.monotonic`); whether it came."""
        try:
            self._process.wait(max(0.0, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            return False
        return True

    def close(self) -> None:
        """Kill it if it still runs, and free its pipes."""
        self.kill()
        self._process.wait()
        if self._process.stdin is not None:
            self._process.stdin.close()
        self._stdout.close()
        self._stderr.close()

    def pipes(self) -> tuple[int, int]:
        """File descriptors of its standard output and standard error."""
        return self._stdout.fileno(), self._stderr.fileno()

    def _signal(self, number: int) -> None:
        if self._process.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                self._process.send_signal(number)


class LineReader(Closing):
    """Whole lines from several pipes, whichever speaks first."""

    def __init__(self) -> None:
        self._selector = selectors.DefaultSelector()
        self._rests: dict[int, bytes] = {}

    def add(self, descriptor: int) -> None:
        """Read from this pipe too."""
        os.set_blocking(descriptor, False)
        self._selector.register(descriptor, selectors.EVENT_READ)
        self._rests[descriptor] = b""

    def forget(self, descriptor: int) -> None:
        """Read from this pipe no longer, if it has not ended anyway."""
        if self._rests.pop(descriptor, None) is not None:
            self._selector.unregister(descriptor)

    @property
    def open_pipes(self) -> int:
        """Pipes that have not ended."""
        return len(self._rests)

    def read(self, timeout_s: float) -> list[tuple[int, bytes]]:
        """Lines (with their line feed) that came within `timeout_s`, each with its pipe."""
        if not self._rests:
            return []
        lines: list[tuple[int, bytes]] = []
        for key, _ in self._selector.select(timeout_s):
            try:
                data = os.read(key.fd, 1 << 16)
            except BlockingIOError:
                continue
            rest = self._rests[key.fd] + data
            if not data:
                self._selector.unregister(key.fd)
                del self._rests[key.fd]
                if rest:
                    lines.append((key.fd, rest + b"\n"))
                continue
            *whole, self._rests[key.fd] = rest.split(b"\n")
            lines += [(key.fd, line + b"\n") for line in whole]
        return lines

    def close(self) -> None:
        """Stop watching."""
        self._selector.close()
