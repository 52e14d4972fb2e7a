"""Several processes that train the same weights."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import torch

from models.engines import trainer_for
from models.errors import ModelError
from models.learning_settings import LearningSettings
from models.network import Network
from models.replicas import ALONE, Replicas
from models.trainer_state import unpack

ROOT = Path(__file__).resolve().parents[2]
PROGRAM = Path(__file__).with_name("replica_program.py")


def torchrun(processes: int, *arguments: object) -> subprocess.CompletedProcess[str]:
    """Run a program of this repository in several processes, on a port of their own choice."""
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone"]
    command += [f"--nproc-per-node={processes}", *map(str, arguments)]
    threads = {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
    return subprocess.run(
        command, cwd=ROOT, env=os.environ | threads, capture_output=True, text=True, timeout=90
    )


@pytest.fixture(scope="module")
def program() -> ModuleType:
    """The program that the processes run, as a module."""
    spec = importlib.util.spec_from_file_location("replica_program", PROGRAM)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.slow
def test_two_processes_learn_what_one_does(program: ModuleType, tmp_path: Path) -> None:
    """Weights, streams, thresholds and losses are those of one process with the whole minibatch.

    To the rounding of sums; dropout, regularisers and gradients gathered over minibatches included.
    """
    changes = {"update_every_steps": 4, "error_rate": 0.3}
    out = tmp_path / "state"
    done = torchrun(2, PROGRAM, out, json.dumps(changes))
    assert done.returncode == 0, done.stderr
    got, progress = unpack(out)
    assert progress["size"] == 2
    alone, results = program.trained(ALONE, changes)
    np.testing.assert_allclose(progress["loss"], [result.loss for result in results], rtol=1e-5)
    wanted = alone.state()
    begun = Network(program.SETTINGS).tensors()["layers.1.weight"]
    assert not torch.equal(wanted.tensors["network.layers.1.weight"], begun)
    assert set(got.tensors) == set(wanted.tensors)
    for name, value in wanted.tensors.items():
        torch.testing.assert_close(got.tensors[name], value, rtol=1e-4, atol=1e-6)
    assert got.numbers == pytest.approx(wanted.numbers, rel=1e-5)


def test_parts_of_a_minibatch_are_equal() -> None:
    """Each process has its own; a number that cannot be shared out is refused."""
    parts = [list(range(12)[Replicas(rank, 3).part(12)]) for rank in range(3)]
    assert [number for part in parts for number in part] == list(range(12))
    assert {len(part) for part in parts} == {4}
    with pytest.raises(ModelError, match="12 sequences for 5 processes"):
        Replicas(0, 5).part(12)


def test_only_the_plain_trainer_is_shared_out(tiny) -> None:
    """The others refuse, before anything is computed."""
    with pytest.raises(ModelError, match="'events' with 2 processes; allowed: auto"):
        trainer_for(
            Network(tiny),
            LearningSettings(),
            batch=4,
            learn_every_ms=1,
            engine="events",
            replicas=Replicas(0, 2),
        )
