"""The demo: bundled recordings, the shipped checkpoint, real processes."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.slow
def test_demo_recognises_and_learns(tmp_path: Path) -> None:
    """At maximum speed nothing is lost, and the newcomer is read better after the lesson."""
    out = tmp_path / "demo.json"
    done = subprocess.run(
        [sys.executable, "-m", "pipeline", "demo", "--speed", "max", "--summary", str(out)],
        capture_output=True,
        text=True,
        timeout=110,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(out.read_text())
    recognition, adaptation = found["recognition"], found["adaptation"]
    assert recognition["events_in"] == recognition["events_binned"] > 0
    assert recognition["events_lost"] == 0
    assert {item["true_class"] for item in recognition["gestures"]} == set(range(1, 12))
    assert adaptation["learning"]["updates"] > 0
    assert adaptation["accuracy_before"] < adaptation["accuracy_after"]
    assert "simulated" in done.stdout
