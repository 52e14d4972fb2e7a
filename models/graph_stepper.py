"""B streams through a captured network, one step a call: frames in, votes out, one launch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from models.engine import spread
from models.errors import ModelError
from models.graph_capture import Capture, Program, capture_cuda
from models.graph_network import GraphNetwork, Kind
from models.graph_parcel import Parcel
from models.graph_settings import GraphSettings
from models.learning_settings import LearningSettings
from models.network import Network

CHECK_EVERY_UPDATES = 256
"""Weights that are not finite are noticed after this many updates, and whenever they are saved."""


@dataclass(frozen=True, slots=True)
class BatchResult:
    """What one step of B streams gave, before any update made in that step."""

    votes: npt.NDArray[np.int64]
    """shape (layers, B): the class (from 0) whose local readout was largest."""
    spikes: npt.NDArray[np.int64]
    """shape (layers, B): neurons that fired."""
    updated: bool
    """Whether the weights changed at the end of this step."""


class GraphStepper:
    """Holds the state of B streams; they share weights, and learn together or not at all.

    The frames' copy to the device, the step and the results' copy back are one CUDA graph per
    kind of step. `network` follows what is learnt.
    """

    def __init__(
        self,
        network: Network,
        learning: LearningSettings | None,
        *,
        batch: int,
        settings: GraphSettings,
        capture: Capture = capture_cuda,
    ) -> None:
        """Capture the kinds of step that `learning` needs: this takes a second or so."""
        if learning is not None and learning.learn_every_steps not in (None, 1):
            raise ModelError(
                f"learn every steps: got {learning.learn_every_steps} with engine 'graph'; "
                "allowed: 1, since it learns at every step; leave it out"
            )
        made = network.settings
        self._graph = GraphNetwork(network, learning, batch=batch, slots=1, settings=settings)
        device, layers = self._graph.device, len(network.layers)
        self._shape = (batch, made.input_channels, made.height, made.width)
        self._inbox = Parcel(
            device,
            frames=((1, *self._shape), torch.uint8),
            targets=((batch,), torch.int64),
        )
        self._outbox = Parcel(
            device,
            votes=((1, layers, batch), torch.int64),
            spikes=((1, layers, batch), network.layers[0].weight.dtype),
        )
        self._frames = self._inbox.host["frames"].numpy()
        self._targets = self._inbox.host["targets"].numpy()
        self._votes = self._outbox.host["votes"].numpy()
        self._spikes = self._outbox.host["spikes"].numpy()
        cuda: Any = torch.cuda
        self._done: torch.cuda.Event | None = cuda.Event() if device.type == "cuda" else None
        self._program = Program(self._work, self._graph, [], capture)
        self._steps_since_update = 0
        self.updates = 0
        self._program.prepare(("infer",))
        if learning is not None:
            self._program.prepare(("update",))
            if learning.update_every_steps > 1:
                self._program.prepare(("gather",))

    def _work(self, kinds: tuple[Kind, ...]) -> None:
        self._inbox.upload()
        self._graph.run(kinds, **self._inbox.device, **self._outbox.device)
        self._outbox.download()

    def sample_spikes(self, neurons: int) -> list[npt.NDArray[np.uint8]]:
        """See `Engine.sample_spikes`; of the first stream."""
        fired = [layer.flat_spikes[0] for layer in self._graph.layers]
        return [
            flat[spread(len(flat), neurons)].ne(0).to(torch.uint8).cpu().numpy() for flat in fired
        ]

    def reset(self) -> None:
        """Forget the dynamic state, keep weights and gathered gradients."""
        self._graph.silence()

    def check_weights(self) -> None:
        """Raise `ModelError` where a weight is not finite."""
        self._graph.check_weights()

    def step(
        self, frames: npt.NDArray[np.uint8], targets: npt.NDArray[np.int64] | None
    ) -> BatchResult:
        """Advance by `frames`, shape (B, channels, height, width) holding 0 and 1.

        With `targets`, classes from 0 of shape (B,), every stream's gradient is gathered and,
        every `update_every_steps` learning steps, applied. Raises `ModelError`.
        """
        if frames.shape != self._shape:
            raise ModelError(f"frames: got shape {frames.shape}; allowed: {self._shape}")
        kind: Kind = "infer"
        learning = self._graph.learning
        if targets is not None and learning is not None:
            self._check_targets(targets)
            self._targets[:] = targets
            self._steps_since_update += 1
            kind = "gather"
            if self._steps_since_update >= learning.update_every_steps:
                kind = "update"
                self._steps_since_update = 0
        self._frames[0] = frames
        self._program.play((kind,))
        if self._done is not None:
            self._done.record()
            self._done.synchronize()
        if kind == "update":
            self.updates += 1
            if self.updates % CHECK_EVERY_UPDATES == 0:
                self.check_weights()
        return BatchResult(
            votes=self._votes[0].copy(),
            spikes=np.rint(self._spikes[0]).astype(np.int64),
            updated=kind == "update",
        )

    def _check_targets(self, targets: npt.NDArray[np.int64]) -> None:
        classes = self._graph.network.settings.classes
        if targets.shape != self._shape[:1]:
            raise ModelError(f"targets: got shape {targets.shape}; allowed: {self._shape[:1]}")
        for target in targets.tolist():
            if not 0 <= target < classes:
                raise ModelError(f"target: got class {target}; allowed: 0 to {classes - 1}")
