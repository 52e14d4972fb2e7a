"""Control of a running stage: JSON requests over ZeroMQ, every one of them answered."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any, Self

import msgspec
import zmq

from drivers.closing import Closing
from drivers.errors import InputError
from pipeline.bus import bind, connect
from pipeline.gate import user_of
from pipeline.security import CurveClient, CurveServer

Request = dict[str, Any]
Handler = Callable[[Request], Request]
"""Takes a request, gives the fields of its answer; raises `InputError` for a bad request."""

OPEN_TO_WATCHERS = ("status",)
"""Commands that change nothing; all others need a key that may teach, where there are keys."""
_MAX_REQUEST_BYTES = 1 << 20
_SLICE_MS = 20


class ControlServer(Closing):
    """Answers requests on an address, from a thread of its own or when `serve` is called.

    An answer is a JSON object: `{"ok": true, ...}` with what the handler gave, or
    `{"ok": false, "error": text}`.
    """

    def __init__(
        self,
        address: str,
        handler: Handler,
        *,
        security: CurveServer | None = None,
        insecure: bool = False,
    ) -> None:
        """Bind; raises `InputError` for the address."""
        self._handler = handler
        self._clients = security.clients() if security else None
        self._context = zmq.Context()
        self._socket = self._context.socket(zmq.REP)
        self._thread: threading.Thread | None = None
        self._closing = threading.Event()
        try:
            self._socket.linger = 200
            self._socket.maxmsgsize = _MAX_REQUEST_BYTES
            self.address = bind(self._socket, address, security, insecure=insecure, right=None)
        except BaseException:
            self._context.destroy(linger=0)
            raise

    def start(self) -> Self:
        """Answer from a thread from now on; the handler must then be thread-safe."""
        self._thread = threading.Thread(target=self._run, name="control", daemon=True)
        self._thread.start()
        return self

    def serve(self, timeout_ms: int = 0) -> int:
        """Answer all requests that wait, after waiting up to `timeout_ms` for the first."""
        served = 0
        while self._socket.poll(0 if served else timeout_ms):
            self._socket.send(self._answer(self._socket.recv_multipart(copy=False)))
            served += 1
        return served

    def close(self) -> None:
        """Stop answering; the last answers have 0.2 s to leave."""
        self._closing.set()
        if self._thread is not None:
            self._thread.join()
        self._socket.close()
        self._context.term()

    def _run(self) -> None:
        while not self._closing.is_set():
            self.serve(_SLICE_MS)

    def _answer(self, parts: list[zmq.Frame]) -> bytes:
        try:
            if len(parts) != 1:
                raise _bad_request(f"{len(parts)} parts")
            try:
                request = msgspec.json.decode(parts[0].buffer, type=Request)
            except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
                raise _bad_request(str(error)) from error
            self._check_right(parts[0], request)
            return msgspec.json.encode({"ok": True, **self._handler(request)})
        except Exception as error:
            # Every request is answered: a handler that fails must not leave the asker waiting.
            return msgspec.json.encode({"ok": False, "error": str(error) or repr(error)})

    def _check_right(self, frame: zmq.Frame, request: Request) -> None:
        """Raise `InputError` where whoever asks may not; looked up anew for every request."""
        if self._clients is None:
            return
        rights = self._clients.rights_of(user_of(frame))
        command = request.get("command")
        if "teach" not in rights and not (rights and command in OPEN_TO_WATCHERS):
            raise InputError(
                what="control request",
                got=f"command {command!r:.80} from a key that may not teach",
                allowed=f"{', '.join(OPEN_TO_WATCHERS)} for a key that may watch",
                todo="have it allowed there: wigwag keys allow --may teach",
            )


class NoAnswerError(InputError):
    """Nobody answered in time: what was asked may be done all the same, and later."""


def control_request(
    address: str,
    request: Request,
    *,
    timeout_s: float = 2.0,
    security: CurveClient | None = None,
    insecure: bool = False,
) -> Request:
    """Ask and wait for the answer, given without its `ok`.

    Raises `NoAnswerError` where nobody answers in time, `InputError` where the answer is an error.
    """
    with zmq.Context() as context, context.socket(zmq.REQ) as socket:
        socket.linger = 0
        connect(socket, address, security, insecure=insecure)
        socket.send(msgspec.json.encode(request))
        if not socket.poll(round(timeout_s * 1000)):
            raise NoAnswerError(
                what=f"request to {address}",
                got=f"no answer in {timeout_s:g} s",
                allowed="the control address of a running stage",
                todo="check that it runs and was given this control address"
                + (" and lets this key in (wigwag keys list there)" if security else ""),
            )
        answer = msgspec.json.decode(socket.recv(), type=Request)
    if not answer.pop("ok", False):
        raise InputError(
            what=f"request to {address}",
            got=repr(answer.get("error", "an error without a reason")),
            allowed="a request that the stage understands",
            todo="mend the request",
        )
    return answer


def _bad_request(got: str) -> InputError:
    return InputError(
        what="control request",
        got=got,
        allowed='one JSON object, as in {"command": "status"}',
        todo="send it as a single message part",
    )
