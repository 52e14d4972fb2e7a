"""Who may use the console: names it is reached under, pages that may speak to it, its token."""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from urllib.parse import urlsplit

_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})


def is_host_allowed(headers: Mapping[str, str], host: str, *, is_local: bool) -> bool:
    """Whether the request names this console.

    A page elsewhere can have its own name resolved to this host (DNS rebinding), and would then be
    of the same origin. A console of this host alone knows the names it can have; others have a
    token.
    """
    try:
        name = urlsplit(f"//{headers.get('host', '')}").hostname
    except ValueError:
        return False
    return bool(name) and (not is_local or name in _LOOPBACK or name == host)


def is_same_origin(headers: Mapping[str, str]) -> bool:
    """Whether a page of this console asks; browsers say so of every websocket."""
    try:
        asking = urlsplit(headers.get("origin", ""))
    except ValueError:
        return False
    host = headers.get("host", "")
    return asking.scheme in ("http", "https") and bool(host) and asking.netloc == host


def is_token_right(said: object, token: str | None) -> bool:
    """Whether this is the token, told in a time that says nothing about it; any, where none is."""
    if token is None:
        return True
    return isinstance(said, str) and hmac.compare_digest(said.encode(), token.encode())
