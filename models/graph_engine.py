"""The engine for a CUDA device: the whole step, learning included, captured as a CUDA graph."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from models.checkpoint import Checkpoint, save_checkpoint
from models.device_trouble import telling_of
from models.engine import StepResult, StreamFrame, check_frames
from models.errors import ModelError
from models.graph_settings import GraphSettings
from models.graph_stepper import GraphStepper
from models.learning_settings import LearningSettings

LOG = logging.getLogger(__name__)


class GraphEngine:
    """See `models.engine.Engine`; agrees with `TorchEngine` up to the rounding of sums.

    Dropout draws from torch's generator, in another order than `TorchEngine`; the regulariser
    against quiet layers looks at each step's mean activity by itself.
    """

    def __init__(
        self,
        checkpoint: Checkpoint,
        learning: LearningSettings | None,
        settings: GraphSettings,
    ) -> None:
        """Capture on the checkpoint's device; raises `ModelError` where that is not CUDA."""
        device = checkpoint.network.layers[0].weight.device
        if device.type != "cuda":
            raise ModelError(
                f"engine: got 'graph' with weights on {device}; allowed: a CUDA device; "
                "take --engine auto"
            )
        self.settings = checkpoint.network.settings
        self.class_names = checkpoint.class_names
        self.version = checkpoint.version
        self._network = checkpoint.network
        self._stepper = GraphStepper(self._network, learning, batch=1, settings=settings)
        self._shape = (
            self.settings.input_channels,
            self.settings.height,
            self.settings.width,
        )
        LOG.info("graph engine: step captured on %s, arithmetic in %s", device, settings.precision)

    @property
    def updates(self) -> int:
        """Weight updates made since the engine was made."""
        return self._stepper.updates

    def listen(self, layers: Sequence[int]) -> None:
        """See `Engine.listen`; every layer votes all the same."""

    def add_stream(self) -> int:
        """Raises `ModelError`: a batch of one is captured."""
        raise ModelError(
            "engine: got another stream with 'graph'; allowed: one; take --engine torch"
        )

    def sample_spikes(self, neurons: int, stream: int = 0) -> list[npt.NDArray[np.uint8]]:
        """See `Engine.sample_spikes`; one copy from the device a layer."""
        _check_only(stream)
        return self._stepper.sample_spikes(neurons)

    def reset(self, stream: int = 0) -> None:
        """See `Engine.reset`."""
        _check_only(stream)
        self._stepper.reset()

    def step(self, frame: npt.NDArray[np.uint8], target: int | None, stream: int = 0) -> StepResult:
        """See `Engine.step`; raises `ModelError` for a wrong stream, shape or class."""
        return self.step_together((StreamFrame(stream, frame, target),))[0]

    def step_together(self, frames: Sequence[StreamFrame]) -> list[StepResult]:
        """See `Engine.step_together`; there is only one stream."""
        check_frames(frames, shape=self._shape, streams=1, classes=None)
        with telling_of("cuda"):
            return [self._step(given) for given in frames]

    def _step(self, given: StreamFrame) -> StepResult:
        targets = None if given.target is None else np.array([given.target], np.int64)
        result = self._stepper.step(given.frame[np.newaxis], targets)
        return StepResult(
            votes=result.votes[:, 0], spikes=result.spikes[:, 0], updated=result.updated
        )

    def save(self, path: Path, record: dict[str, Any]) -> str:
        """Write the weights as they are now, with the loaded version as parent."""
        self._stepper.check_weights()
        return save_checkpoint(
            path, self._network, self.class_names, parent=self.version, record=record
        )


def _check_only(stream: int) -> None:
    if stream != 0:
        raise ModelError(f"stream: got {stream} with engine 'graph'; allowed: 0, its only one")
