"""One layer of a network at rest: its settings, shapes and tensors, as plain arrays."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from models.checkpoint_file import Tensors
from models.settings import LayerSettings, LayerShape, NetworkSettings

Floats = npt.NDArray[Any]


@dataclass(frozen=True, slots=True)
class LayerParameters:
    """See `models.layer.Layer`, whose tensors these are."""

    settings: LayerSettings
    shape: LayerShape
    weight: Floats
    """shape (Cout, Cin, kernel, kernel)."""
    bias: Floats
    """shape (Cout,)."""
    readout: Floats
    """shape (classes, fan-in), channels first."""
    readout_offset: Floats
    """shape (classes,)."""
    tau_m_ms: Floats
    """shape (Cin,); so is tau_s_ms."""
    tau_s_ms: Floats
    known: Floats
    """See `models.known_directions`, shape (directions, fan-in), channels first."""
    gain: float
    refractory_decay: float
    refractory_weight: float


def layer_parameters(settings: NetworkSettings, tensors: Tensors) -> tuple[LayerParameters, ...]:
    """The layers of a network, bottom up; `tensors` are named as in `tensor_shapes`."""
    return tuple(
        LayerParameters(
            settings=layer,
            shape=shape,
            gain=settings.gain,
            refractory_decay=settings.refractory_decay,
            refractory_weight=settings.refractory_weight,
            **{"known": np.zeros((0, shape.readout_inputs), np.float32)}
            | {
                name: tensors[f"layers.{number}.{name}"]
                for name in settings.layer_tensor_shapes(shape, layer)
            },
        )
        for number, (layer, shape) in enumerate(
            zip(settings.layers, settings.shapes(), strict=True)
        )
    )
