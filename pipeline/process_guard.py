"""The end of a process: with its parent, or when a signal asks for it."""

from __future__ import annotations

import os
import signal
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

PARENT_VARIABLE = "WIGWAG_PARENT"
"""Environment variable with the process id of a parent that must be outlived by nobody."""

RESTARTS_VARIABLE = "WIGWAG_RESTARTS"
"""Environment variable: how often stages of a session were started again before this one was."""

_LOOK_S = 0.1
_GRACE_S = 1.0


def restarts_before() -> int:
    """How often stages of this process's session were started again before it was started."""
    said = os.environ.get(RESTARTS_VARIABLE, "")
    return int(said) if said.isdecimal() else 0


def exit_with_parent() -> None:
    """End this process soon after its parent's end, however that came (SIGKILL too).

    First by SIGTERM, so that files are closed; a second later by force. Processes that were
    started to live on are left alone, unless `WIGWAG_PARENT` names their parent: those started
    with nohup (SIGHUP ignored) or setsid (leading a session), and children of init.
    """
    named = os.environ.get(PARENT_VARIABLE, "")
    parent = int(named) if named.isdecimal() else os.getppid()
    detached = (
        parent == 1
        or os.getsid(0) == os.getpid()
        or signal.getsignal(signal.SIGHUP) == signal.SIG_IGN
    )
    if detached and not named:
        return
    threading.Thread(target=_watch, args=(parent,), name="parent", daemon=True).start()


def _watch(parent: int) -> None:
    # An orphan gets another parent; unlike the parent's pid that cannot be taken by a stranger.
    while os.getppid() == parent:
        time.sleep(_LOOK_S)
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(_GRACE_S)
    os._exit(1)


@contextmanager
def stopping_on_signals(stop: threading.Event) -> Iterator[None]:
    """Let SIGINT and SIGTERM set `stop`; outside the main thread it changes nothing.

    A handler that called `stop.set()` could interrupt the main thread inside `stop.wait()` and
    wait for a lock that this thread holds. So the signal only wakes a thread that sets it.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    reading, writing = socket.socketpair()
    writing.setblocking(False)

    def wait() -> None:
        while number := reading.recv(1):
            if number[0] in (signal.SIGINT, signal.SIGTERM):
                stop.set()

    waiting = threading.Thread(target=wait, name="signals", daemon=True)
    waiting.start()
    before = {
        number: signal.signal(number, lambda *_: None) for number in (signal.SIGINT, signal.SIGTERM)
    }
    wakeup = signal.set_wakeup_fd(writing.fileno(), warn_on_full_buffer=False)
    try:
        yield
    finally:
        signal.set_wakeup_fd(wakeup)
        for number, handler in before.items():
            signal.signal(number, handler)
        writing.close()
        waiting.join()
        reading.close()
