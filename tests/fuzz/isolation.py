"""Cases worked off in a child process that may crash, hang or eat memory without harm."""

from __future__ import annotations

import gc
import json
import mmap
import os
import resource
import select
import signal
import tempfile
import traceback
import warnings
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any, NoReturn

from tests.fuzz.targets import Target

HANG_S = 2.0
"""Of the child's own computing time: a busy or a stopped machine makes no case a hang."""
STUCK_S = 120.0
"""Of the wall's: for one that waits for something and computes nothing."""
MEMORY_BYTES = 256 << 20
"""What a case may take beyond what the process has before the first."""


@dataclass(frozen=True, slots=True)
class Defect:
    """A case that broke a promise."""

    case: int
    kind: str
    """`hang`, `crash` (with its signal), or the name of the exception."""
    text: str


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a run of cases."""

    done: int
    accepted: int
    """Cases that were taken for good input, most of them after a harmless change."""
    defects: tuple[Defect, ...]


def random_of(seed: int, target: str, case: int) -> Random:
    """The chance that decides a case: the same for the same three."""
    return Random(f"{seed}/{target}/{case}")


def run_cases(target: Target, seed: int, first: int, stop: int) -> Outcome:
    """Work off cases `[first, stop)`, each death of the child costing the case that caused it."""
    _warm_up(target)
    defects: list[Defect] = []
    accepted = 0
    while first < stop:
        progress = mmap.mmap(-1, 16)
        found, ending = _fork(target, seed, first, stop, progress)
        defects += found
        accepted += int.from_bytes(progress[8:16], "little")
        if ending is None:
            break
        case = int.from_bytes(progress[:8], "little")
        kind = "hang" if ending in (signal.SIGPROF, signal.SIGKILL) else "crash"
        defects.append(Defect(case, kind, f"ended by signal {ending}"))
        first = case + 1
    return Outcome(stop, accepted, tuple(defects))


def _warm_up(target: Target) -> None:
    """Have libraries loaded and code compiled before the fork and before memory is measured."""
    with tempfile.TemporaryDirectory() as folder:
        for seed in target.seeds:
            target.check(seed, Path(folder))


def _fork(
    target: Target, seed: int, first: int, stop: int, progress: mmap.mmap
) -> tuple[list[Defect], int | None]:
    """Defects that the child reported, and the signal that ended it (None: it got through)."""
    reader, writer = os.pipe()
    progress[:8] = first.to_bytes(8, "little")
    child = os.fork()
    if child == 0:
        os.close(reader)
        _work(target, seed, first, stop, progress, writer)
    os.close(writer)
    said = b""
    seen = first
    while True:
        if not select.select([reader], [], [], STUCK_S)[0]:
            at = int.from_bytes(progress[:8], "little")
            if at == seen:
                os.kill(child, signal.SIGKILL)
            seen = at
            continue
        data = os.read(reader, 1 << 16)
        if not data:
            break
        said += data
    os.close(reader)
    _, status = os.waitpid(child, 0)
    found = [Defect(**json.loads(line)) for line in said.splitlines() if line.endswith(b"}")]
    if os.WIFSIGNALED(status):
        return found, os.WTERMSIG(status)
    return found, None if os.WEXITSTATUS(status) == 0 else signal.SIGABRT


def _work(
    target: Target, seed: int, first: int, stop: int, progress: mmap.mmap, writer: int
) -> NoReturn:
    """In the child: every case in turn; never returns."""
    status = 1
    try:
        # Rust's panics are said on standard error by the library itself.
        quiet = os.open(os.devnull, os.O_WRONLY)
        os.dup2(quiet, 2)
        warnings.simplefilter("error")
        gc.collect()
        _limit_memory()
        with tempfile.TemporaryDirectory(dir=_fast_folder()) as folder:
            for case in range(first, stop):
                progress[:8] = case.to_bytes(8, "little")
                _one(
                    target, random_of(seed, target.name, case), case, Path(folder), progress, writer
                )
        status = 0
    finally:
        os._exit(status)


def _one(
    target: Target, random: Random, case: int, folder: Path, progress: mmap.mmap, writer: int
) -> None:
    data = target.case(random)
    signal.setitimer(signal.ITIMER_PROF, HANG_S)
    try:
        if target.check(data, folder):
            progress[8:16] = (int.from_bytes(progress[8:16], "little") + 1).to_bytes(8, "little")
    except BaseException as error:  # a panic is no Exception; whatever it is, it is a defect
        signal.setitimer(signal.ITIMER_PROF, 0)
        where = traceback.extract_tb(error.__traceback__)[-1]
        text = f"{error}"[:500] + f" ({Path(where.filename).name}:{where.lineno})"
        line: dict[str, Any] = {"case": case, "kind": type(error).__name__, "text": text}
        os.write(writer, json.dumps(line).encode() + b"\n")
    signal.setitimer(signal.ITIMER_PROF, 0)


def _limit_memory() -> None:
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    limit = pages * resource.getpagesize() + MEMORY_BYTES
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _fast_folder() -> str | None:
    """A folder in memory where there is one: every case is written to a file."""
    return "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
