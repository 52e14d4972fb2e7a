"""The events engine's side of teaching: see `models.teaching`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import numpy.typing as npt

from models.checkpoint_file import StoredNetwork, Tensors
from models.engine import Engine
from models.events_engine import EventsEngine
from models.events_layout import (
    PARAMETERS,
    LayerArrays,
    LearningArrays,
    aligned,
    layer_arrays,
    learnt_tensors,
)
from models.layer_parameters import layer_parameters
from models.new_class import check_new_class, padded_readouts, with_class
from models.teaching import check_fits, rate_factor

CONSTANT = ("offset",)
"""Of a layer's learning arrays: what learning does not change."""
OF_READOUT = ("readout_", "offset_")
"""Names of learning arrays with a row for each class begin so."""
Arrays = dict[str, npt.NDArray[Any]]


@dataclass(frozen=True, slots=True)
class KeptEvents:
    """See `models.teaching.Kept`."""

    like: tuple[LayerArrays, ...]
    """Sizes and constants."""
    constants: Tensors
    layers: list[Arrays]
    learning: list[Arrays]
    random: npt.NDArray[np.uint32]
    progress: npt.NDArray[np.int64]
    part: int
    gradients: int

    @property
    def size_bytes(self) -> int:
        """Memory it takes."""
        return sum(
            array.nbytes for arrays in (*self.layers, *self.learning) for array in arrays.values()
        )

    @property
    def classes(self) -> int:
        """Classes that the network had."""
        return len(self.layers[0]["readout_offset"])

    def tensors(self) -> Tensors:
        """As a checkpoint has them."""
        return tensors_of(self.constants, self.like, self.layers)


class EventsTeaching:
    """See `models.teaching.Teaching`."""

    def __init__(self, engine: Engine) -> None:
        self._engine = cast(EventsEngine, engine)

    def keep(self) -> KeptEvents:
        """See `Teaching.keep`."""
        engine = self._engine
        return KeptEvents(
            like=engine._layers,
            constants=engine._tensors,
            layers=[
                {name: getattr(layer, name).copy() for name in PARAMETERS}
                for layer in engine._layers
            ],
            learning=[
                {name: array.copy() for name, array in _arrays(own).items()}
                for own in engine._learnt
            ],
            random=engine._random.copy(),
            progress=engine._progress.copy(),
            part=engine._part,
            gradients=engine._gradients,
        )

    def go_back(self, kept: KeptEvents) -> None:
        """See `Teaching.go_back`."""
        engine = self._engine
        for layer, before in zip(engine._layers, kept.layers, strict=True):
            for name, array in before.items():
                _into(getattr(layer, name), array)
        if kept.classes < engine.settings.classes:
            self._draw_rows(kept.classes)
        for own, before in zip(engine._learnt, kept.learning, strict=True):
            for name, array in before.items():
                into = getattr(own, name)
                if into.shape != array.shape:
                    into[:] = 0
                _into(into, array)
        engine._random[:] = kept.random
        engine._progress[:] = kept.progress
        engine._part, engine._gradients = kept.part, kept.gradients

    def load(self, stored: StoredNetwork) -> None:
        """See `Teaching.load`."""
        engine = self._engine
        check_fits(stored, engine)
        tensors = padded_readouts(stored.tensors, engine.settings, self._seed)
        for layer, parameters in zip(
            engine._layers, layer_parameters(engine.settings, tensors), strict=True
        ):
            fresh = layer_arrays(parameters, layer.weight.dtype.type, learning=True)
            for name in PARAMETERS:
                _into(getattr(layer, name), getattr(fresh, name))
        for own in engine._learnt:
            for name, array in _arrays(own).items():
                if name not in CONSTANT:
                    array[:] = 0
        engine._part = engine._gradients = 0

    def add_class(self, name: str) -> None:
        """See `Teaching.add_class`."""
        engine = self._engine
        name = check_new_class(engine.class_names, name)
        before = engine.settings.classes
        engine.settings = with_class(engine.settings)
        engine.class_names = (*engine.class_names, name)
        engine._classes = engine.settings.classes
        shared = [
            {name: _with_row(getattr(layer, name)) for name in ("readout", "readout_offset")}
            for layer in engine._layers
        ]
        engine._streams = [
            tuple(
                layer._replace(**cast(Any, more), readings=_with_row(layer.readings))
                for layer, more in zip(layers, shared, strict=True)
            )
            for layers in engine._streams
        ]
        engine._tensors = padded_readouts(engine._tensors, engine.settings, self._seed)
        self._draw_rows(before)
        engine._learnt = tuple(_grown(own, before) for own in engine._learnt)

    def largest(self) -> tuple[float, ...]:
        """See `Teaching.largest`."""
        layers = self._engine._layers
        arrays = [layer.weight for layer in layers] + [layer.readout for layer in layers]
        # Without a copy of all magnitudes.
        return tuple(float(max(array.max(), -array.min())) for array in arrays)

    def set_rate(self, rate: float) -> None:
        """See `Teaching.set_rate`."""
        self._engine._rate_factor = rate_factor(rate, self._engine._usual_rate)

    @property
    def _seed(self) -> int:
        learning = self._engine._learning
        return 0 if learning is None else learning.seed

    def _draw_rows(self, first: int) -> None:
        """Rows of the classes from `first` on as they are when a class is new."""
        engine = self._engine
        known = {
            name: tensor[:first] if "readout" in name else tensor
            for name, tensor in engine.tensors().items()
        }
        drawn = padded_readouts(known, engine.settings, self._seed)
        for layer, parameters in zip(
            engine._layers, layer_parameters(engine.settings, drawn), strict=True
        ):
            channels, rows, columns = parameters.shape.pooled
            readout = parameters.readout[first:].reshape(-1, channels, rows, columns)
            layer.readout[first:] = readout.transpose(0, 2, 3, 1).reshape(len(readout), -1)
            layer.readout_offset[first:] = parameters.readout_offset[first:]


def tensors_of(constants: Tensors, like: tuple[LayerArrays, ...], layers: list[Arrays]) -> Tensors:
    """A checkpoint's tensors from the engine's arrays, whose sizes `like` knows."""
    tensors = dict(constants)
    for number, (sizes, arrays) in enumerate(zip(like, layers, strict=True)):
        known: dict[str, Any] = arrays
        for name, tensor in learnt_tensors(sizes._replace(**known)).items():
            tensors[f"layers.{number}.{name}"] = tensor
    return tensors


def _arrays(values: LearningArrays) -> Arrays:
    return {
        name: value for name, value in values._asdict().items() if isinstance(value, np.ndarray)
    }


def _grown(own: LearningArrays, classes: int) -> LearningArrays:
    """With a row of zeros for one more class in what is kept of the readouts, if anything is."""
    changed: dict[str, Any] = {}
    for name, old in _arrays(own).items():
        of_readout = name.startswith(OF_READOUT) and np.issubdtype(old.dtype, np.floating)
        if of_readout and len(old) == classes:
            changed[name] = _with_row(old)
    return own._replace(**changed)


def _with_row(rows: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """With a row of zeros for one more class."""
    more = aligned((len(rows) + 1, *rows.shape[1:]), rows.dtype)
    more[: len(rows)] = rows
    return more


def _into(target: npt.NDArray[Any], values: npt.NDArray[Any]) -> None:
    """Copy into an array of the same shape, or the first rows of a larger one."""
    target[tuple(slice(length) for length in values.shape)] = values
