"""The local loss of a readout, and its derivative by what was read: d loss / d y."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from models.errors import UNFIT, ModelError, first_line
from models.learning_settings import LearningSettings

Loss = Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]
"""From readings y and one-hot classes, both (B, classes): the loss, a scalar, and d loss / d y."""


READINGS = (-2.0, 2.0)
"""A loss has to take these too: a readout is not bound to the range of its targets."""


def smooth_l1(y: Tensor, one_hot: Tensor) -> tuple[Tensor, Tensor]:
    """The paper's: beta 1, mean over batch and classes. `y` is overwritten."""
    error = y.sub_(one_hot)
    loss = torch.where(error.abs() < 1, 0.5 * error * error, error.abs() - 0.5).mean()
    return loss, error.clamp(-1.0, 1.0).div_(error.numel())


def make_loss(learning: LearningSettings, classes: int) -> Loss:
    """The loss that the settings name; raises `ModelError` for one that cannot teach a class.

    Any loss of `torch.nn` will do that takes readings and one-hot classes, both (B, classes), and
    gives a number that falls as the right class is read louder.
    """
    if learning.loss == "SmoothL1Loss" and not learning.loss_options:
        return smooth_l1
    kind = getattr(torch.nn, learning.loss, None)
    if not (isinstance(kind, type) and issubclass(kind, torch.nn.modules.loss._Loss)):
        raise _refused(learning, "no loss of that name")
    try:
        module = kind(**learning.loss_options)

        def loss(y: Tensor, one_hot: Tensor) -> tuple[Tensor, Tensor]:
            with torch.enable_grad():
                leaf = y.detach().requires_grad_()
                value: Tensor = module(leaf, one_hot.to(y.dtype))
            (gradient,) = torch.autograd.grad(value, leaf)
            return value.detach(), gradient

        tried = torch.eye(classes)[:2]
        value, gradient = loss(torch.zeros(2, classes), tried)
        beyond = [loss(torch.full((2, classes), reading), tried) for reading in READINGS]
    except UNFIT as error:
        raise _refused(learning, first_line(error)) from error
    for result in ((value, gradient), *beyond):
        if not all(bool(torch.isfinite(part).all()) for part in result):
            raise _refused(learning, "a loss that is not finite for all readings")
    if bool((gradient[tried == 1] >= 0).any()):
        raise _refused(learning, "a loss that does not fall as the right class is read louder")
    return loss


def _refused(learning: LearningSettings, why: str) -> ModelError:
    return ModelError(
        f"loss: got {learning.loss!r} with {learning.loss_options or 'no options'}: {why}; "
        "allowed: a loss of torch.nn for readings and one-hot classes, such as SmoothL1Loss, "
        "MSELoss, HuberLoss, CrossEntropyLoss, BCEWithLogitsLoss"
    )
