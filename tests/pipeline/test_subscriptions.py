import socket
import time
from collections.abc import Callable, Iterator

import pytest
import zmq

from pipeline.bus import EventPublisher, EventSubscriber
from pipeline.subscriptions import Subscriptions

WAIT_S = 10
GREETING = b"\xff" + bytes(8) + b"\x7f\x03\x00" + b"NULL".ljust(20, b"\0") + bytes(32)
READY = b"\x05READY\x0bSocket-Type\x00\x00\x00\x03SUB"


class RawGuest:
    """A peer that sends what it likes: ZMTP 3.0 by hand, as ZeroMQ's own sockets would not."""

    def __init__(self, address: str) -> None:
        host, port = address.removeprefix("tcp://").split(":")
        self._socket = socket.create_connection((host, int(port)), WAIT_S)
        self._socket.sendall(GREETING)
        self._socket.recv(len(GREETING), socket.MSG_WAITALL)
        self._socket.sendall(b"\x04" + bytes([len(READY)]) + READY)
        _, length = self._socket.recv(2, socket.MSG_WAITALL)
        self._socket.recv(length, socket.MSG_WAITALL)

    def send(self, content: bytes) -> None:
        """A message, as a subscription is one."""
        self._socket.sendall(b"\x02" + len(content).to_bytes(8, "big") + content)

    def close(self) -> None:
        """End the connection."""
        self._socket.close()


def wait_until(condition: Callable[[], bool]) -> None:
    """Wait for a condition, with a deadline."""
    deadline = time.monotonic() + WAIT_S
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.001)


@pytest.fixture
def publisher() -> Iterator[EventPublisher]:
    """One with a reader of events."""
    with (
        EventPublisher("tcp://127.0.0.1:*", policy="drop") as publisher,
        EventSubscriber([publisher.address]),
    ):
        wait_until(lambda: publisher.subscribers(b"events/") == 1)
        yield publisher


def test_nobody_takes_back_what_another_wants(publisher: EventPublisher) -> None:
    """A guest that unsubscribes from what it never asked for changes nothing, also once it left."""
    guest = RawGuest(publisher.address)
    for _ in range(3):
        guest.send(b"\x00events/")
    guest.send(b"\x01marker")
    wait_until(lambda: publisher.subscribers(b"marker") == 1)
    assert publisher.subscribers(b"events/") == 1
    guest.close()
    wait_until(lambda: publisher.subscribers(b"marker") == 0)
    assert publisher.subscribers(b"events/") == 1
    assert publisher.publish([b"events/a", b"header", b"payload"])


def test_one_connection_counts_once(publisher: EventPublisher) -> None:
    """However often it subscribes; and not at all once it took that back, or ended."""
    guests = [RawGuest(publisher.address) for _ in range(2)]
    for guest in guests:
        for _ in range(3):
            guest.send(b"\x01events/")
        guest.send(b"\x01marker")
    wait_until(lambda: publisher.subscribers(b"marker") == 2)
    assert publisher.subscribers(b"events/") == 3
    guests[0].send(b"\x00events/")
    wait_until(lambda: publisher.subscribers(b"events/") == 2)
    for guest in guests:
        guest.close()
    wait_until(lambda: publisher.subscribers(b"marker") == 0)
    assert publisher.subscribers(b"events/") == 1


@pytest.mark.parametrize("transport", ["tcp://127.0.0.1:*", "inproc://x"])
def test_nothing_is_kept_of_who_has_gone(transport: str) -> None:
    """Guests that ask for long topics of their own leave nothing behind."""
    held = Subscriptions()
    with zmq.Context() as context, context.socket(zmq.XPUB) as bound:
        bound.setsockopt(zmq.XPUB_VERBOSER, 1)
        bound.bind(transport)
        address = bound.get_string(zmq.LAST_ENDPOINT).rstrip("\0")

        def hear() -> int:
            while bound.poll(1):
                held.hear(bound.recv(copy=False))
            return len(held)

        for number in range(20):
            with context.socket(zmq.SUB) as guest:
                guest.linger = 0
                guest.connect(address)
                guest.subscribe(b"%d" % number * 1000)
                guest.subscribe(b"")
                wait_until(lambda: hear() == 2)
                assert held.count(b"%d" % number * 1001) == 2
                assert held.count(b"other") == 1
            wait_until(lambda: hear() == 0)
