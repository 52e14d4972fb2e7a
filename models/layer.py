"""One spiking convolutional layer with its fixed random readout: parameters, state, one step."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as functional
from torch import Tensor

from models.convolution import RowPatches
from models.settings import LayerSettings, LayerShape, NetworkSettings
from models.spike_maps import SpikeMaps, join_maps


@dataclass(slots=True)
class LayerState:
    """What a layer carries from one millisecond to the next, for a batch of B streams."""

    q: Tensor
    """Synaptic trace, shape (B, *shape.inputs)."""
    p_padded: Tensor
    """Membrane trace with its rim of zeros, shape (B, channels, height + 2 pad, width + 2 pad)."""
    p: Tensor
    """The inside of `p_padded`, a view of shape (B, *shape.inputs)."""
    r: Tensor
    """Refractory term R, shape (B, *shape.membrane)."""
    patches: RowPatches | None
    """For one stream on a CPU; None where the library's convolution is the faster one."""
    maps: SpikeMaps | None
    """Where spikes are weighed as they arrive; None where traces are weighed as they are."""


@dataclass(frozen=True, slots=True)
class LayerStep:
    """What one step of one layer computed.

    Pooling commutes with the threshold and with the sigmoid, both being monotone, so one pooled
    membrane potential gives both the pooled spikes `S = [U > 0]` and activity `A = sigmoid(U)`.
    """

    u: Tensor
    """Membrane potential, shape (B, *shape.membrane)."""
    argmax: Tensor | None
    """Where each pooled potential came from (flat index into a channel's map), when learning."""
    spikes: Tensor
    """S, shape (B, *shape.pooled), 0 or 1; of other activations, what goes up instead."""
    activity: Tensor
    """A, shape (B, *shape.pooled): what is read out."""

    def of_stream(self, row: int) -> LayerStep:
        """The same of one stream, with B = 1: views."""
        rows = slice(row, row + 1)
        return LayerStep(
            u=self.u[rows],
            argmax=None if self.argmax is None else self.argmax[rows],
            spikes=self.spikes[rows],
            activity=self.activity[rows],
        )

    def pooled_potential(self) -> Tensor:
        """U, shape (B, *shape.pooled)."""
        if self.argmax is None:
            return self.u
        chosen = self.u.flatten(2).gather(2, self.argmax.flatten(2))
        return chosen.view_as(self.activity)


def join_states(states: Sequence[LayerState]) -> LayerState:
    """The states of a layer's streams as that of one batch, copied; one alone is itself."""
    if len(states) == 1:
        return states[0]
    p_padded = torch.cat([state.p_padded for state in states])
    _, _, height, width = states[0].q.shape
    rim = (p_padded.shape[2] - height) // 2
    maps = [state.maps for state in states if state.maps is not None]
    return LayerState(
        q=torch.cat([state.q for state in states]),
        p_padded=p_padded,
        p=p_padded[:, :, rim : rim + height, rim : rim + width],
        r=torch.cat([state.r for state in states]),
        patches=None,
        maps=join_maps(maps) if maps else None,
    )


def part_state(joined: LayerState, states: Sequence[LayerState]) -> None:
    """Give what `join_states` joined back to the streams it came from."""
    if len(states) == 1:
        return
    begin = 0
    for state in states:
        rows = slice(begin, begin + len(state.q))
        state.q.copy_(joined.q[rows])
        state.p_padded.copy_(joined.p_padded[rows])
        state.r.copy_(joined.r[rows])
        if state.maps is not None and joined.maps is not None:
            state.maps.take(joined.maps, rows)
        begin = rows.stop


class Layer:
    """Parameters of one layer.

    Drawn from `generator` in this order: weights, biases, readout, readout offsets, tau_m, tau_s.
    """

    def __init__(
        self,
        settings: LayerSettings,
        network: NetworkSettings,
        shape: LayerShape,
        generator: torch.Generator,
    ) -> None:
        self.settings = settings
        self.shape = shape
        self.activation = settings.activation
        self.reads_spikes = settings.activation == "spiking" and network.readout_input == "spikes"
        self.refractory_decay = network.refractory_decay
        self.refractory_weight = network.refractory_weight
        channels_in = shape.inputs[0]

        def uniform(size: tuple[int, ...], low: float, high: float) -> Tensor:
            return torch.rand(size, generator=generator) * (high - low) + low

        kernel = settings.kernel
        bound = network.weight_scale / (channels_in * kernel * kernel) ** 0.5
        self.weight = uniform((settings.channels, channels_in, kernel, kernel), -bound, bound)
        self.bias = uniform((settings.channels,), -0.01, 0.01)
        bound = 0.5 / shape.readout_inputs**0.5
        self.readout = uniform((network.classes, shape.readout_inputs), -bound, bound)
        self.readout_offset = uniform((network.classes,), -bound, bound)
        pairs = min(network.tau_pairs or channels_in, channels_in)
        pair_of_channel = torch.arange(channels_in) % pairs
        self.tau_m_ms = uniform((pairs,), *network.tau_m_ms)[pair_of_channel]
        self.tau_s_ms = uniform((pairs,), *network.tau_s_ms)[pair_of_channel]
        directions = min(network.known_directions, shape.readout_inputs)
        self.known = torch.zeros((directions, shape.readout_inputs))
        self.gain = network.gain
        self.refresh_decays()

    def refresh_decays(self) -> None:
        """Recompute the per-step decays after time constants or their device have changed."""
        decay_m = (1.0 - 1.0 / self.tau_m_ms).view(1, -1, 1, 1)
        decay_s = (1.0 - 1.0 / self.tau_s_ms).view(1, -1, 1, 1)
        self._decay_m, self._gain_m = decay_m, 1.0 - decay_m
        self._decay_s, self._gain_s = decay_s, (1.0 - decay_s) * self.gain

    def tensors(self) -> dict[str, Tensor]:
        """Everything that a checkpoint keeps of this layer."""
        tensors = {
            "weight": self.weight,
            "bias": self.bias,
            "readout": self.readout,
            "readout_offset": self.readout_offset,
            "tau_m_ms": self.tau_m_ms,
            "tau_s_ms": self.tau_s_ms,
        }
        return tensors | {"known": self.known} if len(self.known) else tensors

    def initial_state(self, batch: int, *, weigh_spikes: bool = False) -> LayerState:
        """Silence: all traces zero, nobody refractory. See `SpikeMaps` for `weigh_spikes`."""
        like = self.weight

        def zeros(channels: int, height: int, width: int) -> Tensor:
            return torch.zeros(
                (batch, channels, height, width), dtype=like.dtype, device=like.device
            )

        channels, height, width = self.shape.inputs
        rim = self.settings.padding
        p_padded = zeros(channels, height + 2 * rim, width + 2 * rim)
        single = batch == 1 and like.device.type == "cpu"
        return LayerState(
            q=zeros(channels, height, width),
            p_padded=p_padded,
            p=p_padded[:, :, rim : rim + height, rim : rim + width],
            r=zeros(*self.shape.membrane),
            patches=(
                RowPatches(p_padded, self.settings.kernel) if single and not weigh_spikes else None
            ),
            maps=(
                SpikeMaps(
                    self.settings,
                    self.tau_m_ms,
                    self.tau_s_ms,
                    self.gain,
                    self.shape.membrane,
                    batch,
                )
                if weigh_spikes
                else None
            ),
        )

    def step(self, state: LayerState, x: Tensor, *, learning: bool) -> LayerStep:
        """Advance `state` in place by 1 ms of input `x`, shape (B, *shape.inputs).

        Q <- a_s Q + k_s x        P <- a_m P + k_m Q        (Eq. 1 as a cascade)
        u  = conv(P, W, b) + R',  R' = a_r R           or, with spikes weighed, as `SpikeMaps`
        s  = [u > 0],             R <- R' - w_rp s
        """
        self.advance_traces(state.q, state.p, x)
        if state.maps is not None:
            u = state.maps.advance(x, self.weight, self.bias)
        elif state.patches is None:
            u = functional.conv2d(state.p_padded, self.weight, self.bias)
        else:
            state.patches.refresh()
            u = state.patches.convolve(self.weight, self.bias)
        self.apply_refractory(state.r, u)
        argmax: Tensor | None = None
        if self.settings.pool == 1:
            pooled = u
        elif learning:
            pooled, argmax = functional.max_pool2d_with_indices(
                u, [self.settings.pool, self.settings.pool]
            )
        else:
            pooled = functional.max_pool2d(u, self.settings.pool)
        return LayerStep(
            u=u, argmax=argmax, spikes=self.emit(pooled), activity=self.activity(pooled)
        )

    def advance_traces(self, q: Tensor, p: Tensor, x: Tensor) -> None:
        """Advance `q` and `p` in place by 1 ms of input `x`, each shape (B, *shape.inputs)."""
        q.mul_(self._decay_s).addcmul_(x, self._gain_s)
        p.mul_(self._decay_m).addcmul_(q, self._gain_m)

    def apply_refractory(self, r: Tensor, u: Tensor) -> None:
        """Add what is left of `r` to `u` and charge the new spikes to `r`, both in place.

        Both have shape (B, *shape.membrane); `u` comes in as conv(P, W, b). Without spikes there is
        no refractoriness.
        """
        if self.activation != "spiking":
            return
        u.add_(r.mul_(self.refractory_decay))
        r.add_((u > 0), alpha=-self.refractory_weight)

    def emit(self, pooled: Tensor) -> Tensor:
        """What the layer above gets, from pooled potentials: S = [U > 0], or another activation."""
        if self.activation == "sigmoid":
            return torch.sigmoid(pooled)
        return torch.relu(pooled) if self.activation == "relu" else (pooled > 0).to(pooled.dtype)

    def activity(self, pooled: Tensor) -> Tensor:
        """What is read out, from pooled potentials: A = sigmoid(U), or what goes up."""
        if self.activation == "relu" or self.reads_spikes:
            return self.emit(pooled)
        return torch.sigmoid(pooled)

    def read_out(self, activity: Tensor) -> Tensor:
        """The local readout y = G flat(A) + c, shape (B, classes)."""
        return torch.addmm(self.readout_offset, activity.flatten(1), self.readout.t())
