"""A long run of fuzzing that can be stopped and gone on with: `python -m tests.fuzz --help`.

Case `n` of a target is fixed by the seed, the target's name and `n`. How far each target has come
is kept in the state folder, with every case that broke a promise beside it.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path

from tests.fuzz.isolation import Defect, random_of, run_cases
from tests.fuzz.targets import TARGETS, Target

CHUNK = 2000
"""Cases of a target before the next one has its turn."""


def main() -> int:
    """Run every target up to the number of cases asked for; 1 where a defect was found."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("targets", nargs="*", metavar="target", help=", ".join(TARGETS))
    parser.add_argument("--cases", type=int, default=100_000, help="of each target, all runs")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--state", type=Path, default=Path("data/fuzz"))
    asked = parser.parse_args()
    unknown = [name for name in asked.targets if name not in TARGETS]
    if unknown:
        parser.error(f"unknown target {unknown[0]!r}; allowed: {', '.join(TARGETS)}")
    asked.state.mkdir(parents=True, exist_ok=True)
    print(f"seed {asked.seed}, {asked.cases:,} cases a target, state in {asked.state}", flush=True)
    names = asked.targets or list(TARGETS)
    progress = {name: _Progress(asked.state, asked.seed, TARGETS[name]) for name in names}
    # Taking turns, all targets have come equally far whenever the run is stopped.
    for stop in range(CHUNK, asked.cases + CHUNK, CHUNK):
        for name in names:
            progress[name].go_on(min(stop, asked.cases))
    for item in progress.values():
        print(item.line())
    return int(any(item.defects for item in progress.values()))


class _Progress:
    """How far one target has come, kept in a file."""

    def __init__(self, folder: Path, seed: int, target: Target) -> None:
        self._target, self._seed = target, seed
        self._path = folder / f"{target.name}-{seed}.json"
        self._folder = folder
        self.done = self.accepted = 0
        self.seconds = 0.0
        self.defects: list[Defect] = []
        if self._path.is_file():
            kept = json.loads(self._path.read_text())
            self.done, self.accepted, self.seconds = kept["done"], kept["accepted"], kept["seconds"]
            self.defects = [Defect(**item) for item in kept["defects"]]

    def go_on(self, stop: int) -> None:
        """Work off the cases up to `stop` that are not done yet."""
        if stop <= self.done:
            return
        begin = time.monotonic()
        outcome = run_cases(self._target, self._seed, self.done, stop)
        self.seconds += time.monotonic() - begin
        self.done, self.accepted = stop, self.accepted + outcome.accepted
        for defect in outcome.defects:
            self.defects.append(defect)
            data = self._target.case(random_of(self._seed, self._target.name, defect.case))
            self._path.with_suffix(f".{defect.case}").write_bytes(data)
            print(f"{self._target.name} case {defect.case}: {defect.kind}: {defect.text}")
        kept = {
            "done": self.done,
            "accepted": self.accepted,
            "seconds": round(self.seconds, 1),
            "defects": [
                {"case": item.case, "kind": item.kind, "text": item.text} for item in self.defects
            ],
        }
        self._path.write_text(json.dumps(kept, indent=1))
        print(self.line(), flush=True)

    def line(self) -> str:
        """One line of how it goes."""
        return (
            f"{self._target.name}: {self.done:,} cases, {self.accepted:,} accepted, "
            f"{len(self.defects)} defects, {self.seconds:.0f} s"
        )


if __name__ == "__main__":
    sys.exit(main())
