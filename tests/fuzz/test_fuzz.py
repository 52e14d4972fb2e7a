"""A short run of the fuzzer; `make fuzz` is the long one."""

import json
import os
import subprocess
import sys
from pathlib import Path

from tests.fuzz.targets import TARGETS
from tests.pipeline.conftest import QUIET_THREADS, ROOT

FUZZ = [sys.executable, "-m", "tests.fuzz"]


def _fuzz(*options: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*FUZZ, *map(str, options)],
        cwd=ROOT,
        env=os.environ | QUIET_THREADS,
        check=False,
        capture_output=True,
        text=True,
        timeout=120,
    )


def test_no_target_crashes_hangs_or_miscounts(tmp_path: Path) -> None:
    """Some hundred broken inputs each; where a run was stopped, the next goes on."""
    first = _fuzz("--cases", 20, "--seed", 3, "--state", tmp_path)
    assert first.returncode == 0, first.stdout + first.stderr
    second = _fuzz("--cases", 250, "--seed", 3, "--state", tmp_path)
    assert second.returncode == 0, second.stdout + second.stderr
    kept = {path.stem: json.loads(path.read_text()) for path in tmp_path.glob("*.json")}
    assert kept.keys() == {f"{name}-3" for name in TARGETS}
    assert all(state["done"] == 250 and not state["defects"] for state in kept.values())
    assert all(0 < state["accepted"] < 250 for state in kept.values())


MISBEHAVING = """
from tests.fuzz.isolation import run_cases
from tests.fuzz.targets import Target

def check(data, folder):
    if data == b"crash":
        import os; os.abort()
    if data == b"hang":
        while True: pass
    if data == b"eat":
        bytearray(1 << 30)
    assert data != b"wrong"
    return True

def choose(seed, others, random):
    return random.choice([b"crash", b"hang", b"eat", b"wrong", b"good"])

found = run_cases(Target("bad", lambda: [b"good"], check, (choose,)), 1, 0, 20)
kinds = {defect.kind for defect in found.defects}
assert kinds == {"crash", "hang", "MemoryError", "AssertionError"}, kinds
assert found.accepted + len(found.defects) == 20
"""


def test_the_fuzzer_notices_crashes_hangs_and_hunger() -> None:
    """What it looks for is found where it is there, and the other cases are still done."""
    ended = subprocess.run(
        [sys.executable, "-c", MISBEHAVING], cwd=ROOT, check=False, capture_output=True, text=True
    )
    assert ended.returncode == 0, ended.stderr
