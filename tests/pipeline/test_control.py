import json
import threading
from collections.abc import Iterator
from typing import Any

import pytest
import zmq

from drivers.errors import InputError
from pipeline.addresses import ipc_address, private_run_directory
from pipeline.control import ControlServer, Request, control_request


def handle(request: Request) -> Request:
    """Doubles, or fails in ways that handlers fail."""
    if request["command"] == "double":
        return {"twice": 2 * request["number"]}
    if request["command"] == "refuse":
        raise InputError(what="number", got="7", allowed="8", todo="say 8")
    if request["command"] == "unserialisable":
        return {"thing": object()}
    raise RuntimeError


@pytest.fixture
def address() -> Iterator[str]:
    """The address of a server that answers."""
    with ControlServer(ipc_address(private_run_directory(), "control"), handle).start() as server:
        yield server.address


def raw(address: str, parts: list[bytes]) -> dict[str, Any]:
    """The answer to whatever bytes."""
    with zmq.Context() as context, context.socket(zmq.REQ) as socket:
        socket.linger = 0
        socket.connect(address)
        socket.send_multipart(parts)
        assert socket.poll(5000)
        answer: dict[str, Any] = json.loads(socket.recv())
    return answer


def test_request_is_answered(address: str) -> None:
    """What the handler gives is what comes back."""
    assert control_request(address, {"command": "double", "number": 4}) == {"twice": 8}


@pytest.mark.parametrize(
    "parts",
    [[b""], [b"{"], [b"[1]"], [b"7"], [b"\xff\xfe"], [b"{}", b"{}"], [b"[" * 100_000]],
    ids=["empty", "cut", "list", "number", "not text", "two parts", "deep"],
)
def test_bad_request_is_answered_and_survived(address: str, parts: list[bytes]) -> None:
    """Nonsense gets an error that says what is wanted, and the next request is served."""
    answer = raw(address, parts)
    assert answer["ok"] is False
    assert "JSON object" in answer["error"]
    assert control_request(address, {"command": "double", "number": 1}) == {"twice": 2}


@pytest.mark.parametrize("command", ["refuse", "unserialisable", "crash", None])
def test_failing_handler_still_answers(address: str, command: str | None) -> None:
    """Whatever goes wrong inside, the asker hears of it and the server goes on."""
    request = {"command": command} if command else {}
    with pytest.raises(InputError):
        control_request(address, request)
    assert control_request(address, {"command": "double", "number": 1}) == {"twice": 2}


def test_nobody_there_is_an_error_in_time() -> None:
    """A request without an answer ends with one clear line."""
    address = ipc_address(private_run_directory(), "control")
    with pytest.raises(InputError, match="no answer"):
        control_request(address, {"command": "double"}, timeout_s=0.05)


def test_server_may_be_served_by_hand() -> None:
    """A stage with a loop of its own answers when it is ready, in its own thread."""
    threads: list[threading.Thread] = []

    def note(request: Request) -> Request:
        threads.append(threading.current_thread())
        return request

    with ControlServer(ipc_address(private_run_directory(), "control"), note) as server:
        assert server.serve() == 0
        answers: list[Request] = []
        asking = threading.Thread(
            target=lambda: answers.append(control_request(server.address, {"a": 1}))
        )
        asking.start()
        assert server.serve(5000) == 1
        asking.join(5)
    assert answers == [{"a": 1}]
    assert threads == [threading.current_thread()]
