"""A layer's readout while it learns: the error it hands down, and its own steps; compiled code."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from numba import njit

from models.events_layout import LayerArrays, LearningArrays
from models.layer_parameters import Floats
from models.learning_settings import ADAMAX_EPSILON, LEAST_SQUARED, MEAN_DECAY, LearningSettings

compiled: Any = njit(cache=True, error_model="numpy", fastmath={"contract", "reassoc", "nsz"})
Random = npt.NDArray[np.uint32]
NEAR = 512
"""Numbers of a readout that are worked on together, so that they stay in the nearest cache."""

QUIET = 0.1
"""Below this mean activity the regulariser raises it."""


class LearningTerms(NamedTuple):
    """What a gradient is made with."""

    dropout: float
    regularisation: float
    cross_entropy: bool
    """Else smooth L1, the mean over classes."""
    normalised: bool
    """How a readout learns, if it does; see `models.readout_step`."""


class StepSizes(NamedTuple):
    """What an update is made with."""

    rate: float
    readout_rate: float
    readout_decay: float
    normalised: bool
    beta2: float
    epsilon: float


def learning_terms(learning: LearningSettings) -> LearningTerms:
    """Those that the settings say."""
    return LearningTerms(
        dropout=float(learning.dropout),
        regularisation=float(learning.regularisation),
        cross_entropy=learning.loss == "CrossEntropyLoss",
        normalised=learning.readout_step == "normalised",
    )


def step_sizes(learning: LearningSettings, *, rate_factor: float = 1.0) -> StepSizes:
    """Those that the settings say, both rates multiplied by `rate_factor`."""
    return StepSizes(
        rate=float(learning.rate * rate_factor),
        readout_rate=float(learning.readout_rate * rate_factor),
        readout_decay=float(learning.readout_decay),
        normalised=learning.readout_step == "normalised",
        beta2=float(learning.beta2),
        epsilon=ADAMAX_EPSILON,
    )


@compiled  # type: ignore[untyped-decorator, unused-ignore]  # numba has no types
def back_through_readout(
    layer: LayerArrays,
    own: LearningArrays,
    target: int,
    terms: LearningTerms,
    random: Random,
) -> None:
    """Error on A: down = mask * (G^T e - lift) * A (1 - A), e = d loss / d y.

    The readout and the regulariser see what dropout leaves: D = mask * A. Where the readout is
    trained, its gradient grows by e D^T, and that of its offset by e; with normalised steps, by
    e (N d)^T / d^T N d, d = D - A0, as `models.readout_step` has it.
    """
    dropout, regularisation = terms.dropout, terms.regularisation
    real = layer.weight.dtype.type
    zero, one = real(0), real(1)
    activity, down, dropped = layer.activity.reshape(-1), own.down, own.dropped
    kept = real(1.0 / (1.0 - dropout))
    size, classes = activity.size, layer.readings.size
    # The mask rests in `down` until the error is known.
    if dropout > 0.0:
        limit = np.uint32(dropout * 2.0**32)
        for t in range(size):
            down[t] = kept if scramble(random[0] + np.uint32(t)) >= limit else zero
        random[0] = scramble(random[0]) + np.uint32(size)
    else:
        down[:] = one
    total = zero
    for t in range(size):
        dropped[t] = activity[t] * down[t]
        total += dropped[t]
    errors = np.empty_like(layer.readings)
    for number in range(classes):
        weights = layer.readout[number]
        reading = layer.readout_offset[number]
        for t in range(size):
            reading += weights[t] * dropped[t]
        errors[number] = reading
    if terms.cross_entropy:
        softmax(errors)
    errors[target] -= one
    if not terms.cross_entropy:
        for number in range(classes):
            errors[number] = min(max(errors[number], -one), one) / real(classes)
    if len(own.readout_gradient):
        own.readout_counts[0] += 1
        if terms.normalised:
            add_normalised(layer, own, errors)
        else:
            add_plain(own, errors)
    quiet = total / real(size) < real(QUIET)
    lift = real(0.1 * regularisation / size) if quiet else zero
    for begin in range(0, size, NEAR):
        end = min(begin + NEAR, size)
        wanted, mask, a = dropped[begin:end], down[begin:end], activity[begin:end]
        wanted[:] = -lift
        for number in range(classes):
            weights, error = layer.readout[number, begin:end], errors[number]
            for t in range(end - begin):
                wanted[t] += error * weights[t]
        for t in range(end - begin):
            mask[t] = wanted[t] * mask[t] * a[t] * (one - a[t])


@compiled  # type: ignore[untyped-decorator, unused-ignore]  # as above
def add_plain(own: LearningArrays, errors: Floats) -> None:
    """The readout's gradient grows by e D^T, its offset's by e; D counts for the mean."""
    dropped = own.dropped
    for number in range(errors.size):
        gradient, error = own.readout_gradient[number], errors[number]
        own.offset_gradient[number] += error
        for t in range(dropped.size):
            gradient[t] += error * dropped[t]
    for t in range(dropped.size):
        own.seen[t] += dropped[t]


@compiled  # type: ignore[untyped-decorator, unused-ignore]  # as above
def add_normalised(layer: LayerArrays, own: LearningArrays, errors: Floats) -> None:
    """The readout's gradient grows by e (N d)^T / d^T N d, d = D - A0, N = I - V^T V.

    `mean` becomes A0, and what was D becomes N d.
    """
    evoked, rest, known = own.dropped, own.mean, layer.known
    one, channels, width = rest.dtype.type(1), layer.channels_out, layer.width
    for channel in range(channels):
        rest[channel] = one / (one + np.exp(-layer.bias[channel // width, channel % width]))
    for first in range(channels, rest.size, channels):
        rest[first : first + channels] = rest[:channels]
    squared, zero = rest.dtype.type(0), rest.dtype.type(0)
    for t in range(rest.size):
        evoked[t] -= rest[t]
        squared += evoked[t] * evoked[t]
    along = np.empty(len(known), rest.dtype)
    for number in range(len(known)):
        direction, total = known[number], zero
        for t in range(rest.size):
            total += direction[t] * evoked[t]
        along[number] = total
        squared -= total * total
    for number in range(len(known)):
        direction, part = known[number], along[number]
        for t in range(rest.size):
            evoked[t] -= part * direction[t]
    squared = max(squared, zero) + rest.dtype.type(LEAST_SQUARED)
    for number in range(errors.size):
        gradient, share = own.readout_gradient[number], errors[number] / squared
        for t in range(rest.size):
            gradient[t] += share * evoked[t]


@compiled  # type: ignore[untyped-decorator, unused-ignore]  # as above
def softmax(readings: Floats) -> None:
    """Readings become the shares of the classes, in place."""
    largest, total = readings.max(), readings.dtype.type(0)
    for number in range(readings.size):
        readings[number] = np.exp(readings[number] - largest)
        total += readings[number]
    for number in range(readings.size):
        readings[number] /= total


@compiled  # type: ignore[untyped-decorator, unused-ignore]  # as above
def scramble(number: np.uint32) -> np.uint32:
    """A number below 2**32 that looks random, from one that does not (the mixer of MurmurHash3)."""
    first = np.uint32((number ^ (number >> np.uint32(16))) * np.uint32(0x85EBCA6B))
    second = np.uint32((first ^ (first >> np.uint32(13))) * np.uint32(0xC2B2AE35))
    return np.uint32(second ^ (second >> np.uint32(16)))


@compiled  # type: ignore[untyped-decorator, unused-ignore]  # as above
def change_readout(layer: LayerArrays, own: LearningArrays, sizes: StepSizes) -> bool:
    """One step of readout and offset, after the readout's decay; gradients become 0.

    As `models.readout_step` has it. Returns whether the readout is finite.
    """
    if sizes.normalised:
        return bool(step_normalised(layer, own, sizes))
    return bool(step_centred(layer, own, sizes))


@compiled  # type: ignore[untyped-decorator, unused-ignore]  # as above
def step_normalised(layer: LayerArrays, own: LearningArrays, sizes: StepSizes) -> bool:
    """G loses `readout_rate` of its gradient, the mean over steps; the reading of A0 stays."""
    real = layer.readout.dtype.type
    kept, zero = real(1.0 - sizes.readout_rate * sizes.readout_decay), real(0)
    rate = real(sizes.readout_rate / max(own.readout_counts[0], 1))
    own.readout_counts[0] = 0
    total = zero
    for number in range(len(own.readout_gradient)):
        gradient, readout = own.readout_gradient[number], layer.readout[number]
        moved = zero
        for t in range(gradient.size):
            changed = kept * readout[t] - rate * gradient[t]
            moved += (readout[t] - changed) * own.mean[t]
            readout[t] = changed
            # 0 for finite numbers, NaN for others.
            total += changed * zero
            gradient[t] = zero
        layer.readout_offset[number] += moved
    return bool(total == zero)


@compiled  # type: ignore[untyped-decorator, unused-ignore]  # as above
def step_centred(layer: LayerArrays, own: LearningArrays, sizes: StepSizes) -> bool:
    """One Adamax step, from what differs from the running mean."""
    real = layer.readout.dtype.type
    rate, beta2, epsilon = sizes.readout_rate, sizes.beta2, sizes.epsilon
    kept, zero = real(1.0 - sizes.readout_rate * sizes.readout_decay), real(0)
    mean, seen, counts = own.mean, own.seen, own.readout_counts
    counts[1] += 1
    share = real((1.0 - MEAN_DECAY) / (1.0 - MEAN_DECAY ** counts[1]))
    steps = real(max(counts[0], 1))
    for t in range(mean.size):
        mean[t] += share * (seen[t] / steps - mean[t])
        seen[t] = zero
    counts[0] = 0
    total = zero
    for number in range(len(own.readout_gradient)):
        gradient, readout = own.readout_gradient[number], layer.readout[number]
        error, moved = own.offset_gradient[number], zero
        for t in range(gradient.size):
            gradient[t] -= error * mean[t]
        adamax(gradient, own.readout_scale[number], rate, beta2, epsilon)
        for t in range(gradient.size):
            changed = kept * readout[t] - gradient[t]
            moved += (readout[t] - changed) * mean[t]
            readout[t] = changed
            # 0 for finite numbers, NaN for others.
            total += changed * zero
            gradient[t] = zero
        layer.readout_offset[number] += moved
    adamax(own.offset_gradient, own.offset_scale, rate, beta2, epsilon)
    layer.readout_offset[:] -= own.offset_gradient
    own.offset_gradient[:] = zero
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
