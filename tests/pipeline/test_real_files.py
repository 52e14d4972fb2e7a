"""`wigwag replay` with the shipped checkpoint on real recordings: nothing lost, honest labels."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from models.checkpoint import load_checkpoint
from pipeline.brain_settings import shipped_checkpoint
from pipeline.cli import app
from recordings.formats import open_recording

ROOT = Path(__file__).resolve().parents[2]
FOLDER = Path(os.environ.get("WIGWAG_DATA", ROOT.parent / "shared" / "data"))

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        not FOLDER.is_dir(), reason=f"no real recordings at {FOLDER}; set WIGWAG_DATA"
    ),
]

GESTURES = [
    "dvs128_gesture/dvSave-2024_06_20_15_59_41.aedat4",
    "dvs128_gesture/dvSave-2024_06_20_16_06_00.aedat4",
    "dvs128_gesture/dvSave-2024_06_20_16_12_48.aedat4",
]
OTHER_CAMERAS = [
    "formats/aedat4_davis346_frames_imu_triggers.aedat4",
    "formats/aedat4_640x480.aedat4",
    "formats/evt3.raw",
]
STOP_S = 8.0
"""The recordings of objects last half a minute; their beginning is enough."""


Replayed = tuple[dict[str, Any], list[Any], str]
"""Summary, labels and standard error."""


def replay(wigwag: Any, *paths: Path, more: Sequence[object] = ()) -> list[Replayed]:
    """What replays of these files at maximum speed, side by side, give; all have to succeed."""
    summaries = [wigwag.folder / f"{path.name}.json" for path in paths]
    runs = wigwag.run_side_by_side(*(
        ("replay", path, "--speed", "max", "--json", "--summary", summary, *more)
        for path, summary in zip(paths, summaries, strict=True)
    ))  # fmt: skip
    found = []
    for summary, (status, out, error) in zip(summaries, runs, strict=True):
        assert status == 0, error
        labels = [json.loads(line) for line in out.splitlines()]
        found.append((json.loads(summary.read_text()), labels, error))
    return found


def info(path: Path) -> dict[str, Any]:
    """What `wigwag info --json` says."""
    found: dict[str, Any] = json.loads(
        CliRunner().invoke(app, ["info", str(path), "--json"]).stdout
    )
    return found


def check_counts(summary: dict[str, Any]) -> None:
    """Every event that came in was binned or is accounted for, and none got lost."""
    assert summary["events_in"] == sum(
        summary[f"events_{what}"] for what in ("binned", "outside_view", "late", "invalid")
    )
    assert summary["events_binned"] > 0
    for what in ("events_lost", "events_late", "events_invalid", "packets_missed"):
        assert summary[what] == 0
    assert (summary["refused"], summary["frames_skipped"]) == ({}, 0)


def check_labels(summary: dict[str, Any], labels: list[dict[str, Any]], first_us: int) -> None:
    """Labels name a class of the checkpoint or nothing, and cover the whole stream."""
    names = ("unsure", *load_checkpoint(shipped_checkpoint()).class_names)
    assert len(labels) == summary["labels"] >= summary["frames"] // 100
    for label in labels:
        assert label["label"] == names[label["class"]]
        assert 0.0 <= label["confidence"] <= 1.0
        rounding = len(label["counts"]) / 2  # shares of classes are counted in whole steps
        assert sum(label["counts"]) <= label["window_us"] / 1000 + rounding
    times = [label["t_us"] for label in labels]
    assert times[0] == first_us + 1000
    assert 0 < np.diff(times).min() <= np.diff(times).max() <= 100_000
    assert times[-1] > first_us + 1000 * (summary["frames"] - 100)


@pytest.mark.parametrize("names", [GESTURES, OTHER_CAMERAS], ids=["gestures", "other cameras"])
def test_a_whole_recording(wigwag, names: list[str]) -> None:
    """As many events come in as the file has, whatever the camera and format."""
    paths = [FOLDER / name for name in names]
    for path, (summary, labels, _) in zip(paths, replay(wigwag, *paths), strict=True):
        found = info(path)
        assert summary["events_in"] == found["events"] > 0
        assert summary["frames"] == found["duration_us"] // 1000 + 1
        assert summary["damage"] is None
        check_counts(summary)
        check_labels(summary, labels, found["t_first_us"])


def test_the_beginning_of_a_recording_of_objects(wigwag) -> None:
    """AEDAT 2.0, up to --stop: the events before it and no others."""
    paths = [FOLDER / "dvs128_objects" / name for name in ("Caixa.aedat", "Tesoura.aedat")]
    runs = replay(wigwag, *paths, more=("--stop", STOP_S))
    for path, (summary, labels, _) in zip(paths, runs, strict=True):
        with open_recording(path) as recording:
            t_us = np.concatenate([packet.events["t"] for packet in recording]).astype(np.int64)
        expected = int(np.count_nonzero(t_us < t_us[0] + STOP_S * 1e6))
        assert summary["events_in"] == expected < info(path)["events"]
        assert summary["frames"] == STOP_S * 1000
        check_counts(summary)
        check_labels(summary, labels, int(t_us[0]))


def test_a_file_without_events(wigwag) -> None:
    """Nothing in, nothing out, and no error."""
    names = ("aedat4_frames_only.aedat4", "aedat4_empty_stereo.aedat4")
    paths = [FOLDER / "formats" / name for name in names]
    for path, (summary, labels, error) in zip(paths, replay(wigwag, *paths), strict=True):
        assert info(path)["events"] == 0
        assert (summary["events_in"], summary["frames"], summary["events_lost"]) == (0, 0, 0)
        assert (summary["ended"], summary["damage"], labels) == ("end of stream", None, [])
        assert "events in: 0" in error


def test_a_truncated_recording(wigwag, tmp_path: Path) -> None:
    """The whole packets are recognised, and the damage is said in summary and on the screen."""
    path = tmp_path / "cut.aedat4"
    whole = FOLDER / GESTURES[2]
    data = whole.read_bytes()
    path.write_bytes(data[: len(data) // 2])
    found = info(path)
    assert found["damaged"] is True
    [(summary, labels, error)] = replay(wigwag, path)
    assert 0 < summary["events_in"] == found["events"] < info(whole)["events"]
    assert summary["damage"] == found["damage"]
    assert found["damage"] in error
    check_counts(summary)
    check_labels(summary, labels, found["t_first_us"])
