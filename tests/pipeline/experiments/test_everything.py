"""All experiments in one go."""

from __future__ import annotations

from pathlib import Path

import pytest

from drivers.errors import InputError
from pipeline.experiments import everything, scaling
from pipeline.experiments.scaling import ScalingSettings


def test_one_that_fails_does_not_stop_the_others(
    settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without real data most fail, each saying why; what needs none is done, and timed."""
    monkeypatch.setenv("WIGWAG_DATA", str(tmp_path / "nowhere"))
    monkeypatch.chdir(tmp_path)
    names = {
        name: f"pipeline.experiments.{name}"
        for name in ("scaling", "objects", "nmnist", "gestures")
    }
    monkeypatch.setattr(everything, "EXPERIMENTS", names)
    toy = ScalingSettings(channels=2, sides=(5, 6), steps=2, warm_up_steps=1)
    monkeypatch.setattr(scaling, "ScalingSettings", lambda: toy)
    lines: list[str] = []
    given = settings()
    with pytest.raises(InputError, match="failures of gestures, nmnist, objects"):
        everything.run(given, lines.append)
    heads = [line for line in lines if line.startswith("== ") and " " not in line[3:]]
    assert heads == ["== gestures", "== nmnist", "== objects", "== scaling"]
    assert sum("failed" in line and "nowhere" in line for line in lines) == 2
    assert any(line.startswith("== scaling took") for line in lines)
    assert (given.out / "scaling.json").is_file()


def test_options_that_mean_another_thing_to_each_are_refused(settings, tmp_path: Path) -> None:
    """One error, before anything is done."""
    with pytest.raises(InputError, match="--data"):
        everything.run(settings(data=tmp_path), lambda _line: None)
