"""The plain torch engine: one frame of each stream a step, the reference for every other engine."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from models.checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from models.device_trouble import telling_of
from models.engine import StepResult, StreamFrame, check_frames, spread
from models.errors import ModelError
from models.layer import LayerState, LayerStep, join_states, part_state
from models.learner import Learner
from models.learning_settings import LearningSettings
from models.live_learning import live_learning
from models.reading import shares_of


def choose_device(name: str) -> str:
    """`auto`, `cpu` or `cuda` as a torch device; raises `ModelError` where it is not there."""
    if name == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    if name == "cpu":
        return "cpu"
    if name == "cuda":
        if not torch.cuda.is_available():
            raise ModelError(
                "device: got 'cuda' where torch sees no such device; allowed: auto, cpu; choose "
                "one of these, or install a driver and a torch with CUDA"
            )
        return "cuda"
    raise ModelError(f"device: got {name!r}; allowed: auto, cpu, cuda; choose one of these")


def prepare_torch(threads: int) -> None:
    """Settings of torch for this process; raises `ModelError` for fewer than one thread.

    More threads than there are free cores make torch many times slower.
    """
    if threads < 1:
        raise ModelError(f"threads: got {threads}; allowed: 1 or more")
    torch.set_num_threads(threads)
    # Traces of silent pixels decay into denormal numbers, which cost a CPU 100 cycles each.
    torch.set_flush_denormal(True)


class TorchEngine:
    """See `models.engine.Engine`.

    Where it learns, spikes are weighed as they arrive (`models.spike_maps`), unless told to weigh
    traces by the weights of the moment, as the paper's equation has it. While weights rest the
    two are the same.
    """

    def __init__(
        self,
        checkpoint: Checkpoint,
        learning: LearningSettings | None,
        *,
        weigh_spikes: bool = True,
    ) -> None:
        self.settings = checkpoint.network.settings
        self.class_names = checkpoint.class_names
        self.version = checkpoint.version
        self._network = checkpoint.network
        self._device = self._network.layers[0].weight.device
        self._usual_rate = 0.0 if learning is None else learning.rate
        """What `Teaching.set_rate` is in proportion to."""
        if learning is not None:
            learning = live_learning(learning, self.settings, knows=checkpoint.stored().knows)
        self._learn_every = 1 if learning is None else learning.learn_every_steps or 1
        self._learner: Learner | None = None
        if learning is not None:
            every = -(-learning.update_every_steps // self._learn_every)
            self._learner = Learner(self._network, replace(learning, update_every_steps=every))
        self._weigh_spikes = weigh_spikes and learning is not None
        self._begun: tuple[list[Tensor], list[LayerStep], Tensor] | None = None
        self._part = 0
        self._spikes: list[list[Tensor]] = [[]]
        """Of every stream in its last step, per layer."""
        self._one_hot = torch.eye(self.settings.classes, device=self._device)
        self._shape = (
            self.settings.input_channels,
            self.settings.height,
            self.settings.width,
        )
        self._streams: list[list[LayerState]] = [self._silence()]

    @property
    def updates(self) -> int:
        """Weight updates made since the engine was made."""
        return 0 if self._learner is None else self._learner.updates

    def listen(self, layers: Sequence[int]) -> None:
        """See `Engine.listen`; every layer votes all the same."""

    def sample_spikes(self, neurons: int, stream: int = 0) -> list[npt.NDArray[np.uint8]]:
        """See `Engine.sample_spikes`."""
        fired = [spikes.flatten() for spikes in self._spikes[stream]]
        return [
            flat[spread(len(flat), neurons)].ne(0).to(torch.uint8).cpu().numpy() for flat in fired
        ]

    def reset(self, stream: int = 0) -> None:
        """See `Engine.reset`."""
        self._streams[stream] = self._silence()

    def add_stream(self) -> int:
        """See `Engine.add_stream`; streams of a step are one batch."""
        self._streams.append(self._silence())
        self._spikes.append([])
        return len(self._streams) - 1

    def step(self, frame: npt.NDArray[np.uint8], target: int | None, stream: int = 0) -> StepResult:
        """See `Engine.step`; raises `ModelError` for a wrong stream, shape or class."""
        return self.step_together((StreamFrame(stream, frame, target),))[0]

    @torch.no_grad()
    def step_together(self, frames: Sequence[StreamFrame]) -> list[StepResult]:
        """See `Engine.step_together`; raises `ModelError` for a wrong stream, shape or class."""
        learner = self._learner
        check_frames(
            frames,
            shape=self._shape,
            streams=len(self._streams),
            classes=None if learner is None else self.settings.classes,
        )
        if not frames:
            return []
        with telling_of(self._device):
            return self._step(frames)

    def _step(self, frames: Sequence[StreamFrame]) -> list[StepResult]:
        learner = self._learner
        own = [self._streams[given.stream] for given in frames]
        states = [join_states(states) for states in zip(*own, strict=True)]
        x = torch.from_numpy(np.stack([given.frame for given in frames]).astype(np.float32))
        steps = self._network.step(states, x.to(self._device), learning=learner is not None)
        for number, state in enumerate(states):
            part_state(state, [states_of_stream[number] for states_of_stream in own])
        readings = self._network.readings(steps).cpu().numpy()
        results = []
        for row, given in enumerate(frames):
            seen = [step.of_stream(row) for step in steps]
            self._spikes[given.stream] = [step.spikes for step in seen]
            read = readings[:, row]
            results.append(
                StepResult(
                    votes=read.argmax(1),
                    spikes=np.array([int(step.spikes.count_nonzero()) for step in seen], np.int64),
                    updated=learner is not None and self._learn(learner, seen, given),
                    shares=(
                        None if self.settings.reads_as_published else shares_of(self.settings, read)
                    ),
                )
            )
        return results

    def _silence(self) -> list[LayerState]:
        return self._network.initial_state(1, weigh_spikes=self._weigh_spikes)

    def _learn(self, learner: Learner, steps: list[LayerStep], given: StreamFrame) -> bool:
        """Begin with this step of a stream, or go on with the one begun, of whichever stream; True
        for an update.
        """
        if self._begun is None:
            if given.target is None:
                return False
            traces = [state.p_padded for state in self._streams[given.stream]]
            if self._learn_every > 1:
                traces = [trace.clone() for trace in traces]
            self._begun = (traces, steps, self._one_hot[given.target : given.target + 1])
        self._part = (self._part + 1) % self._learn_every
        if self._part:
            return False
        begun, self._begun = self._begun, None
        return learner.learn(*begun)

    def save(self, path: Path, record: dict[str, Any]) -> str:
        """Write the weights as they are now, with the loaded version as parent."""
        with telling_of(self._device):
            return save_checkpoint(
                path, self._network, self.class_names, parent=self.version, record=record
            )


def load_engine(
    checkpoint: Path,
    *,
    device: str = "auto",
    threads: int = 1,
    learning: LearningSettings | None = None,
) -> TorchEngine:
    """An engine with a checkpoint's weights.

    See `prepare_torch` for `threads`. Raises `ModelError`.
    """
    prepare_torch(threads)
    return TorchEngine(load_checkpoint(checkpoint, device=choose_device(device)), learning)
