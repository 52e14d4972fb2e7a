"""How long a user waits for the first sign of life: help, and the first label of a replay."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from pipeline.benchmarks.rows import Table, row_of
from pipeline.benchmarks.settings import BenchSettings
from pipeline.brain_settings import shipped_checkpoint

_WIGWAG = (sys.executable, "-P", "-m", "pipeline")


def measure_startup(settings: BenchSettings, recording: Path, checkpoint: Path) -> Table:
    """Whole processes, in turn, `settings.blocks` of each after one that warms the caches."""
    commands = startup_commands(recording, checkpoint, settings.threads)
    rows = [
        row_of(name, "start of the process to its first line", "s", values)
        for name, values in first_lines_s(commands, settings.blocks).items()
    ]
    return Table("start-up, warm caches", tuple(rows), notes=(f"replays {recording.name}",))


def startup_commands(recording: Path, checkpoint: Path, threads: int) -> dict[str, Sequence[str]]:
    """The programs to start, by name: Python and torch alone, then wigwag."""
    shipped = shipped_checkpoint()
    replay = (*_WIGWAG, "replay", str(recording), "--json", f"--threads={threads}")
    return {
        "python alone": (sys.executable, "-c", "print()"),
        "torch alone": (sys.executable, "-c", "import torch; print()"),
        "wigwag --help": (*_WIGWAG, "--help"),
        "wigwag replay --help": (*_WIGWAG, "replay", "--help"),
        f"first label, {shipped.name}": (*replay, f"--checkpoint={shipped}"),
        f"first label, {checkpoint.name}": (*replay, f"--checkpoint={checkpoint}"),
    }


def first_lines_s(commands: Mapping[str, Sequence[str]], blocks: int) -> dict[str, list[float]]:
    """`first_line_s` of each program, by name: `blocks` times in turn, after a first time that is
    thrown away.
    """
    times_s: dict[str, list[float]] = {name: [] for name in commands}
    for number in range(blocks + 1):
        for name, command in commands.items():
            spent_s = first_line_s(command)
            if number:
                times_s[name].append(spent_s)
    return times_s


def first_line_s(command: Sequence[str]) -> float:
    """Seconds from the start of a program to its first line; it is then ended."""
    begin = time.perf_counter()
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        try:
            line = process.stdout.readline() if process.stdout else b""
            spent_s = time.perf_counter() - begin
            if not line:
                said = process.stderr.read().decode("utf-8", "replace") if process.stderr else ""
                raise RuntimeError(f"{command[-1]}: ended without a line: {said.strip()[-200:]}")
        finally:
            process.terminate()
            process.communicate()
    return spent_s
