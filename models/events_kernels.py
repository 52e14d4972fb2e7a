"""One step of all layers, computed where spikes are: compiled code of the events engine.

Filter and convolution commute while the weights rest. So each layer keeps, for each pair of time
constants, V = conv(Q) and U = conv(P); a spike adds a few contiguous runs of weights to V, and

    V_k <- a_s V_k + k_s conv(x_k)      U_k <- a_m U_k + k_m V_k      u = b + sum_k U_k + R'

Literals are avoided where they would turn single precision into double.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt
from numba import njit

from models.events_layout import Floats, Integers, LayerArrays

# Sums may be taken in another order, the same in every run: that leaves results deterministic.
compiled: Any = njit(cache=True, error_model="numpy", fastmath={"contract", "reassoc", "nsz"})


@compiled  # type: ignore[untyped-decorator, unused-ignore]  # numba has no types
def step_network(
    layers: tuple[LayerArrays, ...],
    frame: npt.NDArray[np.uint8],
    x: Floats,
    dense: bool,
    stale: bool,
    votes: Integers,
    counts: Integers,
) -> None:
    """Advance all layers by one frame, shape (channels, height, width).

    `x` is scratch for the frame with channels last, in as many copies as the first layer wants.
    `dense` convolves the traces and leaves V and U alone: cheaper where weights are about to
    change again. `stale` says that V and U do not fit the weights and must be made anew; ignored
    when `dense`.
    """
    channels, height, width = frame.shape
    repeated = layers[0].channels_in
    for channel in range(repeated):
        for i in range(height):
            for j in range(width):
                x[i, j * repeated + channel] = frame[channel % channels, i, j]
    for number in range(len(layers)):
        layer = layers[number]
        below = x if number == 0 else layers[number - 1].spikes
        if stale and not dense:
            refresh(layer)
        advance_traces(layer, below)
        if dense:
            convolve(layer, layer.p, layer.membrane)
        else:
            add_spikes(layer, below)
            filter_maps(layer)
        fire(layer)
        counts[number] = pool(layer)
        read_out(layer, layer.activity.reshape(-1), layer.readings)
        votes[number] = np.argmax(layer.readings)


@compiled  # type: ignore[untyped-decorator, unused-ignore]  # as above
def advance_traces(layer: LayerArrays, x: Floats) -> None:
    """Q <- a_s Q + k_s x, then P <- a_m P + k_m Q."""
    rim, length = layer.padding, x.shape[1]
    begin = rim * layer.channels_in
    zero, silence = layer.constants.dtype.type(0), layer.constants[2]
    decay_s, gain_s, decay_m, gain_m = layer.decay_s, layer.gain_s, layer.decay_m, layer.gain_m
    for i in range(x.shape[0]):
        spikes = x[i]
        q = layer.q[i + rim, begin : begin + length]
        p = layer.p[i + rim, begin : begin + length]
        for t in range(length):
            new_q = decay_s[t] * q[t] + gain_s[t] * spikes[t]
            new_p = decay_m[t] * p[t] + gain_m[t] * new_q
            q[t] = new_q if new_q > silence else zero
            p[t] = new_p if new_p > silence else zero


@compiled  # type: ignore[untyped-decorator, unused-ignore]  # as above
def add_spikes(layer: LayerArrays, x: Floats) -> None:
    """V_k += k_s conv(x_k): what each spike adds to the membranes beside it."""
    channels_in, channels_out, kernel = layer.channels_in, layer.channels_out, layer.kernel
    rows, columns = layer.refractory.shape[0], layer.refractory.shape[1] // channels_out
    for i in range(x.shape[0]):
        top = i + layer.padding
        first_row, end_row = max(0, top - kernel + 1), min(rows, top + 1)
        for cell in range(x.shape[1]):
            if x[i, cell] == 0:
                continue
            j, channel = cell // channels_in, cell % channels_in
            left = j + layer.padding - kernel + 1
            first, end = max(0, left), min(columns, left + kernel)
            begin, length = first * channels_out, (end - first) * channels_out
            source = (first - left) * channels_out
            amount = layer.gain_s[channel] * x[i, cell]
            pair = layer.pair_of_channel[channel]
            for row in range(first_row, end_row):
                v = layer.v[pair, row, begin : begin + length]
                w = layer.weight[channel, top - row, source : source + length]
                for t in range(length):
                    v[t] += amount * w[t]


@compiled  # type: ignore[untyped-decorator, unused-ignore]  # as above
def filter_maps(layer: LayerArrays) -> None:
    """U_k <- a_m U_k + k_m V_k, summed into the membrane; V is left decayed for the next step."""
    zero, silence = layer.constants.dtype.type(0), layer.constants[2]
    pairs, rows, length = layer.v.shape
    for row in range(rows):
        membrane = layer.membrane[0, row]
        for t in range(length):
            membrane[t] = zero
        for pair in range(pairs):
            decay_s = layer.pair_decay_s[pair]
            decay_m, gain_m = layer.pair_decay_m[pair], layer.pair_gain_m[pair]
            v, u = layer.v[pair, row], layer.u[pair, row]
            for t in range(length):
                new_u = decay_m * u[t] + gain_m * v[t]
                new_v = decay_s * v[t]
                new_u = new_u if abs(new_u) > silence else zero
                v[t] = new_v if abs(new_v) > silence else zero
                u[t] = new_u
                membrane[t] += new_u


@compiled  # type: ignore[untyped-decorator, unused-ignore]  # as above
def fire(layer: LayerArrays) -> None:
    """Fire where u > 0: u = b + sum_k U_k + R' with R' = a_r R, then R <- R' - w_rp s."""
    decay, weight, silence = layer.constants[0], layer.constants[1], layer.constants[2]
    zero = layer.constants.dtype.type(0)
    for row in range(layer.refractory.shape[0]):
        membrane, refractory, bias = layer.membrane[0, row], layer.refractory[row], layer.bias
        for t in range(membrane.size):
            waned = decay * refractory[t]
            u = membrane[t] + bias[t] + waned
            membrane[t] = u
            waned = waned - weight if u > zero else waned
            refractory[t] = waned if waned < -silence else zero


@compiled  # type: ignore[untyped-decorator, unused-ignore]  # as above
def pool(layer: LayerArrays) -> int:
    """Pooled spikes and activity, and where each came from; returns how many fired.

    Pooling commutes with the threshold and with the sigmoid, both being monotone.
    """
    side, channels = layer.pool, layer.channels_out
    columns = layer.refractory.shape[1] // channels
    zero, one = layer.constants.dtype.type(0), layer.constants.dtype.type(1)
    count = 0
    for i in range(layer.spikes.shape[0]):
        for j in range(layer.spikes.shape[1] // channels):
            best = layer.activity[i, j * channels : (j + 1) * channels]
            peak = layer.peak[i, j * channels : (j + 1) * channels]
            for row in range(i * side, (i + 1) * side):
                for column in range(j * side, (j + 1) * side):
                    u = layer.membrane[0, row, column * channels : (column + 1) * channels]
                    position = np.int32(row * columns + column)
                    if row == i * side and column == j * side:
                        best[:] = u
                        peak[:] = position
                    else:
                        for t in range(channels):
                            larger = u[t] > best[t]
                            best[t] = u[t] if larger else best[t]
                            peak[t] = position if larger else peak[t]
        activity, spikes = layer.activity[i], layer.spikes[i]
        for t in range(activity.size):
            fired = activity[t] > zero
            spikes[t] = one if fired else zero
            count += fired
            activity[t] = one / (one + math.exp(-activity[t]))
    return count


@compiled  # type: ignore[untyped-decorator, unused-ignore]  # as above
def read_out(layer: LayerArrays, activity: Floats, readings: Floats) -> None:
    """Local readout y = G flat(A) + c."""
    for number in range(readings.size):
        weights = layer.readout[number]
        total = layer.readout_offset[number]
        for t in range(activity.size):
            total += weights[t] * activity[t]
        readings[number] = total


@compiled  # type: ignore[untyped-decorator, unused-ignore]  # as above
def refresh(layer: LayerArrays) -> None:
    """V = a_s conv(Q) and U = conv(P) by pair, made anew after the weights have changed."""
    convolve(layer, layer.q, layer.v)
    convolve(layer, layer.p, layer.u)
    for pair in range(layer.v.shape[0]):
        layer.v[pair] *= layer.pair_decay_s[pair]


@compiled  # type: ignore[untyped-decorator, unused-ignore]  # as above
def convolve(layer: LayerArrays, trace: Floats, out: Floats) -> None:
    """conv(trace) by pair where `out` has a map for each, else all in its one map.

    For every row of `out`: cells above each other under the kernel, eight at a time, reach the
    same run of membranes.
    """
    channels_in, channels_out, kernel = layer.channels_in, layer.channels_out, layer.kernel
    columns, last = out.shape[2] // channels_out, kernel - 1
    none = trace.dtype.type(0)
    a = np.zeros(kernel + 8, trace.dtype)
    out[:] = none
    for row in range(out.shape[1]):
        for cell in range(channels_in * layer.padding, trace.shape[1]):
            left, channel = cell // channels_in - last, cell % channels_in
            first, end = max(0, left), min(columns, left + kernel)
            begin, length = first * channels_out, (end - first) * channels_out
            source = (first - left) * channels_out
            pair = layer.pair_of_channel[channel] if out.shape[0] > 1 else 0
            silent = True
            for k in range(kernel):
                a[k] = trace[row + k, cell]
                silent = silent and a[k] == none
            if silent or length <= 0:
                continue
            to = out[pair, row, begin : begin + length]
            w = layer.weight[channel]
            for k in range(0, kernel, 8):
                w0 = w[k, source : source + length]
                w1 = w[min(k + 1, last), source : source + length]
                w2 = w[min(k + 2, last), source : source + length]
                w3 = w[min(k + 3, last), source : source + length]
                w4 = w[min(k + 4, last), source : source + length]
                w5 = w[min(k + 5, last), source : source + length]
                w6 = w[min(k + 6, last), source : source + length]
                w7 = w[min(k + 7, last), source : source + length]
                a0, a1, a2, a3 = a[k], a[k + 1], a[k + 2], a[k + 3]
                a4, a5, a6, a7 = a[k + 4], a[k + 5], a[k + 6], a[k + 7]
                for t in range(length):
                    low = a0 * w0[t] + a1 * w1[t] + a2 * w2[t] + a3 * w3[t]
                    high = a4 * w4[t] + a5 * w5[t] + a6 * w6[t] + a7 * w7[t]
                    to[t] += low + high
