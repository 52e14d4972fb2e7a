"""Readouts of every layer at every millisecond, and the ways to make one answer of them."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch

from models.network import Network
from models.sequences import SequenceRunner

Readings = npt.NDArray[np.float32]
"""Readouts y, shape (layers, steps, B, classes)."""
STRETCH_MS = 10


@dataclass(frozen=True, slots=True)
class Way:
    """How readings become scores: what a millisecond says, of which layers, for how long."""

    name: str
    layers: tuple[int, ...]
    """From 0; -1 is the top one. What they say is added up."""
    soft: bool
    """A millisecond says softmax(y), and not a whole vote for the largest y (P 4.3)."""
    tau_ms: float = math.inf
    """What was said is forgotten with this time constant; inf: never."""

    def scores(self, readings: Readings, *, burn_in_ms: int) -> npt.NDArray[np.float64]:
        """At the end of the sequences, shape (B, classes).

        S(t) = exp(-1 / tau) S(t - 1) + sum over layers of what is said at t, from the burn-in on
        """
        said = np.zeros(readings.shape[1:])[burn_in_ms:]
        for layer in self.layers:
            y = readings[layer, burn_in_ms:].astype(np.float64)
            if self.soft:
                grown = np.exp(y - y.max(-1, keepdims=True))
                said += grown / grown.sum(-1, keepdims=True)
            else:
                said += y.argmax(-1)[..., None] == np.arange(y.shape[-1])
        age_ms = np.arange(len(said))[::-1]
        kept = np.exp(-age_ms / self.tau_ms)
        scores: npt.NDArray[np.float64] = np.einsum("t,tbc->bc", kept, said)
        return scores


@torch.no_grad()
def step_readings(network: Network, frames: npt.NDArray[np.uint8]) -> Readings:
    """Of whole sequences from silence, shape (steps, B, channels, height, width)."""
    batch, classes = frames.shape[1], network.settings.classes
    runner = SequenceRunner(network, batch=batch, longest=STRETCH_MS)
    parts = []
    for begin in range(0, len(frames), STRETCH_MS):
        stretches = runner.run(torch.from_numpy(frames[begin : begin + STRETCH_MS]))
        parts.append(
            torch.stack(
                [
                    layer.read_out(layer.activity(stretch.pooled)).view(-1, batch, classes)
                    for layer, stretch in zip(network.layers, stretches, strict=True)
                ]
            )
        )
    found: Readings = torch.cat(parts, dim=1).numpy()
    return found
