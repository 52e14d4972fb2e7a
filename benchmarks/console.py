"""What browsers cost a brain: nobody, one that looks on, and eight more that never read.

    python benchmarks/console.py [ROUNDS]

A source that replays the bundled simulated session in time, a brain and a console, as real
processes; what is compared takes turns, 4 s each. Printed are steps per second, frames left out,
latencies of the brain's labels and the memory of brain and console.
"""

from __future__ import annotations

import os
import re
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from pipeline import wire
from pipeline.addresses import ipc_address, private_run_directory
from pipeline.bus import EventSubscriber
from pipeline.control import control_request
from pipeline.labels import decode_label

ROOT = Path(__file__).resolve().parents[1]
SAMPLE = ROOT / "recordings/samples/simulated-session.aedat4"
TURN_S = 4.0
STALLED = 8


def main() -> None:
    """Measure and print."""
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    folder = private_run_directory()
    events, said, asked = (ipc_address(folder, name) for name in ("events", "said", "asked"))
    with ExitStack() as stack:
        source = ("source", str(SAMPLE), "--loop", "--backpressure=drop", "--bind", events)
        stack.enter_context(running(*source))
        brain = ("brain", "--connect", events, "--publish", said, "--control", asked)
        brain_process = stack.enter_context(running(*brain, "--when-behind=skip", "--teach"))
        console = ("console", "--connect", said, "--control", asked, "--port=0")
        console_process = stack.enter_context(running(*console))
        assert console_process.stderr is not None
        found = re.search(rb"http://([^:]+):(\d+)/", console_process.stderr.readline())
        assert found
        address = found[1].decode(), int(found[2])
        control_request(asked, {"command": "status"}, timeout_s=120)
        labels = stack.enter_context(EventSubscriber([said], (b"labels/",)))
        cases = {"nobody": (0, 0), "one browser": (1, 0), f"and {STALLED} stalled": (1, STALLED)}
        results: dict[str, list[list[float]]] = {name: [] for name in cases}
        for _ in range(rounds):
            for name, (reading, stalled) in cases.items():
                with ExitStack() as browsers:
                    for _ in range(stalled):
                        browsers.enter_context(browser(address))
                    reader = browsers.enter_context(browser(address)) if reading else None
                    figures = turn(asked, labels, reader)
                pids = (brain_process.pid, console_process.pid)
                results[name].append([*figures, *map(resident_mib, pids)])
        write("", "steps/s", "skipped", "p50 ms", "p99 ms", "brain MiB", "console MiB")
        for name, rows in results.items():
            medians = (statistics.median(column) for column in zip(*rows, strict=True))
            write(name, *(f"{value:.1f}" for value in medians))


def turn(asked: str, labels: EventSubscriber, reader: socket.socket | None) -> list[float]:
    """Steps per second, frames skipped, p50 and p99 of latencies in ms over one turn."""
    before = control_request(asked, {"command": "status"})
    begin = time.monotonic()
    latencies = []
    while time.monotonic() < begin + TURN_S:
        if reader is not None:
            drain(reader)
        if (parts := labels.receive(5)) is None:
            continue
        message = wire.decode(parts)
        assert isinstance(message, wire.JsonMessage)
        latencies.append(decode_label(message.payload).latency_us / 1000)
    after = control_request(asked, {"command": "status"})
    seconds = time.monotonic() - begin
    latencies.sort()
    return [
        (after["frames"] - before["frames"]) / seconds,
        after["frames_skipped"] - before["frames_skipped"],
        statistics.median(latencies),
        latencies[int(0.99 * (len(latencies) - 1))],
    ]


@contextmanager
def browser(address: tuple[str, int]) -> Iterator[socket.socket]:
    """A websocket that was let in; it reads only what `drain` takes."""
    host = f"{address[0]}:{address[1]}"
    with socket.create_connection(address) as connection:
        connection.sendall(
            f"GET /socket HTTP/1.1\r\nHost: {host}\r\nOrigin: http://{host}\r\n"
            "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
            "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n".encode()
        )
        said = b'{"token":""}'
        connection.sendall(bytes([0x81, 0x80 | len(said), 0, 0, 0, 0]) + said)
        connection.setblocking(False)
        yield connection


def drain(connection: socket.socket) -> None:
    """Take what came; nothing is made of it."""
    try:
        while connection.recv(1 << 20):
            pass
    except BlockingIOError:
        return


@contextmanager
def running(*arguments: str) -> Iterator[subprocess.Popen[bytes]]:
    """A `wigwag` process."""
    threads = dict.fromkeys(("OMP_NUM_THREADS", "NUMBA_NUM_THREADS"), "1")
    process = subprocess.Popen(
        [sys.executable, "-m", "pipeline", *arguments],
        cwd=ROOT,
        env=os.environ | threads,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )
    try:
        yield process
    finally:
        process.terminate()
        process.communicate()


def resident_mib(pid: int) -> float:
    """Memory of a process."""
    found = re.search(r"VmRSS:\s+(\d+)", Path(f"/proc/{pid}/status").read_text())
    return int(found[1]) / 1024 if found else 0.0


def write(*cells: str) -> None:
    """A line of the table."""
    sys.stdout.write("".join(cell.ljust(16) for cell in cells).rstrip() + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
