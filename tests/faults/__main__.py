"""Kill stages at random moments, and print what held: `python -m tests.faults --times 50`.

About five seconds a kill; rows are printed as they are done.
"""

from __future__ import annotations

import argparse
import random
import statistics
import sys

from tests.faults.scenarios import SCENARIOS, Found

WITHIN_S = 2.0


def main() -> int:
    """Run the scenarios; 1 where a promise did not hold."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__)
    parser.add_argument("scenarios", nargs="*", metavar="scenario", help=", ".join(SCENARIOS))
    parser.add_argument("--times", type=int, default=50, help="kills of each")
    parser.add_argument("--seed", type=int, default=1, help="of the moments")
    asked = parser.parse_args()
    unknown = [name for name in asked.scenarios if name not in SCENARIOS]
    if unknown:
        parser.error(f"unknown scenario {unknown[0]!r}; allowed: {', '.join(SCENARIOS)}")
    broken = 0
    print("| killed | times | median / longest pause, s | within 2 s | broken promises |")
    print("|---|---|---|---|---|", flush=True)
    for name in asked.scenarios or SCENARIOS:
        found = SCENARIOS[name](asked.times, random.Random(f"{asked.seed} {name}"))
        broken += len(found.broken)
        print(_row(name, found), flush=True)
        for line in found.broken:
            print(f"{name}: {line}", file=sys.stderr, flush=True)
    return int(broken > 0)


def _row(name: str, found: Found) -> str:
    pauses = found.pauses_s
    times = f"{statistics.median(pauses):.1f} / {max(pauses):.1f}" if pauses else ""
    soon = str(sum(pause <= WITHIN_S for pause in pauses)) if pauses else ""
    return f"| {name} | {found.kills} | {times} | {soon} | {len(found.broken)} |"


if __name__ == "__main__":
    raise SystemExit(main())
