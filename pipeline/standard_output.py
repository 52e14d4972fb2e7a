"""Standard output whose reader has gone, as with `| head`, or that has no room."""

from __future__ import annotations

import os
import sys

GONE = "whoever read standard output has gone: ending, as on Ctrl-C"


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
