import sys
from pathlib import Path

import pytest

from pipeline.benchmarks.inputs import recording_of
from pipeline.benchmarks.settings import BenchSettings
from pipeline.benchmarks.startup import (
    first_line_s,
    first_lines_s,
    measure_startup,
    startup_commands,
)


@pytest.mark.slow
def test_every_program_of_the_table_gives_a_first_line(tiny_checkpoint: Path) -> None:
    """Python and torch alone, help, and a replay with the shipped and with another checkpoint."""
    recording, _ = recording_of(BenchSettings())
    commands = startup_commands(recording, tiny_checkpoint, 1)
    assert list(commands)[-1] == "first label, tiny.safetensors"
    assert len(commands) == 6
    for command in commands.values():
        assert first_line_s(command) > 0


def test_programs_take_turns_and_the_first_round_is_thrown_away() -> None:
    """Each is started once more than it has times."""
    command = (sys.executable, "-c", "print()")
    times_s = first_lines_s({"one": command, "other": command}, blocks=2)
    assert list(times_s) == ["one", "other"]
    assert all(len(values) == 2 and min(values) > 0 for values in times_s.values())


def test_the_table_has_a_row_for_each_program(
    monkeypatch: pytest.MonkeyPatch, tiny_checkpoint: Path
) -> None:
    """In seconds, with what is replayed."""
    monkeypatch.setattr(
        "pipeline.benchmarks.startup.startup_commands",
        lambda *_: {"python alone": (sys.executable, "-c", "print()")},
    )
    table = measure_startup(BenchSettings(blocks=1), tiny_checkpoint, tiny_checkpoint)
    assert [(row.name, row.unit, row.runs) for row in table.rows] == [("python alone", "s", 1)]
    assert table.notes == ("replays tiny.safetensors",)


def test_a_program_that_says_nothing_is_an_error() -> None:
    """Start-up of a program that fails is not taken for a fast one."""
    with pytest.raises(RuntimeError, match="no luck"):
        first_line_s([sys.executable, "-c", "raise SystemExit('no luck')"])
