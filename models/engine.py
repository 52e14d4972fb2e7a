"""What the brain asks of an engine: one step per frame, learning on the way."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

from models.errors import ModelError
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


class StreamFrame(NamedTuple):
    """What one stream brings to a step."""

    stream: int
    frame: npt.NDArray[np.uint8]
    """shape (channels, height, width), as `input_frames` of the settings has it."""
    target: int | None
    """A class from 0 to learn, or None."""


class Engine(Protocol):
    """A network in motion: weights, dynamic state and, while a target is set, learning.

    One set of weights for any number of streams, each of which has a dynamic state of its own.
    Stream 0 is there from the start.

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

    def add_stream(self) -> int:
        """One more stream, silent so far; gives its number. Raises `ModelError` for an engine
        that can have only one.
        """

    def step(self, frame: npt.NDArray[np.uint8], target: int | None, stream: int = 0) -> StepResult:
        """Advance a stream by one frame, which is as `StreamFrame` has it.

        With `target` (a class from 0) the step's gradient is accumulated and, every
        `update_every_steps` learning steps, applied.
        """

    def step_together(self, frames: Sequence[StreamFrame]) -> list[StepResult]:
        """Advance several streams by a frame each, all seen by the weights of the moment.

        Those with a target are learnt from after that, one after the other in the order given,
        each as a step of its own. Raises `ModelError` for a stream given twice.
        """

    def listen(self, layers: Sequence[int]) -> None:
        """Only the votes of these layers are wanted from now on; -1 is the top. All, at first.

        Learning is not affected.
        """

    def sample_spikes(self, neurons: int, stream: int = 0) -> list[npt.NDArray[np.uint8]]:
        """Who fired in a stream's last step, for a picture: 0 and 1 of some neurons of every layer.

        About `neurons` of them a layer, spread evenly over it, always the same ones; all where it
        has fewer. To be looked at before the next step, and only after a first one.
        """

    def reset(self, stream: int = 0) -> None:
        """Forget a stream's dynamic state (traces, membranes, refractoriness), keep the weights."""

    def save(self, path: Path, record: dict[str, object]) -> str:
        """Write a checkpoint with `record` in its training record; returns its version."""


def spread(size: int, neurons: int) -> slice:
    """Which of `size` neurons are looked at: about `neurons`, spread over all of them.

    The stride is odd, so that it does not fall on the same few of an even number of channels.
    """
    return slice(0, size, max(1, size // neurons) | 1)


def check_frames(
    frames: Sequence[StreamFrame],
    *,
    shape: tuple[int, ...],
    streams: int,
    classes: int | None,
) -> None:
    """Raise `ModelError` for what cannot be stepped together; `classes` None: nothing is learnt."""
    for stream, frame, target in frames:
        if not 0 <= stream < streams:
            raise ModelError(f"stream: got {stream}; allowed: 0 to {streams - 1}; add it first")
        if frame.shape != shape:
            raise ModelError(f"frame: got shape {frame.shape}; allowed: {shape}")
        if classes is not None and target is not None and target not in range(classes):
            raise ModelError(f"target: got class {target}; allowed: 0 to {classes - 1}")
    if len(frames) > 1 and len({given.stream for given in frames}) < len(frames):
        given = ", ".join(str(frame.stream) for frame in frames)
        raise ModelError(f"streams of one step: got {given}; allowed: each once")
