"""Programs whose standard output nobody reads any more, as with `| head`, or that has no room."""

import json
import shlex
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from models.checkpoint_file import read_checkpoint
from tests.pipeline.conftest import ROOT

SAMPLE = ROOT / "recordings/samples/simulated-session.aedat4"
LEFT = b"whoever read standard output has gone"


def test_a_brain_saves_and_ends_where_its_labels_are_read_no_more(
    wigwag, tiny_checkpoint: Path, tmp_path: Path, address
) -> None:
    """As on Ctrl-C: weights are kept."""
    kept = tmp_path / "kept.safetensors"
    brain = wigwag.start(
        *("brain", "--connect", address("events"), "--checkpoint", tiny_checkpoint),
        *("--teach", "--save", kept, "--json"),
    )
    wigwag.start("source", SAMPLE, "--loop", "--bind", address("events"))
    assert json.loads(brain.stdout.readline())["t_us"] > 0
    brain.stdout.close()
    assert brain.wait(30) == 130
    assert LEFT in brain.stderr.read()
    assert read_checkpoint(kept).class_names


@pytest.mark.parametrize("command", ["replay", "adapt"])
def test_a_session_ends_whole_where_its_labels_are_read_no_more(
    wigwag, tiny_checkpoint: Path, tmp_path: Path, command: str
) -> None:
    """What it keeps is whole, and it does not say that anything failed."""
    folder = tmp_path / "session"
    options = {
        "replay": (SAMPLE, "--loop", "--speed", "max", "--output", folder),
        "adapt": ("--camera", "simulated", "--session", folder),
    }
    session = wigwag.start(command, *options[command], "--checkpoint", tiny_checkpoint, "--json")
    session.stdout.readline()
    session.stdout.close()
    assert session.wait(60) == 130
    error = session.stderr.read()
    assert LEFT in error
    assert b"rror:" not in error
    if command == "adapt":
        last = (folder / "log.jsonl").read_text().splitlines()[-1]
        assert json.loads(last)["what"] == "end"
        assert wigwag.run("info", folder / "events.aedat4", "--json")[0] == 0
    else:
        assert len([json.loads(line) for line in folder.read_text().splitlines()]) > 0


@pytest.mark.parametrize(
    "told",
    [
        ("info", SAMPLE),
        ("--help",),
        ("replay", SAMPLE, "--speed", "max", "--stop", "1"),
        ("replay", SAMPLE, "--speed", "max", "--stop", "1", "--json"),
    ],
)
def test_standard_output_without_room_is_one_error(
    wigwag, monkeypatch: pytest.MonkeyPatch, tiny_checkpoint: Path, told: tuple[object, ...]
) -> None:
    """One line and status 2; Python has nothing to add at its end."""
    monkeypatch.delenv("PYTHONUNBUFFERED", raising=False)  # then nothing waits to be written
    more = ("--checkpoint", tiny_checkpoint) if told[0] == "replay" else ()
    with Path("/dev/full").open("wb") as full:
        program = wigwag.start(*told, *more, stdout=full)
    assert program.wait(60) == 2
    error = program.stderr.read().decode()
    assert "No space left on device" in error
    assert error.count("\n") == 1, error


def test_a_closed_terminal_ends_a_lesson(wigwag, tiny_checkpoint: Path, address) -> None:
    """SIGHUP is heard like SIGTERM: who held the lesson takes it back to its end."""
    brain = wigwag.start(
        *("brain", "--connect", address("events"), "--checkpoint", tiny_checkpoint),
        *("--teach", "--control", address("control"), "--json"),
    )
    wigwag.start("source", SAMPLE, "--loop", "--bind", address("events"))
    brain.stdout.readline()
    teacher = wigwag.start("teach", "3", "--seconds", "600", "--control", address("control"))

    def lesson() -> object:
        said = json.loads(
            wigwag.run("teach", "--status", "--json", "--control", address("control"))[1]
        )
        return said["lesson"]

    while lesson() is None:
        assert teacher.poll() is None
    teacher.send_signal(signal.SIGHUP)
    assert teacher.wait(30) == 128 + signal.SIGTERM
    assert lesson() is None


@pytest.mark.parametrize("told", [("info", SAMPLE), ("--help",)])
def test_a_closed_standard_output_is_one_error(told: tuple[object, ...]) -> None:
    """It is no defect, and no file that is opened later may be written over in its place."""
    command = shlex.join([sys.executable, "-m", "pipeline", *map(str, told)])
    done = subprocess.run(
        ["sh", "-c", f"exec {command} >&-"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert done.stderr.startswith("wigwag: standard output: got closed; allowed: ")
    assert done.stderr.count("\n") == 1
