"""What is killed, and what has to hold afterwards."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import zmq

from pipeline.addresses import ipc_address, private_run_directory
from pipeline.control import control_request
from tests.faults.running import ONE_THREAD, SAMPLE, Running, answers, free_port, until

KILLS_A_SESSION = 4
"""One fewer than end a session within a minute."""


@dataclass
class Found:
    """Of one scenario."""

    kills: int = 0
    pauses_s: list[float] = field(default_factory=list)
    """From every kill until things went on."""
    broken: list[str] = field(default_factory=list)
    """Promises that did not hold, one line each."""


def live(stage: str, latest_s: float = 1.5) -> Callable[[int, random.Random], Found]:
    """A stage of a live session with a console: it goes on, and says that there was a gap.

    It is killed again `latest_s` after it is back, at the latest.
    """

    def run(times: int, rng: random.Random) -> Found:
        found = Found()
        while found.kills < times:
            port = free_port()
            session = Running(
                *("live", "--camera", "simulated", "--json", "--console", "--console-port", port)
            )
            session.wait_for_label(0)
            until(lambda port=port: answers(port), "no console came")
            for number in range(min(KILLS_A_SESSION, times - found.kills)):
                time.sleep(rng.uniform(0.1, latest_s))  # a random moment is what is wanted
                said = len(session.labels)
                victim = session.stage(stage)
                begin_s = time.monotonic()
                os.kill(victim, signal.SIGKILL)
                if stage == "console":
                    session.wait_for_another("console", victim)
                    until(lambda port=port: answers(port), "the console is not back")
                    found.pauses_s.append(time.monotonic() - begin_s)
                    session.wait_for_label(len(session.labels))
                else:
                    back_s = session.wait_for_label(said, gaps=number + 1)
                    found.pauses_s.append(back_s - begin_s)
                found.kills += 1
            status = session.end()
            if status != 130:
                found.broken.append(f"status {status}: {session.errors[-1:]}")
        return found

    return run


def watcher(times: int, rng: random.Random) -> Found:
    """A watcher beside a brain: labels go on, and no frame is left out for it."""
    found = Found()
    folder = private_run_directory()
    events, said, control = (ipc_address(folder, name) for name in ("events", "said", "brain"))
    source = Running("source", SAMPLE, "--loop", "--bind", events)
    brain = Running(
        *("brain", "--connect", events, "--publish", said, "--control", control, "--json")
    )
    brain.wait_for_label(0)
    for _ in range(times):
        one = Running("watch", "--connect", said, "--json")
        one.wait_for_label(0)
        time.sleep(rng.uniform(0.0, 0.3))  # a random moment is what is wanted
        one.process.kill()
        one.finish()
        begin_s = time.monotonic()
        found.pauses_s.append(brain.wait_for_label(len(brain.labels)) - begin_s)
        found.kills += 1
    status = control_request(control, {"command": "status"}, timeout_s=10)
    for name in ("frames_skipped", "events_lost", "refused"):
        if status[name]:
            found.broken.append(f"{name}: {status[name]}")
    brain.end()
    source.end()
    return found


def replay(kills: int = 1, latest_s: float = 2.0) -> Callable[[int, random.Random], Found]:
    """Source or brain of a replay: the same labels as without, each once, no event lost.

    One of them is killed so many times, `latest_s` after a new label at the latest.
    """

    def run(times: int, rng: random.Random) -> Found:
        found = Found()
        told = ("replay", SAMPLE, "--json", "--stop", 6)
        undisturbed = Running(*told, "--speed", "max")
        assert undisturbed.finish() == 0
        expected = _timeless(undisturbed)
        while found.kills < times:
            with tempfile.TemporaryDirectory() as folder:
                path = Path(folder) / "summary.json"
                session = Running(*told, "--speed", "2", "--summary", path)
                session.wait_for_label(0)
                for _ in range(kills):
                    time.sleep(rng.uniform(0.0, latest_s))  # a random moment is what is wanted
                    said = len(session.labels)
                    begin_s = time.monotonic()
                    os.kill(session.stage(rng.choice(("source", "brain"))), signal.SIGKILL)
                    found.kills += 1
                    found.pauses_s.append(session.wait_for_label(said) - begin_s)
                status = session.finish()
                if status != 0 or _timeless(session) != expected:
                    found.broken.append(f"status {status}, {len(session.labels)} labels")
                elif (summary := json.loads(path.read_text()))["events_lost"]:
                    found.broken.append(f"{summary['events_lost']} events lost")
        return found

    return run


def adapt(times: int, rng: random.Random) -> Found:
    """A stage of a session in the middle of a lesson: it goes on in a folder beside it, and what is
    in both can be replayed.
    """
    found = Found()
    while found.kills < times:
        with tempfile.TemporaryDirectory() as parent:
            folders = [Path(parent) / name for name in ("session", "session-2")]
            session = Running("adapt", "--camera", "simulated", "--session", folders[0], "--json")
            session.wait_for_label(5)
            control = (folders[0] / "control.txt").read_text().strip()
            control_request(control, {"command": "target", "class": 8}, timeout_s=10)
            time.sleep(rng.uniform(0.0, 1.5))  # a random moment is what is wanted
            said = len(session.labels)
            victim = session.stage(rng.choice(("brain", "source", "record")))
            begin_s = time.monotonic()
            os.kill(victim, signal.SIGKILL)
            found.kills += 1
            found.pauses_s.append(session.wait_for_label(said, gaps=1) - begin_s)
            status = session.end()
            if status != 130:
                found.broken.append(f"status {status}: {session.errors[-1:]}")
            for folder in folders:
                told = ("replay", "--session", folder, "--speed", "max")
                again = subprocess.run(
                    [sys.executable, "-m", "pipeline", *told],
                    capture_output=True,
                    text=True,
                    env=os.environ | ONE_THREAD,
                    check=False,
                )
                if again.returncode != 0:
                    found.broken.append(f"replay: {again.stderr.splitlines()[-1:]}")
    return found


def guests(times: int, _rng: random.Random) -> Found:
    """Subscribers that connect to a brain and vanish, 200 for every kill of the others."""
    found = Found()
    folder = private_run_directory()
    events, said, control = (ipc_address(folder, name) for name in ("events", "said", "brain"))
    source = Running("source", SAMPLE, "--loop", "--bind", events)
    brain = Running(
        *("brain", "--connect", events, "--publish", said, "--control", control, "--json")
    )
    brain.wait_for_label(0)
    before: tuple[int, int] | None = None
    with zmq.Context() as context:
        while found.kills < 200 * times:
            with context.socket(zmq.SUB) as guest:
                guest.linger = 0
                guest.subscribe(b"")
                guest.connect(said)
            found.kills += 1
            if found.kills % 200 == 0:
                begin_s = time.monotonic()
                found.pauses_s.append(brain.wait_for_label(len(brain.labels)) - begin_s)
                before = before or brain.taken()
    after = brain.taken()
    if before and (after[0] > before[0] + 3 or after[1] > before[1] + 20_000):
        found.broken.append(f"descriptors and KiB were {before}, then {after}")
    status = control_request(control, {"command": "status"}, timeout_s=10)
    for name in ("frames_skipped", "events_lost", "refused"):
        if status[name]:
            found.broken.append(f"{name}: {status[name]}")
    brain.end()
    source.end()
    return found


SCENARIOS: dict[str, Callable[[int, random.Random], Found]] = {
    "live: source": live("source"),
    "live: brain": live("brain"),
    "live: console": live("console"),
    "live: brain, again at once": live("brain", latest_s=0.3),
    "live: console, again at once": live("console", latest_s=0.3),
    "watcher": watcher,
    "guests of a brain": guests,
    "replay: source or brain": replay(),
    "replay: source or brain, again at once": replay(kills=4, latest_s=0.3),
    "adapt: brain, source or recorder, in a lesson": adapt,
}


def _timeless(session: Running) -> list[dict[str, Any]]:
    return [label | {"latency_us": 0} for _, label in session.labels]
