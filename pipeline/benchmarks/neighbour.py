"""A process that keeps a core busy, as the other stages of a pipeline do."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

_LOOP = "print(flush=True)\nwhile True: pass"


@contextmanager
def busy_neighbour() -> Iterator[None]:
    """Another process computes for as long as this is open, on whatever core it is given."""
    with subprocess.Popen([sys.executable, "-S", "-c", _LOOP], stdout=subprocess.PIPE) as process:
        try:
            assert process.stdout is not None
            process.stdout.readline()  # it is there, not only on its way
            yield
        finally:
            process.kill()
