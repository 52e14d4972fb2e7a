"""A device that is lost or full while a brain runs."""

import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch

from drivers.events import EventPacket, Events, SensorSize
from models.checkpoint_file import read_checkpoint
from models.device_trouble import telling_of
from models.errors import DeviceError
from models.torch_engine import load_engine
from pipeline import bus, wire
from pipeline.addresses import ipc_address, private_run_directory
from tests.pipeline.conftest import QUIET_THREADS, ROOT

PROGRAM = Path(__file__).with_name("losing_brain.py")


def test_a_full_device_is_our_error_and_its_weights_are_saved(
    tmp_path: Path, tiny_checkpoint: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What torch raises becomes one line; what is not torch's stays what it is."""
    engine = load_engine(tiny_checkpoint)

    def full(*_: object, **__: object) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 MiB.")

    with monkeypatch.context() as patch:
        patch.setattr(engine._network, "step", full)
        with pytest.raises(DeviceError, match="device cpu: got CUDA out of memory"):
            engine.step(np.zeros((2, 16, 16), np.uint8), None)
    assert engine.save(tmp_path / "saved", {}) == read_checkpoint(tiny_checkpoint).version
    with pytest.raises(KeyError), telling_of("cpu"):
        raise KeyError


def test_it_ends_with_one_line_and_says_where_weights_are(
    tmp_path: Path, tiny_checkpoint: Path, some_events: Events
) -> None:
    """A device that is gone gives no weights either; what came in is accounted for."""
    events = ipc_address(private_run_directory(), "events")
    saved = tmp_path / "saved.safetensors"
    brain = subprocess.Popen(
        [sys.executable, PROGRAM, "300", "brain", "--connect", events, "--engine", "torch",
         "--checkpoint", tiny_checkpoint, "--save", saved, "--teach"],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=ROOT, text=True,
        env=os.environ | QUIET_THREADS | {"PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    packet = EventPacket(some_events, SensorSize(32, 32), "desk", 0, 5_000_000, 7_000_000)
    with bus.EventPublisher(events, policy="block") as source:
        assert source.wait_for_subscribers(1, 60)
        assert source.deliver(wire.encode_packet(packet, time.time_ns()))
        out, error = brain.communicate(timeout=60)
    assert brain.returncode == 2, error
    assert "Traceback" not in error
    assert "frames: 300\n" in out
    assert f"events in: {len(some_events):,}\n" in out
    said = error.splitlines()[-1]
    assert said.startswith("wigwag: device cpu: got CUDA ")
    assert "or with --device cpu" in said
    assert "and more" not in error
    assert f"weights could not be saved to {saved}" in error
    assert not saved.exists()
