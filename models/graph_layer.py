"""One layer's forward half of a step, over static buffers; the equations of `Layer.step`."""

from __future__ import annotations

import torch
from torch import Tensor

from models.graph_chains import Chains
from models.graph_convolution import buffer_of, trace_convolution
from models.graph_settings import Convolution
from models.layer import Layer


class GraphLayer:
    """State, parameters and results of one layer for B streams; `advance` runs one step.

    The layer given has its weight and bias replaced by views of the parameters here, so that it
    follows what is learnt.
    """

    def __init__(self, layer: Layer, *, batch: int, kind: Convolution, chains: Chains) -> None:
        self.layer = layer
        self.chains = chains
        self.channels_last = kind == "channels_last"
        self.convolution = trace_convolution(layer, batch, kind)
        layer.weight, layer.bias = self.convolution.weight, self.convolution.bias
        like = layer.weight
        self._step_q = (1.0 / layer.tau_s_ms).view(1, -1, 1, 1)
        self._step_p = (1.0 / layer.tau_m_ms).view(1, -1, 1, 1)

        def zeros(shape: tuple[int, int, int]) -> Tensor:
            return buffer_of(like, batch, shape, channels_last=self.channels_last)

        self._q = zeros(layer.shape.inputs)
        self._charge = zeros(layer.shape.membrane)
        self.flat_spikes = like.new_zeros((batch, layer.shape.readout_inputs))
        self.flat_activity = torch.zeros_like(self.flat_spikes)
        self.spikes = self.as_maps(self.flat_spikes)
        self.activity = self.as_maps(self.flat_activity)
        pools = layer.settings.pool > 1
        self._fired = zeros(layer.shape.membrane) if pools else self.spikes
        self._pooled = zeros(layer.shape.pooled) if pools else None
        self.argmax = (
            None if self._pooled is None else torch.zeros_like(self._pooled, dtype=torch.int64)
        )
        self.readout = layer.readout if not self.channels_last else self._reordered(layer.readout)
        self._y = like.new_zeros((batch, layer.readout.shape[0]))
        scaled = layer.gain != 1.0
        self.output = torch.zeros_like(self.spikes) if scaled else self.spikes
        """What the layer above takes in: the spikes, times the gain of its traces."""
        self.u = self._fired
        """Membrane potential of the last step, shape (B, *shape.membrane); zeros before it."""

    def as_maps(self, flat: Tensor) -> Tensor:
        """A buffer of shape (B, fan-in), as this layer stores it, seen as (B, *shape.pooled)."""
        channels, height, width = self.layer.shape.pooled
        if self.channels_last:
            return flat.view(-1, height, width, channels).permute(0, 3, 1, 2)
        return flat.view(-1, channels, height, width)

    def _reordered(self, readout: Tensor) -> Tensor:
        """Columns of a readout in the order in which the activity is stored."""
        maps = readout.view(-1, *self.layer.shape.pooled)
        return maps.permute(0, 2, 3, 1).flatten(1)

    def state(self) -> list[Tensor]:
        """What is carried from step to step: all zero is silence."""
        return [self._q, self.convolution.p, self._charge]

    def take_in(self, x: Tensor) -> None:
        """Advance the traces by input `x`, shape (B, *shape.inputs), times the gain."""
        self.chains.advance_traces(self._q, self.convolution.p, x, self._step_q, self._step_p)

    def advance(self) -> None:
        """From the traces to spikes and activity."""
        layer = self.layer
        self.u = self.convolution.convolve()
        self.chains.fire(
            self.u, self._charge, self._fired, layer.refractory_weight, layer.refractory_decay
        )
        pooled = self.u
        if self._pooled is not None:
            pooled = self._pooled
            side = [layer.settings.pool] * 2
            torch.ops.aten.max_pool2d_with_indices.out(
                self.u, side, side, [0, 0], [1, 1], False, out=pooled, indices=self.argmax
            )
        self.chains.emit(pooled, self.spikes, self.activity)
        if self.output is not self.spikes:
            torch.mul(self.spikes, layer.gain, out=self.output)

    def report(self, votes: Tensor, spikes: Tensor) -> None:
        """Write what the step gave: votes and numbers of spikes, each shape (B,)."""
        into_classes(self.layer.readout_offset, self.flat_activity, self.readout, self._y)
        torch.argmax(self._y, 1, out=votes)
        torch.sum(self.flat_spikes, 1, out=spikes)


def into_classes(base: Tensor, activity: Tensor, readout: Tensor, out: Tensor) -> None:
    """One product per stream: out = base + activity @ readout^T, shape (B, classes).

    One stream is a product of matrix and vector, for which the library splits the long sum.
    """
    if activity.shape[0] == 1:
        torch.addmv(base.view(-1), readout, activity[0], out=out.view(-1))
    else:
        torch.addmm(base, activity, readout.t(), out=out)
