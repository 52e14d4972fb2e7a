"""The fast engine for a CPU core: computes where spikes are."""

from __future__ import annotations

import logging
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from models.checkpoint_file import StoredNetwork, Tensors, write_checkpoint
from models.engine import StepResult, StreamFrame, check_frames, spread
from models.errors import not_finite
from models.events_kernels import step_network
from models.events_layout import (
    SEEN,
    STATE,
    WORD,
    Integers,
    LayerArrays,
    aligned,
    layer_arrays,
    learning_arrays,
    learnt_tensors,
    with_own,
)
from models.events_learning import take_step, update, work_off
from models.events_readout import learning_terms, step_sizes
from models.layer_parameters import layer_parameters
from models.learning_settings import LearningSettings
from models.live_learning import live_learning
from models.reading import Shares, shares_of

LOG = logging.getLogger(__name__)
COMPILING = (
    "compiling the events engine, once: takes about half a minute on one core; "
    "later starts load it from a cache"
)
PATIENCE_S = 2.0
"""Loading compiled code takes less than this; what takes longer is compiled, and says so."""


class EventsEngine:
    """See `models.engine.Engine`; agrees with `TorchEngine` up to the rounding of sums.

    Where learning draws dropout, the numbers come from another generator than torch's.
    """

    def __init__(
        self,
        checkpoint: StoredNetwork,
        learning: LearningSettings | None,
        *,
        dtype: type[np.floating[Any]] = np.float32,
    ) -> None:
        self.settings = checkpoint.settings
        self.class_names = checkpoint.class_names
        self.version = checkpoint.version
        self._tensors = checkpoint.tensors
        settings = self.settings
        self._usual_rate = 0.0 if learning is None else learning.rate
        """What `Teaching.set_rate` is in proportion to."""
        self._learning = learning and live_learning(learning, settings, knows=checkpoint.knows)
        self._shape = (settings.input_channels, settings.height, settings.width)
        self._classes = settings.classes
        self._rate_factor = 1.0
        self._updates = 0
        self._part = 0
        """Of the gradient begun: how many parts of it are done; 0 where none is."""
        self._gradients = 0
        """Since the last update."""
        self._heard = np.ones(len(self.settings.layers), np.uint8)
        self._start(dtype)
        self._warm_up()
        self._start(dtype)

    @property
    def updates(self) -> int:
        """Weight updates made since the engine was made."""
        return self._updates

    def listen(self, layers: Sequence[int]) -> None:
        """See `Engine.listen`; the readouts and sigmoids of other layers are left out."""
        self._heard[:] = 0
        self._heard[list(layers)] = 1

    def sample_spikes(self, neurons: int, stream: int = 0) -> list[npt.NDArray[np.uint8]]:
        """See `Engine.sample_spikes`; views, not copies."""
        layers = self._streams[stream]
        return [layer.spikes[spread(layer.activity.size, neurons)] for layer in layers]

    def reset(self, stream: int = 0) -> None:
        """See `Engine.reset`."""
        for layer in self._streams[stream]:
            for name in STATE:
                getattr(layer, name)[:] = 0

    def add_stream(self) -> int:
        """See `Engine.add_stream`; several can be seen before any is learnt from."""
        self._streams.append(with_own(self._layers, STATE + SEEN))
        return len(self._streams) - 1

    def step(self, frame: npt.NDArray[np.uint8], target: int | None, stream: int = 0) -> StepResult:
        """See `Engine.step`; raises `ModelError` as `step_together`."""
        return self.step_together((StreamFrame(stream, frame, target),))[0]

    def step_together(self, frames: Sequence[StreamFrame]) -> list[StepResult]:
        """See `Engine.step_together`; raises `ModelError` for a wrong stream, shape or class, or
        weights that learning has made infinite.
        """
        learning = self._learning
        check_frames(
            frames,
            shape=self._shape,
            streams=len(self._streams),
            classes=None if learning is None else self._classes,
        )
        seen = [self._see(given) for given in frames]
        return [
            StepResult(votes, spikes, learning is not None and self._learn(learning, given), shares)
            for (votes, spikes, shares), given in zip(seen, frames, strict=True)
        ]

    @property
    def _layers(self) -> tuple[LayerArrays, ...]:
        """Of the first stream; weights and readouts are those of all."""
        return self._streams[0]

    def _see(self, given: StreamFrame) -> tuple[Integers, Integers, Shares | None]:
        """Advance a stream, with nothing learnt; its votes, spikes and shares."""
        layers = self._streams[given.stream]
        votes = np.empty(len(layers), np.int64)
        spikes = np.empty(len(layers), np.int64)
        step_network(
            layers,
            np.ascontiguousarray(given.frame, np.uint8),
            self._x,
            self._learning is not None,
            self._heard,
            votes,
            spikes,
        )
        return votes, spikes, self._shares(layers)

    def _shares(self, layers: tuple[LayerArrays, ...]) -> Shares | None:
        settings = self.settings
        if settings.reads_as_published or not self._heard[list(settings.read_layers)].all():
            return None
        return shares_of(settings, [layer.readings for layer in layers])

    def tensors(self) -> Tensors:
        """All tensors of the network as they are now, in the engine's precision."""
        tensors = {name: tensor.copy() for name, tensor in self._tensors.items()}
        for number, arrays in enumerate(self._layers):
            for name, tensor in learnt_tensors(arrays).items():
                tensors[f"layers.{number}.{name}"] = tensor
        return tensors

    def save(self, path: Path, record: dict[str, Any]) -> str:
        """Write the weights as they are now, with the loaded version as parent."""
        return write_checkpoint(
            path,
            self.settings,
            self.tensors(),
            self.class_names,
            parent=self.version,
            record=record,
        )

    def _learn(self, learning: LearningSettings, given: StreamFrame) -> bool:
        """Begin with a gradient, or do the next part of the one begun, of whichever stream; True
        for an update.
        """
        parts = learning.learn_every_steps or 1
        if self._part == 0:
            if given.target is None:
                return False
            self._take_step(learning, given.target, given.stream)
        last = self._part == parts - 1
        if not last or (self._gradients + 1) * parts < learning.update_every_steps:
            work_off(self._layers, self._learnt, self._progress, self._part, parts)
            self._part = (self._part + 1) % parts
            self._gradients += last
            return False
        self._part = 0
        if not self._apply(learning):
            raise not_finite()
        self._gradients = 0
        self._updates += 1
        return True

    def _take_step(self, learning: LearningSettings, target: int, stream: int) -> None:
        take_step(
            self._streams[stream],
            self._learnt,
            self._heard,
            target,
            learning_terms(learning),
            self._random,
            self._progress,
        )

    def _apply(self, learning: LearningSettings) -> bool:
        fresh = self._gradients == 0 and (learning.learn_every_steps or 1) == 1
        sizes = step_sizes(learning, rate_factor=self._rate_factor)
        return bool(update(self._layers, self._learnt, self._progress, fresh, sizes))

    def _start(self, dtype: type[np.floating[Any]]) -> None:
        """Parameters from the network, and nothing seen or learnt yet."""
        learning, settings = self._learning, self.settings
        cells = settings.input_channels * settings.input_copies * settings.height * settings.width
        self._x = aligned((-(-cells // WORD) * WORD,), np.uint8)
        self._streams = [
            tuple(
                layer_arrays(layer, dtype, learning=learning is not None)
                for layer in layer_parameters(settings, self._tensors)
            )
        ]
        readout = learning is not None and learning.readout_rate > 0
        self._learnt = tuple(
            learning_arrays(arrays, readout=readout) for arrays in self._layers if learning
        )
        seed = 0 if learning is None else learning.seed % 2**32
        self._random = np.array([seed], np.uint32)
        self._progress = np.zeros(2, np.int64)
        self._part = 0
        self._gradients = 0

    def _warm_up(self) -> None:
        """Load the compiled code, or compile it, before the first frame is waiting."""
        saying = threading.Timer(PATIENCE_S, LOG.info, (COMPILING,))
        saying.daemon = True
        saying.start()
        try:
            self.step(np.zeros(self._shape, np.uint8), None)
            if self._learning is not None:
                self._take_step(self._learning, 0, 0)
                work_off(self._layers, self._learnt, self._progress, 0, 1)
                self._apply(self._learning)
        finally:
            saying.cancel()
