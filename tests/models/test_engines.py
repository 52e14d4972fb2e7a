"""Choosing an engine."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from models.checkpoint import load_checkpoint, save_checkpoint
from models.checks import MOST_SEED
from models.engines import load_engine
from models.errors import ModelError
from models.events_engine import EventsEngine
from models.graph_engine import GraphEngine
from models.graph_settings import GraphSettings
from models.learning_settings import LearningSettings
from models.network import Network
from models.settings import NetworkSettings
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


@pytest.mark.parametrize("engine", ["events", "torch"])
def test_engines_take_the_largest_seed(checkpoint: Path, engine: Any) -> None:
    """What the settings allow can be learnt with."""
    learning = LearningSettings(seed=MOST_SEED, rate=0.1)
    made = load_engine(checkpoint, engine=engine, device="cpu", learning=learning)
    settings = made.settings
    frame = np.ones((settings.input_channels, settings.height, settings.width), np.uint8)
    for _ in range(20):
        made.step(frame, 1)
    assert made.updates > 0


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_cuda_takes_the_plain_engine_unless_told(checkpoint: Path) -> None:
    """The captured engine, not measured yet, has to be asked for."""
    assert type(load_engine(checkpoint, device="auto")) is TorchEngine
    assert type(load_engine(checkpoint, engine="graph", device="auto")) is GraphEngine
    with pytest.raises(ModelError, match="engine: got 'events' with device 'cuda'"):
        load_engine(checkpoint, engine="events", device="cuda")


def test_graph_engine_is_refused_on_a_cpu(checkpoint: Path) -> None:
    """The message says what was asked, what it found and what to do."""
    with pytest.raises(ModelError, match=r"got 'graph' with device 'cpu'.*--engine auto"):
        load_engine(checkpoint, engine="graph", device="cpu")
    with pytest.raises(ModelError, match=r"'graph' with weights on cpu; allowed: a CUDA device"):
        GraphEngine(load_checkpoint(checkpoint), None, GraphSettings())


@pytest.mark.skipif(torch.cuda.is_available(), reason="needs a machine without a CUDA device")
def test_a_device_that_is_not_there_is_refused(checkpoint: Path) -> None:
    """The error says what there is, and what to do."""
    with pytest.raises(ModelError, match=r"allowed: auto, cpu; choose one of these, or install"):
        load_engine(checkpoint, device="cuda")


@pytest.mark.skipif(torch.cuda.is_available(), reason="needs a machine without a CUDA device")
def test_graph_engine_is_refused_without_cuda(checkpoint: Path) -> None:
    """`auto` as a device does not hide that there is none."""
    with pytest.raises(ModelError, match="'graph' with device 'auto', which is the CPU here"):
        load_engine(checkpoint, engine="graph")


def test_the_fast_start_does_without_torch(checkpoint: Path) -> None:
    """A process that runs the fast engine, and saves, never imports torch, which takes seconds."""
    program = """
import sys
from pathlib import Path
import numpy as np
from models.engines import load_engine
from models.learning_settings import LearningSettings
path = Path(sys.argv[1])
engine = load_engine(path, engine="events", learning=LearningSettings())
engine.step(np.zeros((2, 10, 9), np.uint8), 1)
engine.save(path.with_name("saved.safetensors"), {})
sys.exit("torch" in sys.modules)
"""
    done = subprocess.run([sys.executable, "-c", program, str(checkpoint)], check=False)
    assert done.returncode == 0
    assert load_checkpoint(checkpoint.with_name("saved.safetensors")).version


def test_wrong_choice_is_refused(checkpoint: Path) -> None:
    """Unknown engines and devices, and no threads, are named."""
    unknown: Any = "magic"
    with pytest.raises(
        ModelError, match="engine: got 'magic'; allowed: auto, torch, events, graph"
    ):
        load_engine(checkpoint, engine=unknown)
    with pytest.raises(ModelError, match="device: got 'tpu'"):
        load_engine(checkpoint, device="tpu")
    with pytest.raises(ModelError, match="threads: got 0"):
        load_engine(checkpoint, engine="events", threads=0)
