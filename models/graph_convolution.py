"""Convolution of traces and its weight gradient, over parameters in one flat buffer."""

from __future__ import annotations

import math
from typing import Protocol

import torch
import torch.nn.functional as functional
from torch import Tensor

from models.graph_settings import Convolution
from models.layer import Layer

TILE = 64
"""Rows and columns of the result that one block of a matrix product works on, about."""
BLOCKS = 128
"""Blocks that keep a large GPU busy, about."""
SHORTEST = 32
"""Products shorter than this are not worth splitting off."""


class TraceConvolution(Protocol):
    """What holds a layer's P, its trained parameters and their gradient.

    `parameters` and `gradient` are flat and laid out alike; `weight` and `bias` are views into
    `parameters` with the layer's shapes; `p` has shape (B, *shape.inputs).
    """

    parameters: Tensor
    gradient: Tensor
    weight: Tensor
    bias: Tensor
    p: Tensor

    def convolve(self) -> Tensor:
        """conv(P, W, b), shape (B, *shape.membrane); overwritten by the next call."""

    def add_gradient(self, delta: Tensor) -> None:
        """Add corr(P, delta) and the sum of delta to `gradient`; `convolve` came before."""


class PatchConvolution:
    """One stream, as matrix products over unfolded patches, in several parts at a time.

    The patches carry one more row, of ones, and the weights one more column, the biases: the same
    two products give bias and bias gradient. Rows of zeros round up to equal parts.
    """

    def __init__(self, layer: Layer) -> None:
        channels, height, width = layer.shape.inputs
        outputs, rows, columns = layer.shape.membrane
        kernel, rim = layer.settings.kernel, layer.settings.padding
        inputs, places = channels * kernel * kernel, rows * columns
        parts = parts_of(outputs, inputs, places)
        padded_inputs = math.ceil((inputs + 1) / (4 * parts)) * 4 * parts
        zeros = layer.weight.new_zeros

        self.parameters = zeros(outputs * padded_inputs)
        self.gradient = torch.zeros_like(self.parameters)
        matrix = self.parameters.view(outputs, padded_inputs)
        self.weight = matrix[:, :inputs].view(outputs, channels, kernel, kernel)
        self.bias = matrix[:, inputs]

        p_padded = zeros(1, channels, height + 2 * rim, width + 2 * rim)
        self.p = p_padded[:, :, rim : rim + height, rim : rim + width]
        _, c, h, w = p_padded.stride()
        self._unfolded = p_padded.as_strided(
            (channels, kernel, kernel, rows, columns), (c, h, w, h, w)
        )
        patches = zeros(padded_inputs, places)
        patches[inputs] = 1.0
        self._patches = patches
        self._patches_inside = patches[:inputs].view(self._unfolded.shape)

        self._weight_parts = matrix.view(outputs, parts, -1).transpose(0, 1)
        self._patch_parts = patches.view(parts, -1, places)
        self._sums = zeros(parts, outputs, places)
        self._u = zeros(outputs, places)
        self._gradient_matrix = self.gradient.view(outputs, padded_inputs)
        self._shape = (1, outputs, rows, columns)

    def convolve(self) -> Tensor:
        """See `TraceConvolution.convolve`."""
        self._patches_inside.copy_(self._unfolded)
        torch.bmm(self._weight_parts, self._patch_parts, out=self._sums)
        torch.sum(self._sums, 0, out=self._u)
        return self._u.view(self._shape)

    def add_gradient(self, delta: Tensor) -> None:
        """See `TraceConvolution.add_gradient`."""
        self._gradient_matrix.addmm_(delta.view(self._u.shape), self._patches.t())


def parts_of(outputs: int, inputs: int, places: int) -> int:
    """Parts to split a product of (outputs x inputs) with (inputs x places) into, along inputs."""
    tiles = math.ceil(outputs / TILE) * math.ceil(places / TILE)
    wanted = min(BLOCKS // tiles, inputs // SHORTEST)
    return 1 << max(wanted.bit_length() - 1, 0)


class LibraryConvolution:
    """Any number of streams, by the library's convolution."""

    def __init__(self, layer: Layer, batch: int, *, channels_last: bool) -> None:
        channels, height, width = layer.shape.inputs
        rim = layer.settings.padding
        weights = layer.weight.numel()
        zeros = layer.weight.new_zeros
        self.parameters = zeros(weights + layer.bias.numel())
        self.gradient = torch.zeros_like(self.parameters)
        self.bias = self.parameters[weights:]
        self._gradient_bias = self.gradient[weights:]
        out, into, rows, columns = layer.weight.shape
        if channels_last:
            shape, order = (out, rows, columns, into), (0, 3, 1, 2)
        else:
            shape, order = (out, into, rows, columns), (0, 1, 2, 3)
        self.weight = self.parameters[:weights].view(shape).permute(order)
        self._gradient_weight = self.gradient[:weights].view(shape).permute(order)
        padded = (channels, height + 2 * rim, width + 2 * rim)
        self._p_padded = buffer_of(layer.weight, batch, padded, channels_last=channels_last)
        self.p = self._p_padded[:, :, rim : rim + height, rim : rim + width]

    def convolve(self) -> Tensor:
        """See `TraceConvolution.convolve`."""
        return functional.conv2d(self._p_padded, self.weight, self.bias)

    def add_gradient(self, delta: Tensor) -> None:
        """See `TraceConvolution.add_gradient`."""
        _, weight, bias = torch.ops.aten.convolution_backward(
            delta, self._p_padded, self.weight, [delta.shape[1]], [1, 1], [0, 0], [1, 1],
            False, [0, 0], 1, [False, True, True],
        )  # fmt: skip
        self._gradient_weight.add_(weight)
        self._gradient_bias.add_(bias)


def buffer_of(
    like: Tensor, batch: int, shape: tuple[int, int, int], *, channels_last: bool
) -> Tensor:
    """Zeros of shape (batch, *shape) of `like`'s type, stored plane by plane or channels last."""
    channels, height, width = shape
    if channels_last:
        return like.new_zeros((batch, height, width, channels)).permute(0, 3, 1, 2)
    return like.new_zeros((batch, channels, height, width))


def trace_convolution(layer: Layer, batch: int, kind: Convolution) -> TraceConvolution:
    """A convolution of the kind asked for, holding the layer's weights and biases."""
    made: TraceConvolution
    if kind == "patches":
        made = PatchConvolution(layer)
    else:
        made = LibraryConvolution(layer, batch, channels_last=kind == "channels_last")
    made.weight.copy_(layer.weight)
    made.bias.copy_(layer.bias)
    return made
