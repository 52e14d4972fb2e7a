"""The decolle package's own network on labelled event samples, one fold to a block.

The package is under the GPL: this program uses its classes as its users do, and is no part of
wigwag. It learns from the same crops as wigwag does, as often.
"""

from __future__ import annotations

import time
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import torch
from decolle.base_model import DECOLLELoss
from decolle.lenet_decolle_model import LenetDECOLLE
from table2 import prepare_torch
from torch import nn

from pipeline.benchmarks.worker import Ready, serve
from pipeline.event_samples import EventSamples, read_event_samples

RATE = 3e-3
"""Adamax step; its own examples' 1e-9 belongs to traces with a gain of thousands."""
TEST_BATCH = 50


class Learner:
    """A network of the channels, kernels and pooling of `regime`; paddings are its own."""

    def __init__(self, regime: dict[str, Any]) -> None:
        shape = regime["network"]
        self._layers = shape["layers"]
        self._regime = regime
        self._net = LenetDECOLLE(
            [shape["input_channels"], shape["height"], shape["width"]],
            Nhid=[layer["channels"] for layer in self._layers],
            Mhid=[],
            out_channels=shape["classes"],
            kernel_size=[layer["kernel"] for layer in self._layers],
            pool_size=[layer["pool"] for layer in self._layers],
            num_conv_layers=len(self._layers),
            num_mlp_layers=0,
            lc_ampl=0.5,
        )
        silence = torch.zeros(1, 1, shape["input_channels"], shape["height"], shape["width"])
        self._net.init_parameters(silence)
        self._loss = DECOLLELoss([nn.SmoothL1Loss() for _ in self._layers], self._net)
        self._optimiser = torch.optim.Adamax(
            list(self._net.get_trainable_parameters()), lr=RATE, betas=(0.0, 0.95)
        )
        self._one_hot = torch.eye(shape["classes"])

    def learn(self, frames: torch.Tensor, labels: torch.Tensor) -> None:
        """From silence; `frames` has shape (steps, B, channels, height, width)."""
        self._net.train()
        self._forget()
        for step, frame in enumerate(frames):
            after = step - self._regime["burn_in_ms"]
            if after < 0 or after % self._regime["learn_every_ms"]:
                with torch.no_grad():
                    self._net.step(frame)
                continue
            spikes, readouts, potentials = self._net.step(frame)
            self._loss(spikes, readouts, potentials, self._one_hot[labels]).backward()
            self._optimiser.step()
            self._optimiser.zero_grad()

    @torch.no_grad()
    def classes(self, frames: torch.Tensor) -> torch.Tensor:
        """The class with the most votes of the top layer's readout, shape (B,)."""
        self._net.eval()
        self._forget()
        votes = torch.zeros(frames.shape[1], len(self._one_hot))
        for step, frame in enumerate(frames):
            readouts = self._net.step(frame)[1]
            if step >= self._regime["burn_in_ms"]:
                votes += self._one_hot[readouts[-1].argmax(1)]
        return votes.argmax(1)

    def _forget(self) -> None:
        for layer in self._net.LIF_layers:
            layer.state = None


def prepare(options: dict[str, Any]) -> Ready:
    """Ready to learn from all folds but one."""
    prepare_torch(options["threads"])
    regime, folds = options["regime"], options["folds"]
    samples = read_event_samples(Path(options["samples"]), classes=regime["network"]["classes"])

    def run_block(number: int) -> dict[str, Any]:
        others = np.concatenate([fold for at, fold in enumerate(folds) if at != number])
        begin_ns = time.perf_counter_ns()
        torch.manual_seed(options["seed"])
        learner = Learner(regime)
        rng = np.random.default_rng(options["seed"])
        for _ in range(regime["epochs"]):
            order = rng.permutation(others)
            for first in range(0, len(order) - regime["batch"] + 1, regime["batch"]):
                chosen = order[first : first + regime["batch"]]
                crops = [_crop(samples, int(sample), regime, rng) for sample in chosen]
                learner.learn(_stacked(crops), torch.from_numpy(samples.classes[chosen]))
        right = 0
        for first in range(0, len(folds[number]), TEST_BATCH):
            chosen = np.array(folds[number][first : first + TEST_BATCH])
            side, steps = regime["network"]["height"], regime["steps"]
            whole = [samples.frames(int(sample), side=side, steps=steps) for sample in chosen]
            found = learner.classes(_stacked(whole)).numpy()
            right += int((found == samples.classes[chosen]).sum())
        return {
            "times_ns": [time.perf_counter_ns() - begin_ns],
            "accuracy": right / len(folds[number]),
        }

    return Ready(run_block, {"decolle": version("decolle")})


def _crop(
    samples: EventSamples, sample: int, regime: dict[str, Any], rng: np.random.Generator
) -> np.ndarray:
    most, side = regime["shift_pixels"], regime["network"]["height"]
    right, down = rng.integers(-most, most + 1, 2)
    frames = samples.frames(
        sample, side=side, steps=regime["steps"], right=int(right), down=int(down)
    )
    begin = int(rng.integers(regime["steps"] - regime["crop_steps"] + 1))
    return frames[begin : begin + regime["crop_steps"]]


def _stacked(sequences: list[np.ndarray]) -> torch.Tensor:
    return torch.from_numpy(np.stack(sequences, axis=1)).float()


serve(prepare)
