"""Arrays of one layer as the events engine's compiled code wants them: channels last.

Maps are kept as rows: a map of H x W positions with C channels has shape (H, W * C), so that
neighbours in x, with all their channels, are one contiguous run. Two of these tuples go into the
compiled code for every layer; every array of one network has the same float type.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import torch

from models.layer import Layer

Floats = npt.NDArray[Any]
"""float32, or float64 to compare engines step by step."""
Integers = npt.NDArray[np.int64]

SILENCE = 1e-30
"""Traces below this are set to 0: their decay would end in denormal numbers, which cost 100
cycles each, and a trace of 1e-30 changes no sum."""


class LayerArrays(NamedTuple):
    """Sizes, parameters, state and results of one layer; K pairs of time constants."""

    channels_in: int
    channels_out: int
    kernel: int
    padding: int
    pool: int
    decay_s: Floats
    """a_s by input channel, repeated along a row, shape (W * Cin,); so are the next three."""
    gain_s: Floats
    decay_m: Floats
    gain_m: Floats
    pair_of_channel: Integers
    """shape (Cin,): which of the K pairs a channel has."""
    pair_decay_s: Floats
    """shape (K,); so are the next two."""
    pair_decay_m: Floats
    pair_gain_m: Floats
    constants: Floats
    """Refractory decay a_r, refractory weight w_rp, `SILENCE`."""
    weight: Floats
    """shape (Cin, kernel, kernel * Cout), the kernel's columns mirrored: what one spike adds to
    the membranes beside it, row by row."""
    bias: Floats
    """shape (columns * Cout,), repeated along a row."""
    readout: Floats
    """shape (classes, fan-in), channels last."""
    readout_offset: Floats
    q: Floats
    """Synaptic trace with its rim, shape (H + 2 pad, (W + 2 pad) * Cin); so is P."""
    p: Floats
    v: Floats
    """a_s * conv(Q) by pair, bias left out, shape (K, rows, columns * Cout)."""
    u: Floats
    """conv(P) by pair, bias left out, likewise; they sum up to the membrane potential."""
    refractory: Floats
    """R, shape (rows, columns * Cout)."""
    membrane: Floats
    """u of the equations, shape (1, rows, columns * Cout)."""
    activity: Floats
    """A, shape (pooled rows, pooled columns * Cout); so are the next two."""
    spikes: Floats
    peak: npt.NDArray[np.int32]
    """Position, counted row by row, that the pooled potential came from."""
    readings: Floats
    """y, shape (classes,)."""


class LearningArrays(NamedTuple):
    """What learning keeps for one layer; `unfolded` to `dropped` are scratch."""

    gradient: Floats
    """Summed since the last update, shape (Cout, kernel * kernel * Cin): kernel column, kernel
    row, input channel."""
    bias_gradient: Floats
    scale: Floats
    """Adamax's running maximum, shaped as the gradient."""
    bias_scale: Floats
    unfolded: Floats
    """P with `kernel` rows side by side at each position, shape (rows, (W + 2 pad) * kernel * Cin):
    the patch under the kernel is one contiguous run."""
    delta: Floats
    """d loss / d u, shape (positions, Cout)."""
    listed: Integers
    """Per output channel the non-zero deltas' patches, as offsets into `unfolded`."""
    listed_delta: Floats
    down: Floats
    """d loss / d A, shape (fan-in,); so is the next one."""
    dropped: Floats


def layer_arrays(layer: Layer, dtype: type[np.floating[Any]]) -> LayerArrays:
    """A layer's parameters rearranged, and its state in silence."""
    channels_in, height, width = layer.shape.inputs
    channels_out, rows, columns = layer.shape.membrane
    _, pooled_rows, pooled_columns = layer.shape.pooled
    kernel, rim = layer.settings.kernel, layer.settings.padding

    def plain(tensor: torch.Tensor) -> Floats:
        return tensor.detach().cpu().numpy().astype(dtype)

    one = dtype(1)
    tau_m, tau_s = plain(layer.tau_m_ms), plain(layer.tau_s_ms)
    decay_m, decay_s = one - one / tau_m, one - one / tau_s
    gain_m, gain_s = one - decay_m, (one - decay_s) * dtype(layer.gain)
    _, first, pair_of_channel = np.unique(
        np.stack([tau_m, tau_s], axis=1), axis=0, return_index=True, return_inverse=True
    )
    readout = plain(layer.readout).reshape(-1, channels_out, pooled_rows, pooled_columns)
    padded = (height + 2 * rim, (width + 2 * rim) * channels_in)
    mapped = (rows, columns * channels_out)
    pooled = (pooled_rows, pooled_columns * channels_out)
    return LayerArrays(
        channels_in=channels_in,
        channels_out=channels_out,
        kernel=kernel,
        padding=rim,
        pool=layer.settings.pool,
        decay_s=np.tile(decay_s, width),
        gain_s=np.tile(gain_s, width),
        decay_m=np.tile(decay_m, width),
        gain_m=np.tile(gain_m, width),
        pair_of_channel=pair_of_channel.reshape(-1).astype(np.int64),
        pair_decay_s=decay_s[first],
        pair_decay_m=decay_m[first],
        pair_gain_m=gain_m[first],
        constants=np.array([layer.refractory_decay, layer.refractory_weight, SILENCE], dtype),
        weight=plain(layer.weight)[:, :, :, ::-1]
        .transpose(1, 2, 3, 0)
        .copy()
        .reshape(channels_in, kernel, kernel * channels_out),
        bias=np.tile(plain(layer.bias), columns),
        readout=np.ascontiguousarray(readout.transpose(0, 2, 3, 1)).reshape(len(readout), -1),
        readout_offset=plain(layer.readout_offset),
        q=np.zeros(padded, dtype),
        p=np.zeros(padded, dtype),
        v=np.zeros((len(first), *mapped), dtype),
        u=np.zeros((len(first), *mapped), dtype),
        refractory=np.zeros(mapped, dtype),
        membrane=np.zeros((1, *mapped), dtype),
        activity=np.zeros(pooled, dtype),
        spikes=np.zeros(pooled, dtype),
        peak=np.zeros(pooled, np.int32),
        readings=np.zeros(len(readout), dtype),
    )


def learning_arrays(arrays: LayerArrays) -> LearningArrays:
    """Nothing learnt yet."""
    dtype = arrays.weight.dtype
    channels_in, channels_out, kernel = arrays.channels_in, arrays.channels_out, arrays.kernel
    rows = arrays.membrane.shape[1]
    positions = rows * (arrays.membrane.shape[2] // channels_out)
    weights = (channels_out, kernel * kernel * channels_in)
    listed = (channels_out, positions + LISTED_TOGETHER)
    return LearningArrays(
        gradient=np.zeros(weights, dtype),
        bias_gradient=np.zeros(channels_out, dtype),
        scale=np.zeros(weights, dtype),
        bias_scale=np.zeros(channels_out, dtype),
        unfolded=np.zeros((rows, arrays.p.shape[1] * kernel), dtype),
        delta=np.zeros((positions, channels_out), dtype),
        listed=np.zeros(listed, np.int64),
        listed_delta=np.zeros(listed, dtype),
        down=np.zeros(arrays.readout.shape[1], dtype),
        dropped=np.zeros(arrays.readout.shape[1], dtype),
    )


LISTED_TOGETHER = 4
"""Patches added to a gradient in one pass over it."""


def put_back(arrays: LayerArrays, layer: Layer) -> None:
    """Copy the weights and biases learnt into the layer that `layer_arrays` read."""
    shape = (arrays.channels_in, arrays.kernel, arrays.kernel, arrays.channels_out)
    weight = arrays.weight.reshape(shape).transpose(3, 0, 1, 2)[:, :, :, ::-1]
    layer.weight.copy_(torch.from_numpy(weight.copy()))
    layer.bias.copy_(torch.from_numpy(arrays.bias[: arrays.channels_out].copy()))
