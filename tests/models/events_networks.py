"""Networks and frames that the tests of the events engine share."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch

from models.checkpoint import Checkpoint, save_checkpoint
from models.events_engine import EventsEngine
from models.events_layout import learnt_tensors
from models.known_directions import leading_directions
from models.learning_settings import LearningSettings
from models.network import Network
from models.settings import LayerSettings, NetworkSettings

PLAIN = LearningSettings(rate=1e-3, update_every_steps=10, dropout=0.0)


def frames_of(
    network: NetworkSettings, steps: int, active: float, seed: int = 1
) -> npt.NDArray[np.uint8]:
    """Binary frames with `active` cells a step: half noise, half in a spot that moves about."""
    shape = (network.input_channels, network.height, network.width)
    rng = np.random.default_rng(seed)
    rows, columns = np.arange(shape[1])[:, None], np.arange(shape[2])[None, :]
    frames = np.zeros((steps, *shape), np.uint8)
    for t in range(steps):
        row = shape[1] * (0.5 + 0.3 * np.sin(t / 40))
        column = shape[2] * (0.5 + 0.3 * np.cos(t / 57))
        spot = np.exp(-((rows - row) ** 2 + (columns - column) ** 2) / (0.02 * shape[1] ** 2))
        rate = np.broadcast_to(spot / spot.sum() / shape[0] + 1 / np.prod(shape), shape)
        frames[t] = rng.random(shape) < rate * active / 2
    return frames


def checkpoint_of(
    network: NetworkSettings, *, dtype: torch.dtype = torch.float32, fire: float | None = None
) -> Checkpoint:
    """A random network; with `fire`, its biases are such that this share of neurons fires."""
    made = Network(network)
    generator = torch.Generator().manual_seed(network.seed)
    for layer in made.layers:
        evoked = torch.randn((20, layer.known.shape[1]), generator=generator)
        layer.known.copy_(leading_directions(evoked, len(layer.known)))
    if fire is not None:
        frames = frames_of(network, 160, 25.0, seed=9)
        # Who fires less is less refractory, so that one move falls short.
        for layer in sorted([*range(len(made.layers))] * 4):
            states, seen = made.initial_state(1), []
            for t, frame in enumerate(frames):
                steps = made.step(states, torch.from_numpy(frame)[None].float(), learning=False)
                if t >= 80:
                    seen.append(torch.logit(steps[layer].activity.double()).numpy())
            excess = float(np.quantile(np.concatenate(seen), 1 - fire))
            made.layers[layer].bias.sub_(excess)
    made.load_tensors(made.tensors(), dtype=dtype)
    return Checkpoint(made, tuple(f"c{n}" for n in range(network.classes)), "0" * 12)


def save_firing(network: NetworkSettings, folder: Path) -> Path:
    """A checkpoint of a random network, a tenth of whose neurons fire."""
    made = checkpoint_of(network, fire=0.1)
    path = folder / "small.safetensors"
    save_checkpoint(path, made.network, made.class_names, parent=None, record={})
    return path


def weights_of(engine: EventsEngine, network: NetworkSettings, dtype: torch.dtype) -> Network:
    """The engine's parameters as a network."""
    copy = checkpoint_of(network, dtype=dtype).network
    for arrays, layer in zip(engine._layers, copy.layers, strict=True):
        for name, tensor in learnt_tensors(arrays).items():
            getattr(layer, name).copy_(torch.from_numpy(tensor))
    return copy


def small(tau_pairs: int) -> NetworkSettings:
    """Pooled and not, for 32x32; time constants drawn from few pairs (0: one a channel)."""
    layers = (
        LayerSettings(channels=16, pool=3),
        LayerSettings(channels=24, pool=1),
        LayerSettings(channels=32, pool=2),
    )
    return NetworkSettings(layers=layers, gain=5.0, tau_pairs=tau_pairs)


def quadrant(t: int) -> int:
    """Where the spot of `frames_of` is at step `t`, as a class."""
    return 2 * (np.sin(t / 40) > 0) + (np.cos(t / 57) > 0)
