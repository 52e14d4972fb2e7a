"""Leave wigwag running, see whether memory, descriptors and latency stay: `python -m tests.soak`.

A simulated person before a live brain with a console and a watcher, taught now and then; with
`--bursts` a source gives out a recording as fast as it can, for a second out of three, to a brain
that leaves out what it has no time for. What is found is printed and drawn.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

from tests.soak.course import Course, draw, rows
from tests.soak.runs import Run, bursts, live


def main() -> int:
    """Run for so long; 1 where a stage ended or a counter does not add up."""
    parser = argparse.ArgumentParser(prog="python -m tests.soak", description=__doc__)
    parser.add_argument("--seconds", type=float, default=3600.0)
    parser.add_argument("--every", type=float, default=10.0, help="seconds between two looks")
    parser.add_argument("--lesson-every", type=float, default=60.0, help="seconds")
    parser.add_argument("--bursts", action="store_true")
    parser.add_argument("--out", type=Path, help="the picture, SVG or PNG")
    asked = parser.parse_args()
    course = Course()
    with bursts() if asked.bursts else live(asked.lesson_every) as run:
        begin_s = time.monotonic()
        for number in range(1, round(asked.seconds / asked.every) + 1):
            _wait(run, begin_s + number * asked.every)
            course.add(run.look(time.monotonic() - begin_s))
        broken = run.broken()
    print("| stage | what | at the beginning | at the end | an hour adds |\n|---|---|---|---|---|")
    for row in rows(course):
        print(f"| {' | '.join(row)} |")
    for line in (*run.told, *broken):
        print(line)
    if asked.out is not None:
        draw(course, asked.out)
    return int(bool(broken))


def _wait(run: Run, until_s: float) -> None:
    while (left_s := until_s - time.monotonic()) > 0:
        time.sleep(min(0.2, left_s))
        run.act()


if __name__ == "__main__":
    sys.exit(main())
