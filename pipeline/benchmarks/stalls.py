"""The machine itself: how long a process that only watches the clock is kept from running.

No stage can be more punctual than this. Where cores are shared with other machines, nothing in
this one shows why.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys

from pipeline.benchmarks.rows import Table, row_of

STALL_NS = 1_000_000
_WATCH = f"""
import json, sys, time
clock = time.perf_counter_ns
before = clock()
end, stalls = before + int(sys.argv[1]), []
while before < end:
    now = clock()
    if now - before > {STALL_NS}:
        stalls.append(now - before)
    before = now
print(json.dumps(stalls))
"""


def measure_stalls(seconds: float) -> Table:
    """As many loops as there are cores watch the clock side by side; stalls are gaps over 1 ms."""
    cores = len(os.sched_getaffinity(0))
    command = [sys.executable, "-S", "-c", _WATCH, str(round(seconds * 1e9))]
    watchers = [subprocess.Popen(command, stdout=subprocess.PIPE) for _ in range(cores)]
    found_ns: list[list[int]] = [json.loads(watcher.communicate()[0]) for watcher in watchers]
    rates = [len(stalls) / seconds for stalls in found_ns]
    shares = [sum(stalls) / seconds / 1e7 for stalls in found_ns]
    largest = [max(stalls, default=0) / 1e6 for stalls in found_ns]
    rows = (
        row_of("stalls", "over 1 ms, of each core", "a second", rates),
        row_of("stalled", "of the time", "%", shares),
        row_of("largest stall", "of each core", "ms", largest),
    )
    note = f"{cores} processes that only watch the clock, {seconds:g} s"
    return Table("the machine itself, all cores busy", rows, notes=(note,))
