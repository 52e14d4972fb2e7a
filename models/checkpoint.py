"""Checkpoints as networks of torch tensors; `models.checkpoint_file` has what is in the file."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from models.checkpoint_file import StoredNetwork, Tensors, read_checkpoint, write_checkpoint
from models.network import Network


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A network with what is known about how it came to be; see `StoredNetwork`."""

    network: Network
    class_names: tuple[str, ...]
    version: str
    parent: str | None = None
    record: dict[str, Any] = field(default_factory=dict)

    def stored(self) -> StoredNetwork:
        """The same as plain arrays, which share memory with a network on a CPU."""
        return StoredNetwork(
            settings=self.network.settings,
            tensors=plain_tensors(self.network),
            class_names=self.class_names,
            version=self.version,
            parent=self.parent,
            record=self.record,
        )


def plain_tensors(network: Network) -> Tensors:
    """A network's tensors as arrays, which share memory with those on a CPU."""

    def plain(tensor: Tensor) -> Any:
        return tensor.detach().cpu().numpy()

    return {name: plain(tensor) for name, tensor in network.tensors().items()}


def save_checkpoint(
    path: Path,
    network: Network,
    class_names: tuple[str, ...],
    *,
    parent: str | None,
    record: dict[str, Any],
) -> str:
    """Write a network; see `write_checkpoint`."""
    return write_checkpoint(
        path,
        network.settings,
        plain_tensors(network),
        class_names,
        parent=parent,
        record=record,
    )


def load_checkpoint(path: Path, *, device: str = "cpu") -> Checkpoint:
    """Read a network onto a device; see `read_checkpoint` for the errors."""
    stored = read_checkpoint(path)
    network = Network(stored.settings)
    tensors = {name: torch.from_numpy(tensor) for name, tensor in stored.tensors.items()}
    network.load_tensors(tensors, device=device)
    return Checkpoint(network, stored.class_names, stored.version, stored.parent, stored.record)
