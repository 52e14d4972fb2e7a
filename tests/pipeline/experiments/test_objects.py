"""The turntable experiment on recordings of events in one half or the other."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from drivers.errors import InputError
from drivers.events import EVENT_DTYPE, SensorSize
from models.settings import LayerSettings
from pipeline.experiments import objects
from pipeline.experiments.linear_readout import LINEAR_ALL, LINEAR_TOP
from pipeline.object_recordings import class_of, read_object_recordings
from pipeline.variation import Variation
from recordings.aedat4_writer import Aedat4Writer

TINY = replace(
    objects.USUAL,
    network=replace(
        objects.USUAL.network,
        layers=tuple(LayerSettings(channels=8, pool=1, kernel=3, padding=1) for _ in range(3)),
        height=8,
        width=8,
    ),
    window_steps=100,
    passes=1,
    variation=Variation(),
)


def write_recording(path: Path, right: int) -> None:
    """3 s of events in the left or (1) right half of 16 x 16 pixels."""
    rng = np.random.default_rng(right)
    events = np.zeros(20_000, EVENT_DTYPE)
    events["t"] = np.sort(rng.integers(0, 3_000_000, 20_000))
    events["x"] = rng.integers(0, 8, 20_000) + 8 * right
    events["y"], events["on"] = rng.integers(0, 16, 20_000), rng.integers(0, 2, 20_000)
    with Aedat4Writer(path, SensorSize(16, 16)) as writer:
        writer.write(events)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two recordings of the class `left`, one of `right`."""
    folder = tmp_path / "recordings"
    folder.mkdir()
    for name, right in (("left", 0), ("left_1", 0), ("right", 1)):
        write_recording(folder / f"{name}.aedat4", right)
    return folder


def test_the_last_thirds_are_read_right_and_so_is_another_session(
    settings, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two plain classes; what was saved reads other recordings and leaves unknown ones out. Views
    that were learnt from are told apart from others.
    """
    given = settings()
    monkeypatch.setattr(objects, "turn_steps", lambda _: 2450)
    recordings = read_object_recordings(folder, side=8)
    found = objects.learn_stream(recordings, TINY, given, lambda _line: None)
    assert found["class_names"] == ("left", "right")
    assert found["last_third"]["accuracy"][LINEAR_ALL] == 1.0
    assert found["prequential_right"].shape == (3, 56)
    written = json.loads((given.out / "objects.json").read_text())
    by_views = found["last_third"]["by_views"].values()
    assert [views["windows"] for views in by_views] == [15, 15]
    assert [views["accuracy"][LINEAR_ALL] for views in by_views] == [1.0, 1.0]
    control = written["results"]["last_third"][objects.UNTRAINED]
    assert set(control["accuracy"]) == {LINEAR_TOP, LINEAR_ALL}
    left_out = written["results"]["left_out"]
    assert left_out["recording"] == "left_1"
    assert left_out["accuracy"][LINEAR_ALL] == 1.0
    assert set(written["results"]["last_third"]["by_recording"]) == {"left", "left_1", "right"}
    other = tmp_path / "other"
    other.mkdir()
    write_recording(other / "right_2.aedat4", 1)
    write_recording(other / "middle.aedat4", 1)
    lines: list[str] = []
    again = settings(checkpoint=given.out / "objects.safetensors", test=other)
    tested = objects.run(again, lines.append)
    assert tested["test"]["accuracy"][LINEAR_ALL] == 1.0
    assert tested["left_out"] == ["middle"]
    assert any("middle" in line for line in lines)


def test_a_file_name_without_its_number_is_the_class(tmp_path: Path) -> None:
    """And a folder without recordings is one error."""
    assert class_of(Path("Estilete_1.aedat")) == class_of(Path("Estilete.aedat")) == "Estilete"
    with pytest.raises(InputError, match=str(tmp_path)):
        read_object_recordings(tmp_path, side=8)
