"""Eq. 5 on the events engine's arrays: gradients of one step, and Adamax; compiled code.

The gradient of a layer's weights is the sum of delta x patch of P over membranes with a non-zero
delta: the pooled ones that a spike or activity came from and, for the regulariser, those above
its threshold.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from numba import njit

from models.events_layout import LISTED_TOGETHER, Floats, LayerArrays, LearningArrays

compiled: Any = njit(cache=True, error_model="numpy", fastmath={"contract", "reassoc", "nsz"})
Random = npt.NDArray[np.uint64]

QUIET = 0.1
"""Below this mean activity the regulariser raises it."""
NEAR_THRESHOLD = -0.01
"""Above this membrane potential the regulariser lowers it."""


@compiled  # type: ignore[untyped-decorator, unused-ignore]  # numba has no types
def add_gradients(
    layers: tuple[LayerArrays, ...],
    learning: tuple[LearningArrays, ...],
    target: int,
    dropout: float,
    regularisation: float,
    random: Random,
) -> None:
    """Add every layer's gradient at this step, for the class `target`, to the running sums.

    `random`, shape (1,), is the state of the generator that dropout draws from.
    """
    for number in range(len(layers)):
        layer, own = layers[number], learning[number]
        back_through_readout(layer, own, target, dropout, regularisation, random)
        spread(layer, own, regularisation)
        unfold(layer, own)
        correlate(layer, own)


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
    delta, channels = own.delta, layer.channels_out
    membrane = layer.membrane.reshape(delta.shape)
    press = real(20.0 * regularisation / delta.size)
    flat, potentials = delta.reshape(-1), membrane.reshape(-1)
    for t in range(flat.size):
        flat[t] = press if potentials[t] > threshold else zero
    peak = layer.peak.reshape(-1)
    for t in range(peak.size):
        delta[peak[t], t % channels] += own.down[t]
    rows = layer.refractory.shape[0]
    columns = delta.shape[0] // rows
    patch_stride = layer.kernel * layer.channels_in
    row_stride = own.unfolded.shape[1]
    listed = np.zeros(channels, np.int64)
    for row in range(rows):
        for column in range(columns):
            offset = row * row_stride + column * patch_stride
            here = delta[row * columns + column]
            for channel in range(channels):
                # Written in any case and kept where not 0: faster than a branch.
                number = listed[channel]
                own.listed[channel, number] = offset
                own.listed_delta[channel, number] = here[channel]
                listed[channel] = number + (here[channel] != zero)
    # A mark behind the last one, and zeros that make the count a multiple of LISTED_TOGETHER.
    for channel in range(channels):
        for number in range(listed[channel]):
            own.bias_gradient[channel] += own.listed_delta[channel, number]
        for number in range(listed[channel], listed[channel] + LISTED_TOGETHER):
            own.listed[channel, number] = -1
            own.listed_delta[channel, number] = zero


@compiled  # type: ignore[untyped-decorator, unused-ignore]  # as above
def unfold(layer: LayerArrays, own: LearningArrays) -> None:
    """Put the `kernel` rows of P under each output row side by side."""
    channels, kernel = layer.channels_in, layer.kernel
    for row in range(own.unfolded.shape[0]):
        for k in range(kernel):
            p, unfolded = layer.p[row + k], own.unfolded[row]
            if channels < 8:  # runs too short to be worth a loop of their own
                for channel in range(channels):
                    for j in range(p.size // channels):
                        unfolded[(j * kernel + k) * channels + channel] = p[j * channels + channel]
            else:
                for j in range(p.size // channels):
                    begin = (j * kernel + k) * channels
                    for channel in range(channels):
                        unfolded[begin + channel] = p[j * channels + channel]


@compiled  # type: ignore[untyped-decorator, unused-ignore]  # as above
def correlate(layer: LayerArrays, own: LearningArrays) -> None:
    """Weights: gradient += sum over listed membranes of delta * patch."""
    patches = own.unfolded.reshape(-1)
    length = own.gradient.shape[1]
    for channel in range(layer.channels_out):
        gradient = own.gradient[channel]
        offsets, deltas = own.listed[channel], own.listed_delta[channel]
        number = 0
        while offsets[number] >= 0:
            begin0 = offsets[number]
            begin1 = max(offsets[number + 1], 0)
            begin2 = max(offsets[number + 2], 0)
            begin3 = max(offsets[number + 3], 0)
            patch0 = patches[begin0 : begin0 + length]
            patch1 = patches[begin1 : begin1 + length]
            patch2 = patches[begin2 : begin2 + length]
            patch3 = patches[begin3 : begin3 + length]
            d0, d1 = deltas[number], deltas[number + 1]
            d2, d3 = deltas[number + 2], deltas[number + 3]
            for t in range(length):
                gradient[t] += d0 * patch0[t] + d1 * patch1[t] + d2 * patch2[t] + d3 * patch3[t]
            number += LISTED_TOGETHER


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
        kernel, channels_in, channels_out = layer.kernel, layer.channels_in, layer.channels_out
        zero = layer.weight.dtype.type(0)
        adamax(own.gradient.reshape(-1), own.scale.reshape(-1), rate, beta2, epsilon)
        adamax(own.bias_gradient, own.bias_scale, rate, beta2, epsilon)
        for column in range(kernel):
            mirrored = (kernel - 1 - column) * channels_out
            for row in range(kernel):
                for channel in range(channels_in):
                    place = (column * kernel + row) * channels_in + channel
                    weights = layer.weight[channel, row, mirrored : mirrored + channels_out]
                    for t in range(channels_out):
                        weights[t] -= own.gradient[t, place]
        total = zero
        flat = layer.weight.reshape(-1)
        for t in range(flat.size):
            # 0 for finite numbers, NaN for others.
            total += flat[t] * zero
        finite = finite and total == zero
        for t in range(layer.bias.size):
            layer.bias[t] -= own.bias_gradient[t % channels_out]
        own.gradient[:] = zero
        own.bias_gradient[:] = zero
    return finite


@compiled  # type: ignore[untyped-decorator, unused-ignore]  # as above
def adamax(gradient: Floats, scale: Floats, rate: float, beta2: float, epsilon: float) -> None:
    """Step sizes: scale <- max(beta2 scale, |g| + eps); the gradient becomes rate * g / scale."""
    real = gradient.dtype.type
    step, decay, small = real(rate), real(beta2), real(epsilon)
    for t in range(gradient.size):
        g = gradient[t]
        scale[t] = max(decay * scale[t], abs(g) + small)
        gradient[t] = step * g / scale[t]
