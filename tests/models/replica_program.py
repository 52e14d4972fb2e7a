"""A program for torchrun: trains a small network on its part of three minibatches.

Arguments: a file for the state at the end, and learning settings as JSON.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import torch

from models.engines import trainer_for
from models.learning_settings import LearningSettings
from models.network import Network
from models.replicas import Replicas, join_replicas, leave_replicas
from models.settings import LayerSettings, NetworkSettings
from models.trainer import MinibatchResult, Trainer
from models.trainer_state import pack

SETTINGS = NetworkSettings(
    layers=(LayerSettings(6, pool=2, kernel=3), LayerSettings(5, pool=1, kernel=3)),
    classes=4,
    height=10,
    width=9,
    gain=20.0,
)


def trained(
    replicas: Replicas, changes: dict[str, object]
) -> tuple[Trainer, list[MinibatchResult]]:
    """A trainer after three minibatches of four sequences, of which this process has its part."""
    learning = LearningSettings(**{"rate": 1e-2, "optimiser": "SGD", **changes})
    trainer = trainer_for(Network(SETTINGS), learning, batch=4, learn_every_ms=3, replicas=replicas)
    assert isinstance(trainer, Trainer)
    own = replicas.part(4)
    random = np.random.default_rng(1)
    results = []
    for _ in range(3):
        frames = (random.random((80, 4, 2, 10, 9)) < 0.2).astype(np.uint8)
        results.append(trainer.run(frames[:, own], np.array([0, 3, 1, 2])[own]))
    return trainer, results


if __name__ == "__main__":
    torch.set_num_threads(1)
    replicas = join_replicas("cpu")
    trainer, results = trained(replicas, json.loads(sys.argv[2]))
    state = trainer.state()
    # What one process has written, another number of them can go on from.
    trainer.load_state(state)
    if replicas.leads:
        progress = {"size": replicas.size, "loss": [list(result.loss) for result in results]}
        Path(sys.argv[1]).write_bytes(pack(state, progress))
    leave_replicas(replicas)
