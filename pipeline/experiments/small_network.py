"""The convolutional layers of the paper's MNIST network, which several experiments use."""

from __future__ import annotations

from models.settings import LayerSettings

SMALL_LAYERS = tuple(
    LayerSettings(channels=channels, pool=pool) for channels, pool in ((16, 2), (24, 2), (32, 1))
)
"""16, 24 and 32 channels, kernels of 7 x 7."""
COARSE_LAYERS = tuple(
    LayerSettings(channels=channels, pool=pool) for channels, pool in ((16, 2), (24, 1), (32, 1))
)
"""The same channels for inputs of 16 or 17 cells a side, with one pooling."""
