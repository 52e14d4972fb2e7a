"""The gate of a bound CURVE socket: allowed keys come in, all others hear nothing (ZAP).

The protocol is ZeroMQ's RFC 27: before a peer can send or receive anything, libzmq asks a
handler in the same context about the peer's key. Here that is a thread, which ends with the
context. A key that loses its right while it is connected is cut off.
"""

from __future__ import annotations

import contextlib
import os
import socket as sockets
import threading
from pathlib import Path
from typing import Any

import zmq
from zmq.utils import z85

from pipeline.allow_list import AllowList, Right

_LOOK_MS = 200
"""A revoked key is noticed this soon."""
_HANDSHAKE_MS = 2000
"""Who is not let in by then is disconnected, and may try again."""
_DOMAIN = b"wigwag"
_OPEN_FILES = "/dev/fd"


class Gate:
    """Decides who may speak with one socket."""

    def __init__(self, socket: zmq.Socket[Any], clients: AllowList, right: Right | None) -> None:
        """To be made before the socket is bound; `right` is needed to come in, None: any."""
        self._clients = clients
        self._right = right
        self._inside = clients.keys_with(right)
        self._bound: int | str | None = None
        # A shadow: the socket belongs to the thread, and `Context.destroy` must not touch it.
        context: zmq.Context[zmq.Socket[bytes]] = zmq.Context.shadow(socket.context.underlying)
        self._socket = context.socket(zmq.REP)
        self._socket.linger = 0
        self._socket.bind("inproc://zeromq.zap.01")
        socket.zap_domain = _DOMAIN
        socket.handshake_ivl = _HANDSHAKE_MS
        # Without this, a context whose handler is gone would let everybody in.
        socket.setsockopt(zmq.ZAP_ENFORCE_DOMAIN, 1)
        threading.Thread(target=self._run, name="gate", daemon=True).start()

    def bound_to(self, address: str) -> None:
        """Tell where the socket is bound, so that connections can be cut there."""
        scheme, _, rest = address.partition("://")
        self._bound = int(rest.rpartition(":")[2]) if scheme == "tcp" else rest

    def _run(self) -> None:
        try:
            while True:
                if self._socket.poll(_LOOK_MS):
                    self._socket.send_multipart(self._answer(self._socket.recv_multipart()))
                self._cut_off_revoked()
        except zmq.ContextTerminated:
            pass
        finally:
            self._socket.close()

    def _answer(self, request: list[bytes]) -> list[bytes]:
        """The reply to version, id, domain, address, identity, mechanism, key."""
        number = request[1] if len(request) > 1 else b""
        if len(request) == 7 and (request[0], request[2]) == (b"1.0", _DOMAIN):
            mechanism, key = request[5:]
            if mechanism == b"CURVE" and len(key) == 32:
                name = z85.encode(key)
                if name.decode() in self._clients.keys_with(self._right):
                    return [b"1.0", number, b"200", b"OK", name, b""]
        # Not 400: whose key is allowed later, or again, would have given up for good. At 300
        # nothing is said, the handshake takes too long, and the client tries again.
        return [b"1.0", number, b"300", b"", b"", b""]

    def _cut_off_revoked(self) -> None:
        inside = self._clients.keys_with(self._right)
        revoked, self._inside = self._inside - inside, inside
        if revoked and self._bound is not None:
            cut_connections(self._bound)


def user_of(frame: zmq.Frame) -> str:
    """The key of whoever sent a message that came through a gate."""
    return str(frame.get("User-Id"))


def cut_connections(bound: int | str) -> None:
    """End all connections of this process at a port or path that it has bound.

    ZeroMQ cannot end one of them. Who may come back does so within half a second; what was under
    way is missing in the sequence numbers of those who receive it.
    """
    for entry in list(Path(_OPEN_FILES).iterdir()):
        with contextlib.suppress(OSError):  # gone meanwhile, no socket, or one that listens
            copy = os.dup(int(entry.name))
            try:
                connection = sockets.socket(fileno=copy)
            except OSError:
                os.close(copy)
                continue
            with connection:
                here = connection.getsockname()
                if (here[1] if isinstance(here, tuple) else here) == bound:
                    connection.getpeername()
                    connection.shutdown(sockets.SHUT_RDWR)
