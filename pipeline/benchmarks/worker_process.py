"""A benchmark's side of the protocol: one worker process as a contender (see `worker.py`)."""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self, cast

from pipeline.children import THREAD_VARIABLES

ROOT = Path(__file__).resolve().parents[2]
PEERS_FOLDER = ROOT / "benchmarks" / "peers"
PEERS_PYTHON = ROOT / ".venv-peers" / "bin" / "python"
"""What `make peers` makes."""
_CLOSE_S = 5.0


class WorkerError(Exception):
    """A worker could not start or do its work."""


class WorkerProcess:
    """A contender that runs as a program of its own.

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
        try:
            ready = self._ask({**options, "threads": threads})
        except WorkerError:
            self.close()
            raise
        self.versions: dict[str, str] = dict(ready.get("versions", {}))
        self.note: str = ready.get("note", "")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def run_block(self, number: int) -> list[float]:
        """See `Contender.run_block`."""
        answer = self._ask(number)
        self.answers.append(answer)
        return [float(time_ns) for time_ns in answer["times_ns"]]

    def close(self) -> None:
        """End the process, by force if it does not end by itself."""
        self._stdin.close()
        try:
            self._process.wait(_CLOSE_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._stdout.close()
        self._errors.close()

    def _ask(self, question: object) -> dict[str, Any]:
        try:
            self._stdin.write(json.dumps(question).encode() + b"\n")
            self._stdin.flush()
            line = self._stdout.readline()
        except BrokenPipeError:
            line = b""
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
    """The workers of one table, started one after the other, those that fail said in `notes`."""

    def __init__(self, stack: ExitStack, *, peers: Path | None, threads: int) -> None:
        self.started: list[WorkerProcess] = []
        self.notes: list[str] = []
        self._stack = stack
        self._threads = threads
        self._peers = peers or (PEERS_PYTHON if PEERS_PYTHON.is_file() else None)

    def add(
        self, name: str, what: str, command: Sequence[str], options: Mapping[str, Any]
    ) -> WorkerProcess | None:
        """Start a worker; None, with a note, where it cannot."""
        try:
            worker = WorkerProcess(name, what, command, options, threads=self._threads)
        except WorkerError as error:
            self.notes.append(f"not measured: {error}")
            return None
        self.started.append(self._stack.enter_context(worker))
        return worker

    def add_peer(
        self, name: str, what: str, script: str, options: Mapping[str, Any]
    ) -> WorkerProcess | None:
        """Start a script of `benchmarks/peers` under the peers' Python; None, with a note, if not.

        The packages compared with are programs apart: wigwag itself imports none of them.
        """
        path = PEERS_FOLDER / script
        if self._peers is None or not path.is_file():
            self.notes.append(
                f"not measured: {name}: no environment with peers; `make peers` in a checkout of "
                "wigwag makes one, --peers names another's Python"
            )
            return None
        return self.add(name, what, [str(self._peers), str(path)], options)

    @property
    def versions(self) -> dict[str, str]:
        """Of everything that the workers told about."""
        return {
            package: version
            for worker in self.started
            for package, version in worker.versions.items()
        }
