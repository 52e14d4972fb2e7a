"""`wigwag train` in several processes that torchrun starts."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from models.checkpoint import load_checkpoint
from pipeline import training
from pipeline.datasets import GestureFolder
from pipeline.run_folder import RunFolder
from pipeline.training import train
from pipeline.training_log import read_log
from pipeline.training_progress import TrainingProgress
from pipeline.training_settings import training_settings

ROOT = Path(__file__).resolve().parents[2]


class Cut:
    """Ends a run after so many minibatches as a power cut does."""

    def __init__(self, after: int) -> None:
        self._after = after

    def add(self, progress: TrainingProgress) -> None:
        """See `ProgressSink.add`."""
        if progress.minibatch == self._after:
            raise RuntimeError("cut short")


@pytest.mark.slow
def test_a_run_is_scaled_out(
    simulated_set: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Begun by one process and resumed by two, it ends where one alone would have ended."""
    settings = training_settings({"minibatches": 4, "crops": {"batch": 4, "steps": 60}})
    dataset = GestureFolder(simulated_set)
    train(dataset, RunFolder(tmp_path / "whole"), settings)
    monkeypatch.setattr(training, "SAVE_EVERY_S", 0.0)
    with pytest.raises(RuntimeError, match="cut short"):
        train(dataset, RunFolder(tmp_path / "cut"), settings, sinks=[Cut(2)])
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone"]
    command += [
        "--nproc-per-node=2",
        "-m",
        "--",
        "pipeline",
        "train",
        str(simulated_set),
        "--resume",
    ]
    command += ["--run", str(tmp_path / "cut"), "--device", "cpu", "--workers", "0"]
    done = subprocess.run(
        command,
        cwd=ROOT,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=100,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("version") == 1
    whole, scaled = (
        load_checkpoint(tmp_path / name / "checkpoint.safetensors") for name in ("whole", "cut")
    )
    assert scaled.record == whole.record
    for name, value in whole.network.tensors().items():
        torch.testing.assert_close(scaled.network.tensors()[name], value, rtol=1e-4, atol=1e-5)
    logs = [read_log(tmp_path / name / "log.csv") for name in ("whole", "cut")]
    assert logs[1]["minibatch"] == [1, 2, 3, 4]
    for name in ("loss_1", "loss_3", "accuracy_2", "firing_rate_3"):
        assert logs[1][name] == pytest.approx(logs[0][name], rel=1e-3)
    assert not (tmp_path / "cut" / "state.safetensors").exists()
