"""Eq. 5 on the events engine's arrays: gradients of one step, and Adamax; compiled code.

The gradient of a layer's weights is the sum of delta x patch of P over membranes with a non-zero
delta: the pooled ones that a spike or activity came from and, for the regulariser, those above
its threshold. `take_step` lists these for all layers and keeps their P; `work_off` then sums up,
all at once or a part at a time, so that no millisecond has to bear the whole of it.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from numba import njit

from models.events_layout import LISTED_TOGETHER, Floats, Integers, LayerArrays, LearningArrays
from models.events_vectors import LANES

compiled: Any = njit(cache=True, error_model="numpy", fastmath={"contract", "reassoc", "nsz"})
Random = npt.NDArray[np.uint64]

QUIET = 0.1
"""Below this mean activity the regulariser raises it."""
NEAR_THRESHOLD = -0.01
"""Above this membrane potential the regulariser lowers it."""


@compiled  # type: ignore[untyped-decorator, unused-ignore]  # numba has no types
def take_step(
    layers: tuple[LayerArrays, ...],
    learning: tuple[LearningArrays, ...],
    target: int,
    dropout: float,
    regularisation: float,
    random: Random,
) -> None:
    """Keep what every layer's gradient at this step is made of, for the class `target`.

    `random`, shape (1,), is the state of the generator that dropout draws from.
    """
    for number in range(len(layers)):
        layer, own = layers[number], learning[number]
        back_through_readout(layer, own, target, dropout, regularisation, random)
        spread(layer, own, regularisation)
        own.trace[:] = layer.p


@compiled  # type: ignore[untyped-decorator, unused-ignore]  # as above
def back_through_readout(
    layer: LayerArrays,
    own: LearningArrays,
    target: int,
    dropout: float,
    regularisation: float,
    random: Random,
) -> None:
    """Error on A: down = (G^T e + regulariser) * A (1 - A), e from the mean smooth L1 loss."""
    real = layer.weight.dtype.type
    zero, one = real(0), real(1)
    activity, down, dropped = layer.activity.reshape(-1), own.down, own.dropped
    kept = real(1.0 / (1.0 - dropout))
    size = activity.size
    # The mask rests in `down` until the error is known.
    if dropout > 0.0:
        for t in range(size):
            down[t] = kept if draw(random) >= dropout else zero
    else:
        down[:] = one
    total = zero
    for t in range(size):
        total += activity[t]
        dropped[t] = activity[t] * down[t]
    classes = layer.readings.size
    errors = np.empty_like(layer.readings)
    for number in range(classes):
        weights = layer.readout[number]
        reading = layer.readout_offset[number]
        for t in range(size):
            reading += weights[t] * dropped[t]
        error = reading - one if number == target else reading
        errors[number] = min(max(error, -one), one) / real(classes)
    dropped[:] = zero
    for number in range(classes):
        weights, error = layer.readout[number], errors[number]
        for t in range(size):
            dropped[t] += error * weights[t]
    quiet = total / real(size) < real(QUIET)
    lift = real(0.1 * regularisation / size) if quiet else zero
    for t in range(size):
        down[t] = (dropped[t] * down[t] - lift) * activity[t] * (one - activity[t])


@compiled  # type: ignore[untyped-decorator, unused-ignore]  # as above
def draw(random: Random) -> float:
    """A number in [0, 1) from the splitmix64 generator."""
    random[0] += np.uint64(0x9E3779B97F4A7C15)
    z = random[0]
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    z = z ^ (z >> np.uint64(31))
    return float(z >> np.uint64(11)) * 2.0**-53


@compiled  # type: ignore[untyped-decorator, unused-ignore]  # as above
def spread(layer: LayerArrays, own: LearningArrays, regularisation: float) -> None:
    """Delta on the membranes: unpooled `down`, plus the regulariser; then list what is not 0."""
    real = layer.weight.dtype.type
    zero, threshold = real(0), real(NEAR_THRESHOLD)
    delta, channels, width = own.delta, layer.channels_out, layer.width
    rows = layer.membrane.shape[1]
    columns = layer.membrane.shape[2] // width
    press = real(20.0 * regularisation / delta.size)
    for block in range(layer.membrane.shape[0]):
        begin = block * width
        number = min(width, channels - begin)
        for row in range(rows):
            for column in range(columns):
                u = layer.membrane[block, row, column * width : column * width + number]
                to = delta[row * columns + column, begin : begin + number]
                for t in range(number):
                    to[t] = press if u[t] > threshold else zero
    peak = layer.peak.reshape(-1)
    for t in range(peak.size):
        delta[peak[t], t % channels] += own.down[t]
    row_stride = own.trace.shape[1]
    own.count[:] = 0
    for row in range(rows):
        for column in range(columns):
            offset = np.int32(row * row_stride + column * layer.channels_in)
            here = delta[row * columns + column]
            for channel in range(channels):
                # Written in any case and kept where not 0: faster than a branch.
                place = own.count[channel]
                own.listed[channel, place] = offset
                own.listed_delta[channel, place] = here[channel]
                own.count[channel] = place + (here[channel] != zero)
    # Zeros that make the count a multiple of LISTED_TOGETHER.
    for channel in range(channels):
        for place in range(own.count[channel]):
            own.bias_gradient[channel] += own.listed_delta[channel, place]
        for place in range(own.count[channel], own.count[channel] + LISTED_TOGETHER):
            own.listed[channel, place] = 0
            own.listed_delta[channel, place] = zero


@compiled  # type: ignore[untyped-decorator, unused-ignore]  # as above
def work_off(
    layers: tuple[LayerArrays, ...],
    learning: tuple[LearningArrays, ...],
    progress: Integers,
    part: int,
    parts: int,
) -> None:
    """Sum up the gradients of a step taken, as far as the part `part` of `parts` reaches.

    `progress`, shape (2,), holds the layer and the output channel that come next. Parts are of
    about equal work, a whole number of channels each.
    """
    if part == 0:
        progress[0] = progress[1] = 0
    whole = 0
    for number in range(len(layers)):
        whole += learning[number].count.sum() * layers[number].channels_in
    done = 0
    for number in range(len(layers)):
        layer, own = layers[number], learning[number]
        for channel in range(layer.channels_out):
            if done * parts >= whole * (part + 1) and part + 1 < parts:
                return
            if number > progress[0] or (number == progress[0] and channel >= progress[1]):
                correlate(layer, own, channel)
                progress[0], progress[1] = number, channel + 1
            done += own.count[channel] * layer.channels_in


@compiled  # type: ignore[untyped-decorator, unused-ignore]  # as above
def correlate(layer: LayerArrays, own: LearningArrays, channel: int) -> None:
    """One output channel's weights: gradient += sum over listed membranes of delta * patch."""
    trace = own.trace.reshape(-1)
    row_stride = own.trace.shape[1]
    offsets, deltas = own.listed[channel], own.listed_delta[channel]
    length = own.gradient.shape[2]
    for row in range(layer.kernel):
        gradient = own.gradient[channel, row]
        begin = row * row_stride
        for place in range(0, own.count[channel], LISTED_TOGETHER):
            begin0, begin1 = begin + offsets[place], begin + offsets[place + 1]
            begin2, begin3 = begin + offsets[place + 2], begin + offsets[place + 3]
            patch0 = trace[begin0 : begin0 + length]
            patch1 = trace[begin1 : begin1 + length]
            patch2 = trace[begin2 : begin2 + length]
            patch3 = trace[begin3 : begin3 + length]
            d0, d1 = deltas[place], deltas[place + 1]
            d2, d3 = deltas[place + 2], deltas[place + 3]
            for t in range(length):
                gradient[t] += d0 * patch0[t] + d1 * patch1[t] + d2 * patch2[t] + d3 * patch3[t]


@compiled  # type: ignore[untyped-decorator, unused-ignore]  # as above
def update(
    layers: tuple[LayerArrays, ...],
    learning: tuple[LearningArrays, ...],
    rate: float,
    beta2: float,
    epsilon: float,
) -> bool:
    """One Adamax step (beta1 = 0) from the summed gradients, which become 0 again.

    Returns whether all weights are finite.
    """
    finite = True
    for number in range(len(layers)):
        layer, own = layers[number], learning[number]
        zero = layer.weight.dtype.type(0)
        width = layer.width
        for channel in range(layer.channels_out):
            adamax(
                own.gradient[channel].reshape(-1),
                own.scale[channel].reshape(-1),
                rate,
                beta2,
                epsilon,
            )
            if channel % LANES == LANES - 1 or channel == layer.channels_out - 1:
                first = channel - channel % LANES
                finite = change_weights(layer, own, first, channel + 1) and finite
        adamax(own.bias_gradient, own.bias_scale, rate, beta2, epsilon)
        for channel in range(layer.channels_out):
            bias = layer.bias[channel // width]
            for t in range(channel % width, bias.size, width):
                bias[t] -= own.bias_gradient[channel]
        own.bias_gradient[:] = zero
    return finite


@compiled  # type: ignore[untyped-decorator, unused-ignore]  # as above
def change_weights(layer: LayerArrays, own: LearningArrays, first: int, end: int) -> bool:
    """Take the steps in `gradient` off the weights of output channels `[first, end)` of one block;
    the gradient becomes 0. Returns whether these weights are finite.
    """
    kernel, width, channels_in = layer.kernel, layer.width, layer.channels_in
    weight, zero = layer.weight, layer.weight.dtype.type(0)
    slab = kernel * kernel * width
    block = first // width * channels_in * slab + first % width
    total = zero
    for row in range(kernel):
        for column in range(kernel):
            begin = block + (row * kernel + kernel - 1 - column) * width
            for channel_in in range(channels_in):
                place = column * channels_in + channel_in
                at = begin + channel_in * slab
                for t in range(end - first):
                    changed = weight[at + t] - own.gradient[first + t, row, place]
                    weight[at + t] = changed
                    # 0 for finite numbers, NaN for others.
                    total += changed * zero
    for channel in range(first, end):
        own.gradient[channel] = zero
    return bool(total == zero)


@compiled  # type: ignore[untyped-decorator, unused-ignore]  # as above
def adamax(gradient: Floats, scale: Floats, rate: float, beta2: float, epsilon: float) -> None:
    """Step sizes: scale <- max(beta2 scale, |g| + eps); the gradient becomes rate * g / scale."""
    real = gradient.dtype.type
    step, decay, small = real(rate), real(beta2), real(epsilon)
    for t in range(gradient.size):
        g = gradient[t]
        scale[t] = max(decay * scale[t], abs(g) + small)
        gradient[t] = step * g / scale[t]
