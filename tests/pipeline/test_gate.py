from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import zmq

from drivers.errors import InputError
from pipeline.allow_list import Client, Right, allow_list_of, read_allow_list, write_allow_list
from pipeline.bus import EventPublisher, EventSubscriber, Publisher, connect
from pipeline.control import ControlServer, Request, control_request
from pipeline.gate import Gate
from pipeline.key_files import load_public_key, make_key_pair
from pipeline.security import CurveClient, CurveServer

WAIT_S = 10.0
SILENCE_MS = 400
EVERYWHERE = "tcp://0.0.0.0:*"

pytestmark = pytest.mark.skipif(not zmq.has("curve"), reason="this ZeroMQ has no CURVE")


class Lab:
    """A stage's keys, and clients with rights."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.public, self.secret = make_key_pair(folder, "stage")
        self.server = CurveServer(self.secret)
        self.allowed = allow_list_of(self.secret)

    def client(self, name: str, *rights: Right) -> CurveClient:
        """A client with a key of its own, let in if it has rights."""
        _, secret = make_key_pair(self.folder, name)
        if rights:
            self.allow(name, *rights)
        return CurveClient(self.public, secret)

    def allow(self, name: str, *rights: Right) -> None:
        """Put a client that has a key on the list."""
        clients = read_allow_list(self.allowed)
        key = load_public_key(self.folder / f"{name}.key").decode()
        clients[key] = Client(name=name, public_key=key, rights=frozenset(rights))
        write_allow_list(self.allowed, clients.values())

    def revoke(self, name: str) -> None:
        """Take a client off the list."""
        clients = read_allow_list(self.allowed).values()
        write_allow_list(self.allowed, [client for client in clients if client.name != name])


@pytest.fixture
def lab(tmp_path: Path) -> Lab:
    """Keys in a folder of this test."""
    return Lab(tmp_path)


def reachable(address: str) -> str:
    """Where a client finds what is bound everywhere."""
    return address.replace("0.0.0.0", "127.0.0.1")


def hears(publish: Callable[[], object], bus: EventSubscriber) -> bool:
    """Whether anything at all arrives, while something is published again and again."""
    for _ in range(200):
        publish()
        if bus.receive(50) is not None:
            return True
    return False


def raw_subscriber(context: zmq.Context[Any], address: str) -> zmq.Socket[Any]:
    """A client of plain ZeroMQ that wants everything."""
    socket = context.socket(zmq.SUB)
    socket.linger = 0
    socket.subscribe(b"")
    socket.connect(address)
    return socket


@pytest.fixture
def context() -> Iterator[zmq.Context[Any]]:
    """For sockets of plain ZeroMQ."""
    with zmq.Context() as made:
        yield made


def test_uninvited_clients_hear_nothing(lab: Lab, context: zmq.Context[Any]) -> None:
    """Plain, unknown, revoked and wrongly addressed clients get no byte; who may watch does."""
    watching = lab.client("watching", "watch")
    revoked = lab.client("revoked", "watch")
    lab.revoke("revoked")
    unknown = lab.client("unknown")
    teaching = lab.client("teaching", "teach")
    another_server, _ = make_key_pair(lab.folder, "another")
    wrong_server = CurveClient(another_server, watching.secret_key_file)
    made_up = CurveClient(lab.public)
    with Publisher(EVERYWHERE, security=lab.server) as publisher:
        where = reachable(publisher.address)
        plain = raw_subscriber(context, where)
        uninvited = [
            EventSubscriber([where], [b""], security=security)
            for security in (None, revoked, unknown, teaching, wrong_server, made_up)
        ]
        with EventSubscriber([where], [b""], security=watching) as bus:
            assert hears(lambda: publisher.publish([b"labels/cam", b"", b"wave"]), bus)
            for subscriber in uninvited:
                assert subscriber.receive(SILENCE_MS // len(uninvited)) is None
            assert not plain.poll(SILENCE_MS)
            assert publisher.subscribers(b"labels/") == 1
        for subscriber in uninvited:
            subscriber.close()
        plain.close()


def test_without_a_list_nobody_comes_in(lab: Lab) -> None:
    """A stage whose keys were just made is closed, not open."""
    client = lab.client("early")
    with (
        EventPublisher(EVERYWHERE, policy="block", security=lab.server) as publisher,
        EventSubscriber([reachable(publisher.address)], security=client),
    ):
        assert not publisher.wait_for_subscribers(1, SILENCE_MS / 1000)


def test_a_key_allowed_later_comes_in_without_a_restart(lab: Lab) -> None:
    """The list is read anew when it changes."""
    with Publisher(EVERYWHERE, security=lab.server) as publisher:
        late = lab.client("late", "watch")
        with EventSubscriber([reachable(publisher.address)], [b""], security=late) as bus:
            assert hears(lambda: publisher.publish([b"labels/cam", b"", b"wave"]), bus)


def test_a_key_revoked_while_connected_is_cut_off(lab: Lab) -> None:
    """Who loses the right hears no more, and the others come back by themselves."""
    staying, leaving = lab.client("staying", "watch"), lab.client("leaving", "watch")
    with Publisher(EVERYWHERE, security=lab.server) as publisher:
        where = reachable(publisher.address)
        with (
            EventSubscriber([where], [b""], security=staying) as kept,
            EventSubscriber([where], [b""], security=leaving) as lost,
        ):

            def publish() -> None:
                publisher.publish([b"labels/cam", b"", b"wave"])

            assert hears(publish, kept)
            assert hears(publish, lost)
            lab.revoke("leaving")
            for _ in range(400):
                lost.receive(0)
                if publisher.subscribers(b"labels/") == 0:
                    break
                kept.receive(25)
            assert hears(publish, kept)
            while lost.receive(0) is not None:
                pass
            assert hears(publish, kept)
            assert lost.receive(SILENCE_MS) is None
            assert publisher.subscribers(b"labels/") == 1
            lab.allow("leaving", "watch")
            assert hears(publish, lost)


def test_a_client_that_was_there_before_it_was_allowed_comes_in(lab: Lab) -> None:
    """It was turned away several times meanwhile, and is not restarted."""
    with Publisher(EVERYWHERE, security=lab.server) as publisher:
        early = lab.client("early")
        turned_away = 0
        answer = Gate._answer

        def counting(gate: Gate, request: list[bytes]) -> list[bytes]:
            nonlocal turned_away
            turned_away += 1
            return answer(gate, request)

        with (
            pytest.MonkeyPatch.context() as patch,
            EventSubscriber([reachable(publisher.address)], [b""], security=early) as bus,
        ):
            patch.setattr(Gate, "_answer", counting)
            while turned_away < 3:
                assert bus.receive(50) is None
            lab.allow("early", "watch")
            assert hears(lambda: publisher.publish([b"labels/cam", b"", b"wave"]), bus)


def test_watching_and_teaching_are_separate_rights(lab: Lab) -> None:
    """A key that may only watch is told the status, and no other request reaches the handler."""
    seen: list[object] = []

    def handle(request: Request) -> Request:
        seen.append(request["command"])
        return {"command": request["command"]}

    watching, teaching = lab.client("watching", "watch"), lab.client("teaching", "teach")
    stranger = lab.client("stranger")
    with ControlServer(EVERYWHERE, handle, security=lab.server).start() as server:
        where = reachable(server.address)
        assert control_request(where, {"command": "status"}, security=watching)
        for command in ("target", "stop", "pause", None, ["status"]):
            with pytest.raises(InputError, match="may not teach"):
                control_request(where, {"command": command}, security=watching)
        assert control_request(where, {"command": "target"}, security=teaching)
        for nobody in (stranger, CurveClient(lab.public), None):
            with pytest.raises(InputError, match="no answer"):
                control_request(where, {"command": "stop"}, security=nobody, timeout_s=0.3)
    assert seen == ["status", "target"]


def test_a_right_lost_is_lost_at_the_next_request(lab: Lab, context: zmq.Context[Any]) -> None:
    """Also over a connection that was open before."""
    teaching = lab.client("teaching", "watch", "teach")
    key = load_public_key(lab.folder / "teaching.key").decode()
    with (
        ControlServer(EVERYWHERE, lambda _: {}, security=lab.server) as server,
        context.socket(zmq.REQ) as socket,
    ):
        socket.linger = 0
        connect(socket, reachable(server.address), teaching, insecure=False)
        for answer in (b'{"ok":true}', b"may not teach"):
            socket.send(b'{"command": "target"}')
            assert server.serve(5000) == 1
            assert answer in socket.recv()
            changed = Client(name="teaching", public_key=key, rights=frozenset({"watch"}))
            write_allow_list(lab.allowed, [changed])


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("watch short lena\n", "line 1"),
        ("# fine\nfly {key} lena\n", "line 2"),
        ("watch {key} ../lena\n", "line 1"),
        ("watch {key} lena\nteach {key} lena\n", "second time"),
        ("watch {key}\n", "line 1"),
        ("\x00\n", "line 1"),
    ],
)
def test_a_bad_list_is_refused_at_the_start(lab: Lab, text: str, complaint: str) -> None:
    """A stage that cannot say who may come in does not begin."""
    lab.client("lena")
    key = load_public_key(lab.folder / "lena.key").decode()
    lab.allowed.write_text(text.replace("{key}", key))
    lab.allowed.chmod(0o600)
    with pytest.raises(InputError, match=complaint):
        Publisher(EVERYWHERE, security=lab.server)


def test_files_that_others_may_read_or_write_are_refused(lab: Lab) -> None:
    """A secret that is none, and a list that anybody may extend, are not relied on."""
    lab.client("lena", "watch")
    lab.allowed.chmod(0o666)
    with pytest.raises(InputError, match="may write"):
        Publisher(EVERYWHERE, security=lab.server)
    lab.allowed.chmod(0o600)
    lab.secret.chmod(0o644)
    with pytest.raises(InputError, match="may read"):
        Publisher(EVERYWHERE, security=lab.server)


def test_a_list_spoilt_while_running_lets_nobody_in(
    lab: Lab, capsys: pytest.CaptureFixture[str]
) -> None:
    """It fails closed, and says so."""
    teaching = lab.client("teaching", "teach")
    with ControlServer(EVERYWHERE, lambda _: {}, security=lab.server).start() as server:
        where = reachable(server.address)
        assert control_request(where, {"command": "stop"}, security=teaching) == {}
        lab.allowed.write_text("teach everybody everybody\n")
        with pytest.raises(InputError):
            control_request(where, {"command": "stop"}, security=teaching, timeout_s=0.3)
    assert "nobody is let in" in capsys.readouterr().err


def test_gates_leave_no_files_open(lab: Lab) -> None:
    """A stage started and ended again and again holds nothing."""
    client = lab.client("watching", "watch")

    def once() -> None:
        with Publisher(EVERYWHERE, security=lab.server) as publisher:
            where = reachable(publisher.address)
            with EventSubscriber([where], [b""], security=client) as bus:
                assert hears(lambda: publisher.publish([b"labels/cam", b"", b"wave"]), bus)

    once()
    before = len(list(Path("/dev/fd").iterdir()))
    for _ in range(5):
        once()
    assert len(list(Path("/dev/fd").iterdir())) <= before + 2
