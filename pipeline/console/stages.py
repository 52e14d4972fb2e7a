"""What browsers may ask of the brain and the source, and how these are asked."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

from drivers.errors import InputError
from pipeline.console.settings import ConsoleSettings
from pipeline.control import control_request
from pipeline.security import CurveClient

COMMANDS: Mapping[str, Mapping[str, frozenset[str]]] = {
    "brain": {
        "target": frozenset({"class", "seconds", "source"}),
        "add_class": frozenset({"name", "source"}),
        "undo": frozenset({"source"}),
        "save": frozenset({"name", "source"}),
        "versions": frozenset({"source"}),
        "load": frozenset({"version", "source"}),
        "compare": frozenset({"before", "after", "source"}),
        "rehearsal": frozenset({"on", "source"}),
        "view": frozenset({"view", "source"}),
        "settings": frozenset({"rate", "threshold", "min_events_per_s", "source"}),
        "pause": frozenset(),
        "resume": frozenset(),
    },
    "source": {
        "pause": frozenset(),
        "resume": frozenset(),
        "step": frozenset({"packets"}),
        "seek": frozenset({"s"}),
        "filters": frozenset({"hot_pixels", "noise_ms"}),
    },
}
"""By stage the commands that a browser may send, and their fields; nothing else is passed on."""

_PATIENCE_S = 2.0


class Stages:
    """The brain and, where its address is known, the source; each is asked one thing at a time."""

    def __init__(self, settings: ConsoleSettings) -> None:
        self._settings = settings
        self._keys = {
            stage: CurveClient(public, settings.secret_key) if public else None
            for stage, public in (
                ("brain", settings.server_key),
                ("source", settings.source_server_key),
            )
        }
        self._addresses = {"brain": settings.control}
        if settings.source_control is not None:
            self._addresses["source"] = settings.source_control
        self._turns = {stage: asyncio.Lock() for stage in self._addresses}

    @property
    def names(self) -> tuple[str, ...]:
        """Who can be asked."""
        return tuple(self._addresses)

    async def ask(self, stage: str, request: dict[str, Any]) -> dict[str, Any]:
        """The answer to a request of ours; raises `InputError` as `control_request` does."""
        async with self._turns[stage]:
            asking = asyncio.ensure_future(
                asyncio.to_thread(
                    control_request,
                    self._addresses[stage],
                    request,
                    timeout_s=_PATIENCE_S,
                    security=self._keys[stage],
                    insecure=self._settings.insecure,
                )
            )
            try:
                return await asyncio.shield(asking)
            except asyncio.CancelledError:
                # A thread asks on though nobody waits for it; the next request must not overtake
                # it, which may end what this one begins.
                await asyncio.gather(asking, return_exceptions=True)
                raise

    async def pass_on(self, said: Mapping[str, Any]) -> dict[str, Any]:
        """The answer to what a browser said: `{"to": stage, "command": ..., ...}`.

        Raises `InputError` also for what is not in `COMMANDS`.
        """
        stage, command = said.get("to"), said.get("command")
        if not isinstance(stage, str) or stage not in self._addresses:
            raise _not_allowed(f"stage {stage!r:.40}", ", ".join(self._addresses))
        allowed = COMMANDS[stage]
        if not isinstance(command, str) or command not in allowed:
            raise _not_allowed(f"command {command!r:.40}", ", ".join(allowed))
        fields = {name: value for name, value in said.items() if name not in ("to", "id")}
        strangers = fields.keys() - allowed[command] - {"command"}
        if strangers:
            raise _not_allowed(
                f"field {min(strangers)!r:.40}", ", ".join(sorted(allowed[command])) or "none"
            )
        return await self.ask(stage, fields)


def _not_allowed(got: str, allowed: str) -> InputError:
    return InputError(
        what="request of a browser", got=got, allowed=allowed, todo="reload the console's page"
    )
