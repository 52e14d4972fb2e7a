"""N-MNIST's experiment on samples with events in one half or the other."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from drivers.errors import InputError
from models.settings import LayerSettings
from pipeline.event_samples import read_event_samples
from pipeline.experiments import nmnist
from pipeline.experiments.linear_readout import LINEAR_ALL
from pipeline.experiments.untrained import untrained

TINY = replace(
    nmnist.USUAL,
    network=replace(
        nmnist.USUAL.network,
        layers=tuple(LayerSettings(channels=8, pool=1, kernel=3, padding=1) for _ in range(3)),
        height=12,
        width=12,
    ),
    batch=8,
    steps=120,
    crop_steps=80,
    folds=2,
)


def test_folds_are_told_apart_and_the_saved_network_reads_other_samples(
    settings, event_samples: Path
) -> None:
    """All of two plain classes is read right, also by what was saved, from a file of that form."""
    given = settings()
    found = nmnist.cross_validate(event_samples, TINY, given, lambda _line: None)
    assert found["accuracy"][LINEAR_ALL]["mean"] == 1.0
    assert found["accuracy"][nmnist.REGRESSION]["mean"] == 1.0
    assert len(found["accuracy"][untrained(LINEAR_ALL)]["folds"]) == 2
    assert found["confusion"].sum() == 40
    written = json.loads((given.out / "nmnist.json").read_text())
    assert len(written["results"]["accuracy"][LINEAR_ALL]["folds"]) == 2
    saved = given.out / "nmnist.safetensors"
    again = settings(checkpoint=saved, test=event_samples)
    assert nmnist.run(again, lambda _line: None)["accuracy"][LINEAR_ALL] == 1.0
    (given.out / "nmnist_linear.safetensors").unlink()
    with pytest.raises(InputError, match="nmnist_linear"):
        nmnist.run(again, lambda _line: None)


def test_frames_hold_the_events_moved(event_samples: Path) -> None:
    """An event is one cell at its millisecond; moved out of the frame it is left out."""
    samples = read_event_samples(event_samples, classes=10)
    whole = samples.frames(1, side=12, steps=120)
    moved = samples.frames(1, side=12, steps=120, right=-2, down=1)
    assert np.array_equal(moved[:, :, 1:, :-2], whole[:, :, :-1, 2:])
    assert moved[:, :, 0].sum() == 0
    assert samples.counts(side=12).sum() == 40 * 1500


def test_a_file_of_another_form_is_refused(tmp_path: Path, event_samples: Path) -> None:
    """Missing arrays, offsets that do not fit, and labels out of range are each one error."""
    with np.load(event_samples) as file:
        good = dict(file)
    for name, bad in (
        ("labels", good["labels"] + 9),
        ("offsets", good["offsets"][:-1]),
        ("events", good["events"]["x"]),
    ):
        np.savez(tmp_path / "bad.npz", **(good | {name: bad}))
        with pytest.raises(InputError, match=r"bad\.npz"):
            read_event_samples(tmp_path / "bad.npz", classes=10)
    (tmp_path / "bad.npz").write_text("no archive")
    with pytest.raises(InputError, match=r"bad\.npz"):
        read_event_samples(tmp_path / "bad.npz", classes=10)
