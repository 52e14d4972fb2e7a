"""How the events engine starts, what it refuses, and what it leaves on disk."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from models.checkpoint import load_checkpoint, save_checkpoint
from models.errors import ModelError
from models.events_engine import EventsEngine
from models.network import Network
from models.settings import LayerSettings, NetworkSettings
from tests.models.events_networks import PLAIN, checkpoint_of, frames_of, small


def test_saved_engine_goes_on_as_the_network_it_was(tmp_path: Path) -> None:
    """A saved engine, loaded by either engine, has the learnt weights and names its parent."""
    network = small(2)
    names = checkpoint_of(network).class_names
    first = tmp_path / "first.safetensors"
    save_checkpoint(first, Network(network), names, parent=None, record={})
    engine = EventsEngine(load_checkpoint(first).stored(), replace(PLAIN, update_every_steps=1))
    frames = frames_of(network, 40, 40.0)
    for frame in frames:
        engine.step(frame, 2)
    assert engine.updates == 40
    version = engine.save(tmp_path / "learnt.safetensors", {"note": 1})
    loaded = load_checkpoint(tmp_path / "learnt.safetensors")
    assert (loaded.version, loaded.parent) == (version, engine.version)
    assert version != engine.version
    again = EventsEngine(loaded.stored(), None)
    engine.reset()
    assert [engine.step(f, None).votes.tolist() for f in frames] == [
        again.step(f, None).votes.tolist() for f in frames
    ]


def test_wrong_input_is_refused() -> None:
    """Shapes and classes out of range are named, and leave the engine as it was."""
    network = small(2)
    engine = EventsEngine(checkpoint_of(network).stored(), PLAIN)
    with pytest.raises(ModelError, match=r"frame: got shape \(2, 3, 3\)"):
        engine.step(np.zeros((2, 3, 3), np.uint8), None)
    with pytest.raises(ModelError, match="target: got class 11; allowed: 0 to 10"):
        engine.step(np.zeros((2, 32, 32), np.uint8), 11)
    assert not engine._layers[0].u.any()


def test_weights_that_run_away_are_noticed() -> None:
    """Learning that leaves the finite numbers raises instead of voting on."""
    network = small(2)
    engine = EventsEngine(checkpoint_of(network).stored(), replace(PLAIN, update_every_steps=1))
    engine._learnt[1].gradient[0, 0] = np.inf
    with pytest.raises(ModelError, match="not finite"):
        engine.step(np.zeros((2, 32, 32), np.uint8), 1)


FIRST_START = """
import logging, sys
logging.basicConfig(level=logging.INFO, format="%(message)s")
from models.engines import load_engine
load_engine(__import__("pathlib").Path(sys.argv[1]), engine="events")
"""


def test_first_start_says_that_it_compiles(tmp_path: Path) -> None:
    """With an empty cache the engine says what takes so long; what it compiled is kept."""
    network = NetworkSettings(layers=(LayerSettings(channels=2, kernel=3),), height=8, width=8)
    path = tmp_path / "tiny.safetensors"
    names = checkpoint_of(network).class_names
    save_checkpoint(path, Network(network), names, parent=None, record={})
    told = subprocess.run(
        [sys.executable, "-c", FIRST_START, str(path)],
        env={**os.environ, "NUMBA_CACHE_DIR": str(tmp_path / "cache")},
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        check=True,
    ).stderr
    assert "compiling the events engine, once" in told
    assert list((tmp_path / "cache").rglob("*.nbc"))


def test_warm_start_is_silent(caplog: pytest.LogCaptureFixture) -> None:
    """An engine whose code is there already has nothing to say."""
    EventsEngine(checkpoint_of(small(2)).stored(), None)
    with caplog.at_level(logging.INFO):
        EventsEngine(checkpoint_of(small(2)).stored(), None)
    assert not caplog.messages
