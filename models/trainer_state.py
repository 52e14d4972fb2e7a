"""What a trainer must keep so that training goes on, bit for bit, as if it had not stopped."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any, Protocol, Self

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from models.errors import ModelError
from models.network import Network

FORMAT = 1
"""Of the metadata; a reader refuses a newer one."""
_KEY = "wigwag-training"


@dataclass(frozen=True, slots=True)
class TrainerState:
    """Tensors and numbers by name: weights, optimisers, dynamic state, random generators."""

    tensors: dict[str, Tensor] = field(default_factory=dict)
    numbers: dict[str, int | float] = field(default_factory=dict)

    def under(self, prefix: str) -> Self:
        """The part whose names begin with `prefix.`, without it."""
        begin = f"{prefix}."
        return type(self)(
            {k.removeprefix(begin): v for k, v in self.tensors.items() if k.startswith(begin)},
            {k.removeprefix(begin): v for k, v in self.numbers.items() if k.startswith(begin)},
        )

    def add(self, prefix: str, part: TrainerState) -> None:
        """Take in a part, its names behind `prefix.`."""
        self.tensors.update({f"{prefix}.{name}": value for name, value in part.tensors.items()})
        self.numbers.update({f"{prefix}.{name}": value for name, value in part.numbers.items()})


class Resumable(Protocol):
    """A trainer that can be stopped between two minibatches and made anew."""

    def state(self) -> TrainerState:
        """All that the next minibatch depends on; copies of nothing, so to be used at once."""

    def load_state(self, state: TrainerState) -> None:
        """Go on from what `state` gave; raises `ModelError` where it does not fit."""


def fill(target: Tensor, value: Tensor, name: str) -> None:
    """Copy a kept tensor into the one in use, which keeps its layout in memory.

    Raises `ModelError` where shapes or types differ.
    """
    if value.shape != target.shape or value.dtype != target.dtype:
        raise ModelError(
            f"training state {name}: got {tuple(value.shape)} of {value.dtype}; "
            f"allowed: {tuple(target.shape)} of {target.dtype}; resume with the settings of the run"
        )
    target.copy_(value)


def take(state: TrainerState, name: str) -> Tensor:
    """The tensor of this name; raises `ModelError` where there is none."""
    if name not in state.tensors:
        raise ModelError(
            f"training state: got none of {name}; allowed: the state of the same kind of trainer"
        )
    return state.tensors[name]


def pack(state: TrainerState, progress: dict[str, Any]) -> bytes:
    """A safetensors file of a state, with `progress` (JSON values) beside it in its metadata."""
    meta = {"format": FORMAT, "numbers": state.numbers, "progress": progress}
    tensors = {
        # A copy of its own: safetensors refuses tensors that share memory.
        name: tensor.detach().cpu().contiguous().clone()
        for name, tensor in state.tensors.items()
    }
    data: bytes = save(tensors, metadata={_KEY: json.dumps(meta)})
    return data


def unpack(path: Any) -> tuple[TrainerState, dict[str, Any]]:
    """What `pack` made, read from a file; nothing in it can run code.

    Raises `ModelError` for a missing or damaged file and one of a newer format.
    """
    try:
        with safe_open(path, framework="pt", device="cpu") as file:
            meta = json.loads((file.metadata() or {})[_KEY])
            if meta["format"] != FORMAT:
                raise ModelError(
                    f"training state {path}: got format {meta['format']!r}; allowed: {FORMAT}; "
                    "use the wigwag version that wrote it"
                )
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - not a dict
            return TrainerState(tensors, dict(meta["numbers"])), dict(meta["progress"])
    except ModelError:
        raise
    except (OSError, SafetensorError, KeyError, TypeError, ValueError) as error:
        got = getattr(error, "strerror", None) or error
        raise ModelError(
            f"training state {path}: got {got}; allowed: a whole file that wigwag train wrote"
        ) from error


def optimiser_state(optimiser: torch.optim.Optimizer) -> TrainerState:
    """What an optimiser remembers of its parameters, whatever its kind."""
    kept = TrainerState()
    for index, values in optimiser.state_dict()["state"].items():
        for name, value in values.items():
            if isinstance(value, Tensor):
                kept.tensors[f"{index}.{name}"] = value
            elif isinstance(value, int | float):
                kept.numbers[f"{index}.{name}"] = value
    return kept


def load_optimiser_state(optimiser: torch.optim.Optimizer, state: TrainerState) -> None:
    """Give an optimiser back what `optimiser_state` gave."""
    parameters = [p for group in optimiser.param_groups for p in group["params"]]
    values: dict[int, dict[str, Any]] = {}
    for whole, tensor in state.tensors.items():
        index, _, name = whole.partition(".")
        parameter = parameters[int(index)]
        if tensor.shape == parameter.shape and tensor.dim():
            # In the layout of the parameter, as the optimiser itself would have made it.
            own = torch.empty_like(parameter, dtype=tensor.dtype)
            own.copy_(tensor)
            tensor = own
        values.setdefault(int(index), {})[name] = tensor
    for whole, number in state.numbers.items():
        index, _, name = whole.partition(".")
        values.setdefault(int(index), {})[name] = number
    groups = optimiser.state_dict()["param_groups"]
    optimiser.load_state_dict({"state": values, "param_groups": groups})


def load_weights(network: Network, state: TrainerState) -> None:
    """Copy the tensors of a state into a network."""
    for name, tensor in network.tensors().items():
        fill(tensor, take(state, name), name)
