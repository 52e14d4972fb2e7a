"""One browser's visit: its token, its mailbox, what it asks, and the lesson that it holds."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Mapping
from typing import Any

import msgspec
from starlette.websockets import WebSocket, WebSocketDisconnect

from drivers.errors import InputError
from pipeline.console.access import is_token_right
from pipeline.console.hub import Hub
from pipeline.console.mailbox import Mailbox
from pipeline.console.stages import Stages
from pipeline.control import NoAnswerError

WRONG_TOKEN = 4401
"""Close code that makes the page ask for another token."""
TOO_MANY = 1008
TOKEN_PATIENCE_S = 10.0
SEND_PATIENCE_S = 20.0
"""A browser that takes nothing for so long is given up."""
LESSON_PATIENCE_S = 2.0
"""A lesson ends where the browser that holds it is silent for so long; it speaks twice a second."""
PER_SECOND = 30
BURST = 60
"""Messages at once; more than `PER_SECOND` in the long run end the visit."""


class _Allowance:
    """Messages that a browser may still send now."""

    def __init__(self) -> None:
        self._left = float(BURST)
        self._before_s = time.monotonic()

    def take(self) -> bool:
        """Use one up; False where there is none."""
        now_s = time.monotonic()
        self._left = min(BURST, self._left + (now_s - self._before_s) * PER_SECOND)
        self._before_s = now_s
        if self._left < 1:
            return False
        self._left -= 1
        return True


class Visit:
    """A websocket from its acceptance to its end."""

    def __init__(self, socket: WebSocket, hub: Hub, stages: Stages, token: str | None) -> None:
        self._socket = socket
        self._hub = hub
        self._stages = stages
        self._token = token
        self._teaching = False
        self._allowance = _Allowance()

    async def run(self) -> None:
        """Serve the browser until it leaves, is silent where it must not be, or breaks a rule."""
        if not await self._is_let_in():
            return
        mailbox = self._hub.enter()
        tasks = [asyncio.create_task(step(mailbox)) for step in (self._send, self._listen)]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            self._hub.leave(mailbox)
            for task in tasks:
                task.cancel()
            ended = await asyncio.gather(*tasks, return_exceptions=True)
            await self._end_lesson("its browser has left")
        for error in ended:
            if isinstance(error, Exception) and not isinstance(
                error, (WebSocketDisconnect, TimeoutError)
            ):
                raise error

    async def _is_let_in(self) -> bool:
        try:
            async with asyncio.timeout(TOKEN_PATIENCE_S):
                said = await self._receive()
        except TimeoutError:
            said = None
        except WebSocketDisconnect:
            return False
        if said is None or not is_token_right(said.get("token"), self._token):
            await self._socket.close(WRONG_TOKEN, "wrong token")
            return False
        return True

    async def _receive(self) -> Mapping[str, Any] | None:
        """What the browser says next; None for anything but a JSON object."""
        message = await self._socket.receive()
        if message["type"] == "websocket.disconnect":
            raise WebSocketDisconnect(message.get("code", 1005))
        try:
            return msgspec.json.decode(message.get("text") or b"", type=dict[str, Any])
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return None

    async def _send(self, mailbox: Mailbox) -> None:
        while True:
            message = await mailbox.take()
            async with asyncio.timeout(SEND_PATIENCE_S):
                if isinstance(message, bytes):
                    await self._socket.send_bytes(message)
                else:
                    await self._socket.send_text(message)

    async def _listen(self, mailbox: Mailbox) -> None:
        receiving: asyncio.Task[Mapping[str, Any] | None] | None = None
        try:
            while True:
                receiving = receiving or asyncio.create_task(self._receive())
                patience_s = LESSON_PATIENCE_S if self._teaching else None
                done, _ = await asyncio.wait({receiving}, timeout=patience_s)
                if not done:
                    await self._end_lesson("its browser fell silent")
                    continue
                said, receiving = receiving.result(), None
                if not self._allowance.take():
                    await self._socket.close(TOO_MANY, "too many messages")
                    return
                if said is None:
                    await self._socket.close(TOO_MANY, "not a JSON object")
                    return
                if "command" in said:
                    mailbox.answer(await self._answer(said))
        finally:
            if receiving is not None:
                receiving.cancel()

    async def _answer(self, said: Mapping[str, Any]) -> str:
        answer: dict[str, Any] = {"kind": "answer", "id": said.get("id")}
        before = after = self._teaching
        if said["command"] == "target":
            after = said.get("class") is not None and said.get("seconds") is None
        # Until the brain has answered, both may be so: the browser may leave meanwhile.
        self._teaching = before or after
        try:
            given = await self._stages.pass_on(said)
        except InputError as error:
            if not isinstance(error, NoAnswerError):
                self._teaching = before
            self._hub.log(f"{_in_words(said)}: {error}", failed=True)
            return msgspec.json.encode(answer | {"ok": False, "error": str(error)}).decode()
        self._teaching = after
        if said["command"] not in ("versions", "compare", "step"):
            self._hub.log(_in_words(said))
        self._hub.news.set()
        return msgspec.json.encode(given | answer | {"ok": True}).decode()

    async def _end_lesson(self, why: str) -> None:
        """Nobody else would: a lesson lasts for as long as it is held."""
        if not self._teaching:
            return
        self._teaching = False
        self._hub.log(f"lesson ended: {why}")
        with contextlib.suppress(InputError):  # a brain that is gone learns no more
            await self._stages.ask("brain", {"command": "target", "class": None})


def _in_words(said: Mapping[str, Any]) -> str:
    fields = [
        f"{name} {value!r:.40}"
        for name, value in said.items()
        if name not in ("to", "id", "command")
    ]
    return " ".join([f"{said.get('command')!s:.20}", *fields])
