"""A process that waits to become a stage."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from pipeline.children import Child, LineReader, command_of
from pipeline.standby import STAND_BY, Standby


@pytest.fixture
def standby(tiny_checkpoint: Path) -> Iterator[Standby]:
    """One that stands by for a brain of the tiny network."""
    one = Standby(
        ("brain", "--connect=ipc:///nobody", f"--checkpoint={tiny_checkpoint}"), threads=1
    )
    yield one
    one.close()


def command_line(child: Child) -> bytes:
    """As `ps` shows it."""
    return Path(f"/proc/{child.pid}/cmdline").read_bytes().replace(b"\0", b" ")


def said_by(child: Child, *, errors: bool = False) -> list[str]:
    """Its lines on standard output, or standard error, until it has ended."""
    lines = []
    with LineReader() as reader:
        for pipe in child.pipes():
            reader.add(pipe)
        while reader.open_pipes:
            lines += [
                line.decode() for pipe, line in reader.read(0.05) if pipe == child.pipes()[errors]
            ]
    return lines


def test_it_becomes_whatever_it_is_told(standby: Standby) -> None:
    """Another command than a brain too, with its variables, standard input empty."""
    child = standby.become("keys", ("keys", "--help"), {"COLUMNS": "77"})
    assert child is not None
    said = said_by(child)
    assert child.wait(time.monotonic() + 10)
    assert child.status == 0
    assert "keys" in said[0]
    assert max(map(len, said)) <= 77


def test_what_it_has_become_fails_as_ever(standby: Standby) -> None:
    """One line, status 2."""
    child = standby.become("source", ("source", "--bind", "ipc:///x", "/no/file.aedat4"), {})
    assert child is not None
    said_by(child)
    assert child.wait(time.monotonic() + 10)
    assert child.status == 2


def test_its_name_is_that_of_what_it_has_become(standby: Standby) -> None:
    """`ps` says what it is, not what it waited for."""
    told = ("source", "--bind=ipc:///tmp/nobody-asks", "--camera=simulated")
    child = standby.become("source", told, {})
    assert child is not None
    deadline = time.monotonic() + 30
    while b"pipeline source --bind=ipc:///tmp/nobody-asks" not in command_line(child):
        assert time.monotonic() < deadline
        time.sleep(0.01)  # between two looks at a running process
    assert STAND_BY.encode() not in command_line(child)


def test_it_ends_with_whoever_started_it(standby: Standby) -> None:
    """Standard input that ends without a word is the end."""
    child = Child("stand-by", standby._process)
    assert standby._process.stdin is not None
    standby._process.stdin.close()
    assert said_by(child) == []
    assert child.wait(time.monotonic() + 10)
    assert child.status == 0


def test_one_that_has_ended_is_no_help(standby: Standby) -> None:
    """It was killed: another process is to be started then."""
    assert not standby.has_ended
    os.kill(standby._process.pid, signal.SIGKILL)
    standby._process.wait(30)
    assert standby.has_ended
    assert standby.become("source", ("source", "--help"), {}) is None


def test_what_it_could_not_load_is_told_by_whoever_needs_it(tmp_path: Path) -> None:
    """Without its checkpoint it can still be a source; a brain says what is wrong."""
    brain = ("brain", "--connect=ipc:///nobody", f"--checkpoint={tmp_path}/none")
    for told, status, words in (
        (("source", "--help"), 0, "--camera"),
        (brain, 2, "none"),
    ):
        with closing(Standby(brain, threads=1)) as one:
            child = one.become(told[0], told, {})
            assert child is not None
            said = " ".join(said_by(child, errors=bool(status)))
            assert child.wait(time.monotonic() + 10)
            assert child.status == status
            assert words in said


def test_what_is_wanted_at_once_does_not_wait_for_what_others_need(tiny_checkpoint: Path) -> None:
    """Told before it has loaded all, it leaves out the rest."""
    told = {"arguments": ["source", "--help"], "variables": {}}
    stand_by = ["-m", "pipeline", "brain", STAND_BY, "--connect=ipc:///x"]
    done = subprocess.run(
        [sys.executable, "-X", "importtime", *stand_by, f"--checkpoint={tiny_checkpoint}"],
        input=json.dumps(told) + "\n",
        capture_output=True,
        text=True,
        check=True,
    )
    assert "--camera" in done.stdout
    assert "pipeline.standby" in done.stderr
    assert "models.events_engine" not in done.stderr


def test_a_line_that_says_nothing_is_one_error(tiny_checkpoint: Path) -> None:
    """Somebody typed something: what, got, allowed, what to do."""
    done = subprocess.run(
        [*command_of(["brain", STAND_BY, "--connect=ipc:///x", f"--checkpoint={tiny_checkpoint}"])],
        input="garbage\n",
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert done.stderr.startswith("wigwag: standard input of --stand-by: got ")
    assert done.stderr.count("\n") == 1
