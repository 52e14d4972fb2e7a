"""The paper's Table 2 in plain torch, and a step of it timed: what the dense peers share."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from pipeline.benchmarks.worker import Ready, time_steps

INPUT = (2, 32, 32)
LAYERS = ((64, 2), (128, 1), (128, 2))
"""Channels and pooling of each convolution, bottom up."""
KERNEL, PADDING = 7, 2
CLASSES = 11
FEATURES = (14_400, 21_632, 3_200)
"""Pooled outputs of each layer."""

Step = Callable[[Tensor, int], Any]
"""One step of a frame of shape (1, 2, 32, 32) towards a class."""


def convolution(number: int, padding: int = PADDING) -> nn.Conv2d:
    """Convolution `number`, from 0, with torch's own initial weights."""
    inputs = (INPUT[0], *(channels for channels, _ in LAYERS))[number]
    return nn.Conv2d(inputs, LAYERS[number][0], KERNEL, padding=padding)


def prepare_torch(threads: int) -> None:
    """The same for everybody: threads, seed, denormal numbers flushed."""
    torch.set_num_threads(threads)
    torch.set_flush_denormal(True)
    torch.manual_seed(0)


def ready(options: dict[str, Any], model: nn.Module, step: Step, package: str, note: str) -> Ready:
    """A worker that steps through the frames of a file, `options["steps"]` in a block."""
    from importlib.metadata import version

    frames = torch.from_numpy(np.load(options["frames"])).float()
    steps = options["steps"]
    model.train(options["learn"])

    def one(number: int) -> None:
        frame = frames[number % len(frames)].unsqueeze(0)
        step(frame, number // 500 % CLASSES)

    def run_block(number: int) -> dict[str, Any]:
        begin = number * steps
        if options["learn"]:
            return {"times_ns": time_steps(one, begin, steps)}
        with torch.inference_mode():
            return {"times_ns": time_steps(one, begin, steps)}

    work = multiply_adds(model, lambda: one(0))
    return Ready(
        run_block,
        {package: version(package), "torch": torch.__version__.partition("+")[0]},
        f"{work / 1e6:.0f} M multiply-adds forward, Python {sys.version_info.major}."
        f"{sys.version_info.minor}; {note}",
    )


def multiply_adds(model: nn.Module, run: Callable[[], None]) -> int:
    """Of all convolutions and dense layers in one forward pass, counted while it runs."""
    total = 0

    def count(module: nn.Module, _inputs: Any, output: Tensor) -> None:
        nonlocal total
        # Every output of either is a sum over one weight of each input it sees.
        total += output.numel() * module.weight[0].numel()

    hooks = [
        module.register_forward_hook(count)
        for module in model.modules()
        if isinstance(module, nn.Conv2d | nn.Linear)
    ]
    run()
    for hook in hooks:
        hook.remove()
    return total
