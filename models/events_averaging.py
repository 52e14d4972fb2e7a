"""Running means of what the `events` trainer learns, update by update."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from numba import njit

from models.averaging import share_of_update
from models.events_layout import PARAMETERS, LayerArrays, learnt_tensors
from models.layer_parameters import Floats

compiled: Any = njit(cache=True, error_model="numpy", fastmath={"contract", "reassoc", "nsz"})


class EventsAverage:
    """See `models.averaging.WeightAverage`."""

    def __init__(self, layers: tuple[LayerArrays, ...], decay: float) -> None:
        self._decay = decay
        self._layers = layers
        self._means = tuple(
            layer._replace(**{name: getattr(layer, name).copy() for name in PARAMETERS})
            for layer in layers
        )
        self._taken = np.zeros(1, np.int64)

    def take(self) -> None:
        """Take in what the layers' arrays hold after an update."""
        self._taken += 1
        share = share_of_update(self._decay, int(self._taken[0]))
        for layer, mean in zip(self._layers, self._means, strict=True):
            for name in PARAMETERS:
                approach(getattr(mean, name).reshape(-1), getattr(layer, name).reshape(-1), share)

    def tensors(self) -> list[dict[str, Floats]]:
        """The means by layer, as `learnt_tensors`; before the first update, what was begun with."""
        return [learnt_tensors(mean) for mean in self._means]

    def kept(self) -> dict[str, npt.NDArray[Any]]:
        """The arrays in use, by name."""
        kept: dict[str, npt.NDArray[Any]] = {"taken": self._taken}
        for number, mean in enumerate(self._means):
            kept |= {f"{number}.{name}": getattr(mean, name) for name in PARAMETERS}
        return kept


@compiled  # type: ignore[untyped-decorator, unused-ignore]  # numba has no types
def approach(mean: Floats, value: Floats, share: float) -> None:
    """In place: mean <- mean + share (value - mean)."""
    part = mean.dtype.type(share)
    for t in range(mean.size):
        mean[t] += part * (value[t] - mean[t])
