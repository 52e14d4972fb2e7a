"""A real brain process that is given more than it can take, beside a watcher that never reads."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from subprocess import PIPE, Popen
from typing import Any

import pytest

from pipeline.bus import EventSubscriber
from recordings.labels import GestureInterval, write_label_file

pytestmark = pytest.mark.alone

ROOT = Path(__file__).resolve().parents[2]
SYNTHETIC_SOURCE = Path(__file__).with_name("synthetic_source.py")


@pytest.fixture
def flood() -> Iterator[Callable[..., Popen[bytes]]]:
    """Starts sources of made-up events at maximum speed, which are gone when the test is."""
    started: list[Popen[bytes]] = []

    def start(bind: str, packets: int, events: int, span_us: int, **settings: Any) -> Popen[bytes]:
        asked = {
            "packets": packets,
            "events": events,
            "span_us": span_us,
            "settings": {"bind": bind, "speed": None, **settings},
        }
        started.append(
            Popen(
                [sys.executable, str(SYNTHETIC_SOURCE), json.dumps(asked)],
                env=os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"},
                stdout=PIPE,
                stderr=subprocess.DEVNULL,
            )
        )
        return started[-1]

    yield start
    for process in started:
        process.kill()
        process.communicate()


def peak_mib(process: Popen[bytes]) -> float:
    """The most memory that a running process has used so far."""
    status = Path(f"/proc/{process.pid}/status").read_text()
    found = re.search(r"VmHWM:\s+(\d+) kB", status)
    assert found is not None
    return int(found[1]) / 1024


@pytest.mark.slow
def test_a_stalled_watcher_costs_the_brain_nothing(
    wigwag, tiny_checkpoint: Path, address: Callable[[str], str], flood: Callable[..., Any]
) -> None:
    """Ten million events, thousands of labels: all arrive, memory stays, the watcher misses."""
    brain = wigwag.start(
        "brain", "--connect", address("events"), "--publish", address("labels"), "--json",
        "--checkpoint", tiny_checkpoint, "--window-ms", 1, "--threshold", 1,
    )  # fmt: skip
    topics = [b"telemetry/", b"labels/"]
    with EventSubscriber([address("labels")], topics, receive_hwm=1) as stalled:
        assert stalled.receive(30_000), "the brain does not say how it is doing"
        source = flood(address("events"), packets=1000, events=10_000, span_us=10_000)
        lines: list[bytes] = []
        memory_mib: list[float] = []
        for line in brain.stdout:
            lines.append(line)
            if b'"summary"' not in line[:12] and len(lines) % 50 == 1:
                memory_mib.append(peak_mib(brain))
        assert brain.wait(10) == 0, brain.stderr.read()
        seen = 0
        while stalled.receive(100):
            seen += 1
    totals = json.loads(source.communicate(timeout=10)[0])["totals"]
    summary = json.loads(lines[-1])["summary"]
    assert summary["events_in"] == totals["events"] == 10_000_000
    assert summary["events_binned"] == 10_000_000
    assert (summary["events_lost"], summary["packets_missed"]) == (0, 0)
    assert (summary["frames"], summary["frames_skipped"]) == (10_000, 0)
    assert summary["labels"] == len(lines) - 1
    assert seen < summary["labels"]
    assert memory_mib[-1] - memory_mib[0] < 64.0  # the events alone are 124 MiB


@pytest.mark.slow
def test_a_brain_that_fell_behind_skips_and_counts(
    wigwag,
    tmp_path: Path,
    tiny_checkpoint: Path,
    address: Callable[[str], str],
    flood: Callable[..., Any],
) -> None:
    """Learning is left out, then frames; what the source dropped is counted apart."""
    labels = tmp_path / "labels.csv"
    write_label_file(labels, [GestureInterval(0, 10**9, 4)])
    brain = wigwag.start(
        "brain", "--connect", address("events"), "--json", "--checkpoint", tiny_checkpoint,
        "--engine", "torch", "--when-behind", "skip", "--learn", labels,
    )  # fmt: skip
    source = flood(address("events"), packets=2000, events=500, span_us=100_000, policy="drop")
    out, error = brain.communicate(timeout=60)
    assert brain.returncode == 0, error
    totals = json.loads(source.communicate(timeout=10)[0])["totals"]
    summary = json.loads(out.splitlines()[-1])["summary"]
    assert summary["frames_skipped"] > 0
    assert summary["learning_skipped"] > 0
    assert summary["frames"] > 0
    assert summary["frames"] + summary["frames_skipped"] == round(summary["stream_s"] * 1000)
    assert totals["lost"] > 0
    assert summary["events_lost"] == totals["lost"]
    assert summary["events_in"] + summary["events_lost"] == 2000 * 500
    assert summary["events_in"] == totals["events"] == summary["events_binned"]
