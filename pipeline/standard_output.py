"""Standard output whose reader has gone, as with `| head`, or that has no room."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from drivers.errors import InputError

GONE = "whoever read standard output has gone: ending, as on Ctrl-C"


def refuse_closed_stdout() -> None:
    """Raise `InputError` where there is none: the next file opened would be taken for it."""
    if sys.stdout is not None:
        return
    sys.stdout = Path(os.devnull).open("w")  # noqa: SIM115 - for as long as the process lives
    raise InputError(
        what="standard output",
        got="closed",
        allowed="a file, a pipe or a terminal",
        todo="send it to /dev/null if nobody is to read it",
    )


def empty_stdout() -> None:
    """Write what waits; raises `OSError`, and leaves it, where that is impossible.

    Python would try at its very end, with a stack and a status of its own.
    """
    try:
        sys.stdout.flush()
    except OSError:
        leave_stdout()
        raise


def leave_stdout() -> None:
    """Write to nowhere from now on: Python would flush into a closed pipe at its end."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
