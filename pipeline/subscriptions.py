"""Who subscribes to what, from the messages that an XPUB socket gives to its owner."""

from __future__ import annotations

import os
from collections import Counter

import zmq

Connection = tuple[int, int]
"""File descriptor and inode: descriptors are used again, a socket's inode is its own."""


class Subscriptions:
    """Counts what connections hold and not messages, of which a peer can send any number.

    A subscription counts until its own connection takes it back or has ended, which is looked up
    and not heard of: nobody can take back what another one wants.
    """

    def __init__(self) -> None:
        self._prefixes: dict[Connection, set[bytes]] = {}
        self._untold: Counter[bytes] = Counter()
        """Held over transports that do not tell the connection: there, messages are counted."""

    def __len__(self) -> int:
        """Held subscriptions."""
        self._forget_ended()
        return sum(map(len, self._prefixes.values())) + self._untold.total()

    def hear(self, message: zmq.Frame) -> None:
        """Take in what the socket gave: 1 (subscribe) or 0 (take back), then a prefix."""
        content = bytes(message.bytes)
        kind, prefix = content[:1], content[1:]
        connection = _connection_of(message)
        if connection is None:
            self._hear_untold(kind, prefix)
        elif kind == b"\x01":
            self._forget_ended()
            self._prefixes.setdefault(connection, set()).add(prefix)
        elif kind == b"\x00":
            self._prefixes.get(connection, set()).discard(prefix)

    def count(self, topic: bytes) -> int:
        """Those that match a topic."""
        self._forget_ended()
        matching = [topic[:length] for length in range(len(topic) + 1)]
        told = sum(
            prefix in prefixes for prefixes in self._prefixes.values() for prefix in matching
        )
        return told + sum(self._untold[prefix] for prefix in matching)

    def _hear_untold(self, kind: bytes, prefix: bytes) -> None:
        if kind == b"\x01":
            self._untold[prefix] += 1
        elif kind == b"\x00" and self._untold[prefix] > 1:
            self._untold[prefix] -= 1
        elif kind == b"\x00":
            # The end of a connection comes so, too, and is looked up where it was told.
            del self._untold[prefix]

    def _forget_ended(self) -> None:
        for connection in [one for one in self._prefixes if not _is_open(one)]:
            del self._prefixes[connection]


def _connection_of(message: zmq.Frame) -> Connection | None:
    """None where the transport does not tell it."""
    try:
        descriptor = int(message.get(zmq.SRCFD))
    except zmq.ZMQError:
        return None
    return descriptor, _inode(descriptor)


def _is_open(connection: Connection) -> bool:
    descriptor, inode = connection
    return inode != 0 and _inode(descriptor) == inode


def _inode(descriptor: int) -> int:
    """0: no such descriptor is open."""
    try:
        return os.fstat(descriptor).st_ino
    except OSError:
        return 0
