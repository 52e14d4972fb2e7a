"""The optimiser of one layer, by the name it has in torch."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from typing import Any, cast

import torch
from torch import Tensor

from models.errors import UNFIT, ModelError, first_line
from models.learning_settings import ADAMAX_EPSILON, LearningSettings


def make_optimiser(
    learning: LearningSettings, parameters: list[Tensor], readout: Sequence[Tensor] = ()
) -> torch.optim.Optimizer:
    """The optimiser that the settings name; `readout` is trained with a rate of its own.

    Any class of `torch.optim` will do that takes dense gradients and needs no second look at the
    loss. Adamax has the paper's betas (0, beta2) unless its options say otherwise.
    Raises `ModelError` for an optimiser that cannot be used.
    """
    options = dict(learning.optimiser_options)
    if learning.optimiser == "Adamax":
        options = {"betas": (0.0, learning.beta2), "eps": ADAMAX_EPSILON} | options
    kind = getattr(torch.optim, learning.optimiser, None)
    if not (isinstance(kind, type) and issubclass(kind, torch.optim.Optimizer)):
        raise _refused(learning, "no optimiser of that name")
    closure = inspect.signature(kind.step).parameters.get("closure")
    if closure is None or closure.default is inspect.Parameter.empty:
        raise _refused(learning, "one that looks at the loss again")
    if kind is torch.optim.SparseAdam:
        raise _refused(learning, "one for sparse gradients")

    def made(parameters: Sequence[Tensor], readout: Sequence[Tensor]) -> torch.optim.Optimizer:
        groups: list[dict[str, Any]] = [{"params": list(parameters)}]
        if readout:
            groups.append({"params": list(readout), "lr": learning.readout_rate})
        optimiser: torch.optim.Optimizer = cast(Any, kind)(groups, lr=learning.rate, **options)
        return optimiser

    try:
        # Some arguments are looked at by the first update only.
        made(_stand_ins(parameters), _stand_ins(readout)).step()
        return made(parameters, readout)
    except UNFIT as error:
        raise _refused(learning, first_line(error)) from error


def _stand_ins(parameters: Sequence[Tensor]) -> list[Tensor]:
    """Tensors of the same shapes with gradients, to try an update on."""
    tensors = [torch.zeros_like(parameter) for parameter in parameters]
    for tensor in tensors:
        tensor.grad = torch.ones_like(tensor)
    return tensors


def _refused(learning: LearningSettings, why: str) -> ModelError:
    return ModelError(
        f"optimiser: got {learning.optimiser!r} with {learning.optimiser_options or 'no options'}: "
        f"{why}; allowed: a class of torch.optim with arguments of its own, such as Adamax, Adam, "
        "SGD, RMSprop"
    )
