"""A process that waits to become a stage."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline.children import Child, LineReader
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


def said_by(child: Child) -> list[str]:
    """Its lines on standard output until it has ended."""
    lines = []
    with LineReader() as reader:
        for pipe in child.pipes():
            reader.add(pipe)
        while reader.open_pipes:
            lines += [line.decode() for pipe, line in reader.read(0.05) if pipe == child.pipes()[0]]
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
    while STAND_BY.encode() in command_line(child):
        assert time.monotonic() < deadline
        time.sleep(0.01)  # between two looks at a running process
    assert b"pipeline source --bind=ipc:///tmp/nobody-asks" in command_line(child)


def test_it_ends_with_whoever_started_it(standby: Standby) -> None:
    """Standard input that ends without a word is the end."""
    child = Child("stand-by", standby._process)
    assert standby._process.stdin is not None
    standby._process.stdin.close()
    assert said_by(child) == []
    assert child.wait(time.monotonic() + 10)
    assert child.status == 0


def test_one_that_has_ended_is_no_help(tmp_path: Path) -> None:
    """It could not load its checkpoint: another process is to be started then."""
    one = Standby(("brain", "--connect=ipc:///nobody", f"--checkpoint={tmp_path}/none"), threads=1)
    one._process.wait(30)
    assert one.become("source", ("source", "--help"), {}) is None
