"""What waits for one browser: of every kind of news the newest only, and a few answers."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TypeAlias

Message: TypeAlias = str | bytes

MOST_ANSWERS = 64
"""More can only wait where a browser asks and does not read."""


class Mailbox:
    """Used by one event loop. Its size has a bound, however slow the browser is."""

    def __init__(self) -> None:
        self.replaced = 0
        """News that a newer one of its kind took the place of, unread."""
        self._news: dict[str, Message] = {}
        self._answers: deque[Message] = deque(maxlen=MOST_ANSWERS)
        self._filled = asyncio.Event()

    def tell(self, kind: str, message: Message) -> None:
        """News: what waits of the same kind is out of date and goes."""
        if kind in self._news:
            self.replaced += 1
        self._news[kind] = message
        self._filled.set()

    def answer(self, message: Message) -> None:
        """An answer to what this browser asked; answers keep their order."""
        self._answers.append(message)
        self._filled.set()

    def __len__(self) -> int:
        return len(self._news) + len(self._answers)

    async def take(self) -> Message:
        """The next message, answers first; waits for one."""
        while not len(self):
            self._filled.clear()
            await self._filled.wait()
        if self._answers:
            return self._answers.popleft()
        return self._news.pop(next(iter(self._news)))
