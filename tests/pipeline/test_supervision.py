"""Stages that are killed are started again, and what came between is told."""

import json
import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from subprocess import Popen
from typing import Any

import pytest

from drivers.errors import InputError
from models.checkpoint_file import read_checkpoint
from pipeline.addresses import ipc_address, private_run_directory
from pipeline.commands.options import replay_stand_bys
from pipeline.control import control_request
from pipeline.labels import Label
from pipeline.repeated_labels import RepeatedLabels
from pipeline.supervision import MOST_RESTARTS, WITHIN_S, Backoff

SAMPLE = Path(__file__).resolve().parents[2] / "recordings/samples/simulated-session.aedat4"


def process_of(session: Popen[bytes], stage: str, *, waiting: bool = False, among: int = 0) -> int:
    """The process of a stage, or the one of `among` that stands by, once it is there."""
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        children = Path(f"/proc/{session.pid}/task/{session.pid}/children").read_text().split()
        found = []
        for child in children:
            with suppress(FileNotFoundError, ProcessLookupError):  # reaped since it was listed
                command = Path(f"/proc/{child}/cmdline").read_bytes().replace(b"\0", b" ").split()
                if stage.encode() in command[:6] and (b"--stand-by" in command) == waiting:
                    found.append(int(child))
        if len(found) > among:
            return found[among]
        time.sleep(0.02)  # between two looks at a running process
    raise AssertionError(f"no {stage} among the children")


def labels_of(session: Popen[bytes]) -> Iterator[dict[str, Any]]:
    """Every label as it is said."""
    assert session.stdout is not None
    for line in session.stdout:
        yield json.loads(line)


def test_it_waits_longer_every_time_and_gives_up() -> None:
    """Twice as long each time; a minute without trouble is forgotten."""
    now_s = 100.0
    backoff = Backoff(lambda: now_s)
    waits = [(backoff.killed() or now_s) - now_s for _ in range(MOST_RESTARTS)]
    assert waits == pytest.approx([0.05 * 2**number for number in range(MOST_RESTARTS)])
    assert backoff.killed() is None
    now_s += WITHIN_S + 1
    assert backoff.killed() == pytest.approx(now_s + 0.05)


def label(t_us: int, gesture_class: int = 1, latency_us: int = 0) -> Label:
    """A label at a time of the stream."""
    return Label(
        t_us=t_us, source="one", label="a", gesture_class=gesture_class, confidence=1.0,
        counts=(1,), window_us=1000, model_version="v", latency_us=latency_us, changed=False,
    )  # fmt: skip


def test_labels_that_come_again_are_not_new() -> None:
    """They may be later than the first time, but not others; after them comes what is new."""
    labels = RepeatedLabels()
    said = [label(t_us) for t_us in (0, 100_000, 200_000)]
    assert all(labels.is_new(one) for one in said)
    assert (labels.count, labels.seen_s) == (3, 0.2)
    labels.begin_anew()
    again = [label(t_us, latency_us=7) for t_us in (0, 100_000, 200_000, 300_000, 400_000)]
    assert [labels.is_new(one) for one in again] == [False] * 3 + [True] * 2
    labels.begin_anew()
    with pytest.raises(InputError, match="begun anew"):
        labels.is_new(label(0, gesture_class=2))


@pytest.mark.parametrize("killed", [("source",), ("brain",), ("brain", "source")])
def test_a_live_session_goes_on(
    wigwag, tmp_path: Path, tiny_checkpoint: Path, killed: tuple[str, ...]
) -> None:
    """Labels come again and say how many gaps there were, as the summary does; it counts all labels
    where its other figures are of the last brain only. Standard error says what was killed.
    """
    session = wigwag.start(
        "live", "--camera", "simulated", "--checkpoint", tiny_checkpoint, "--json",
        "--summary", tmp_path / "summary.json",
    )  # fmt: skip
    said = 1
    labels = labels_of(session)
    assert next(labels).get("gaps", 0) == 0
    for gaps, stage in enumerate(killed, start=1):
        os.kill(process_of(session, stage), signal.SIGKILL)
        said += 1
        while next(labels).get("gaps", 0) < gaps:
            said += 1
    session.send_signal(signal.SIGINT)
    rest, error = session.stdout.read(), session.stderr.read().decode()
    session.wait(60)
    said += len(rest.splitlines())
    assert all(json.loads(line)["gaps"] == len(killed) for line in rest.splitlines())
    for stage in killed:
        assert f"the {stage} was killed by signal 9; it is started again" in error
    summary = json.loads((tmp_path / "summary.json").read_text())
    assert summary["restarts"] == dict.fromkeys(killed, 1)
    assert summary["gaps"] == len(killed)
    assert f"times that the stream was cut off: {len(killed)}\n" in error
    if "brain" in killed:
        assert summary["labels"] < summary["labels_in_all"] == said
        assert f"labels in all: {said}\nwhat follows: since the brain was started again\n" in error
    else:
        assert (summary["labels"], summary["labels_in_all"]) == (said, None)
    seen = summary["events_binned"] + summary["events_outside_view"]
    assert summary["events_in"] == seen + summary["events_late"] + summary["events_invalid"]


@pytest.mark.parametrize("stage", ["source", "brain"])
def test_a_process_that_stands_by_takes_the_place_of_what_is_killed(
    wigwag, tiny_checkpoint: Path, stage: str
) -> None:
    """It has loaded all, and another one stands by as soon as labels come again."""
    session = wigwag.start(
        "live", "--camera", "simulated", "--checkpoint", tiny_checkpoint, "--json"
    )
    labels = labels_of(session)
    next(labels)
    waiting = process_of(session, "brain", waiting=True)
    os.kill(process_of(session, stage), signal.SIGKILL)
    assert next(one for one in labels if one.get("gaps"))["gaps"] == 1
    assert process_of(session, stage) == waiting
    another = process_of(session, "brain", waiting=True)
    assert another != waiting
    session.send_signal(signal.SIGINT)
    session.communicate(timeout=60)
    with pytest.raises(ProcessLookupError):
        os.kill(another, 0)


def test_source_and_brain_of_a_replay_are_both_replaced(wigwag, tiny_checkpoint: Path) -> None:
    """Two processes stand by, and become the two that begin anew."""
    session = wigwag.start("replay", SAMPLE, "--checkpoint", tiny_checkpoint, "--json")
    labels = labels_of(session)
    next(labels)
    waiting = {process_of(session, "brain", waiting=True, among=n) for n in range(2)}
    os.kill(process_of(session, "source"), signal.SIGKILL)
    deadline = time.monotonic() + 30
    while {process_of(session, "source"), process_of(session, "brain")} != waiting:
        assert time.monotonic() < deadline
        time.sleep(0.02)  # between two looks at running processes
    next(labels)
    session.send_signal(signal.SIGINT)
    session.communicate(timeout=60)


@pytest.mark.parametrize(("speed", "number"), [("1", 2), ("0.5", 2), ("max", 0)])
def test_nothing_stands_by_where_a_replay_is_to_be_fast(speed: str, number: int) -> None:
    """Loading takes cores that it has use for."""
    assert replay_stand_bys(speed) == number


def test_a_session_goes_on_when_the_process_that_stands_by_is_killed(
    wigwag, tiny_checkpoint: Path
) -> None:
    """It is told; a brain that is killed then is started as it was at first."""
    session = wigwag.start(
        "live", "--camera", "simulated", "--checkpoint", tiny_checkpoint, "--json"
    )
    labels = labels_of(session)
    next(labels)
    os.kill(process_of(session, "brain", waiting=True), signal.SIGKILL)
    assert session.stderr is not None
    for line in session.stderr:
        if b"the process that stands by has ended" in line:
            break
    os.kill(process_of(session, "brain"), signal.SIGKILL)
    assert next(one for one in labels if one.get("gaps"))["gaps"] == 1
    session.send_signal(signal.SIGINT)
    session.communicate(timeout=60)


def test_a_replay_is_begun_anew_and_says_nothing_twice(
    wigwag, tmp_path: Path, tiny_checkpoint: Path
) -> None:
    """Source and brain killed on the way: the same labels as without, each once, and all events."""
    replay = ("replay", SAMPLE, "--checkpoint", tiny_checkpoint, "--json", "--stop", 3)
    whole = wigwag.run(*replay, "--speed", "max", "--summary", tmp_path / "whole.json")
    assert whole[0] == 0
    killed = wigwag.start(
        *replay, "--summary", tmp_path / "killed.json", "--output", tmp_path / "labels.jsonl"
    )
    labels = labels_of(killed)
    said = [next(labels)]
    for stage in ("brain", "source"):
        os.kill(process_of(killed, stage), signal.SIGKILL)
        said += [next(labels) for _ in range(3)]
    said += labels
    assert killed.wait(60) == 0
    expected = [json.loads(line) for line in whole[1].splitlines()]
    for one in (*expected, *said):
        one.pop("latency_us")
    assert said == expected
    assert len((tmp_path / "labels.jsonl").read_text().splitlines()) == len(expected)
    undisturbed, summary = (
        json.loads((tmp_path / f"{name}.json").read_text()) for name in ("whole", "killed")
    )
    assert summary["restarts"] == {"brain": 2, "source": 2}
    for name in ("events_in", "events_binned", "events_lost", "frames", "labels", "gaps"):
        assert summary[name] == undisturbed[name]


def test_what_is_killed_too_often_ends_the_session(wigwag, tiny_checkpoint: Path) -> None:
    """Once more than it is started again: one line that says so, status 1."""
    session = wigwag.start("live", "--camera", "simulated", "--checkpoint", tiny_checkpoint)
    before = 0
    for _ in range(MOST_RESTARTS + 1):
        deadline = time.monotonic() + 30
        while (source := process_of(session, "source")) == before:
            assert time.monotonic() < deadline
        before = source
        os.kill(source, signal.SIGKILL)
    _, error = session.communicate(timeout=60)
    assert session.returncode == 1
    assert error.decode().count("it is started again") == MOST_RESTARTS
    assert error.decode().count("the source was killed by signal 9; too often to go on") == 1


def test_what_a_brain_was_taught_outlives_it(wigwag, tmp_path: Path, tiny_checkpoint: Path) -> None:
    """Killed, and started with the same options, it begins from what the lesson made of it."""
    folder = private_run_directory()
    events, control = ipc_address(folder, "events"), ipc_address(folder, "brain")
    latest = tmp_path / "latest.safetensors"
    wigwag.start("source", SAMPLE, "--loop", "--bind", events)
    told = (
        *("brain", "--connect", events, "--control", control, "--teach", "--latest", latest),
        *("--checkpoint", tiny_checkpoint),
    )
    brain = wigwag.start(*told)

    def ask(command: str, **fields: object) -> dict[str, Any]:
        return control_request(control, {"command": command, **fields}, timeout_s=60)

    def until(true: Callable[[], object]) -> None:
        deadline = time.monotonic() + 60
        while not true():
            assert time.monotonic() < deadline
            time.sleep(0.02)  # between two looks

    assert ask("add_class", name="wink")["class"] == 12
    ask("rehearsal", on=False)
    ask("target", **{"class": "wink", "seconds": 0.5})
    until(lambda: ask("status")["lessons"] == 1)
    until(lambda: ask("versions")["versions"][-1]["digest"])
    first, taught = ask("versions")["versions"]
    assert first["digest"] != taught["digest"]
    until(lambda: latest.is_file() and read_checkpoint(latest).version == taught["digest"])
    brain.kill()
    brain.wait(10)
    wigwag.start(*told)
    assert ask("status")["classes"][-1] == "wink"
    until(lambda: ask("versions")["versions"][0]["digest"])
    assert ask("versions")["versions"][0]["digest"] == taught["digest"]


def test_only_a_brain_that_is_taught_keeps_its_latest_weights(wigwag, tmp_path: Path) -> None:
    """One line that says what to do instead."""
    status, _, error = wigwag.run(
        *("brain", "--connect", "ipc:///tmp/none", "--latest", tmp_path / "latest.safetensors")
    )
    assert (status, error.count("\n"), "--teach" in error) == (2, 1, True)
