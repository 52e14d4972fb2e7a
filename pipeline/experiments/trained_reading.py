"""A network with the linear layers trained on its activity, kept in two files side by side."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load_file, save

from drivers.errors import InputError, in_words
from models.checkpoint import load_checkpoint, save_checkpoint
from models.network import Network
from pipeline.atomic_file import write_atomically
from pipeline.experiments.linear_readout import LinearWeights


@dataclass(frozen=True, slots=True)
class TrainedReading:
    """What an experiment learnt; the network's own file is a checkpoint like any other."""

    network: Network
    class_names: tuple[str, ...]
    linear: LinearWeights

    def save(self, path: Path, record: dict[str, Any]) -> str:
        """Write `path` and, beside it, the linear layers; returns the checkpoint's version."""
        version = save_checkpoint(path, self.network, self.class_names, parent=None, record=record)
        arrays = {
            f"{name}|{'+'.join(map(str, layers))}": weights.astype(np.float32)
            for name, (layers, weights) in self.linear.items()
        }
        write_atomically(_beside(path), save(arrays, metadata={"version": version}))
        return version


def load_trained_reading(path: Path) -> TrainedReading:
    """Read both files; raises `ModelError` or `InputError` for one that does not do."""
    loaded = load_checkpoint(path)
    beside, shapes = _beside(path), loaded.network.settings.shapes()
    linear: LinearWeights = {}
    try:
        for key, weights in load_file(beside).items():
            name, _, numbers = key.partition("|")
            layers = tuple(map(int, numbers.split("+")))
            inputs = sum(shapes[layer].readout_inputs for layer in layers)
            if weights.shape != (inputs + 1, len(loaded.class_names)):
                raise ValueError(f"a shape of {weights.shape} for {name!r}")
            linear[name] = (layers, weights.astype(np.float64))
    except (OSError, SafetensorError, ValueError, IndexError) as error:
        raise InputError(
            what=f"linear layers {beside}",
            got=in_words(error),
            allowed=f"the file that was written together with {path}",
            todo="keep the two side by side",
        ) from error
    return TrainedReading(loaded.network, loaded.class_names, linear)


def _beside(path: Path) -> Path:
    return path.with_name(f"{path.stem}_linear{path.suffix}")
