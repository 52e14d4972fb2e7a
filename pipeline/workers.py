"""Processes that work for this one and end with it."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from typing import Any

from pipeline.process_guard import PARENT_VARIABLE, exit_with_parent


def worker_pool(
    processes: int, start: Callable[..., None] | None = None, *arguments: Any
) -> ProcessPoolExecutor:
    """A pool whose workers each call `start` once.

    Spawned, not forked: the caller may hold threads and a device that must not be copied. Ctrl-C
    is left to this process.
    """
    return ProcessPoolExecutor(
        processes,
        mp_context=get_context("spawn"),
        initializer=_begin,
        initargs=(os.getpid(), start, arguments),
    )


def _begin(parent: int, start: Callable[..., None] | None, arguments: tuple[Any, ...]) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # The caller's own wish to outlive a terminal is not the worker's: it always ends with it.
    os.environ[PARENT_VARIABLE] = str(parent)
    exit_with_parent()
    if start is not None:
        start(*arguments)
