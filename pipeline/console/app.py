"""The console as a web application: fixed files, one websocket, and the poll of the stages."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping
from importlib.resources import files

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket

from drivers.errors import InputError
from pipeline.console.access import is_host_allowed, is_same_origin
from pipeline.console.ear import Ear
from pipeline.console.hub import Hub
from pipeline.console.log_tail import LogTail
from pipeline.console.settings import ConsoleSettings
from pipeline.console.stages import Stages
from pipeline.console.visit import Visit

MOST_BROWSERS = 16
POLL_S = 0.5
_LEFT_OUT = b'"what":"skipped"'
"""Lines of a session's log that say what a brain left out; the page has their numbers."""
HEADERS: Mapping[str, str] = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; "
    "img-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-cache",
}
_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}


class Console:
    """State of one console process: the hub, the ear, and who is asked."""

    def __init__(self, settings: ConsoleSettings, token: str | None) -> None:
        self._settings = settings
        self._token = token
        self._files = _static_files()
        self._visits = 0

    def app(self) -> Starlette:
        """What uvicorn serves."""
        return Starlette(
            routes=[
                Route("/", self._page),
                Route("/{name:path}", self._page),
                WebSocketRoute("/socket", self._visit),
            ],
            lifespan=self._running,
        )

    @contextlib.asynccontextmanager
    async def _running(self, _app: Starlette) -> AsyncIterator[None]:
        self._hub = Hub()
        self._stages = Stages(self._settings)
        self._ear = Ear(self._settings, self._hub)
        self._ear.start()
        polling = asyncio.create_task(self._poll())
        try:
            yield
        finally:
            polling.cancel()
            await asyncio.gather(polling, return_exceptions=True)
            self._ear.close()

    async def _page(self, request: Request) -> Response:
        if not self._is_named(request.headers):
            return PlainTextResponse("wigwag: not a name of this console\n", 421, dict(HEADERS))
        name = request.path_params.get("name", "index.html")
        if name not in self._files:
            return PlainTextResponse("wigwag: no such page\n", 404, dict(HEADERS))
        content, media_type = self._files[name]
        return Response(content, 200, dict(HEADERS) | {"Content-Type": media_type})

    async def _visit(self, socket: WebSocket) -> None:
        if not self._is_named(socket.headers) or not is_same_origin(socket.headers):
            await socket.close()  # before it was accepted: the answer is 403
            return
        await socket.accept()
        if self._visits >= MOST_BROWSERS:
            await socket.close(1013, f"{MOST_BROWSERS} browsers are here already")
            return
        self._visits += 1
        try:
            await Visit(socket, self._hub, self._stages, self._token).run()
        finally:
            self._visits -= 1

    def _is_named(self, headers: Mapping[str, str]) -> bool:
        settings = self._settings
        return is_host_allowed(headers, settings.host, is_local=settings.is_local)

    async def _poll(self) -> None:
        """Ask the stages how they are while anybody looks on, at once after a command."""
        hub = self._hub
        tail = LogTail(self._settings.log, without=_LEFT_OUT) if self._settings.log else None
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(POLL_S):
                    await hub.news.wait()
            hub.news.clear()
            if not hub.mailboxes:
                continue
            for stage in self._stages.names:
                try:
                    status = await self._stages.ask(stage, {"command": "status"})
                except InputError as error:
                    hub.tell_json(stage, error=str(error))
                else:
                    hub.tell_json(stage, status=status)
            refused = sum(self._ear.refused.values())
            hub.tell_json(
                "console", browsers=len(hub.mailboxes), replaced=hub.replaced, refused=refused
            )
            if tail is not None and (lines := await asyncio.to_thread(tail.read)) is not None:
                hub.tell_json("session", lines=lines)


def _static_files() -> dict[str, tuple[bytes, str]]:
    """Everything that is served, by name: what is not here is nowhere."""
    folder = files("pipeline.console") / "static"
    found = {}
    for file in folder.iterdir():
        media_type = _TYPES.get("." + file.name.rpartition(".")[2])
        if media_type is not None:
            found[file.name] = (file.read_bytes(), media_type)
    return found
