"""Coverage-guided fuzzing of one target, where atheris is installed: `python -m tests.fuzz.guided`.

`pip install atheris==3.0.0` first. libFuzzer keeps what reaches new code and has it mutated again,
as the long run does it. It stops at the first case that breaks a promise, and leaves it as a file;
with `--minutes`, or when it is interrupted, without one.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path
from random import Random

import atheris

ROOT = Path(__file__).resolve().parents[2]
ROOMS = ("drivers", "models", "pipeline", "recordings")
LONGEST_S = 2
MOST_MB = 2048
"""Of the whole process, libraries included."""


def main() -> None:
    """Fuzz until something breaks or time is over; libFuzzer ends the process."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz.guided", description=__doc__)
    parser.add_argument("target")
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--corpus", type=Path, help="kept between runs; else for this run alone")
    asked = parser.parse_args()
    with atheris.instrument_imports(include=list(ROOMS), exclude=_compiled_code()):
        from tests.fuzz.targets import TARGETS
    if asked.target not in TARGETS:
        parser.error(f"unknown target {asked.target!r}; allowed: {', '.join(TARGETS)}")
    target = TARGETS[asked.target]
    corpus = asked.corpus or Path(tempfile.mkdtemp(prefix="wigwag-corpus-"))
    corpus.mkdir(parents=True, exist_ok=True)
    for number, seed in enumerate(target.seeds):
        (corpus / f"seed-{number}").write_bytes(seed)
    folder = Path(tempfile.mkdtemp(prefix="wigwag-fuzz-"))
    options = [
        sys.argv[0],
        str(corpus),
        f"-max_total_time={round(60 * asked.minutes)}",
        f"-timeout={LONGEST_S}",
        f"-rss_limit_mb={MOST_MB}",
        "-max_len=65536",
    ]

    def check(data: bytes) -> None:
        if data:  # libFuzzer always begins with nothing, which is no case of messages
            target.check(data, folder)

    def mutate(data: bytes, most_bytes: int, seed: int) -> bytes:
        random = Random(seed)
        mutation = random.choice(target.mutations)
        try:
            changed = mutation(data, target.seeds, random)
        except Exception:  # what is broken already cannot always be taken apart: begin again
            changed = mutation(random.choice(target.seeds), target.seeds, random)
        return changed if len(changed) <= most_bytes else data

    atheris.Setup(options, check, custom_mutator=mutate)
    atheris.Fuzz()


def _compiled_code() -> list[str]:
    """Our modules that numba compiles, which takes no instrumented code."""
    return [
        ".".join(path.relative_to(ROOT).with_suffix("").parts)
        for room in ROOMS
        for path in (ROOT / room).rglob("*.py")
        if "njit" in path.read_text(encoding="utf-8")
    ]


if __name__ == "__main__":
    main()
