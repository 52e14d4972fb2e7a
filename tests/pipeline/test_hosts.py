"""Source, brain and desk on three hosts, as docs/hosts.md has it, every connection with keys."""

import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from subprocess import PIPE, Popen
from typing import Any

import pytest
import zmq

from tests.pipeline.conftest import QUIET_THREADS, ROOT

pytestmark = pytest.mark.skipif(not zmq.has("curve"), reason="this ZeroMQ has no CURVE")
NAMES = ("camera", "brain", "desk")
PORTS = re.compile(r":(555[5-8])")


class Host:
    """A folder and an address of its own; processes there know no other files."""

    def __init__(self, folder: Path, address: str, enter: tuple[str, ...] = ()) -> None:
        self.folder = folder
        self.address = address
        self._enter = enter
        folder.mkdir()
        self._processes: list[Popen[bytes]] = []

    def start(self, line: str, *more: str) -> Popen[bytes]:
        """Run a line that begins with `wigwag`."""
        words = [*shlex.split(line)[1:], *more]
        process = Popen(
            [*self._enter, sys.executable, "-m", "pipeline", *words],
            stdout=PIPE,
            stderr=PIPE,
            cwd=self.folder,
            env=os.environ | QUIET_THREADS | {"PYTHONPATH": str(ROOT)},
        )
        self._processes.append(process)
        return process

    def run(self, line: str) -> str:
        """The same to its end, which must be a good one; gives its standard output."""
        return good_end(self.start(line))

    def end(self) -> None:
        """Kill what still runs."""
        for process in self._processes:
            if process.poll() is None:
                process.kill()
            process.communicate()


def good_end(process: Popen[bytes]) -> str:
    """Wait for it; gives its standard output."""
    out, error = process.communicate(timeout=60)
    assert process.returncode == 0, error.decode()
    return out.decode()


class Hosts:
    """The three, and the lines of the page by the host they are for."""

    def __init__(self, hosts: dict[str, Host], ports: dict[str, int]) -> None:
        self.hosts = hosts
        self._ports = ports
        text = (ROOT / "docs" / "hosts.md").read_text()
        found = re.findall(
            r"[Oo]n the (?:host of the )?(camera|brain|desk)|^    (wigwag .*)$", text, re.M
        )
        self._lines: list[tuple[str, str]] = []
        host = ""
        for name, line in found:
            host = name or host
            if line:
                self._lines.append((host, line))

    def lines(self, beginning: str) -> list[tuple[Host, str]]:
        """Those that begin so, with real addresses in them; there is one at least."""
        found = []
        for name, line in self._lines:
            if line.startswith(f"wigwag {beginning}"):
                own = self.hosts[name].address
                for word, address in (
                    ("0.0.0.0", own),
                    ("CAMERA", self.hosts["camera"].address),
                    ("BRAIN", self.hosts["brain"].address),
                ):
                    line = line.replace(word, address)
                line = PORTS.sub(lambda port: f":{self._ports[port[1]]}", line)
                found.append((self.hosts[name], line))
        assert found, beginning
        return found

    def run(self, beginning: str) -> None:
        """Run the lines that begin so, side by side, to their end."""
        for process in [host.start(line) for host, line in self.lines(beginning)]:
            good_end(process)

    def exchange_keys(self) -> None:
        """Carry the public halves around."""
        for name, host in self.hosts.items():
            for other in self.hosts.values():
                if other is not host:
                    shutil.copy(host.folder / f"{name}.key", other.folder)


def _ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True, capture_output=True)


@pytest.fixture(params=["loopback addresses", "network namespaces"])
def hosts(request: Any, tmp_path: Path) -> Iterator[Hosts]:
    """Nothing runs on them yet."""
    if request.param == "loopback addresses":
        found = {
            name: Host(tmp_path / name, f"127.0.0.{number}") for number, name in enumerate(NAMES, 2)
        }
        made = []
    else:
        made = [f"wigwag{os.getpid() % 10_000}{letter}" for letter in "xcbd"]
        try:
            _join(made)
        except (OSError, subprocess.CalledProcessError) as error:
            _leave(made)
            pytest.skip(f"no network namespaces here: {error}")
        found = {
            name: Host(tmp_path / name, f"10.117.0.{number}", ("ip", "netns", "exec", made[number]))
            for number, name in enumerate(NAMES, 1)
        }
    with zmq.Context() as context:
        ports = {}
        sockets = [context.socket(zmq.PUB) for _ in range(4)]
        for port, socket in zip(("5555", "5556", "5557", "5558"), sockets, strict=True):
            ports[port] = socket.bind_to_random_port("tcp://127.0.0.1")
        for socket in sockets:
            socket.close(linger=0)
    yield Hosts(found, ports)
    for host in found.values():
        host.end()
    _leave(made)


def _join(names: list[str]) -> None:
    """Namespaces whose interfaces hang on one bridge, which has the first for itself."""
    switch, *ends = names
    for name in names:
        _ip("netns", "add", name)
    _ip("-n", switch, "link", "add", "bridge", "type", "bridge")
    _ip("-n", switch, "link", "set", "bridge", "up")
    for number, name in enumerate(ends, 1):
        _ip("-n", name, "link", "set", "lo", "up")
        _ip(
            "-n",
            name,
            "link",
            "add",
            "eth",
            "type",
            "veth",
            "peer",
            f"port{number}",
            "netns",
            switch,
        )
        _ip("-n", switch, "link", "set", f"port{number}", "master", "bridge")
        _ip("-n", switch, "link", "set", f"port{number}", "up")
        _ip("-n", name, "address", "add", f"10.117.0.{number}/24", "dev", "eth")
        _ip("-n", name, "link", "set", "eth", "up")


def _leave(names: list[str]) -> None:
    for name in names:
        subprocess.run(["ip", "netns", "delete", name], check=False, capture_output=True)


@pytest.mark.timeout(200)
def test_three_hosts_recognise_and_are_taught_with_keys(
    hosts: Hosts, tiny_checkpoint: Path
) -> None:
    """Labels reach the desk, a lesson from there is given, the page is served there; all are well.

    Somebody without a key that was let in hears nothing.
    """
    hosts.run("keys make")
    desk = hosts.hosts["desk"]
    desk.run("wigwag keys make stranger")
    hosts.exchange_keys()
    hosts.run("keys allow camera.key_secret brain.key")
    hosts.run("keys allow camera.key_secret desk.key")
    hosts.run("keys allow brain.key_secret")
    (camera, source_line), (brain, brain_line) = hosts.lines("source") + hosts.lines("brain")
    source = camera.start(source_line)
    thinking = brain.start(brain_line, "--checkpoint", str(tiny_checkpoint), "--json")
    watch_line = hosts.lines("watch")[0][1]
    watching = desk.start(watch_line)
    heard: list[dict[str, Any]] = []
    while not any("label" in one for one in heard):
        line = watching.stdout.readline()
        assert line, watching.stderr.read().decode()
        heard.append(json.loads(line))
    stranger = desk.start(watch_line.replace("desk.key_secret", "stranger.key_secret"))
    serving = desk.start(hosts.lines("console")[0][1], "--port", "0")
    assert "console at http://127.0.0.1" in serving.stderr.readline().decode()
    taught = desk.run(hosts.lines("teach")[0][1])
    assert "arm roll" in taught
    healthy = desk.run(hosts.lines("status")[0][1])
    assert healthy.count("healthy") == 2
    for process in (stranger, thinking, source):
        process.send_signal(signal.SIGINT)
        out, error = process.communicate(timeout=60)
        assert b"Traceback" not in error
        if process is stranger:
            assert out == b""
