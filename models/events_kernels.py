"""One step of all layers, computed where spikes are: compiled code of the events engine.

Filter and convolution commute while the weights rest. So each layer keeps, for each pair of time
constants, V and U, which are conv(Q) and conv(P); a spike adds a few contiguous runs of weights to
V, weighed as it arrives, and

    u = b + sum_k U_k + R'      U_k <- a_m U_k + k_m k_s V_k      V_k <- a_s V_k + conv(x_k)

Literals are avoided where they would turn single precision into double.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from numba import njit

from models.events_layout import WORD, Bytes, Integers, LayerArrays
from models.events_logistic import logistic
from models.events_vectors import LANES, add_run, fetch_ahead
from models.layer_parameters import Floats

# Sums may be taken in another order, the same in every run: that leaves results deterministic.
compiled: Any = njit(cache=True, error_model="numpy", fastmath={"contract", "reassoc", "nsz"})


@compiled  # type: ignore[untyped-decorator, unused-ignore]  # numba has no types
def step_network(
    layers: tuple[LayerArrays, ...],
    frame: npt.NDArray[np.uint8],
    x: Bytes,
    learning: bool,
    heard: Bytes,
    votes: Integers,
    counts: Integers,
) -> None:
    """Advance all layers by one frame, shape (channels, height, width).

    `x` is scratch for the frame with channels last, in as many copies as the first layer wants.
    Traces Q and P, and where pooled potentials came from, are wanted by `learning` alone. Where a
    layer is not `heard`, its vote is -1 and its activity is left as potential.
    """
    channels, height, width = frame.shape
    repeated = layers[0].channels_in
    for channel in range(repeated):
        for i in range(height):
            for j in range(width):
                x[(i * width + j) * repeated + channel] = frame[channel % channels, i, j]
    for number in range(len(layers)):
        layer = layers[number]
        below = x if number == 0 else layers[number - 1].spikes
        if learning:
            advance_traces(layer, below)
        sort_spikes(layer, below)
        add_spikes(layer)
        counts[number] = advance_maps(layer, learning)
        votes[number] = -1
        if heard[number]:
            activity = layer.activity.reshape(-1)
            logistic(activity)
            read_out(layer, activity, layer.readings)
            votes[number] = np.argmax(layer.readings)


@compiled  # type: ignore[untyped-decorator, unused-ignore]  # as above
def advance_traces(layer: LayerArrays, x: Bytes) -> None:
    """Q <- a_s Q + k_s x, then P <- a_m P + k_m Q."""
    rim, length = layer.padding, layer.decay_s.size
    begin = rim * layer.channels_in
    zero, silence = layer.constants.dtype.type(0), layer.constants[2]
    decay_s, gain_s, decay_m, gain_m = layer.decay_s, layer.gain_s, layer.decay_m, layer.gain_m
    for i in range(layer.q.shape[0] - 2 * rim):
        spikes = x[i * length : (i + 1) * length]
        q = layer.q[i + rim, begin : begin + length]
        p = layer.p[i + rim, begin : begin + length]
        for t in range(length):
            new_q = decay_s[t] * q[t]
            new_q = new_q + gain_s[t] if spikes[t] else new_q
            new_p = decay_m[t] * p[t] + gain_m[t] * new_q
            q[t] = new_q if new_q > silence else zero
            p[t] = new_p if new_p > silence else zero


@compiled  # type: ignore[untyped-decorator, unused-ignore]  # as above
def sort_spikes(layer: LayerArrays, x: Bytes) -> None:
    """List the places of spikes channel by channel, so that weights are read in their order."""
    channels = layer.channels_in
    first, place = layer.first, layer.place
    first[:] = 0
    words = x.view(np.uint64)
    for word in range(words.size):
        if words[word]:
            for cell in range(word * WORD, (word + 1) * WORD):
                if x[cell]:
                    first[cell % channels + 1] += 1
    for channel in range(channels):
        first[channel + 1] += first[channel]
    for word in range(words.size):
        if words[word]:
            for cell in range(word * WORD, (word + 1) * WORD):
                if x[cell]:
                    channel = cell % channels
                    place[first[channel]] = np.int32(cell // channels)
                    first[channel] += 1
    for channel in range(channels, 0, -1):
        first[channel] = first[channel - 1]
    first[0] = 0


@compiled  # type: ignore[untyped-decorator, unused-ignore]  # as above
def add_spikes(layer: LayerArrays) -> None:
    """V_k += conv(x_k): what each spike adds to the membranes beside it.

    The weights of a large network come from far away. So while a channel's spikes are added, the
    weights of the next one that has any are on their way.
    """
    kernel, rim, width = layer.kernel, layer.padding, layer.width
    blocks, rows, row_length = layer.refractory.shape
    columns, columns_in = row_length // width, layer.decay_s.size // layer.channels_in
    map_size, kernel_row = rows * row_length, kernel * width
    slab = kernel * kernel_row
    weight, v, vectors, line = layer.weight, layer.v, width // LANES, 2 * LANES
    for block in range(blocks):
        channel = next_with_spikes(layer, 0)
        while channel < layer.channels_in:
            following = next_with_spikes(layer, channel + 1)
            begin, end = layer.first[channel], layer.first[channel + 1]
            w_channel = (block * layer.channels_in + channel) * slab
            v_block = (layer.pair_of_channel[channel] * blocks + block) * map_size
            fetched = (block * layer.channels_in + following) * slab
            fetched_end = fetched + slab if following < layer.channels_in else fetched
            lines_a_row = slab // (line * kernel * (end - begin)) + 1
            for number in range(begin, end):
                i = layer.place[number] // columns_in + rim
                left = layer.place[number] % columns_in + rim - kernel + 1
                first_row, end_row = max(0, i - kernel + 1), min(rows, i + 1)
                first, last = max(0, left), min(columns, left + kernel)
                to = v_block + first_row * row_length + first * width
                w = w_channel + (i - first_row) * kernel_row + (first - left) * width
                for _ in range(first_row, end_row):
                    stop = min(fetched + lines_a_row * line, fetched_end)
                    while fetched < stop:
                        fetch_ahead(weight, fetched)
                        fetched += line
                    add_run(v, to, weight, w, (last - first) * vectors)
                    to += row_length
                    w -= kernel_row
            channel = following


@compiled  # type: ignore[untyped-decorator, unused-ignore]  # as above
def next_with_spikes(layer: LayerArrays, channel: int) -> int:
    """The first channel from `channel` on that has spikes; their number where none has."""
    while channel < layer.channels_in and layer.first[channel] == layer.first[channel + 1]:
        channel += 1
    return channel


@compiled  # type: ignore[untyped-decorator, unused-ignore]  # as above
def advance_maps(layer: LayerArrays, learning: bool) -> int:
    """Filter and pool the maps, row of pools by row of pools; returns how many neurons fired."""
    side, width = layer.pool, layer.width
    blocks, rows, _ = layer.refractory.shape
    pooled_rows = layer.activity.shape[0]
    count = 0
    for block in range(blocks):
        begin = block * width
        number = min(width, layer.channels_out - begin)
        for i in range(pooled_rows):
            for row in range(i * side, (i + 1) * side):
                filter_row(layer, block, row)
            if learning:
                pool_with_peaks(layer, block, i, begin, number)
            else:
                pool_row(layer, block, i, begin, number)
        for row in range(pooled_rows * side, rows):
            filter_row(layer, block, row)
    activity, spikes, zero = layer.activity.reshape(-1), layer.spikes, layer.constants.dtype.type(0)
    for t in range(activity.size):
        fired = activity[t] > zero
        spikes[t] = fired
        count += fired
    return count


@compiled  # type: ignore[untyped-decorator, unused-ignore]  # as above
def filter_row(layer: LayerArrays, block: int, row: int) -> None:
    """U_k <- a_m U_k + k_m k_s V_k and V_k <- a_s V_k; fire where u = b + sum_k U_k + R' > 0.

    R' = a_r R, then R <- R' - w_rp s.
    """
    zero, silence = layer.constants.dtype.type(0), layer.constants[2]
    wane, weigh = layer.constants[0], layer.constants[1]
    blocks, rows, length = layer.refractory.shape
    bias = layer.bias[block]
    membrane = layer.membrane[block, row % layer.membrane.shape[1]]
    for t in range(length):
        membrane[t] = bias[t]
    for pair in range(layer.pair_decay_s.size):
        decay_s = layer.pair_decay_s[pair]
        decay_m = layer.pair_decay_m[pair]
        gain = layer.pair_gain_m[pair] * layer.pair_gain_s[pair]
        begin = ((pair * blocks + block) * rows + row) * length
        v, u = layer.v[begin : begin + length], layer.u[begin : begin + length]
        for t in range(length):
            new_u = decay_m * u[t] + gain * v[t]
            new_v = decay_s * v[t]
            new_u = new_u if abs(new_u) > silence else zero
            v[t] = new_v if abs(new_v) > silence else zero
            u[t] = new_u
            membrane[t] += new_u
    refractory = layer.refractory[block, row]
    for t in range(length):
        waned = wane * refractory[t]
        potential = membrane[t] + waned
        membrane[t] = potential
        waned = waned - weigh if potential > zero else waned
        refractory[t] = waned if waned < -silence else zero


@compiled  # type: ignore[untyped-decorator, unused-ignore]  # as above
def pool_row(layer: LayerArrays, block: int, i: int, begin: int, number: int) -> None:
    """Largest potential of each pool in row `i`, for `number` channels from `begin` on.

    Pooling commutes with the threshold and with the sigmoid, both being monotone.
    """
    side, channels, width = layer.pool, layer.channels_out, layer.width
    kept = layer.membrane.shape[1]
    for j in range(layer.activity.shape[1] // channels):
        at = j * channels + begin
        best = layer.activity[i, at : at + number]
        for row in range(i * side, (i + 1) * side):
            for column in range(j * side, (j + 1) * side):
                u = layer.membrane[block, row % kept, column * width : column * width + number]
                if row == i * side and column == j * side:
                    best[:] = u
                else:
                    for t in range(number):
                        best[t] = max(u[t], best[t])


@compiled  # type: ignore[untyped-decorator, unused-ignore]  # as above
def pool_with_peaks(layer: LayerArrays, block: int, i: int, begin: int, number: int) -> None:
    """As `pool_row`, and where each largest potential came from."""
    side, channels, width = layer.pool, layer.channels_out, layer.width
    columns = layer.membrane.shape[2] // width
    for j in range(layer.activity.shape[1] // channels):
        at = j * channels + begin
        best, peak = layer.activity[i, at : at + number], layer.peak[i, at : at + number]
        for row in range(i * side, (i + 1) * side):
            for column in range(j * side, (j + 1) * side):
                u = layer.membrane[block, row, column * width : column * width + number]
                position = np.int32(row * columns + column)
                if row == i * side and column == j * side:
                    best[:] = u
                    peak[:] = position
                else:
                    for t in range(number):
                        larger = u[t] > best[t]
                        best[t] = u[t] if larger else best[t]
                        peak[t] = position if larger else peak[t]


@compiled  # type: ignore[untyped-decorator, unused-ignore]  # as above
def read_out(layer: LayerArrays, activity: Floats, readings: Floats) -> None:
    """Local readout y = G flat(A) + c."""
    for number in range(readings.size):
        weights = layer.readout[number]
        total = layer.readout_offset[number]
        for t in range(activity.size):
            total += weights[t] * activity[t]
        readings[number] = total
