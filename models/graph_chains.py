"""Element-wise chains of a step, in place over static buffers: each may be fused into one kernel.

Every operation writes into a buffer that it is given, so that a captured step allocates little
and a chain of n operations is n kernels; `fused_chains` gives the same chains through
torch.compile.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import cache
from typing import Any

import torch
from torch import Tensor

from models.learning_settings import ADAMAX_EPSILON


def advance_traces(q: Tensor, p: Tensor, x: Tensor, step_q: Tensor, step_p: Tensor) -> None:
    """Q <- a_s Q + (1 - a_s) x, P <- a_m P + (1 - a_m) Q; steps are 1 - a, shape (1, C, 1, 1)."""
    q.lerp_(x, step_q)
    p.lerp_(q, step_p)


def fire(u: Tensor, charge: Tensor, spikes: Tensor, weight: float, decay: float) -> None:
    """Add R' to u: u += R', s = [u > 0], R <- R' - w_rp s with R' = a_r R; shape (B, *membrane).

    `charge` holds -R / w_rp, so that a spike adds 1; `weight` is w_rp and `decay` a_r.
    """
    u.add_(charge, alpha=-weight * decay)
    torch.gt(u, 0.0, out=spikes)
    torch.add(spikes, charge, alpha=decay, out=charge)


def emit(pooled: Tensor, spikes: Tensor, activity: Tensor) -> None:
    """S = [U > 0], A = sigmoid(U); all shape (B, *pooled)."""
    torch.gt(pooled, 0.0, out=spikes)
    torch.sigmoid(pooled, out=activity)


def postsynaptic(
    down: Tensor, mask: Tensor | None, dropped: Tensor, activity: Tensor, quiet: float, pull: float
) -> None:
    """What unpooled meets the traces: down <- mask (down - pull [sum(dropped) < quiet]) A(1 - A).

    All have shape (B, fan-in); `mask` holds 0 and 1, and `dropped` is what it leaves of A.
    """
    if pull > 0.0:
        down.sub_((dropped.sum() < quiet).to(down.dtype).mul_(pull))
    if mask is not None:
        down.mul_(mask)
    torch.ops.aten.sigmoid_backward.grad_input(down, activity, grad_input=down)


def press(delta: Tensor, u: Tensor, near: Tensor, weight: float) -> None:
    """The regulariser against busy neurons: delta += weight [u > -0.01]; `near` is scratch."""
    torch.gt(u, -0.01, out=near)
    delta.add_(near, alpha=weight)


def adamax(parameters: Tensor, gradient: Tensor, norm: Tensor, rate: Tensor, decay: float) -> None:
    """Adamax without momentum: n <- max(decay n, |g| + eps), w <- w - rate g / n, g <- 0.

    One-dimensional, in place; `rate` is a scalar on the device, so that it may change.
    """
    norm.mul_(decay)
    torch.maximum(norm, gradient.abs().add_(ADAMAX_EPSILON), out=norm)
    parameters.addcmul_(gradient.div_(norm), rate, value=-1.0)
    gradient.zero_()


MOST_SHAPES = 256
"""Versions of one fused chain in a process."""


@dataclass(frozen=True, slots=True)
class Chains:
    """The chains above, plain or fused."""

    advance_traces: Callable[..., None] = advance_traces
    fire: Callable[..., None] = fire
    emit: Callable[..., None] = emit
    postsynaptic: Callable[..., None] = postsynaptic
    press: Callable[..., None] = press
    adamax: Callable[..., None] = adamax


@cache
def fused_chains() -> Chains:
    """The chains through torch.compile, which needs a compiler that torch can use."""
    dynamo: Any = importlib.import_module("torch._dynamo")
    # One version of a chain per shape of layer: more than the few that torch allows.
    dynamo.config.recompile_limit = max(dynamo.config.recompile_limit, MOST_SHAPES)
    plain = asdict(Chains())
    return Chains(
        **{
            name: torch.compile(chain, fullgraph=True, dynamic=False)
            for name, chain in plain.items()
        }
    )
