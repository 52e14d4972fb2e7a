"""The hub: news of the brain, from the threads that hear them to every browser's mailbox."""

from __future__ import annotations

import asyncio
import threading
import time
from collections import deque
from typing import Any

import msgspec

from pipeline.console.mailbox import Mailbox, Message

KEPT = 100
"""Lines of the log that are shown."""
_KEPT_NEWS = ("log", "session")
"""Said only when something changed, so that newcomers need the latest however old it is."""


class Hub:
    """Mailboxes and what newcomers are told; used by one event loop, but for `hear`."""

    def __init__(self) -> None:
        self.mailboxes: set[Mailbox] = set()
        self.watched = threading.Event()
        """Set while anybody looks on."""
        self.news = asyncio.Event()
        """Set by whoever changed something, so that the stages are asked how they are at once."""
        self._latest: dict[str, Message] = {}
        self._log: deque[dict[str, Any]] = deque(maxlen=KEPT)
        self._lock = threading.Lock()
        self._heard: dict[str, Message] = {}
        self._loop = asyncio.get_running_loop()
        self._replaced = 0

    def enter(self) -> Mailbox:
        """A mailbox that gets all news from now on, and the latest ones at once."""
        mailbox = Mailbox()
        for kind, message in self._latest.items():
            mailbox.tell(kind, message)
        self.mailboxes.add(mailbox)
        self.news.set()
        self.watched.set()
        return mailbox

    def leave(self, mailbox: Mailbox) -> None:
        """No more news for this one."""
        self.mailboxes.discard(mailbox)
        self._replaced += mailbox.replaced
        if not self.mailboxes:
            self.watched.clear()
            self._latest = {k: v for k, v in self._latest.items() if k in _KEPT_NEWS}

    @property
    def replaced(self) -> int:
        """News that slow browsers never got, because newer ones took their place."""
        return self._replaced + sum(mailbox.replaced for mailbox in self.mailboxes)

    def tell(self, kind: str, message: Message) -> None:
        """Give news to everybody."""
        self._latest[kind] = message
        for mailbox in self.mailboxes:
            mailbox.tell(kind, message)

    def tell_json(self, kind: str, **fields: Any) -> None:
        """The same of a JSON object."""
        self.tell(kind, msgspec.json.encode({"kind": kind, **fields}).decode())

    def log(self, text: str, **fields: Any) -> None:
        """Add a line to what was done here, and show it."""
        self._log.append({"time_s": time.time(), "text": text, **fields})
        self.tell_json("log", lines=list(self._log))

    def hear(self, kind: str, message: Message) -> None:
        """News from another thread; where the loop is slow, the newest of a kind stays."""
        with self._lock:
            waiting = bool(self._heard)
            self._heard[kind] = message
        if not waiting:
            self._loop.call_soon_threadsafe(self._pass_on)

    def _pass_on(self) -> None:
        with self._lock:
            heard, self._heard = self._heard, {}
        for kind, message in heard.items():
            self.tell(kind, message)
