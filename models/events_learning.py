"""Eq. 5 on the events engine's arrays: gradients of one step, and Adamax; compiled code.

The gradient of a layer's weights is the sum of delta x patch of P over membranes with a non-zero
delta: the pooled ones that a spike or activity came from and, for the regulariser, those above
its threshold. `take_step` lists these for all layers and keeps their P; `work_off` then sums up,
all at once or a part at a time, so that no millisecond has to bear the whole of it.
"""

from __future__ import annotations

from typing import Any

from numba import njit

from models.events_layout import Bytes, Integers, LayerArrays, LearningArrays
from models.events_logistic import logistic
from models.events_readout import (
    LearningTerms,
    Random,
    StepSizes,
    adamax,
    back_through_readout,
    change_readout,
)
from models.events_vectors import LANES, TOGETHER, add_weighted, subtract_turned

compiled: Any = njit(cache=True, error_model="numpy", fastmath={"contract", "reassoc", "nsz"})
GROUP = LANES
"""Output channels whose gradients are summed up together: they share what they read of P, and
their weights are turned in registers."""

NEAR_THRESHOLD = -0.01
"""Above this membrane potential the regulariser lowers it."""


@compiled  # type: ignore[untyped-decorator, unused-ignore]  # numba has no types
def take_step(
    layers: tuple[LayerArrays, ...],
    learning: tuple[LearningArrays, ...],
    heard: Bytes,
    target: int,
    terms: LearningTerms,
    random: Random,
    progress: Integers,
) -> None:
    """Keep what every layer's gradient at this step is made of, for the class `target`.

    `heard` as in `step_network`. `random`, shape (1,), is the state of the generator that dropout
    draws from. `progress`, shape (2,), becomes the layer and the output channel that
    `work_off` begins with.
    """
    for number in range(len(layers)):
        layer, own = layers[number], learning[number]
        if not heard[number]:
            logistic(layer.activity.reshape(-1))
        back_through_readout(layer, own, target, terms, random)
        spread(layer, own, terms.regularisation)
        keep_trace(layer, own)
    progress[:] = 0


@compiled  # type: ignore[untyped-decorator, unused-ignore]  # as above
def keep_trace(layer: LayerArrays, own: LearningArrays) -> None:
    """Keep P as it is now, or unfolded."""
    channels, kernel, row_length = layer.channels_in, layer.kernel, layer.p.shape[1]
    if not own.unfolded:
        own.trace[: layer.p.size] = layer.p.reshape(-1)
        return
    for row in range(layer.membrane.shape[1]):
        to = own.trace[row * row_length * kernel : (row + 1) * row_length * kernel]
        for k in range(kernel):
            p = layer.p[row + k]
            for channel in range(channels):
                for j in range(row_length // channels):
                    to[(j * kernel + k) * channels + channel] = p[j * channels + channel]


@compiled  # type: ignore[untyped-decorator, unused-ignore]  # as above
def spread(layer: LayerArrays, own: LearningArrays, regularisation: float) -> None:
    """List the membranes with a delta that is not 0: unpooled `down`, plus the regulariser's."""
    real = layer.weight.dtype.type
    zero, threshold = real(0), real(NEAR_THRESHOLD)
    channels, width = layer.channels_out, layer.width
    map_size = layer.membrane.shape[1] * layer.membrane.shape[2]
    press = real(20.0 * regularisation / (map_size // width * channels))
    potential, peak = layer.membrane.reshape(-1), layer.peak.reshape(-1)
    own.listed_count[:] = 0
    for first in range(0, peak.size, channels):
        for block in range(layer.membrane.shape[0]):
            begin = block * width
            for t in range(min(width, channels - begin)):
                channel, position = begin + t, peak[first + begin + t]
                delta = own.down[first + channel]
                if potential[block * map_size + position * width + t] > threshold:
                    delta += press
                # Written in any case and kept where not 0: faster than a branch.
                place = own.listed_count[channel]
                own.listed[channel, place] = own.offset[position]
                own.listed_delta[channel, place] = delta
                own.listed_count[channel] = place + (delta != zero)
    if regularisation > 0.0:
        press_others(layer, own, press)
    for channel in range(channels):
        for place in range(own.listed_count[channel]):
            own.bias_gradient[channel] += own.listed_delta[channel, place]


@compiled  # type: ignore[untyped-decorator, unused-ignore]  # as above
def press_others(layer: LayerArrays, own: LearningArrays, press: float) -> None:
    """List the membranes near the threshold that are no pool's largest."""
    channels, width, side = layer.channels_out, layer.width, layer.pool
    threshold = layer.weight.dtype.type(NEAR_THRESHOLD)
    pooled_rows, pooled_columns = layer.peak.shape[0], layer.peak.shape[1] // channels
    rows, columns = layer.membrane.shape[1], layer.membrane.shape[2] // width
    for block in range(layer.membrane.shape[0]):
        begin = block * width
        for position in range(rows * columns):
            row, column = position // columns, position % columns
            u = layer.membrane[block, row, column * width : (column + 1) * width]
            near = 0
            for t in range(width):
                near += u[t] > threshold
            if not near:
                continue
            i, j = row // side, column // side
            pooled = i < pooled_rows and j < pooled_columns
            for t in range(min(width, channels - begin)):
                channel = begin + t
                largest = pooled and layer.peak[i, j * channels + channel] == position
                if u[t] > threshold and not largest:
                    place = own.listed_count[channel]
                    own.listed[channel, place] = own.offset[position]
                    own.listed_delta[channel, place] = press
                    own.listed_count[channel] = place + 1


@compiled  # type: ignore[untyped-decorator, unused-ignore]  # as above
def work_off(
    layers: tuple[LayerArrays, ...],
    learning: tuple[LearningArrays, ...],
    progress: Integers,
    part: int,
    parts: int,
) -> None:
    """Sum up the gradients of a step taken, as far as the part `part` of `parts` reaches.

    `progress` as in `take_step`: the layer and the output channel that come next. Parts are of
    about equal work, a whole number of groups of channels each.
    """
    whole = 0
    for number in range(len(layers)):
        whole += learning[number].listed_count.sum() * layers[number].channels_in
    done = 0
    for number in range(len(layers)):
        layer, own = layers[number], learning[number]
        for first in range(0, layer.channels_out, GROUP):
            if done * parts >= whole * (part + 1) and part + 1 < parts:
                return
            end = min(first + GROUP, layer.channels_out)
            if is_next(progress, number, first):
                correlate(layer, own, first, end, first)
                progress[0], progress[1] = number, end
            done += own.listed_count[first:end].sum() * layer.channels_in


@compiled  # type: ignore[untyped-decorator, unused-ignore]  # as above
def is_next(progress: Integers, layer: int, channel: int) -> bool:
    """Whether the gradient of this layer and output channel is still to be summed up."""
    return bool(layer > progress[0] or (layer == progress[0] and channel >= progress[1]))


@compiled  # type: ignore[untyped-decorator, unused-ignore]  # as above
def correlate(layer: LayerArrays, own: LearningArrays, first: int, end: int, row: int) -> None:
    """Weights of output channels `[first, end)`: gradient += sum over listed of delta * patch.

    The gradient of channel `first` is in row `row`, that of the next one follows.
    """
    gradient, trace = own.gradient.reshape(-1), own.trace
    _, runs, length = own.gradient.shape
    for run in range(runs):
        for begin in range(0, length, TOGETHER * LANES):
            for channel in range(first, end):
                add_weighted(
                    gradient,
                    ((channel - first + row) * runs + run) * length + begin,
                    trace,
                    run * layer.p.shape[1] + begin,
                    own.listed[channel],
                    own.listed_delta[channel],
                    own.listed_count[channel],
                )


@compiled  # type: ignore[untyped-decorator, unused-ignore]  # as above
def update(
    layers: tuple[LayerArrays, ...],
    learning: tuple[LearningArrays, ...],
    progress: Integers,
    fresh: bool,
    sizes: StepSizes,
) -> bool:
    """Sum up what `work_off` left, and take one Adamax step (beta1 = 0); gradients become 0 again.

    Group by group, so that a gradient is still near when it is wanted. Where none is summed up
    yet (`fresh`), all groups use the same rows, which never leave the nearer caches. Returns
    whether all weights are finite.
    """
    rate, beta2, epsilon = sizes.rate, sizes.beta2, sizes.epsilon
    finite = True
    for number in range(len(layers)):
        layer, own = layers[number], learning[number]
        zero, width = layer.weight.dtype.type(0), layer.width
        for first in range(0, layer.channels_out, GROUP):
            end = min(first + GROUP, layer.channels_out)
            row = 0 if fresh else first
            if is_next(progress, number, first):
                correlate(layer, own, first, end, row)
            gradient, scale = own.gradient[row : row + end - first], own.scale[first:end]
            adamax(gradient.reshape(-1), scale.reshape(-1), rate, beta2, epsilon)
            finite = change_weights(layer, own, first, end, row) and finite
        adamax(own.bias_gradient, own.bias_scale, rate, beta2, epsilon)
        for channel in range(layer.channels_out):
            bias = layer.bias[channel // width]
            for t in range(channel % width, bias.size, width):
                bias[t] -= own.bias_gradient[channel]
        own.bias_gradient[:] = zero
        if len(own.readout_gradient):
            finite = change_readout(layer, own, sizes) and finite
    progress[0] = len(layers)
    return finite


@compiled  # type: ignore[untyped-decorator, unused-ignore]  # as above
def change_weights(
    layer: LayerArrays, own: LearningArrays, first: int, end: int, first_row: int
) -> bool:
    """Take the steps in `gradient` off the weights of output channels `[first, end)` of one block;
    the gradient, in the rows from `first_row` on, becomes 0. Returns whether these weights are
    finite.
    """
    kernel, width, channels_in = layer.kernel, layer.width, layer.channels_in
    weight, zero = layer.weight, layer.weight.dtype.type(0)
    gradient = own.gradient.reshape(-1)
    size = own.gradient.shape[1] * own.gradient.shape[2]
    # Where a kernel's next row and next column are in a patch.
    below = channels_in if own.unfolded else own.gradient.shape[2]
    beside = channels_in * (kernel if own.unfolded else 1)
    slab = kernel * kernel * width
    block = first // width * channels_in * slab + first % width
    # Whole squares of weights are turned in registers; the rest goes one by one.
    turned = channels_in - channels_in % LANES if end - first == LANES else 0
    total = zero
    for row in range(kernel):
        for column in range(kernel):
            to = block + (row * kernel + kernel - 1 - column) * width
            of = first_row * size + row * below + column * beside
            for channel in range(0, turned, LANES):
                total += subtract_turned(
                    weight, to + channel * slab, slab, gradient, of + channel, size
                )
            for channel in range(turned, channels_in):
                for t in range(end - first):
                    changed = weight[to + channel * slab + t] - gradient[of + channel + t * size]
                    weight[to + channel * slab + t] = changed
                    # 0 for finite numbers, NaN for others.
                    total += changed * zero
    own.gradient[first_row : first_row + end - first] = zero
    return bool(total == zero)
