"""Convolution of one stream on a CPU, and weight gradients, as matrix products.

torch's convolution is made for batches: on one 32x32 stream most of its time goes into
rearranging weights that learning has just changed. Here only the rows of the traces are unfolded
(kernel-width patches along x); each kernel row is then one matrix product over a shifted view of
the same buffer, with nothing copied.
"""

from __future__ import annotations

import torch
from torch import Tensor

FEW_CHANNELS = 4
"""Up to this many input channels the library's weight gradient is slow on a CPU (two to three
times a product over unfolded patches, for 2 channels of 32x32)."""


def stored_by_kernel_row(weight: Tensor) -> Tensor:
    """The same weights, shape (out, in, kernel, kernel), laid out so that each row of the kernel
    is contiguous: what `RowPatches` multiplies with, without copying.
    """
    return weight.permute(2, 0, 1, 3).contiguous().permute(1, 2, 0, 3)


class RowPatches:
    """Unfolded rows of one stream's padded traces.

    `padded` has shape (1, channels, height + 2 padding, width + 2 padding) and is read afresh by
    every `refresh`; it must stay the same storage.
    """

    def __init__(self, padded: Tensor, kernel: int) -> None:
        _, channels, padded_rows, padded_columns = padded.shape
        rows, columns = padded_rows - kernel + 1, padded_columns - kernel + 1
        _, channel_stride, row_stride, column_stride = padded.stride()
        self._unfolded = padded.as_strided(
            (channels, kernel, padded_rows, columns),
            (channel_stride, column_stride, row_stride, column_stride),
            padded.storage_offset(),
        )
        self._buffer = torch.empty_like(self._unfolded, memory_format=torch.contiguous_format)
        flat = self._buffer.view(channels * kernel, padded_rows * columns)
        self._kernel_rows = [
            flat[:, row * columns : (row + rows) * columns] for row in range(kernel)
        ]
        self._kernel = kernel
        self._out_shape = (rows, columns)

    def refresh(self) -> None:
        """Unfold what the traces hold now."""
        self._buffer.copy_(self._unfolded)

    def convolve(self, weight: Tensor, bias: Tensor) -> Tensor:
        """conv(P, W, b), shape (1, channels out, rows, columns)."""
        channels_out = weight.shape[0]
        by_row = weight.permute(2, 0, 1, 3).reshape(self._kernel, channels_out, -1)
        out = torch.addmm(bias[:, None], by_row[0], self._kernel_rows[0])
        for row in range(1, self._kernel):
            out.addmm_(by_row[row], self._kernel_rows[row])
        return out.view(1, channels_out, *self._out_shape)


def weight_gradient(padded: Tensor, delta: Tensor, weight: Tensor) -> Tensor:
    """Sum over batch and positions of delta x trace: the convolution's weight gradient.

    `padded` has shape (B, channels in, rows + kernel - 1, columns + kernel - 1), `delta`
    (B, channels out, rows, columns); the result has the shape of `weight`.
    """
    channels = padded.shape[1]
    if padded.device.type == "cpu" and channels <= FEW_CHANNELS:
        return _through_patches(padded, delta, weight)
    gradient: Tensor = torch.ops.aten.convolution_backward(
        delta, padded, weight, None, [1, 1], [0, 0], [1, 1],
        False, [0, 0], 1, [False, True, False],
    )[1]  # fmt: skip
    return gradient


def _through_patches(padded: Tensor, delta: Tensor, weight: Tensor) -> Tensor:
    batch, channels = padded.shape[:2]
    kernel = weight.shape[2]
    rows, columns = delta.shape[2:]
    b, c, h, w = padded.stride()
    patches = padded.as_strided(
        (batch, channels, kernel, kernel, rows, columns), (b, c, h, w, h, w)
    ).reshape(batch, channels * kernel * kernel, rows * columns)
    return torch.bmm(delta.flatten(2), patches.transpose(1, 2)).sum(0).view_as(weight)
