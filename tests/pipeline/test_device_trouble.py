"""A device that is lost or full while a brain runs."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from drivers.events import EventPacket, Events, SensorSize
from models.checkpoint_file import read_checkpoint
from pipeline import bus, wire
from pipeline.addresses import ipc_address, private_run_directory
from tests.pipeline.conftest import QUIET_THREADS, ROOT

PROGRAM = Path(__file__).with_name("losing_brain.py")


@pytest.mark.parametrize("how", ["out-of-memory", "gone"])
def test_it_ends_with_one_line_and_says_where_weights_are(
    tmp_path: Path, tiny_checkpoint: Path, some_events: Events, how: str
) -> None:
    """Weights of now are saved where the device still gives them; what came in is accounted for."""
    events = ipc_address(private_run_directory(), "events")
    saved = tmp_path / "saved.safetensors"
    brain = subprocess.Popen(
        [sys.executable, PROGRAM, "300", how, "brain", "--connect", events, "--engine", "torch",
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
    if how == "gone":
        assert "and more" not in error
        assert f"weights could not be saved to {saved}" in error
        assert not saved.exists()
    else:
        assert f"weights of now are in {saved}" in error
        assert read_checkpoint(saved).class_names == read_checkpoint(tiny_checkpoint).class_names
