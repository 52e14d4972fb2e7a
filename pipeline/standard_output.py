"""Standard output whose reader has gone, as with `| head`."""

from __future__ import annotations

import os
import sys

GONE = "whoever read standard output has gone: ending, as on Ctrl-C"


def leave_stdout() -> None:
    """Write to nowhere from now on: Python would flush into a closed pipe at its end."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
