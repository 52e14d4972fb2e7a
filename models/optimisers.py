"""The optimiser of one layer, by the name it has in torch."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from models.errors import ModelError
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
    made: Any = kind
    try:
        groups: list[dict[str, Any]] = [{"params": parameters}]
        if readout:
            groups.append({"params": list(readout), "lr": learning.readout_rate})
        optimiser: torch.optim.Optimizer = made(groups, lr=learning.rate, **options)
    except (TypeError, ValueError) as error:
        raise _refused(learning, str(error).splitlines()[0]) from error
    return optimiser


def _refused(learning: LearningSettings, why: str) -> ModelError:
    return ModelError(
        f"optimiser: got {learning.optimiser!r} with {learning.optimiser_options or 'no options'}: "
        f"{why}; allowed: a class of torch.optim with arguments of its own, such as Adamax, Adam, "
        "SGD, RMSprop"
    )
