"""Training on a CUDA device: minibatches in stretches of steps, each stretch one CUDA graph."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from models.graph_capture import Capture, Program, capture_cuda
from models.graph_network import GraphNetwork, Kind
from models.graph_settings import GraphSettings
from models.learning_settings import BURN_IN_MS, LearningSettings
from models.network import Network
from models.trainer import MinibatchResult

STRETCH_STEPS = 10
"""Steps in one graph: enough to hide its launch, few enough to capture quickly."""


class GraphTrainer:
    """What `Trainer` does, with the same results up to rounding and other numbers for dropout.

    Nothing is looked at before the end of a minibatch: frames go through two pinned buffers, one
    being filled while the other is copied, and votes, losses and spikes are summed on the device.
    """

    def __init__(
        self,
        network: Network,
        learning: LearningSettings,
        *,
        batch: int,
        burn_in_ms: int = BURN_IN_MS,
        learn_every_ms: int = 1,
        settings: GraphSettings,
        capture: Capture = capture_cuda,
    ) -> None:
        self.network = network
        self._learning = learning
        self._batch = batch
        self._burn_in_ms = burn_in_ms
        self._learn_every_ms = learn_every_ms
        self._gathered = 0
        self._graph = GraphNetwork(
            network, learning, batch=batch, slots=STRETCH_STEPS, settings=settings
        )
        made, layers = network.settings, len(network.layers)
        like, device = network.layers[0].weight, self._graph.device
        shape = (STRETCH_STEPS, batch, made.input_channels, made.height, made.width)
        self._frames = torch.zeros(shape, dtype=torch.uint8, device=device)
        self._targets = torch.zeros(batch, dtype=torch.int64, device=device)
        self._votes = torch.zeros((STRETCH_STEPS, layers, batch), dtype=torch.int64, device=device)
        self._fired = like.new_zeros((STRETCH_STEPS, layers, batch))
        self._counts = like.new_zeros((layers, batch, made.classes))
        self._ones = like.new_ones((layers, batch, STRETCH_STEPS))
        self._losses = like.new_zeros(layers)
        self._spikes = like.new_zeros(layers)
        cuda: Any = torch.cuda
        on_cuda = device.type == "cuda"
        self._hosts = [torch.zeros(shape, dtype=torch.uint8, pin_memory=on_cuda) for _ in range(2)]
        self._copied: list[Any] = [cuda.Event() if on_cuda else None for _ in range(2)]
        self._totals = [self._counts, self._losses, self._spikes]
        self._program = Program(self._work, self._graph, self._totals, capture)

    @torch.no_grad()
    def run(
        self,
        frames: npt.NDArray[np.uint8],
        labels: npt.NDArray[np.int64],
        *,
        rate_factor: float = 1.0,
    ) -> MinibatchResult:
        """See `Trainer.run`; raises `ModelError` where weights are no longer finite."""
        self._graph.rate.fill_(self._learning.rate * rate_factor)
        self._targets.copy_(torch.from_numpy(labels))
        for total in self._totals:
            total.zero_()
        kinds = self._kinds(frames.shape[0])
        for number, begin in enumerate(range(0, len(kinds), STRETCH_STEPS)):
            part = kinds[begin : begin + STRETCH_STEPS]
            self._send(number % 2, frames[begin : begin + len(part)])
            self._program.play(part)
        right = (self._counts.argmax(2) == self._targets).float().mean(1)
        learnt = max(sum(kind != "infer" for kind in kinds), 1)
        neurons = [layer.shape.readout_inputs * self._batch for layer in self.network.layers]
        result = MinibatchResult(
            loss=tuple((self._losses / learnt).tolist()),
            accuracy=tuple(right.tolist()),
            firing_rate=tuple(
                total / learnt / count
                for total, count in zip(self._spikes.tolist(), neurons, strict=True)
            ),
        )
        self._graph.check_weights()
        return result

    def _kinds(self, steps: int) -> tuple[Kind, ...]:
        """What each step of a minibatch does."""
        kinds: list[Kind] = []
        for step in range(steps):
            after = step - self._burn_in_ms
            if after < 0 or after % self._learn_every_ms != 0:
                kinds.append("infer")
                continue
            self._gathered += 1
            update = self._gathered >= self._learning.update_every_steps
            kinds.append("update" if update else "gather")
            if update:
                self._gathered = 0
        return tuple(kinds)

    def _send(self, which: int, frames: npt.NDArray[np.uint8]) -> None:
        """Queue a stretch of frames; waits only until a copy two stretches ago was over."""
        copied, count = self._copied[which], frames.shape[0]
        if copied is not None:
            copied.synchronize()
        host = self._hosts[which][:count]
        np.copyto(host.numpy(), frames)
        self._frames[:count].copy_(host, non_blocking=True)
        if copied is not None:
            copied.record()

    def _work(self, kinds: tuple[Kind, ...]) -> None:
        self._graph.run(kinds, self._frames, self._targets, self._votes, self._fired)
        learnt = [slot for slot, kind in enumerate(kinds) if kind != "infer"]
        if not learnt:
            return
        chosen = slice(learnt[0], None, self._learn_every_ms)
        votes = self._votes[: len(kinds)][chosen].permute(1, 2, 0)
        self._counts.scatter_add_(2, votes, self._ones[:, :, : votes.shape[2]])
        errors = self._graph.errors[: len(kinds)][chosen]
        size = errors.abs()
        losses = torch.where(size < 1.0, 0.5 * errors * errors, size - 0.5)
        self._losses.add_(losses.mean((2, 3)).sum(0))
        self._spikes.add_(self._fired[: len(kinds)][chosen].sum((0, 2)))
