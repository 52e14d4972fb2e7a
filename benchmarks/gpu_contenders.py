"""What `gpu.py` compares: each contender makes the same steps of the same network its own way."""

from __future__ import annotations

import importlib
import importlib.util
import sys
import types
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from models.graph_capture import Program, capture_cuda
from models.graph_network import GraphNetwork, Kind
from models.graph_settings import GraphSettings, arithmetic
from models.graph_stepper import GraphStepper
from models.learner import Learner
from models.learning_settings import LearningSettings
from models.network import Network
from models.settings import NetworkSettings

STRETCH = 10
"""Steps in one graph of the contender `stretch`."""
UNUSED = ("yaml", "tqdm", "tensorboardX", "matplotlib", "matplotlib.pyplot", "torchvision")
"""Modules that the decolle package imports and its network does not use."""


class NeedsCudaError(RuntimeError):
    """For a contender that replays CUDA graphs, where there are none."""


@dataclass(frozen=True)
class Contender:
    """Something to time: a call makes `steps` steps of `batch` streams."""

    name: str
    call: Callable[[], object]
    steps: int = 1


def random_frames(settings: NetworkSettings, steps: int, batch: int, share: float = 0.2):
    """Binary frames, shape (steps, B, channels, height, width); the same at every call."""
    shape = (steps, batch, settings.input_channels, settings.height, settings.width)
    return (np.random.default_rng(3).random(shape) < share).astype(np.uint8)


class Plain:
    """`Network` and `Learner` as `TorchEngine` uses them, for B streams."""

    def __init__(
        self,
        settings: NetworkSettings,
        learning: LearningSettings | None,
        *,
        batch: int,
        device: str,
        tf32: bool = False,
    ) -> None:
        self.network = Network(settings, device=device)
        self._learner = None if learning is None else Learner(self.network, learning)
        self._states = self.network.initial_state(batch)
        self._device = device
        self._precision = GraphSettings(tf32=tf32)

    def _arithmetic(self) -> AbstractContextManager[None]:
        return arithmetic(self._precision) if self._device == "cuda" else nullcontext()

    @torch.no_grad()
    def step(
        self, frames: npt.NDArray[np.uint8], targets: npt.NDArray[np.int64] | None
    ) -> tuple[npt.NDArray[np.int64], list[int]]:
        """Votes, shape (layers, B), and spikes per layer."""
        with self._arithmetic():
            x = torch.from_numpy(frames).to(self._device).float()
            steps = self.network.step(self._states, x, learning=targets is not None)
            votes = self.network.votes(steps)
            if self._learner is not None and targets is not None:
                one_hot = torch.nn.functional.one_hot(
                    torch.from_numpy(targets).to(self._device), self.network.settings.classes
                ).float()
                self._learner.learn([state.p_padded for state in self._states], steps, one_hot)
            spikes = [int(step.spikes.count_nonzero()) for step in steps]
            return votes.cpu().numpy(), spikes


def plain(
    settings: NetworkSettings,
    learning: LearningSettings | None,
    *,
    batch: int,
    device: str,
    tf32: bool,
) -> Contender:
    """The torch engine's step, results read at every step."""
    made = Plain(settings, learning, batch=batch, device=device, tf32=tf32)
    frames, targets = _inputs(settings, learning, batch)
    name = f"torch {made._precision.precision if device == 'cuda' else 'float32'}"
    return Contender(name, lambda: made.step(frames, targets))


def stepper(
    settings: NetworkSettings,
    learning: LearningSettings | None,
    choices: GraphSettings,
    *,
    batch: int,
    device: str,
) -> Contender:
    """The graph engine's step, frames copied and results read at every step."""
    if device != "cuda":
        raise NeedsCudaError
    made = GraphStepper(Network(settings, device=device), learning, batch=batch, settings=choices)
    frames, targets = _inputs(settings, learning, batch)
    return Contender(f"graph {described(choices, batch)}", lambda: made.step(frames, targets))


def stretch(
    settings: NetworkSettings,
    learning: LearningSettings | None,
    choices: GraphSettings,
    *,
    batch: int,
    device: str,
) -> Contender:
    """Several steps in one graph, results left on the device: how training runs."""
    if device != "cuda":
        raise NeedsCudaError
    network = Network(settings, device=device)
    graph = GraphNetwork(network, learning, batch=batch, slots=STRETCH, settings=choices)
    frames = torch.from_numpy(random_frames(settings, STRETCH, batch)).to(device)
    targets = torch.arange(batch, device=device) % settings.classes
    layers = len(network.layers)
    votes = torch.zeros((STRETCH, layers, batch), dtype=torch.int64, device=device)
    spikes = torch.zeros((STRETCH, layers, batch), device=device)
    program = Program(
        lambda kinds: graph.run(kinds, frames, targets, votes, spikes), graph, [], capture_cuda
    )
    kind: Kind = "infer" if learning is None else "update"
    kinds = (kind,) * STRETCH
    program.prepare(kinds)
    name = f"graph of {STRETCH} {described(choices, batch)}"
    return Contender(name, lambda: program.play(kinds), STRETCH)


def described(choices: GraphSettings, batch: int) -> str:
    """Precision, kind of convolution and whether chains are fused, in words."""
    fused = ", fused" if choices.fused else ""
    return f"{choices.precision}, {choices.convolution_for(batch)}{fused}"


def _inputs(settings: NetworkSettings, learning: LearningSettings | None, batch: int):
    targets = None if learning is None else np.arange(batch) % settings.classes
    return random_frames(settings, 1, batch)[0], targets


def decolle(
    settings: NetworkSettings,
    learning: LearningSettings | None,
    *,
    batch: int,
    device: str,
    tf32: bool,
    folder: Path | None,
) -> Contender:
    """The decolle package's network at our shapes (its padding of 3 set to ours), used as it is.

    It is under the GPL and no part of wigwag: it must be importable, or lie in `folder`.
    """
    network_class, loss_class = _decolle_classes(folder)
    layers, classes = settings.layers, settings.classes
    net: Any = network_class(
        [settings.input_channels, settings.height, settings.width],
        Nhid=[layer.channels for layer in layers],
        Mhid=[],
        out_channels=classes,
        kernel_size=[layer.kernel for layer in layers],
        pool_size=[layer.pool for layer in layers],
        num_conv_layers=len(layers),
        num_mlp_layers=0,
        lc_ampl=0.5,
    )
    for number, (layer, shape) in enumerate(zip(layers, settings.shapes(), strict=True)):
        net.LIF_layers[number].base_layer.padding = (layer.padding, layer.padding)
        readout = torch.nn.Linear(shape.readout_inputs, classes)
        readout.requires_grad_(requires_grad=False)
        net.readout_layers[number] = readout
    net = net.to(device)
    frames = torch.from_numpy(random_frames(settings, 1, batch)[0])
    silence = torch.zeros_like(frames, device=device).float().unsqueeze(1)
    net.init_parameters(silence)
    net.init(silence)
    name = "decolle " + ("TF32" if tf32 else "float32")
    loss = loss_class([torch.nn.SmoothL1Loss() for _ in layers], net)
    rate = 1e-4 if learning is None else learning.rate
    optimiser = torch.optim.Adamax(list(net.get_trainable_parameters()), lr=rate, betas=(0.0, 0.95))
    one_hot = torch.eye(classes, device=device)[torch.arange(batch) % classes]
    precision = GraphSettings(tf32=tf32)

    def step() -> object:
        with arithmetic(precision) if device == "cuda" else nullcontext():
            if learning is None:
                with torch.no_grad():
                    _, readouts, _ = net.step(frames.to(device).float())
            else:
                spikes, readouts, potentials = net.step(frames.to(device).float())
                loss(spikes, readouts, potentials, one_hot).backward()
                optimiser.step()
                optimiser.zero_grad()
            return [y.detach().argmax(1).cpu() for y in readouts]

    return Contender(name, step)


def _decolle_classes(folder: Path | None) -> tuple[Any, Any]:
    """Its network and loss; modules that only its plots and logs need may be missing."""
    if folder is not None and str(folder) not in sys.path:
        sys.path.append(str(folder))
    if importlib.util.find_spec("decolle") is None:
        raise ModuleNotFoundError("no package decolle; name its folder by --decolle")
    missing = [name for name in UNUSED if not _importable(name)]
    for name in missing:
        sys.modules[name] = StandIn(name)
    try:
        network = importlib.import_module("decolle.lenet_decolle_model").LenetDECOLLE
        loss = importlib.import_module("decolle.base_model").DECOLLELoss
    finally:
        for name in missing:
            del sys.modules[name]
    return network, loss


class StandIn(types.ModuleType):
    """A module that has every name and nothing behind it."""

    def __getattr__(self, name: str) -> object:
        """Nothing."""
        if name.startswith("__"):
            raise AttributeError(name)
        return None


def _importable(name: str) -> bool:
    try:
        importlib.import_module(name)
    except ImportError:
        return False
    return True
