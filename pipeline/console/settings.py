"""What a console is told at its start, and the address that people open."""

from __future__ import annotations

import ipaddress
import secrets
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from drivers.errors import InputError
from pipeline.logs import are_json

PORT = 8765
MOST_PORT = 65535
LEAST_TOKEN = 16
"""Characters: shorter ones can be guessed."""


@dataclass(frozen=True, slots=True)
class ConsoleSettings:
    """Of `run_console`."""

    connect: str
    """Where the brain publishes."""
    control: str
    """Where the brain answers requests."""
    source_control: str | None = None
    """Where the source does; without it there is no step and no seek."""
    host: str = "127.0.0.1"
    """Address to listen on. Beyond loopback there is always a token."""
    port: int = PORT
    """0 takes a free one."""
    token: str | None = None
    """What a browser must say first; made up where it is needed and not given."""
    log: Path | None = None
    """A session's log, JSON Lines: its end is shown."""
    insecure: bool = False
    """Allow tcp to a brain beyond this host without keys."""
    server_key: Path | None = None
    """Public CURVE key of the brain."""
    source_server_key: Path | None = None
    """That of the source."""
    secret_key: Path | None = None
    """The console's own key, which they let in."""

    def __post_init__(self) -> None:
        if not 0 <= self.port <= MOST_PORT:
            raise InputError(
                what="console port",
                got=str(self.port),
                allowed=f"0 to {MOST_PORT}",
                todo="choose another --port",
            )
        if self.token is not None and (
            len(self.token) < LEAST_TOKEN
            or not self.token.isascii()
            or not self.token.isprintable()
        ):
            raise InputError(
                what="console token",
                got=f"{len(self.token)} characters",
                allowed=f"{LEAST_TOKEN} or more printable ASCII characters",
                todo="choose a longer one, or leave it out to have one made up",
            )

    @property
    def is_local(self) -> bool:
        """Whether only this host can reach it."""
        if self.host == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False

    def needed_token(self) -> str | None:
        """The token given, a new one where the console can be reached from outside, or none.

        Raises `InputError` where a new one could only be told to a log.
        """
        if self.token is None and not self.is_local:
            if are_json():
                raise InputError(
                    what="console beyond loopback",
                    got="no token, and logs that a new one would be written to",
                    allowed="a token that is not logged",
                    todo="give one in WIGWAG_CONSOLE_TOKEN",
                )
            return secrets.token_urlsafe(24)
        return self.token


def page_address(host: str, port: int, token: str | None) -> str:
    """What to open; the token is behind `#`, which a browser does not send."""
    shown = f"[{host}]" if ":" in host else host
    return f"http://{shown}:{port}/" + (f"#{quote(token, safe='')}" if token else "")
