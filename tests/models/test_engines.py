"""Choosing an engine."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from models.checkpoint import save_checkpoint
from models.engines import load_engine
from models.errors import ModelError
from models.events_engine import EventsEngine
from models.network import Network
from models.settings import LearningSettings, NetworkSettings
from models.torch_engine import TorchEngine


@pytest.fixture
def checkpoint(tiny: NetworkSettings, tmp_path: Path) -> Path:
    """A checkpoint of the tiny network."""
    path = tmp_path / "tiny.safetensors"
    save_checkpoint(path, Network(tiny), ("a", "b", "c", "d"), parent=None, record={})
    return path


@pytest.mark.parametrize(
    ("engine", "device", "kind"),
    [
        ("auto", "cpu", EventsEngine),
        ("events", "cpu", EventsEngine),
        ("events", "auto", EventsEngine),
        ("torch", "cpu", TorchEngine),
    ],
)
def test_engine_is_the_one_asked_for(
    checkpoint: Path, engine: Any, device: str, kind: type[object]
) -> None:
    """`auto` takes the fast engine on a CPU; names are obeyed."""
    made = load_engine(checkpoint, engine=engine, device=device, learning=LearningSettings())
    assert type(made) is kind


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_cuda_takes_the_torch_engine(checkpoint: Path) -> None:
    """The fast engine is for CPUs only."""
    assert type(load_engine(checkpoint, device="cuda")) is TorchEngine
    with pytest.raises(ModelError, match="engine: got 'events' with device 'cuda'"):
        load_engine(checkpoint, engine="events", device="cuda")


def test_wrong_choice_is_refused(checkpoint: Path) -> None:
    """Unknown engines and devices, and no threads, are named."""
    unknown: Any = "graph"
    with pytest.raises(ModelError, match="engine: got 'graph'; allowed: auto, torch, events"):
        load_engine(checkpoint, engine=unknown)
    with pytest.raises(ModelError, match="device: got 'tpu'"):
        load_engine(checkpoint, device="tpu")
    with pytest.raises(ModelError, match="threads: got 0"):
        load_engine(checkpoint, engine="events", threads=0)
