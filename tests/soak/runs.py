"""What is left running: a live session that is taught, or a source in bursts."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from drivers.gestures import GESTURE_NAMES
from pipeline.addresses import ipc_address, private_run_directory
from pipeline.control import control_request
from tests.faults.running import SAMPLE, Running, answers, free_port, until
from tests.soak.course import Look

LESSON_S = 2.0
BURST_S = 1.0
REST_S = 2.0


class Run:
    """Processes by stage, and what is done to them meanwhile."""

    def __init__(
        self,
        stages: dict[str, Running],
        labels: Running,
        act: Callable[[], None],
        broken: Callable[[], list[str]],
    ) -> None:
        """`labels` says them; `act` is called five times a second."""
        self.act = act
        self.broken = broken
        self.told: list[str] = []
        self._stages = stages
        self._labels = labels
        self._seen = len(labels.labels)

    def look(self, at_s: float) -> Look:
        """Memory and descriptors of every stage, latency of the labels since the last look."""
        values: dict[tuple[str, str], float] = {}
        for name, stage in self._stages.items():
            descriptors, kib = stage.taken()
            values[name, "memory"] = kib / 1000
            values[name, "descriptors"] = float(descriptors)
        since, self._seen = self._seen, len(self._labels.labels)
        latencies = sorted(
            label["latency_us"] / 1000 for _, label in self._labels.labels[since : self._seen]
        )
        if latencies:
            values["brain", "latency p99"] = latencies[int(0.99 * (len(latencies) - 1))]
        return Look(at_s, values)


@contextmanager
def live(lesson_every_s: float) -> Iterator[Run]:
    """`wigwag source`, `brain`, `console` and `watch` as processes, and lessons."""
    folder = private_run_directory()
    events, said, control, source_control = (
        ipc_address(folder, name) for name in ("events", "said", "brain", "source")
    )
    port = free_port()
    source = Running(
        *("source", "--camera", "simulated", "--bind", events, "--control", source_control),
        "--backpressure=drop",
    )
    brain = Running(
        *("brain", "--connect", events, "--publish", said, "--control", control, "--json"),
        *("--teach", "--latest", folder / "latest.safetensors", "--when-behind=skip"),
    )
    console = Running("console", "--connect", said, "--control", control, "--port", port)
    watcher = Running("watch", "--connect", said, "--json")
    brain.wait_for_label(10)
    until(lambda: answers(port), "no console came")
    chosen = random.Random(1)
    due_s = time.monotonic() + lesson_every_s / 2

    def act() -> None:
        nonlocal due_s
        if time.monotonic() >= due_s:
            due_s += lesson_every_s
            gesture = chosen.choice(GESTURE_NAMES)
            _ask(control, "target", **{"class": gesture, "seconds": LESSON_S})

    def broken() -> list[str]:
        status, gave = _ask(control, "status"), _ask(source_control, "status")
        run.told.append(
            f"{status['frames']:,} frames, {status['labels']:,} labels, {status['lessons']} "
            f"lessons, {status['updates']:,} updates; skipped: {status['frames_skipped']:,} "
            f"frames, learning in {status['learning_skipped']:,}; {status['events_lost']:,} events "
            f"lost of {gave['events']:,}"
        )
        return [name for name in ("refused", "gaps") if status[name]]

    stages = {"source": source, "brain": brain, "console": console, "watch": watcher}
    run = Run(stages, brain, act, broken)
    try:
        yield run
    finally:
        for one in reversed(list(stages.values())):
            one.end()


@contextmanager
def bursts() -> Iterator[Run]:
    """A recording as fast as it goes, for `BURST_S` out of every `BURST_S + REST_S`."""
    folder = private_run_directory()
    events, control, source_control = (
        ipc_address(folder, name) for name in ("events", "brain", "source")
    )
    source = Running(
        *("source", SAMPLE, "--loop", "--speed", "max", "--bind", events),
        *("--control", source_control, "--backpressure=drop"),
    )
    brain = Running(
        *("brain", "--connect", events, "--control", control, "--json", "--when-behind=skip")
    )
    brain.wait_for_label(3)
    moved_s, moving = time.monotonic(), True

    def act() -> None:
        nonlocal moved_s, moving
        if time.monotonic() >= moved_s + (BURST_S if moving else REST_S):
            moved_s, moving = time.monotonic(), not moving
            _ask(source_control, "resume" if moving else "pause")

    def broken() -> list[str]:
        _ask(source_control, "pause")
        until(lambda: _rests(control), "the brain is still behind")
        gave = _ask(source_control, "status")
        # Its end says what was dropped since the last packet, and ends the brain.
        source.end()
        brain.finish()
        got = brain.summary
        run.told.append(
            f"{gave['events']:,} events given out, {gave['lost']:,} dropped and counted; "
            f"{got['frames']:,} frames stepped, {got['frames_skipped']:,} left out and counted"
        )
        sent, received = gave["events"] + gave["lost"], got["events_in"] + got["events_lost"]
        return [] if sent == received else [f"{sent:,} events sent, {received:,} accounted for"]

    stages = {"source": source, "brain": brain}
    run = Run(stages, brain, act, broken)
    try:
        yield run
    finally:
        for one in stages.values():
            one.process.kill()


def _ask(address: str, command: str, **fields: object) -> dict[str, Any]:
    return control_request(address, {"command": command, **fields}, timeout_s=30)


def _rests(control: str) -> bool:
    """Whether a brain has taken in all that came."""
    before = _ask(control, "status")["events_in"]
    time.sleep(0.5)  # what it has not taken in by then it will never
    return bool(_ask(control, "status")["events_in"] == before)
