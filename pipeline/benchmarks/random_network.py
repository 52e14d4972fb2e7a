"""A full-size network that nobody has trained, made to fire like trained ones."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch

from models.checkpoint import save_checkpoint
from models.network import Network
from models.presets import preset
from models.torch_engine import prepare_torch

PRESET = "full"
"""Table 2, with few pairs of time constants."""
FIRING_SHARE = 0.05
"""Of the neurons after pooling, at each step; engines that work per spike cost accordingly."""
SETTLE_STEPS, COUNT_EVERY, ROUNDS = 80, 5, 3


def write_random_checkpoint(path: Path, frames: npt.NDArray[np.uint8]) -> str:
    """Write a network of the preset `full` with random weights; returns what to call it.

    The biases are moved until about `FIRING_SHARE` of each layer's neurons fire on
    `frames`, shape (n, 2, 32, 32).
    """
    # Where other work is going on, a second thread makes this many times slower.
    prepare_torch(1)
    settings = preset(PRESET).network
    network = Network(settings)
    for layer in sorted([*range(len(network.layers))] * ROUNDS):
        states, seen = network.initial_state(1), []
        for t, frame in enumerate(frames):
            x = torch.from_numpy(frame)[None].float()
            steps = network.step(states, x, learning=False)
            if t >= SETTLE_STEPS and t % COUNT_EVERY == 0:
                seen.append(torch.logit(steps[layer].activity.double()).numpy())
        threshold = float(np.quantile(np.concatenate(seen), 1 - FIRING_SHARE))
        network.layers[layer].bias.sub_(threshold)
    names = tuple(f"class {number}" for number in range(1, settings.classes + 1))
    save_checkpoint(path, network, names, parent=None, record={"note": "random weights"})
    return (
        f"random weights, preset {PRESET}, biases moved until about "
        f"{FIRING_SHARE:.0%} of the neurons fire in short pieces of every gesture"
    )
