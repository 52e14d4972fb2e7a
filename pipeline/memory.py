"""Memory of the process: what is freed is kept for the next array of events."""

from __future__ import annotations

import ctypes
import sys

_TRIM_THRESHOLD = -1
_MMAP_THRESHOLD = -3
# Their numbers in glibc's malloc.h; to be set together, or else the other one stays as it is.
_LARGEST_KEPT_BYTES = 32 << 20
_MOST_KEPT_BYTES = 64 << 20


def keep_freed_memory() -> None:
    """Keep up to 64 MiB of freed memory instead of giving it back to the system at once.

    Arrays of events come and go by the hundred a second. Left alone, glibc gives each one's
    pages back, and asking for them anew costs more than all that is done with the events.
    Does nothing where the C library is another.
    """
    if sys.platform != "linux":
        return
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_MMAP_THRESHOLD, _LARGEST_KEPT_BYTES)
        mallopt(_TRIM_THRESHOLD, _MOST_KEPT_BYTES)
