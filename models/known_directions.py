"""Directions of what a layer's readout sees of known input, which live lessons then spare.

A readout is taught by steps along what its input evokes, and the same neurons take part in other
gestures: so a lesson of one changes how all are read. What known input evokes lies mostly in few
directions. A step that leaves these out, in proportion to how much of the known lies there, changes
the reading of the lesson as much and that of the known hardly. This is orthogonal weight
modification (Zeng, Chen, Cui and Yu 2019) by the leading directions (gradient projection memory,
Saha, Garg and Roy 2021), taken softly, as in ridge regression. They are frozen with the weights,
and as local as these: a layer's directions are of its own activity.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from models.network import Network
from models.readout_step import resting_activity
from models.sequences import SequenceRunner

KNOWN_FROM_CROPS = 256
"""Of what a network was trained on: as many are enough to find directions from."""
EVERY_MS = 25
"""One step in so many is looked at: activity changes slowly against a millisecond."""


@torch.no_grad()
def find_known_directions(
    network: Network, minibatches: Iterable[npt.NDArray[np.uint8]], *, burn_in_ms: int
) -> None:
    """Give a network's layers the directions that its settings have room for.

    `minibatches` of known input have shape (steps, B, channels, height, width); each begins in
    silence. Where none is longer than `burn_in_ms`, nothing is known.
    """
    seen: list[list[Tensor]] = [[] for _ in network.layers]
    for frames in minibatches:
        runner = SequenceRunner(network, batch=frames.shape[1], longest=EVERY_MS)
        for end in range(EVERY_MS, len(frames) + 1, EVERY_MS):
            stretches = runner.run(torch.from_numpy(frames[end - EVERY_MS : end]))
            if end > burn_in_ms:
                _, steps = runner.last_step(stretches)
                for found, step, layer in zip(seen, steps, network.layers, strict=True):
                    found.append((step.activity.flatten(1) - resting_activity(layer)).cpu())
    for found, layer in zip(seen, network.layers, strict=True):
        evoked = torch.cat(found) if found else layer.known.new_zeros((1, layer.known.shape[1]))
        layer.known.copy_(leading_directions(evoked, len(layer.known)))


def leading_directions(evoked: Tensor, number: int) -> Tensor:
    """V, shape (number, fan-in), of `evoked`, shape (samples, fan-in).

    Its rows are the eigenvectors of E[d d^T] with the largest eigenvalues s, each of length
    sqrt(s / (s + s_mean)), s_mean being the mean of all eigenvalues: N = I - V^T V keeps of a
    direction the share s_mean / (s + s_mean). Rows of zeros where there are fewer of them.
    """
    samples, fan_in = evoked.shape
    d = evoked.double()
    # The smaller of the two products: both have the same eigenvalues, but for zeros.
    small = d @ d.t() if samples < fan_in else d.t() @ d
    values, vectors = torch.linalg.eigh(small / samples)
    usual = values.sum().clamp(min=0) / fan_in
    values, vectors = values.flip(0)[:number], vectors.flip(1)[:, :number]
    if samples < fan_in:
        vectors = d.t() @ vectors / (values * samples).clamp(min=1e-30).sqrt()
    there = values > 1e-9 * values.sum()
    lengths = torch.where(there, values / (values + usual), 0.0).sqrt()
    directions = torch.zeros((number, fan_in), dtype=evoked.dtype)
    directions[: len(values)] = (vectors * lengths).t().to(evoked.dtype)
    return directions
