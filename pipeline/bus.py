"""The bus: sockets that carry messages between stages, and say what they dropped.

Every object has its own ZeroMQ context and is used by one thread of one process.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any, Literal

import zmq

from drivers.closing import Closing
from drivers.errors import InputError
from pipeline.addresses import check_free
from pipeline.allow_list import Right
from pipeline.security import CurveClient, CurveServer, secure
from pipeline.subscriptions import Subscriptions
from pipeline.wire import Part

SEND_HWM = 64
"""Messages that wait for a subscriber before its publisher blocks or drops."""
_MAX_MESSAGE_BYTES = 1 << 28
_MAX_SUBSCRIPTION_BYTES = 1 << 12
_SLICE_MS = 20
"""How long a blocked call may overlook a stop."""
_LOOK_EVERY_NS = 1_000_000

Parts = Sequence[Part]


class _BoundPublisher(Closing):
    """An XPUB socket and the subscriptions it knows of."""

    def __init__(
        self,
        address: str,
        *,
        nodrop: bool,
        send_hwm: int,
        security: CurveServer | None,
        insecure: bool,
    ) -> None:
        self._context = zmq.Context()
        self._socket = self._context.socket(zmq.XPUB)
        self._subscriptions = Subscriptions()
        try:
            self._socket.sndhwm = send_hwm
            self._socket.sndtimeo = _SLICE_MS
            self._socket.linger = 0
            self._socket.maxmsgsize = _MAX_SUBSCRIPTION_BYTES
            self._socket.xpub_nodrop = nodrop
            self._socket.setsockopt(zmq.XPUB_VERBOSER, 1)  # else only first and last are told
            self.address = bind(self._socket, address, security, insecure=insecure)
        except BaseException:
            self._context.destroy(linger=0)
            raise

    def subscribers(self, topic: bytes) -> int:
        """Subscriptions that match a topic, as far as this socket has heard."""
        self._hear()
        return self._subscriptions.count(topic)

    def _hear(self) -> None:
        """Take in who has come; what nobody takes in piles up."""
        while int(self._socket.get(zmq.EVENTS)) & zmq.POLLIN:
            self._subscriptions.hear(self._socket.recv(zmq.NOBLOCK, copy=False))

    def _send(self, parts: Parts, flags: int = 0) -> bool:
        """Send now or within a slice of time; False where a subscriber's queue is full."""
        *short, payload = parts
        try:
            # One by one takes half the time of send_multipart.
            for part in short:
                self._socket.send(part, flags | zmq.SNDMORE)
            self._socket.send(payload, flags, copy=False)
        except zmq.Again:  # only ever before the first part: a message goes whole or not at all
            return False
        return True

    def _close(self, linger_s: float | None, stop: threading.Event) -> bool:
        """Close; wait for what is queued to leave, for `linger_s` or (None) until `stop`."""
        if self._socket.closed:
            return True
        self._socket.close(linger=-1 if linger_s is None else round(linger_s * 1000))
        # Context.term cannot be interrupted, so it waits in a thread that may be left behind.
        ending = threading.Thread(target=self._context.term, name="bus-close", daemon=True)
        ending.start()
        while linger_s is None and ending.is_alive() and not stop.is_set():
            ending.join(_SLICE_MS / 1000)
        ending.join(linger_s or 0.2)
        return not ending.is_alive()


class EventPublisher(_BoundPublisher):
    """The socket a source gives its events out on.

    With policy `block` a full subscriber stops the source and nothing is lost; without any
    subscriber it waits for one. With `drop` a message that does not fit into every subscriber's
    queue goes to none of them, and is counted: one number of losses for all. Setting `stop` (from
    a signal, say) ends every wait within some 20 ms.
    """

    def __init__(
        self,
        address: str,
        *,
        policy: Literal["block", "drop"],
        topic: bytes = b"events/",
        send_hwm: int = SEND_HWM,
        security: CurveServer | None = None,
        insecure: bool = False,
        stop: threading.Event | None = None,
        on_wait: Callable[[], None] | None = None,
    ) -> None:
        """Bind; `topic` is that of the events to come. Raises `InputError` for the address.

        `on_wait` is called every 20 ms while a call waits; it may call `offer`.
        """
        self.policy = policy
        self.topic = topic
        self.stop = stop or threading.Event()
        self._on_wait = on_wait or (lambda: None)
        self.dropped_messages = 0
        self.dropped_events = 0
        self._readers = 0
        self._looked_ns = 0
        self._stopped_s: float | None = None
        super().__init__(
            address, nodrop=True, send_hwm=send_hwm, security=security, insecure=insecure
        )

    def wait_for_subscribers(self, n: int = 1, timeout_s: float | None = None) -> bool:
        """Wait until `n` subscriptions match the topic; False when time is over or stopped."""
        deadline = None if timeout_s is None else time.monotonic() + timeout_s
        while self.subscribers(self.topic) < n:
            if self.stop.is_set() or (deadline is not None and time.monotonic() >= deadline):
                return False
            self._socket.poll(_SLICE_MS, zmq.POLLIN)
            self._on_wait()
        return True

    def wait_until_left(
        self, patience_s: float, complain: Callable[[], None], *, after_stop_s: float = 0.0
    ) -> None:
        """Wait until every subscriber has gone; `complain` once if it takes long.

        Once `stop` is set, `after_stop_s` are left. ZeroMQ drops what a full reader has not taken
        off the connection when its peer closes, so whoever sent the last message must not be the
        first to go.
        """
        complaint = time.monotonic() + patience_s
        while self.subscribers(self.topic) and not self._is_over(after_stop_s):
            self._socket.poll(_SLICE_MS, zmq.POLLIN)
            self._on_wait()
            if time.monotonic() >= complaint:
                complaint = math.inf
                complain()

    def publish(self, parts: Parts, *, events: int = 0) -> bool:
        """Give out a message of `events` events as the policy says; False = it was dropped.

        Under `block` that happens only once `stop` is set.
        """
        if self.policy == "block":
            sent = self.deliver(parts)
        else:
            sent = self._is_heard() and self._send(parts, zmq.NOBLOCK)
        if not sent:
            self.dropped_messages += 1
            self.dropped_events += events
        return sent

    def deliver(self, parts: Parts, *, after_stop_s: float = 0.0) -> bool:
        """Give out a message that must arrive, whatever the policy; False only when stopped.

        Once `stop` is set, readers there are have `after_stop_s` to make room.
        """
        while not self._is_over(after_stop_s):
            if not self._is_heard():
                if self.stop.is_set():
                    return False
                self._socket.poll(_SLICE_MS, zmq.POLLIN)
            elif self._send(parts):
                return True
            self._on_wait()
        return False

    def _is_over(self, after_stop_s: float) -> bool:
        """Whether `stop` was set so long ago, counted from when it was noticed first."""
        if not self.stop.is_set():
            return False
        now_s = time.monotonic()
        if self._stopped_s is None:
            self._stopped_s = now_s
        return now_s >= self._stopped_s + after_stop_s

    def _is_heard(self) -> bool:
        """Whether anybody subscribes to the topic, or did a millisecond ago.

        Asking the socket takes longer than to send a message. What goes out in the millisecond
        after the last reader left is as lost as what it had not read yet.
        """
        now_ns = time.monotonic_ns()
        if not self._readers or now_ns - self._looked_ns > _LOOK_EVERY_NS:
            self._readers = self.subscribers(self.topic)
            self._looked_ns = now_ns
        return self._readers > 0

    def offer(self, parts: Parts) -> bool:
        """Give out a message that nobody waits for, telemetry say; False where it did not fit."""
        self._hear()
        return self._send(parts, zmq.NOBLOCK)

    def close(self, linger_s: float | None = 0.0) -> bool:
        """Close, waiting `linger_s` at most (None: until `stop`) for the queue to empty.

        False where something still hung when `stop` was set. What the time did not allow to
        leave is dropped.
        """
        return self._close(linger_s, self.stop)


class Publisher(_BoundPublisher):
    """A lossy publisher for labels and telemetry: it never waits for anybody.

    A subscriber whose queue of `send_hwm` messages is full misses what comes then, while others
    get it; it sees so from the gaps in `seq`.
    """

    def __init__(
        self,
        address: str,
        *,
        send_hwm: int = 1000,
        security: CurveServer | None = None,
        insecure: bool = False,
    ) -> None:
        """Bind; raises `InputError` for the address."""
        self.sent_messages = 0
        super().__init__(
            address, nodrop=False, send_hwm=send_hwm, security=security, insecure=insecure
        )

    def publish(self, parts: Parts) -> bool:
        """Give out a message to whoever has room for it."""
        self._hear()
        self.sent_messages += 1
        return self._send(parts, zmq.NOBLOCK)

    def close(self, linger_s: float = 0.5) -> bool:
        """Close, giving what is queued a moment to leave."""
        return self._close(linger_s, threading.Event())


class EventSubscriber(Closing):
    """A socket that hears one or more publishers, whether they are there yet or not.

    Topics match by prefix. Security is one for all addresses.
    """

    def __init__(
        self,
        addresses: Sequence[str],
        topics: Sequence[bytes] = (b"events/",),
        *,
        receive_hwm: int = SEND_HWM,
        security: CurveClient | None = None,
        insecure: bool = False,
    ) -> None:
        """Connect; raises `InputError` for an address that cannot be used."""
        self._context = zmq.Context()
        self._socket = self._context.socket(zmq.SUB)
        try:
            self._socket.rcvhwm = receive_hwm
            self._socket.linger = 0
            self._socket.maxmsgsize = _MAX_MESSAGE_BYTES
            self._socket.reconnect_ivl = 50
            self._socket.reconnect_ivl_max = 100
            self._timeout_ms: int | None = None
            self._topics = tuple(dict.fromkeys(topics))
            self.come_back()
            for address in addresses:
                connect(self._socket, address, security, insecure=insecure)
        except BaseException:
            self.close()
            raise

    def come_back(self) -> None:
        """Subscribe to the topics (again)."""
        for topic in self._topics:
            self._socket.subscribe(topic)

    def leave(self) -> None:
        """Tell publishers that nothing more is wanted, and stay connected."""
        for topic in self._topics:
            self._socket.unsubscribe(topic)

    def receive(self, timeout_ms: int | None = None) -> list[zmq.Frame] | None:
        """The parts of the next message, not copied; None when the time is over.

        Never waits longer than `timeout_ms` (None: for ever), so callers can look at their stop.
        """
        if timeout_ms != self._timeout_ms:
            self._socket.rcvtimeo = -1 if timeout_ms is None else timeout_ms
            self._timeout_ms = timeout_ms
        try:
            # Neither poll nor recv_multipart: each takes as long as all this does.
            parts = [self._socket.recv(copy=False)]
            while parts[-1].more:
                parts.append(self._socket.recv(copy=False))
        except zmq.Again:  # only ever before the first part
            return None
        return parts

    def close(self) -> None:
        """Close at once; what has not been received is dropped."""
        self._context.destroy(linger=0)


class AnyOf:
    """Waits for a message from any of several subscribers."""

    def __init__(self, subscribers: Sequence[EventSubscriber]) -> None:
        self._poller = zmq.Poller()
        for subscriber in subscribers:
            self._poller.register(subscriber._socket, zmq.POLLIN)

    def wait(self, timeout_ms: int) -> bool:
        """Whether one has something before the time is over."""
        return bool(self._poller.poll(timeout_ms))


def bind(
    socket: zmq.Socket[Any],
    address: str,
    security: CurveServer | None,
    *,
    insecure: bool,
    right: Right | None = "watch",
) -> str:
    """Bind a socket safely; the address with any wildcard port resolved.

    With keys, `right` is what a client's key must have to come in (None: any right). Raises
    `InputError` for an address that is in use, malformed, or unsafe.
    """
    gate = secure(socket, address, security, binds=True, insecure=insecure, right=right)
    check_free(address)
    try:
        socket.bind(address)
    except zmq.ZMQError as error:
        raise InputError(
            what=f"address {address}",
            got=f"{error}",
            allowed="an address of this host that is free",
            todo="choose another address or port",
        ) from error
    bound = str(socket.get_string(zmq.LAST_ENDPOINT)).rstrip("\0")
    if gate is not None:
        gate.bound_to(bound)
    return bound


def connect(
    socket: zmq.Socket[Any], address: str, security: CurveClient | None, *, insecure: bool
) -> None:
    """Connect a socket safely, now or whenever somebody binds there; raises `InputError`."""
    secure(socket, address, security, binds=False, insecure=insecure)
    try:
        socket.connect(address)
    except zmq.ZMQError as error:
        raise InputError(
            what=f"address {address}",
            got=f"{error}",
            allowed="an address that can be connected to",
            todo="check host and port",
        ) from error
