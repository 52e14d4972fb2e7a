"""A benchmark's side of the protocol: one worker process as a contender (see `worker.py`)."""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import IO, Any, cast

from pipeline.children import THREAD_VARIABLES

ROOT = Path(__file__).resolve().parents[2]
PEERS_FOLDER = ROOT / "benchmarks" / "peers"
PEERS_PYTHON = ROOT / ".venv-peers" / "bin" / "python"
"""What `make peers` makes."""
_CLOSE_S = 5.0


class WorkerError(Exception):
    """A worker could not start or do its work."""


class WorkerProcess:
    """A contender that runs as a program of its own; `close` ends it.

    Its block numbers are given on; everything else it answers is in `answers`, block by block.
    Raises `WorkerError` for a worker that fails, at once or later.
    """

    def __init__(
        self,
        name: str,
        what: str,
        command: Sequence[str],
        options: Mapping[str, Any],
        *,
        threads: int = 1,
    ) -> None:
        self.name = name
        self.what = what
        self.answers: list[dict[str, Any]] = []
        self.versions: dict[str, str] = {}
        self.note = ""
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115  # closed by close()
        path = (str(ROOT), os.environ.get("PYTHONPATH", ""))
        try:
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self._errors,
                env=os.environ
                | dict.fromkeys(THREAD_VARIABLES, str(threads))
                | {"PYTHONPATH": os.pathsep.join(filter(None, path))},
            )
        except OSError as error:
            self._errors.close()
            raise WorkerError(f"{name}: {error}") from error
        self._stdin = cast(IO[bytes], self._process.stdin)
        self._stdout = cast(IO[bytes], self._process.stdout)
        self._tell({**options, "threads": threads})

    def wait_until_ready(self) -> None:
        """Wait until it has loaded everything; `versions` and `note` are then known."""
        ready = self._hear()
        self.versions = dict(ready.get("versions", {}))
        self.note = ready.get("note", "")

    def run_block(self, number: int) -> list[float]:
        """See `Contender.run_block`."""
        self._tell(number)
        answer = self._hear()
        self.answers.append(answer)
        return [float(time_ns) for time_ns in answer["times_ns"]]

    def close(self) -> None:
        """End the process, by force if it does not end by itself."""
        with suppress(BrokenPipeError):
            self._stdin.close()
        try:
            self._process.wait(_CLOSE_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._stdout.close()
        self._errors.close()

    def _tell(self, value: object) -> None:
        # One that has died cannot be told anything; why is said when it is to be heard.
        with suppress(BrokenPipeError):
            self._stdin.write(json.dumps(value).encode() + b"\n")
            self._stdin.flush()

    def _hear(self) -> dict[str, Any]:
        line = self._stdout.readline()
        if not line:
            raise WorkerError(f"{self.name}: ended with: {self._last_words()}")
        answer: dict[str, Any] = json.loads(line)
        if "error" in answer:
            raise WorkerError(f"{self.name}: {answer['error']}")
        return answer

    def _last_words(self) -> str:
        self._errors.seek(0)
        lines = self._errors.read().decode("utf-8", "replace").strip().splitlines()
        return lines[-1] if lines else "none"


class Workers:
    """The workers of one table, which load side by side; those that fail are said in `notes`."""

    def __init__(self, stack: ExitStack, *, peers: Path | None, threads: int) -> None:
        self.started: list[WorkerProcess] = []
        self.notes: list[str] = []
        self._loading: list[WorkerProcess] = []
        self._stack = stack
        self._threads = threads
        self._peers = peers or (PEERS_PYTHON if PEERS_PYTHON.is_file() else None)

    def add(self, name: str, what: str, command: Sequence[str], options: Mapping[str, Any]) -> None:
        """Start a worker, and do not wait for it; a note where it cannot be started."""
        try:
            worker = WorkerProcess(name, what, command, options, threads=self._threads)
        except WorkerError as error:
            self._leave_out(error)
            return
        self._stack.callback(worker.close)
        self._loading.append(worker)

    def add_peer(self, name: str, what: str, script: str, options: Mapping[str, Any]) -> None:
        """Start a script of `benchmarks/peers` under the peers' Python; a note where it cannot.

        The packages compared with are programs apart: wigwag itself imports none of them.
        """
        path = PEERS_FOLDER / script
        if self._peers is None or not path.is_file():
            self.notes.append(
                f"not measured: {name}: no environment with peers; `make peers` in a checkout of "
                "wigwag makes one, --peers names another's Python"
            )
            return
        self.add(name, what, [str(self._peers), str(path)], options)

    def wait_until_ready(self) -> None:
        """Wait for all that were added; those that could load everything are then in `started`."""
        for worker in self._loading:
            try:
                worker.wait_until_ready()
            except WorkerError as error:
                self._leave_out(error)
            else:
                self.started.append(worker)
        self._loading.clear()

    @property
    def versions(self) -> dict[str, str]:
        """Of everything that the workers told about."""
        return {
            package: version
            for worker in self.started
            for package, version in worker.versions.items()
        }

    def _leave_out(self, error: WorkerError) -> None:
        self.notes.append(f"not measured: {error}")
