"""Eq. 5 of the paper: the weight change of one layer from what is there at one step."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from models.convolution import weight_gradient
from models.layer import Layer, LayerStep


@dataclass(frozen=True, slots=True)
class LocalGradient:
    """Gradient of one layer's local loss, and that loss."""

    weight: Tensor
    bias: Tensor
    loss: Tensor
    """Smooth L1, mean over batch and classes; a scalar, regulariser not included."""


def local_gradient(
    layer: Layer,
    p_padded: Tensor,
    step: LayerStep,
    one_hot: Tensor,
    *,
    regularisation: float,
    dropout_mask: Tensor | None,
) -> LocalGradient:
    """d(loss)/dW and d(loss)/db of one layer at one step, nothing crossing a layer or a step.

        e  = d loss / d y                        smooth L1, beta 1, mean over batch and classes
        dW = corr(P, unpool(G^T e) * a(1 - a))   Eq. 5

    The readout, and the regulariser's mean of A, see what dropout leaves of A.

    `p_padded` is the layer's trace P with its rim, as `LayerState` holds it; `one_hot` has shape
    (B, classes); `dropout_mask`, shape (B, fan-in), holds 0 and 1/(1 - p).
    """
    activity = step.activity.flatten(1)
    dropped = activity if dropout_mask is None else activity * dropout_mask
    error = torch.addmm(layer.readout_offset, dropped, layer.readout.t()).sub_(one_hot)
    loss = torch.where(error.abs() < 1, 0.5 * error * error, error.abs() - 0.5).mean()
    down = error.clamp(-1.0, 1.0).div_(error.numel()) @ layer.readout
    if regularisation > 0:
        quiet = (dropped.mean() < 0.1).to(down.dtype)
        down.sub_(quiet * (0.1 * regularisation / activity.numel()))
    if dropout_mask is not None:
        down.mul_(dropout_mask)
    down.mul_(activity).mul_(1.0 - activity)
    pooled = down.view_as(step.activity)
    if step.argmax is None:
        delta = pooled
    else:
        delta = torch.zeros_like(step.u)
        delta.flatten(2).scatter_(2, step.argmax.flatten(2), pooled.flatten(2))
    if regularisation > 0:
        delta = delta.add(step.u > -0.01, alpha=20.0 * regularisation / step.u.numel())
    return LocalGradient(
        weight=weight_gradient(p_padded, delta, layer.weight),
        bias=delta.sum((0, 2, 3)),
        loss=loss,
    )
