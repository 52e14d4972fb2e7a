"""Sessions that run, and what is found among their children and lines."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

SAMPLE = Path(__file__).resolve().parents[2] / "recordings/samples/simulated-session.aedat4"
PATIENCE_S = 60.0
ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS"), "1")


class Running:
    """One `wigwag` command, its labels taken as they come."""

    def __init__(self, *arguments: object) -> None:
        self.labels: list[tuple[float, dict[str, Any]]] = []
        """When each came, by the clock, and what it says."""
        self.process = subprocess.Popen(
            [sys.executable, "-m", "pipeline", *map(str, arguments)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=os.environ | ONE_THREAD,
        )
        self.errors: list[str] = []
        self.summary: dict[str, Any] = {}
        """What a brain says at its end."""
        self._readers = [
            threading.Thread(target=read, daemon=True)
            for read in (self._read_labels, self._read_errors)
        ]
        for reader in self._readers:
            reader.start()

    def stage(self, name: str) -> int:
        """The process of one of its stages, once it is there."""
        return int(until(lambda: self._child(name), f"no {name} among the children"))

    def wait_for_another(self, name: str, killed: int) -> None:
        """Until a stage has another process."""
        until(lambda: self._child(name) not in (None, killed), f"no other {name}")

    def wait_for_label(self, since: int, gaps: int = 0) -> float:
        """When a label came that is not among the first `since` and tells of `gaps` at least."""

        def found() -> float | None:
            later = self.labels[since:]
            return next((at for at, label in later if label.get("gaps", 0) >= gaps), None)

        when: float = until(found, f"no label came: {self.errors[-3:]}")
        return when

    def end(self) -> int:
        """As Ctrl-C does; its status."""
        self.process.send_signal(signal.SIGINT)
        return self.finish()

    def finish(self) -> int:
        """Wait for its end; its status."""
        status = self.process.wait(PATIENCE_S)
        for reader in self._readers:
            reader.join(PATIENCE_S)
        return status

    def taken(self) -> tuple[int, int]:
        """File descriptors of the process, and its memory in KiB."""
        process = Path(f"/proc/{self.process.pid}")
        lines = (process / "status").read_text().splitlines()
        memory = next(line for line in lines if line.startswith("VmRSS"))
        return len(list((process / "fd").iterdir())), int(memory.split()[1])

    def _child(self, name: str) -> int | None:
        pid = self.process.pid
        assert self.process.poll() is None, self.errors[-3:]
        for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
            try:
                words = Path(f"/proc/{child}/cmdline").read_bytes().replace(b"\0", b" ").split()
            except OSError:  # it has just ended
                continue
            if name.encode() in words[:6] and b"--stand-by" not in words:
                return int(child)
        return None

    def _read_labels(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            said = json.loads(line)
            if "summary" in said:
                self.summary = said["summary"]
            else:
                self.labels.append((time.monotonic(), said))

    def _read_errors(self) -> None:
        assert self.process.stderr is not None
        self.errors += [line.decode() for line in self.process.stderr]


def until(found: Any, otherwise: str) -> Any:
    """Ask again and again until there is an answer, for a minute."""
    deadline = time.monotonic() + PATIENCE_S
    while not (answer := found()):
        assert time.monotonic() < deadline, otherwise
        time.sleep(0.01)  # between two looks at running processes
    return answer


def free_port() -> int:
    """One that nobody listens on."""
    import socket

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def answers(port: int) -> bool:
    """Whether somebody listens there."""
    import socket

    with socket.socket() as probe:
        probe.settimeout(0.2)
        return probe.connect_ex(("127.0.0.1", port)) == 0
