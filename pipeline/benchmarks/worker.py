"""A worker's side of the protocol: JSON lines in, JSON lines out. Any Python, no dependencies.

A benchmark starts workers, ours and those of other packages alike, each a program of its own with
the threads it was told. The first line it gets is an object of options, answered by
`{"versions": {...}, "note": "..."}` when all is loaded. Every further line is the number of a
block, answered by `{"times_ns": [...], ...}`. Whatever goes wrong is answered by
`{"error": "..."}`; the end of its input ends the worker.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

RunBlock = Callable[[int], dict[str, Any]]


@dataclass(frozen=True)
class Ready:
    """What a worker is once it has loaded everything."""

    run_block: RunBlock
    """Number of a block to its answer, `times_ns` and whatever else the benchmark reads."""
    versions: dict[str, str] = field(default_factory=dict)
    note: str = ""


def serve(prepare: Callable[[dict[str, Any]], Ready]) -> None:
    """Serve standard input until it ends; `prepare` gets the options."""
    # Libraries may print: only answers go where the benchmark reads.
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)

    def answer(value: dict[str, Any]) -> None:
        answers.write(json.dumps(value) + "\n")
        answers.flush()

    try:
        ready = prepare(json.loads(sys.stdin.readline()))
        answer({"versions": ready.versions, "note": ready.note})
        for line in sys.stdin:
            answer(ready.run_block(json.loads(line)))
    except Exception as error:  # the benchmark says it; a stack on standard error helps nobody
        answer({"error": f"{type(error).__name__}: {error}"})
        raise


def time_steps(step: Callable[[int], None], begin: int, count: int, cycle: int = 1) -> list[float]:
    """Nanoseconds a step of `step(begin)`, `step(begin + 1)`, ...: one value for each cycle.

    Where every `cycle`-th step does more than the others, only whole cycles are comparable: a
    value is then the mean over one, and `count` is rounded up to a whole number of them.
    """
    times_ns = []
    for first in range(begin, begin + count, cycle):
        start_ns = time.perf_counter_ns()
        for number in range(first, first + cycle):
            step(number)
        times_ns.append((time.perf_counter_ns() - start_ns) / cycle)
    return times_ns
