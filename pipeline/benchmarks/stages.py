"""Source, brain and watcher as the programs a user would start, over the real bus."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Literal

from drivers.errors import InputError
from pipeline.addresses import ipc_address, private_run_directory
from pipeline.children import Child, LineReader, start_process

StageName = Literal["source", "brain", "watcher"]
_GRACE_S = 5.0


class Stages:
    """The three processes; their lines must be read on and on, or they wait."""

    def __init__(
        self,
        stack: ExitStack,
        *,
        source: Sequence[str],
        brain: Sequence[str],
        threads: int,
    ) -> None:
        folder = private_run_directory()
        events, labels = ipc_address(folder, "events"), ipc_address(folder, "labels")
        self.children: dict[StageName, Child] = {}

        def start(name: StageName, arguments: Sequence[str], threads: int) -> None:
            child = Child(name, start_process(arguments, threads=threads))
            stack.callback(child.close)
            self.children[name] = child

        start("source", ["source", *source, "--bind", events], 1)
        start("watcher", ["watch", "--connect", labels, "--json"], 1)
        start(
            "brain", ["brain", "--connect", events, "--publish", labels, "--json", *brain], threads
        )
        self._reader = LineReader()
        stack.callback(self._reader.close)
        self._whose: dict[int, StageName] = {}
        self._errors: set[int] = set()
        self._said: list[str] = []
        for name, child in self.children.items():
            out, error = child.pipes()
            self._errors.add(error)
            for pipe in (out, error):
                self._whose[pipe] = name
                self._reader.add(pipe)

    def lines(self, timeout_s: float) -> list[tuple[StageName, bytes]]:
        """Lines of standard output that came within `timeout_s`.

        Raises `InputError` where source or brain has failed, with what it said.
        """
        found = []
        for pipe, line in self._reader.read(timeout_s):
            if pipe in self._errors:
                self._said.append(line.decode("utf-8", "replace").strip())
            else:
                found.append((self._whose[pipe], line))
        for name in ("source", "brain"):
            status = self.children[name].status
            if status not in (None, 0, 130):
                raise InputError(
                    what=f"{name} of the benchmark",
                    got=" / ".join(self._said[-2:]) or f"exit status {status}",
                    allowed="a run to its end",
                    todo="run it by hand to see more",
                )
        return found

    def until_brain_ends(self) -> Iterator[tuple[StageName, bytes]]:
        """All lines until the brain has ended and said its last."""
        brain = self.children["brain"]
        deadline = None
        while deadline is None or time.monotonic() < deadline:
            lines = self.lines(0.1)
            yield from lines
            if brain.status is not None and not lines:
                return
            if brain.status is not None and deadline is None:
                deadline = time.monotonic() + _GRACE_S

    def stop(self) -> None:
        """Ask the brain to end; its summary is then among the lines."""
        self.children["brain"].interrupt()


@contextmanager
def running_stages(
    recording: Path, checkpoint: Path, *, source: Sequence[str], brain: Sequence[str], threads: int
) -> Iterator[Stages]:
    """The stages of a recording in real time; all processes have ended when this returns.

    They live as they would with a camera: a source that drops, a brain that skips when behind.
    """
    with ExitStack() as stack:
        yield Stages(
            stack,
            source=(str(recording), "--backpressure", "drop", *source),
            brain=(
                f"--checkpoint={checkpoint}",
                f"--threads={threads}",
                "--when-behind=skip",
                *brain,
            ),
            threads=threads,
        )
