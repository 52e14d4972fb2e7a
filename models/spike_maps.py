"""Membranes that weigh each spike as it arrives, instead of weighing the traces of all of them."""

from __future__ import annotations

import copy
from collections.abc import Sequence

import torch
import torch.nn.functional as functional
from torch import Tensor

from models.settings import LayerSettings


class SpikeMaps:
    """V and U of one layer, a map for each of its K pairs of time constants.

        V_k <- a_s V_k + k_s conv(x_k, W)        U_k <- a_m U_k + k_m V_k        u = b + sum_k U_k

    Filter and convolution commute, so that while W rests u is conv(P, W, b), to the rounding of
    sums. While W changes, what has arrived keeps the weight it arrived with: nothing has to be
    made anew, which is what lets an engine learn that computes only where spikes are.
    """

    def __init__(
        self,
        settings: LayerSettings,
        tau_m_ms: Tensor,
        tau_s_ms: Tensor,
        gain: float,
        membrane: tuple[int, int, int],
        batch: int,
    ) -> None:
        """Silence; time constants are by input channel, shape (Cin,)."""
        pairs, pair_of_channel = torch.unique(
            torch.stack([tau_m_ms, tau_s_ms], 1), dim=0, return_inverse=True
        )
        count = len(pairs)
        self._padding = settings.padding
        wanted = torch.arange(count, device=tau_m_ms.device)[:, None] == pair_of_channel
        self._mask = wanted.to(tau_m_ms.dtype).view(count, 1, -1, 1, 1)
        self._decay_m, self._decay_s = (
            (1.0 - 1.0 / tau).view(count, 1, 1, 1, 1) for tau in pairs.unbind(1)
        )
        self._gain_m, self._gain_s = 1.0 - self._decay_m, (1.0 - self._decay_s) * gain
        self._v = torch.zeros(
            (count, batch, *membrane), dtype=tau_m_ms.dtype, device=tau_m_ms.device
        )
        self._u = torch.zeros_like(self._v)

    def advance(self, x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        """Take in `x`, shape (B, *inputs); gives u without R', shape (B, *membrane)."""
        parted = (x * self._mask).flatten(0, 1)
        arriving = functional.conv2d(parted, weight, padding=self._padding).view_as(self._v)
        self._v.mul_(self._decay_s).addcmul_(arriving, self._gain_s)
        self._u.mul_(self._decay_m).addcmul_(self._v, self._gain_m)
        return self._u.sum(0).add_(bias[:, None, None])

    def take(self, joined: SpikeMaps, rows: slice) -> None:
        """Be what rows of a batch have become."""
        self._v.copy_(joined._v[:, rows])
        self._u.copy_(joined._u[:, rows])


def join_maps(maps: Sequence[SpikeMaps]) -> SpikeMaps:
    """Those of several streams of one layer as those of a batch, copied."""
    joined = copy.copy(maps[0])
    joined._v = torch.cat([own._v for own in maps], 1)
    joined._u = torch.cat([own._u for own in maps], 1)
    return joined
