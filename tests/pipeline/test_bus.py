import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Literal

import pytest
import zmq

from drivers.errors import InputError
from pipeline.addresses import ipc_address, private_run_directory
from pipeline.bus import EventPublisher, EventSubscriber, Publisher
from pipeline.key_files import make_key_pair
from pipeline.security import CurveClient, CurveServer

WAIT_MS = 10_000
WAIT_S = WAIT_MS / 1000
LARGE = b"x" * 1_000_000
"""More than the system's own buffers hold, so that queues fill up."""


@pytest.fixture
def address() -> str:
    """A free address."""
    return ipc_address(private_run_directory(), "events")


def texts(bus: EventSubscriber, until: bytes) -> list[bytes]:
    """Payloads that come, up to the one that is `until`."""
    found: list[bytes] = []
    while until not in found[-1:]:
        parts = bus.receive(WAIT_MS)
        assert parts is not None, f"nothing came after {found[-1:]!r:.50}"
        found.append(parts[2].bytes)
    return found


def message(payload: bytes, topic: bytes = b"events/a") -> list[bytes]:
    """Three parts with this payload."""
    return [topic, b"header", payload]


def wait_until(condition: Callable[[], bool]) -> None:
    """Wait for a condition, with a deadline."""
    deadline = time.monotonic() + WAIT_S
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.001)


def test_subscriber_may_come_before_its_publisher(address: str) -> None:
    """Whoever starts first, the first message arrives."""
    with (
        EventSubscriber([address]) as bus,
        EventPublisher(address, policy="block") as publisher,
    ):
        assert publisher.wait_for_subscribers(1, WAIT_S)
        assert publisher.publish(message(b"first"))
        assert texts(bus, b"first") == [b"first"]


def test_waiting_for_subscribers_ends_with_time_or_stop(address: str) -> None:
    """Nobody there: False, when time is over and when stopped."""
    with EventPublisher(address, policy="block") as publisher:
        assert not publisher.wait_for_subscribers(1, 0.01)
        publisher.stop.set()
        assert not publisher.wait_for_subscribers(1)


def test_only_subscriptions_to_the_topic_count(address: str) -> None:
    """A watcher of telemetry is no reader of events; who leaves is not counted any more."""
    with EventPublisher(address, policy="block", topic=b"events/a") as publisher:
        watcher = EventSubscriber([address], [b"telemetry/"])
        other = EventSubscriber([address], [b"events/b"])
        readers = [EventSubscriber([address], [prefix]) for prefix in (b"", b"events/a")]
        assert publisher.wait_for_subscribers(2, WAIT_S)
        wait_until(lambda: publisher.subscribers(b"telemetry/x") == 2)
        wait_until(lambda: publisher.subscribers(b"events/b") == 2)
        assert publisher.subscribers(b"events/a") == 2
        readers[0].close()
        wait_until(lambda: publisher.subscribers(b"events/a") == 1)
        for bus in (watcher, other, readers[1]):
            bus.close()


def test_blocked_publisher_goes_on_when_there_is_room(address: str) -> None:
    """A full queue makes it wait, and everything arrives in order once it is read."""
    waited = threading.Event()
    with (
        EventPublisher(address, policy="block", send_hwm=1, on_wait=waited.set) as publisher,
        EventSubscriber([address], receive_hwm=1) as bus,
    ):
        publisher.wait_for_subscribers(1, WAIT_S)
        waited.clear()
        payloads = [b"%d" % n + LARGE for n in range(20)] + [b"end"]
        received: list[bytes] = []

        def read() -> None:
            waited.wait(WAIT_S)
            received.extend(texts(bus, b"end"))

        reader = threading.Thread(target=read)
        reader.start()
        for payload in payloads:
            assert publisher.publish(message(payload))
        reader.join(WAIT_S)
        assert waited.is_set()
        assert received == payloads
        assert publisher.dropped_messages == 0


@pytest.mark.parametrize("subscribers", [0, 1])
def test_stop_ends_a_blocked_publish(address: str, subscribers: int) -> None:
    """Whether the reader stalls or has gone, a stop is heard."""
    stop = threading.Event()
    waits = 0

    def on_wait() -> None:
        nonlocal waits
        waits += 1
        if waits == 5:
            stop.set()

    with EventPublisher(
        address, policy="block", send_hwm=1, stop=stop, on_wait=on_wait
    ) as publisher:
        readers = [EventSubscriber([address], receive_hwm=1) for _ in range(subscribers)]
        wait_until(lambda: publisher.subscribers(b"events/") == subscribers)
        while publisher.publish(message(LARGE), events=3):
            pass
        assert (publisher.dropped_messages, publisher.dropped_events) == (1, 3)
        for bus in readers:
            bus.close()


@pytest.mark.parametrize("policy", ["block", "drop"])
def test_after_a_stop_a_full_reader_can_still_take_what_it_was_given(
    address: str, policy: Literal["block", "drop"]
) -> None:
    """All that was sent and the last message, if it takes them in the time that there is."""
    stop = threading.Event()
    taken = 0

    def read() -> None:
        nonlocal taken
        while stop.is_set() and taken <= sent and bus.receive(0) is not None:
            taken += 1
        if taken > sent:
            bus.leave()

    with (
        EventSubscriber([address], receive_hwm=1) as bus,
        EventPublisher(address, policy=policy, send_hwm=1, stop=stop, on_wait=read) as publisher,
    ):
        wait_until(lambda: publisher.subscribers(b"events/") == 1)
        sent = 0
        while publisher.offer(message(LARGE)):
            sent += 1
        stop.set()
        assert not publisher.deliver(message(LARGE))
        assert publisher.deliver(message(LARGE), after_stop_s=WAIT_S)
        publisher.wait_until_left(WAIT_S, lambda: None, after_stop_s=WAIT_S)
        assert publisher.subscribers(b"events/") == 0
        publisher.close(0.2)
    assert taken == sent + 1


def test_after_a_stop_nobody_is_waited_for_who_is_not_there(address: str) -> None:
    """Nor for longer than was said."""
    stop = threading.Event()
    with EventPublisher(address, policy="block", stop=stop) as publisher:
        stop.set()
        assert not publisher.deliver(message(b""), after_stop_s=WAIT_S)
        with EventSubscriber([address]):
            wait_until(lambda: publisher.subscribers(b"events/") == 1)
            publisher.wait_until_left(WAIT_S, lambda: None, after_stop_s=0.01)
            assert publisher.subscribers(b"events/") == 1


def test_reader_that_leaves_frees_a_blocked_publisher(address: str) -> None:
    """A reader that stalls and then dies holds nobody up who still reads."""
    stalled = EventSubscriber([address], receive_hwm=1)
    gone = threading.Event()

    def leave() -> None:
        if publisher.subscribers(b"events/") == 2 and not gone.is_set() and sent:
            stalled.close()
            gone.set()

    sent = 0
    with (
        EventPublisher(address, policy="block", send_hwm=1, on_wait=leave) as publisher,
        EventSubscriber([address], receive_hwm=1) as bus,
    ):
        publisher.wait_for_subscribers(2, WAIT_S)
        received: list[bytes] = []

        def read() -> None:
            received.extend(texts(bus, b"end"))

        reader = threading.Thread(target=read)
        reader.start()
        for n in range(30):
            assert publisher.publish(message(b"%d" % n + LARGE))
            sent += 1
        publisher.publish(message(b"end"))
        reader.join(WAIT_S)
        assert gone.is_set()
        assert len(received) == 31


def test_dropping_publisher_counts_what_did_not_fit(address: str) -> None:
    """Sent is received plus dropped, in messages and in events."""
    with EventPublisher(address, policy="drop", send_hwm=1) as publisher:
        assert not publisher.publish(message(b"to nobody"), events=7)
        with EventSubscriber([address], receive_hwm=1) as bus:
            publisher.wait_for_subscribers(1, WAIT_S)
            sent = sum(publisher.publish(message(LARGE), events=7) for _ in range(30))
            ending = threading.Thread(target=publisher.deliver, args=(message(b"end"),))
            ending.start()
            received = len(texts(bus, b"end")) - 1
            ending.join(WAIT_S)
        assert 0 < sent < 30
        assert received == sent
        assert publisher.dropped_messages == 31 - sent
        assert publisher.dropped_events == 7 * publisher.dropped_messages


def test_telemetry_never_holds_up_events(address: str) -> None:
    """A watcher that stalls loses telemetry; the events of a blocking source go on."""
    with (
        EventPublisher(address, policy="block", topic=b"events/a", send_hwm=2) as publisher,
        EventSubscriber([address], [b"events/"]) as bus,
        EventSubscriber([address], [b"telemetry/"], receive_hwm=1),
    ):
        publisher.wait_for_subscribers(1, WAIT_S)
        wait_until(lambda: publisher.subscribers(b"telemetry/") == 1)
        offered = [publisher.offer(message(LARGE, b"telemetry/a")) for _ in range(30)]
        assert not all(offered)
        for n in range(10):
            assert publisher.publish(message(b"%d" % n))
        assert len(texts(bus, b"9")) == 10


def test_lossy_publisher_serves_others_while_one_stalls(address: str) -> None:
    """Labels reach who reads them, whatever a stalled watcher does."""
    with (
        Publisher(address, send_hwm=5) as publisher,
        EventSubscriber([address], [b"labels/"], receive_hwm=1),
        EventSubscriber([address], [b"labels/"]) as bus,
    ):
        wait_until(lambda: publisher.subscribers(b"labels/") == 2)
        for n in range(50):
            payload = b"%d" % n + LARGE
            assert publisher.publish(message(payload, b"labels/a"))
            assert texts(bus, payload) == [payload]
        assert publisher.sent_messages == 50


def test_closing_waits_for_the_last_message(address: str) -> None:
    """What was queued for a slow reader still arrives after the publisher has closed."""
    bus = EventSubscriber([address], receive_hwm=1)
    publisher = EventPublisher(address, policy="block", send_hwm=10)
    publisher.wait_for_subscribers(1, WAIT_S)
    for n in range(5):
        publisher.publish(message(b"%d" % n + LARGE))
    publisher.publish(message(b"end"))
    closed: list[bool] = []
    closing = threading.Thread(target=lambda: closed.append(publisher.close(None)))
    closing.start()
    assert len(texts(bus, b"end")) == 6
    closing.join(WAIT_S)
    assert closed == [True]
    bus.close()


def test_stop_ends_a_close_that_waits(address: str) -> None:
    """A reader that never reads cannot keep a stopped publisher from ending."""
    with EventSubscriber([address], receive_hwm=1):
        publisher = EventPublisher(address, policy="block", send_hwm=10)
        publisher.wait_for_subscribers(1, WAIT_S)
        for _ in range(8):
            publisher.publish(message(LARGE))
        publisher.stop.set()
        assert not publisher.close(None)


def test_wildcard_port_is_resolved() -> None:
    """The address to tell others is the real one."""
    with EventPublisher("tcp://127.0.0.1:*", policy="block") as publisher:
        assert publisher.address.startswith("tcp://127.0.0.1:")
        assert int(publisher.address.rpartition(":")[2]) > 0
        with EventSubscriber([publisher.address]) as bus:
            publisher.wait_for_subscribers(1, WAIT_S)
            publisher.publish(message(b"over tcp"))
            assert texts(bus, b"over tcp") == [b"over tcp"]


def test_address_in_use_is_refused(address: str) -> None:
    """Nobody takes over an address by accident, over ipc or tcp."""
    for where in (address, "tcp://127.0.0.1:*"):
        with EventPublisher(where, policy="block") as first, pytest.raises(InputError):
            Publisher(first.address)


@pytest.mark.parametrize("where", ["tcp://0.0.0.0:*", "tcp://*:*"])
def test_binding_beyond_this_host_needs_keys(where: str) -> None:
    """Without keys it takes the user's word that anybody may listen."""
    with pytest.raises(InputError, match="--insecure"):
        EventPublisher(where, policy="block")
    with EventPublisher(where, policy="block", insecure=True) as publisher:
        assert publisher.address.startswith("tcp://0.0.0.0:")


def test_connecting_beyond_this_host_needs_keys() -> None:
    """Events of unknown origin are not taken in unless the user says so."""
    with pytest.raises(InputError, match="--insecure"):
        EventSubscriber(["tcp://192.0.2.1:5555"])
    EventSubscriber(["tcp://192.0.2.1:5555"], insecure=True).close()


def test_subscriptions_are_short_and_publishing_goes_on() -> None:
    """A peer that subscribes to kilobytes is cut off; others hear what they want."""
    with (
        Publisher("tcp://127.0.0.1:*") as publisher,
        zmq.Context() as context,
        context.socket(zmq.XSUB) as rude,
    ):
        rude.linger = 0
        rude.reconnect_ivl = -1
        rude.connect(publisher.address)
        rude.send(b"\x01" + b"x" * (1 << 14))
        with EventSubscriber([publisher.address]) as bus:
            deadline = time.monotonic() + WAIT_S
            while bus.receive(20) is None:
                publisher.publish(message(b"payload"))
                assert time.monotonic() < deadline
        assert publisher.subscribers(b"x" * (1 << 14)) == 0


@pytest.fixture
def keys(tmp_path: Path) -> tuple[Path, Path]:
    """Public and secret key file of a server."""
    if not zmq.has("curve"):
        pytest.skip("this ZeroMQ has no CURVE")
    return make_key_pair(tmp_path, "server")


def test_wrong_key_files_are_refused(keys: tuple[Path, Path], tmp_path: Path) -> None:
    """A public key cannot serve, sides cannot be exchanged, and a missing file is named."""
    public, secret = keys
    with pytest.raises(InputError, match="key_secret"):
        EventPublisher("tcp://*:*", policy="block", security=CurveServer(public))
    with pytest.raises(InputError, match="nowhere"):
        EventSubscriber(["tcp://h:1"], security=CurveClient(tmp_path / "nowhere.key"))
    with pytest.raises(InputError, match="exchange"):
        EventPublisher("tcp://*:*", policy="block", security=CurveClient(secret))  # type: ignore[arg-type]
