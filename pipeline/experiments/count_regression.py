"""Multinomial logistic regression on event counts: what needs no network and no time."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as functional

from pipeline.experiments.linear_readout import Classes

WEIGHT_DECAY = 0.1
"""The best of 1e-4 to 0.1 on N-MNIST samples 800 to 999, learnt from 0 to 799."""


def count_regression(
    counts: npt.NDArray[np.float32],
    classes: Classes,
    test_counts: npt.NDArray[np.float32],
    test_classes: Classes,
) -> float:
    """Accuracy on the test part, counts of shape (N, cells), scaled by the training part's mean.

    Minimised by L-BFGS from zero: there is nothing random in it.
    """
    scale = counts.mean() + 1e-9
    x, test_x = torch.from_numpy(counts / scale), torch.from_numpy(test_counts / scale)
    wanted = torch.from_numpy(classes)
    number = int(max(classes.max(), test_classes.max())) + 1
    weight = torch.zeros((x.shape[1], number), requires_grad=True)
    offset = torch.zeros(number, requires_grad=True)
    optimiser = torch.optim.LBFGS([weight, offset], max_iter=100, line_search_fn="strong_wolfe")

    def loss() -> torch.Tensor:
        optimiser.zero_grad()
        value = functional.cross_entropy(x @ weight + offset, wanted)
        value = value + WEIGHT_DECAY * weight.square().sum()
        torch.autograd.backward(value)
        return value

    step: Any = optimiser.step  # torch gives it no types
    step(loss)
    with torch.no_grad():
        found = (test_x @ weight + offset).argmax(1).numpy()
    return float((found == test_classes).mean())
