"""Arrays of one layer as the events engine's compiled code wants them.

Membrane maps are cut into blocks of `width` output channels: a block of a map of H x W positions
has shape (H, W * width), so that neighbours in x, with the block's channels, are one contiguous
run, and the weights and membranes that the spikes of one channel touch fit a core's nearest cache.
Traces, activity and spikes have their channels last, unblocked: rows of shape (W * channels,).
Two of these tuples go into the compiled code for every layer; every array of numbers of one
network has the same float type, and begins at a cache line.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from models.events_vectors import LANES, TOGETHER
from models.layer_parameters import Floats, LayerParameters

Integers = npt.NDArray[np.int64]
Places = npt.NDArray[np.int32]
Bytes = npt.NDArray[np.uint8]

SILENCE = 1e-30
"""Traces below this are set to 0: their decay would end in denormal numbers, which cost 100
cycles each, and a trace of 1e-30 changes no sum."""
WIDEST_BLOCK = 64
"""Output channels of a block: more leave the nearest cache, fewer make runs too short."""
NEVER = -1e6
"""Bias of channels that only fill up a block: they never fire."""
WORD = 8
"""Spikes are looked for this many at a time."""
CACHE_LINE = 64


class LayerArrays(NamedTuple):
    """Sizes, parameters, state and results of one layer; K pairs of time constants."""

    channels_in: int
    channels_out: int
    kernel: int
    padding: int
    pool: int
    width: int
    """Channels of a block, a multiple of `LANES`; there are as many blocks as `bias` has rows."""
    decay_s: Floats
    """a_s by input channel, repeated along a row, shape (W * Cin,); so are the next three."""
    gain_s: Floats
    decay_m: Floats
    gain_m: Floats
    pair_of_channel: Integers
    """shape (Cin,): which of the K pairs a channel has."""
    pair_decay_s: Floats
    """shape (K,); so are the next three."""
    pair_gain_s: Floats
    pair_decay_m: Floats
    pair_gain_m: Floats
    constants: Floats
    """Refractory decay a_r, refractory weight w_rp, `SILENCE`."""
    weight: Floats
    """Flat, of shape (blocks, Cin, kernel, kernel * width), the kernel's columns mirrored: what one
    spike adds to a block's membranes beside it, row by row."""
    bias: Floats
    """shape (blocks, columns * width), repeated along a row."""
    readout: Floats
    """shape (classes, fan-in), channels last."""
    readout_offset: Floats
    known: Floats
    """See `models.known_directions`, shape (directions, fan-in), channels last."""
    q: Floats
    """Synaptic trace with its rim, shape (H + 2 pad, (W + 2 pad) * Cin); so is P."""
    p: Floats
    v: Floats
    """Flat, of shape (K, blocks, rows, columns * width): what spikes gave to the synaptic trace, as
    weighed by the membranes, decayed."""
    u: Floats
    """Likewise, filtered once more; summed over K, this is conv(P) for weights at rest."""
    refractory: Floats
    """R, shape (blocks, rows, columns * width)."""
    membrane: Floats
    """u of the equations, likewise; where nothing is learnt, of the last `pool` rows only, which
    then stay in the nearest cache."""
    activity: Floats
    """A, or the pooled potential until a sigmoid is wanted; shape (pooled rows, pooled columns *
    Cout)."""
    spikes: Bytes
    """Pooled spikes, flat, with silent ones that make their number a multiple of `WORD`."""
    peak: Places
    """While learning: position, counted row by row, that a pooled potential came from; shape of
    `activity`."""
    readings: Floats
    """y, shape (classes,)."""
    place: Places
    """Spikes of the layer below by channel: row * W + column; so many as there are inputs."""
    first: Integers
    """shape (Cin + 1,): where each channel's spikes begin in `place`."""


class LearningArrays(NamedTuple):
    """What learning keeps for one layer."""

    unfolded: bool
    """Whether `trace` holds P with the kernel's rows side by side at each position, so that the
    whole patch under the kernel is one run; else each of its rows is one."""
    gradient: Floats
    """Summed since the last update, shape (Cout, runs, length): a patch, run by run, and what
    fills a run up to whole vectors."""
    bias_gradient: Floats
    scale: Floats
    """Adamax's running maximum, shaped as the gradient."""
    bias_scale: Floats
    trace: Floats
    """P at the step that is being learnt from; flat, with numbers to spare behind it."""
    listed: Places
    """Per output channel the membranes with a non-zero delta, as offsets of their patch."""
    listed_delta: Floats
    """d loss / d u of these."""
    listed_count: Integers
    """shape (Cout,): how many are listed."""
    offset: Places
    """shape (positions,): where the patch of a membrane begins in `trace`."""
    readout_gradient: Floats
    """shape (classes, fan-in), or (0, fan-in) where readouts stay as they are; so is the next."""
    readout_scale: Floats
    offset_gradient: Floats
    """shape (classes,) or (0,); so is the next."""
    offset_scale: Floats
    seen: Floats
    """What the readout read, summed since the last update, shape (fan-in,); so is the next."""
    mean: Floats
    """Its running mean."""
    readout_counts: Integers
    """Steps seen since the last update, and updates so far."""
    down: Floats
    """Scratch: d loss / d A, shape (fan-in,); so is the next one."""
    dropped: Floats


def aligned(shape: tuple[int, ...], dtype: Any) -> npt.NDArray[Any]:
    """Zeros that begin at a cache line: vectors across two of them cost twice."""
    size = int(np.prod(shape)) * np.dtype(dtype).itemsize
    raw = np.zeros(size + CACHE_LINE, np.uint8)
    begin = -raw.ctypes.data % CACHE_LINE
    numbers: npt.NDArray[Any] = raw[begin : begin + size].view(dtype)
    return numbers.reshape(shape)


def blocks_of(channels: int) -> tuple[int, int]:
    """Number of blocks and their width for so many output channels."""
    blocks = -(-channels // WIDEST_BLOCK)
    return blocks, -(-channels // (blocks * LANES)) * LANES


def layer_arrays(
    layer: LayerParameters, dtype: type[np.floating[Any]], *, learning: bool
) -> LayerArrays:
    """A layer's parameters rearranged, and its state in silence."""
    channels_in, height, width_in = layer.shape.inputs
    channels_out, rows, columns = layer.shape.membrane
    _, pooled_rows, pooled_columns = layer.shape.pooled
    kernel, rim = layer.settings.kernel, layer.settings.padding
    blocks, width = blocks_of(channels_out)

    def plain(tensor: Floats) -> Floats:
        return tensor.astype(dtype)

    def by_block(values: Floats, fill: float) -> Floats:
        """Output channels along the last axis parted into (blocks, ..., width)."""
        filled = np.full((*values.shape[:-1], blocks * width), fill, dtype)
        filled[..., :channels_out] = values
        return np.moveaxis(filled.reshape(*values.shape[:-1], blocks, width), -2, 0)

    def zeros(*shape: int) -> Floats:
        return aligned(shape, dtype)

    one = dtype(1)
    tau_m, tau_s = plain(layer.tau_m_ms), plain(layer.tau_s_ms)
    decay_m, decay_s = one - one / tau_m, one - one / tau_s
    gain_m, gain_s = one - decay_m, (one - decay_s) * dtype(layer.gain)
    _, first, pair_of_channel = np.unique(
        np.stack([tau_m, tau_s], axis=1), axis=0, return_index=True, return_inverse=True
    )
    pairs = len(first)

    def channels_last(rows: Floats) -> Floats:
        """Numbers of the readout's inputs, shape (count, fan-in), in the order of `activity`."""
        ordered = zeros(*rows.shape)
        by_place = rows.reshape(-1, channels_out, pooled_rows, pooled_columns)
        ordered[:] = by_place.transpose(0, 2, 3, 1).reshape(rows.shape)
        return ordered

    weight = zeros(blocks * channels_in * kernel * kernel * width)
    mirrored = plain(layer.weight)[:, :, :, ::-1].transpose(1, 2, 3, 0)
    weight[:] = by_block(mirrored, 0.0).reshape(-1)
    bias = zeros(blocks, columns * width)
    bias[:] = np.tile(by_block(plain(layer.bias), NEVER), columns)
    padded = (height + 2 * rim, (width_in + 2 * rim) * channels_in)
    fan_in = layer.shape.readout_inputs
    return LayerArrays(
        channels_in=channels_in,
        channels_out=channels_out,
        kernel=kernel,
        padding=rim,
        pool=layer.settings.pool,
        width=width,
        decay_s=np.tile(decay_s, width_in),
        gain_s=np.tile(gain_s, width_in),
        decay_m=np.tile(decay_m, width_in),
        gain_m=np.tile(gain_m, width_in),
        pair_of_channel=pair_of_channel.reshape(-1).astype(np.int64),
        pair_decay_s=decay_s[first],
        pair_gain_s=gain_s[first],
        pair_decay_m=decay_m[first],
        pair_gain_m=gain_m[first],
        constants=np.array([layer.refractory_decay, layer.refractory_weight, SILENCE], dtype),
        weight=weight,
        bias=bias,
        readout=channels_last(layer.readout),
        readout_offset=plain(layer.readout_offset),
        known=channels_last(layer.known),
        q=zeros(*padded),
        p=zeros(*padded),
        v=zeros(pairs * blocks * rows * columns * width),
        u=zeros(pairs * blocks * rows * columns * width),
        refractory=zeros(blocks, rows, columns * width),
        membrane=zeros(blocks, rows if learning else layer.settings.pool, columns * width),
        activity=zeros(pooled_rows, pooled_columns * channels_out),
        spikes=aligned((-(-fan_in // WORD) * WORD,), np.uint8),
        peak=aligned((pooled_rows, pooled_columns * channels_out), np.int32),
        readings=zeros(len(layer.readout)),
        place=aligned((channels_in * height * width_in,), np.int32),
        first=np.zeros(channels_in + 1, np.int64),
    )


STATE = ("q", "p", "v", "u", "refractory")
"""What a layer carries from one step to the next."""
SEEN = ("membrane", "activity", "spikes", "peak", "readings")
"""What a step leaves to be learnt from and looked at."""
PARAMETERS = ("weight", "bias", "readout", "readout_offset")
"""What learning may change in a layer; all streams share these arrays."""


def with_own(layers: tuple[LayerArrays, ...], names: Sequence[str]) -> tuple[LayerArrays, ...]:
    """The same layers with arrays of their own, all zero, for these names."""
    own: list[LayerArrays] = []
    for layer in layers:
        arrays: dict[str, Any] = {
            name: aligned(getattr(layer, name).shape, getattr(layer, name).dtype) for name in names
        }
        own.append(layer._replace(**arrays))
    return tuple(own)


FEW_CHANNELS = 8
"""With fewer input channels a kernel's row is too short a run, and patches are unfolded."""


def learning_arrays(arrays: LayerArrays, *, readout: bool) -> LearningArrays:
    """Nothing learnt yet; `readout` says whether it is trained as well."""
    dtype = arrays.weight.dtype
    channels_in, channels_out, kernel = arrays.channels_in, arrays.channels_out, arrays.kernel
    rows, columns = arrays.refractory.shape[1], arrays.refractory.shape[2] // arrays.width
    unfolded = channels_in < FEW_CHANNELS
    runs, length = (1, kernel * kernel) if unfolded else (kernel, kernel)
    vectors = TOGETHER * LANES
    weights = (channels_out, runs, -(-length * channels_in // vectors) * vectors)
    traces = rows * arrays.p.shape[1] * kernel if unfolded else arrays.p.size
    beside, below = channels_in, arrays.p.shape[1]
    if unfolded:
        beside, below = beside * kernel, below * kernel
    fan_in = arrays.readout.shape[1]
    classes = len(arrays.readout) if readout else 0
    return LearningArrays(
        unfolded=unfolded,
        readout_gradient=aligned((classes, fan_in), dtype),
        readout_scale=aligned((classes, fan_in), dtype),
        offset_gradient=aligned((classes,), dtype),
        offset_scale=aligned((classes,), dtype),
        seen=aligned((fan_in,), dtype),
        mean=aligned((fan_in,), dtype),
        readout_counts=np.zeros(2, np.int64),
        gradient=aligned(weights, dtype),
        bias_gradient=aligned((channels_out,), dtype),
        scale=aligned(weights, dtype),
        bias_scale=aligned((channels_out,), dtype),
        trace=aligned((traces + vectors,), dtype),
        listed=aligned((channels_out, rows * columns + 1), np.int32),
        listed_delta=aligned((channels_out, rows * columns + 1), dtype),
        listed_count=np.zeros(channels_out, np.int64),
        offset=(np.add.outer(np.arange(rows) * below, np.arange(columns) * beside))
        .reshape(-1)
        .astype(np.int32),
        down=aligned((fan_in,), dtype),
        dropped=aligned((fan_in,), dtype),
    )


def learnt_tensors(arrays: LayerArrays) -> dict[str, Floats]:
    """`PARAMETERS` as they are now, of the shapes in `LayerParameters`."""
    blocks, kernel, width = len(arrays.bias), arrays.kernel, arrays.width
    channels, classes = arrays.channels_out, len(arrays.readout)
    weight = arrays.weight.reshape(blocks, arrays.channels_in, kernel, kernel, width)
    by_output = weight.transpose(0, 4, 1, 2, 3).reshape(blocks * width, *weight.shape[1:4])
    readout = arrays.readout.reshape(classes, len(arrays.activity), -1, channels)
    return {
        "weight": by_output[:channels, :, :, ::-1].copy(),
        "bias": arrays.bias[:, :width].reshape(-1)[:channels].copy(),
        "readout": readout.transpose(0, 3, 1, 2).reshape(classes, -1).copy(),
        "readout_offset": arrays.readout_offset.copy(),
    }
