"""Browsers' websockets, spoken by a program: who is let in, what is passed on, who may stall."""

import contextlib
import json
import os
import re
import signal
import socket
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from pipeline.preview import decode_preview
from tests.pipeline.console.conftest import Stage

websockets = pytest.importorskip("websockets.sync.client")
exceptions = pytest.importorskip("websockets.exceptions")

TOKEN = "a token of some length"


class Browser:
    """What the page does, without a page."""

    def __init__(self, address: str, token: str = "", **options: Any) -> None:
        self.host = address.split("/")[2]
        options = {"origin": f"http://{self.host}", "compression": None} | options
        self._connection = websockets.connect(f"ws://{self.host}/socket", **options)
        self._token = token
        self.socket: Any = None

    def __enter__(self) -> "Browser":
        self.socket = self._connection.__enter__()
        self.say(token=self._token)
        return self

    def __exit__(self, *raised: Any) -> None:
        self._connection.__exit__(*raised)

    def say(self, **message: object) -> None:
        """Send a message."""
        self.socket.send(json.dumps(message))

    def hear(self, kind: str) -> Any:
        """The next message of this kind; bytes are previews."""
        while True:
            message = self.socket.recv(timeout=60)
            if isinstance(message, bytes):
                if kind == "preview":
                    return decode_preview(message)
                continue
            news = json.loads(message)
            if news["kind"] == kind:
                return news

    def ask(self, to: str, command: str, **fields: object) -> dict[str, Any]:
        """The answer to a request."""
        self.say(id=1, to=to, command=command, **fields)
        return self.hear("answer")

    def closed(self) -> int:
        """The code that the console closes with."""
        try:
            while True:
                self.socket.recv(timeout=60)
        except exceptions.ConnectionClosed as error:
            return int(error.rcvd.code)


@pytest.fixture
def teaching(stage: Stage, tiny_checkpoint: Path) -> Stage:
    """A brain that can be taught and its console, both running."""
    stage.start_brain("--checkpoint", tiny_checkpoint, "--teach")
    stage.start_console()
    return stage


def _lesson(stage: Stage) -> object:
    return stage.ask("status")["lesson"]


def _until(stage: Stage, lesson: bool) -> None:
    deadline = time.monotonic() + 60
    while (_lesson(stage) is not None) != lesson:
        assert time.monotonic() < deadline


def test_a_browser_sees_what_the_brain_sees(teaching: Stage) -> None:
    """Previews, labels and both stages' status come; what it asks is answered."""
    with Browser(teaching.address) as browser:
        first, second = browser.hear("preview"), browser.hear("preview")
        assert second.head.t_us > first.head.t_us
        assert first.on.shape == (128, 128)
        assert browser.hear("label")["label"]["window_us"] == 500_000
        status = browser.hear("brain")["status"]
        assert status["learning"] is True
        assert browser.hear("source")["status"]["paused"] is False
        assert browser.ask("source", "pause")["paused"] is True
        assert browser.ask("source", "step", packets=5)["paused"] is True
        assert browser.ask("source", "resume")["paused"] is False
        said = browser.ask("brain", "stop")
        assert not said["ok"]
        assert "request of a browser: got command 'stop'" in said["error"]
        assert not browser.ask("brain", "target", follow_labels=True)["ok"]
        assert not browser.ask("nobody", "status")["ok"]
        assert "lines" in browser.hear("log")


def test_a_lesson_lasts_as_long_as_its_browser(teaching: Stage) -> None:
    """It ends where the browser leaves, and where it falls silent without leaving."""
    with Browser(teaching.address) as browser:
        browser.hear("preview")
        assert browser.ask("brain", "target", **{"class": 3})["class"] == 3
        _until(teaching, lesson=True)
    _until(teaching, lesson=False)
    with Browser(teaching.address) as browser:
        assert browser.ask("brain", "target", **{"class": 2})["ok"]
        _until(teaching, lesson=False)  # it says no more, though it is there


def test_a_lesson_ends_that_began_after_its_browser_had_left(teaching: Stage) -> None:
    """The brain was busy; who asked for it is not there any more to end it."""
    with Browser(teaching.address) as browser:
        browser.hear("brain")
        os.kill(teaching.brain.pid, signal.SIGSTOP)
        browser.say(id=1, to="brain", command="target", **{"class": 3})
        browser.say(alive=True)
    os.kill(teaching.brain.pid, signal.SIGCONT)
    with Browser(teaching.address) as witness:
        while "its browser has left" not in str(witness.hear("log")):
            pass
    _until(teaching, lesson=False)


def test_a_refused_lesson_is_not_held(teaching: Stage) -> None:
    """By the brain or by the console, it ends nobody else's when its browser leaves."""
    with Browser(teaching.address) as browser:
        teaching.ask("target", **{"class": 3})
        assert not browser.ask("brain", "target", **{"class": "dance"})["ok"]
        assert not browser.ask("brain", "target", **{"class": 3, "until": 5})["ok"]
    with Browser(teaching.address) as witness:
        assert all(witness.hear("brain")["status"]["lesson"] for _ in range(3))


@pytest.mark.parametrize("said", ["", "a token of some lengtH", TOKEN + " "])
def test_a_wrong_token_is_refused(stage: Stage, said: str) -> None:
    """And nothing is said before; the right one is let in. Nothing else needs to run for that."""
    address = stage.start_console("--token", TOKEN)
    assert address == stage.address, "a token that is known stays out of logs"
    with Browser(stage.address, said) as browser:
        assert browser.closed() == 4401
    with Browser(stage.address, TOKEN) as browser:
        assert "no answer" in browser.hear("brain")["error"]


def test_pages_of_others_are_refused(stage: Stage) -> None:
    """A page of another origin gets no websocket, and another name of this host no page."""
    stage.start_console()
    for wrong in ({"origin": "http://evil.example"}, {"origin": None}):
        with pytest.raises(exceptions.InvalidStatus) as caught, Browser(stage.address, **wrong):
            pass
        assert caught.value.response.status_code == 403
    for host, path, want in (
        ("evil.example", "", 421),
        ("localhost", "", 200),
        ("localhost", "nothing.html", 404),
        ("localhost", "..%2fserver.py", 404),
    ):
        request = urllib.request.Request(stage.address + path, headers={"Host": host})
        try:
            with urllib.request.urlopen(request) as answer:
                got, policy = answer.status, answer.headers["Content-Security-Policy"]
        except urllib.error.HTTPError as error:
            with error:
                got, policy = error.code, error.headers["Content-Security-Policy"]
        assert got == want
        assert "default-src 'none'" in policy


def test_the_page_asks_nothing_of_anybody_else(stage: Stage) -> None:
    """Every file of it is served, and none names another host or holds inline code or style."""
    stage.start_console()
    folder = Path(__file__).resolve().parents[3] / "pipeline/console/static"
    names = [file.name for file in folder.iterdir()]
    assert "index.html" in names
    for name in names:
        with urllib.request.urlopen(stage.address + name) as answer:
            assert answer.status == 200
            text = answer.read().decode()
        assert text == (folder / name).read_text()
        hosts = re.findall(r"https?://[^\s\"'<>]+", text)
        assert set(hosts) <= {"http://www.w3.org/2000/svg"}
    page = (folder / "index.html").read_text()
    assert not re.search(r"<style|\sstyle=|\son\w+=|<script(?![^>]*\ssrc=)", page)


def test_a_browser_that_says_too_much_is_shown_out(stage: Stage) -> None:
    """Too many messages, one too long, or none that is JSON end the visit; others stay."""
    stage.start_console()
    with Browser(stage.address) as good:
        with Browser(stage.address) as noisy:
            # It may be shown out before it has said everything.
            with contextlib.suppress(exceptions.ConnectionClosed):
                for _ in range(200):
                    noisy.say(alive=True)
            assert noisy.closed() == 1008
        with Browser(stage.address) as long:
            long.say(text="x" * 10_000)
            assert long.closed() == 1009
        with Browser(stage.address) as muddled:
            muddled.socket.send("{")
            assert muddled.closed() == 1008
        assert good.hear("console")["browsers"] >= 1


def test_a_console_ends_when_told_and_its_port_must_be_free(stage: Stage, wigwag) -> None:
    """Ctrl-C ends it with browsers attached; a port that is taken is one clear line."""
    stage.start_console()
    port = stage.address.rstrip("/").rpartition(":")[2]
    second = ("console", "--connect", stage.published, "--control", stage.control, "--port", port)
    status, _, error = wigwag.run(*second)
    assert status == 2
    assert f"console address 127.0.0.1:{port}: got Address already in use" in error
    with Browser(stage.address):
        stage.console.send_signal(signal.SIGINT)
        _, error = stage.console.communicate(timeout=30)
    assert (stage.console.returncode, error) == (130, b"")


def test_a_stalled_browser_slows_nobody(teaching: Stage) -> None:
    """One that never reads costs neither the brain a step nor another browser a picture.

    What waits for it has a bound: the console's memory stays.
    """
    with Browser(teaching.address) as good:
        good.hear("preview")
        _resident_kib(teaching.console.pid)
        stalled = [_never_reads(teaching.address) for _ in range(3)]
        # Long enough for more to be thrown away than the connection's own buffers can hold.
        begin = good.hear("preview").head
        while not (first := good.hear("console")["replaced"]):
            pass
        before_kib = _resident_kib(teaching.console.pid)
        while (news := good.hear("console"))["replaced"] < first + 60:
            pass
        assert news["browsers"] == 4
        after_kib = _resident_kib(teaching.console.pid)
        end = good.hear("preview").head
        assert end.t_us > begin.t_us
        steps = end.figures["frames"] + end.figures["frames_skipped"]
        assert steps - begin.figures["frames"] - begin.figures["frames_skipped"] > 0
        assert after_kib - before_kib < 8 << 10
        for connection in stalled:
            connection.close()


def _never_reads(address: str) -> socket.socket:
    """A browser's connection that is let in and then takes nothing off the line."""
    host, port = address.split("/")[2].split(":")
    connection = socket.socket()
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    connection.connect((host, int(port)))
    connection.sendall(
        f"GET /socket HTTP/1.1\r\nHost: {host}:{port}\r\nOrigin: http://{host}:{port}\r\n"
        "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n".encode()
    )
    answer = b""
    while b"\r\n\r\n" not in answer:
        answer += connection.recv(1)
    assert b" 101 " in answer
    said = b'{"token":""}'
    connection.sendall(bytes([0x81, 0x80 | len(said), 0, 0, 0, 0]) + said)
    return connection


def _resident_kib(pid: int) -> int:
    status = Path(f"/proc/{pid}/status").read_text()
    return int(re.search(r"VmRSS:\s+(\d+)", status)[1])
