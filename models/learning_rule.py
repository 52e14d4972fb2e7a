"""Eq. 5 of the paper: the weight change of one layer from what is there at one step."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from models.convolution import weight_gradient
from models.error_trigger import ErrorTrigger
from models.layer import Layer, LayerStep
from models.learning_settings import ReadoutStep, Surrogate
from models.losses import Loss, smooth_l1
from models.readout_step import normalised_gradient
from models.replicas import ALONE, Replicas


@dataclass(frozen=True, slots=True)
class LocalGradient:
    """Gradient of one layer's local loss, and that loss."""

    weight: Tensor | None
    bias: Tensor | None
    """None where a trigger stayed silent; so is the one above."""
    loss: Tensor
    """A scalar, regulariser not included."""
    readout: Tensor | None = None
    """None where it is not trained; so is the next one."""
    readout_offset: Tensor | None = None
    read: Tensor | None = None
    """What a trained readout read, the mean over the batch, shape (fan-in,)."""


def local_gradient(
    layer: Layer,
    p_padded: Tensor,
    step: LayerStep,
    one_hot: Tensor,
    *,
    regularisation: float,
    dropout_mask: Tensor | None,
    readings_mask: Tensor | None = None,
    loss: Loss = smooth_l1,
    surrogate: Surrogate = "sigmoid",
    trigger: ErrorTrigger | None = None,
    readout_step: ReadoutStep | None = None,
    replicas: Replicas = ALONE,
) -> LocalGradient:
    """d(loss)/dW and d(loss)/db of one layer at one step, nothing crossing a layer or a step.

        e  = d loss / d y                        with a trigger, its spikes (Eq. 6)
        dW = corr(P, unpool(G^T e) * f'(u))      Eq. 5; f'(u) = a(1 - a), or as the surrogate says
        dG = e A^T,  dc = e                      where the readout is trained, by centred steps
        dG = e (N d)^T / d^T N d, d = A - A0     or by normalised ones, see `models.readout_step`

    Where a trigger stays silent, no work is done and there is no gradient.

    The readout, and the regulariser's mean of A, see what `dropout_mask` leaves of A, and the loss
    what `readings_mask` leaves of y. Either mask holds 0 and 1/(1 - p); None: dropout is not there.

    `readout_step` is None for a readout that is not trained.
    `p_padded` is the layer's trace P with its rim, as `LayerState` holds it; `one_hot` has shape
    (B, classes); `dropout_mask` has shape (B, fan-in), `readings_mask` (B, classes). With several
    replicas their mean is the gradient of the whole minibatch.
    """
    activity = step.activity.flatten(1)
    dropped = activity if dropout_mask is None else activity * dropout_mask
    y = torch.addmm(layer.readout_offset, dropped, layer.readout.t())
    read = replicas.mean(dropped.mean(0)) if readout_step == "centred" else None
    if readings_mask is None:
        value, error = loss(y, one_hot)
    else:
        value, error = loss(y * readings_mask, one_hot)
        error = error * readings_mask
    if trigger is not None:
        error = trigger.spikes(error, replicas)
        if not trigger.share:
            return LocalGradient(weight=None, bias=None, loss=value, read=read)
    readout: Tensor | None = None
    if readout_step == "centred":
        readout = error.t() @ dropped
    elif readout_step == "normalised":
        readout = normalised_gradient(error, dropped, layer)
    down = error @ layer.readout
    if regularisation > 0:
        quiet = (replicas.mean(dropped.mean()) < 0.1).to(down.dtype)
        down.sub_(quiet * (0.1 * regularisation / activity.numel()))
    if dropout_mask is not None:
        down.mul_(dropout_mask)
    if layer.activation == "relu":
        down.mul_(activity > 0)
    elif layer.activation == "spiking" and surrogate == "boxcar":
        down.mul_(step.pooled_potential().flatten(1).abs() <= 0.5)
    else:
        a = torch.sigmoid(step.pooled_potential()).flatten(1) if layer.reads_spikes else activity
        down.mul_(a).mul_(1.0 - a)
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
        loss=value,
        readout=readout,
        readout_offset=error.sum(0) if readout_step == "centred" else None,
        read=read,
    )
