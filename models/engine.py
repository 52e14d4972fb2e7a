"""What the brain asks of an engine: one step per frame, learning on the way."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
import numpy.typing as npt

from models.settings import NetworkSettings


@dataclass(frozen=True, slots=True)
class StepResult:
    """What one step of one stream gave, before any update made in that step."""

    votes: npt.NDArray[np.int64]
    """shape (layers,): the class (from 0) whose local readout was largest, per layer; -1 where an
    engine left it out, because nobody listens."""
    spikes: npt.NDArray[np.int64]
    """shape (layers,): neurons that fired, per layer."""
    updated: bool
    """Whether the weights changed at the end of this step."""
    shares: npt.NDArray[np.float64] | None = None
    """shape (classes,): what this step gives to each class, see `models.reading`; None where
    votes of one layer decide, as published, or a layer to be read is not heard."""


class Engine(Protocol):
    """A network in motion: weights, dynamic state and, while a target is set, learning.

    Deterministic: the same checkpoint, settings, frames and targets give the same votes and
    weights, bit for bit, on the same machine.
    """

    settings: NetworkSettings
    class_names: tuple[str, ...]
    version: str
    """Identity of the weights as loaded: the digest of the checkpoint."""

    @property
    def updates(self) -> int:
        """Weight updates made since the engine was made."""

    def step(self, frame: npt.NDArray[np.uint8], target: int | None) -> StepResult:
        """Advance by one frame of shape (channels, height, width) holding 0 and 1.

        With `target` (a class from 0) the step's gradient is accumulated and, every
        `update_every_steps` learning steps, applied.
        """

    def listen(self, layers: Sequence[int]) -> None:
        """Only the votes of these layers are wanted from now on; -1 is the top. All, at first.

        Learning is not affected.
        """

    def sample_spikes(self, neurons: int) -> list[npt.NDArray[np.uint8]]:
        """Who fired in the last step, for a picture: 0 and 1 of some neurons of every layer.

        About `neurons` of them a layer, spread evenly over it, always the same ones; all where it
        has fewer. To be looked at before the next step, and only after a first one.
        """

    def reset(self) -> None:
        """Forget the dynamic state (traces, membranes, refractoriness), keep the weights."""

    def save(self, path: Path, record: dict[str, object]) -> str:
        """Write a checkpoint with `record` in its training record; returns its version."""


def spread(size: int, neurons: int) -> slice:
    """Which of `size` neurons are looked at: about `neurons`, spread over all of them.

    The stride is odd, so that it does not fall on the same few of an even number of channels.
    """
    return slice(0, size, max(1, size // neurons) | 1)
