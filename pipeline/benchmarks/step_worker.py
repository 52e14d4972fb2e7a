"""A worker that makes steps of one engine, or of bare torch convolutions of the same shapes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from pipeline.benchmarks.worker import Ready, serve, time_steps

TARGET_STEPS = 500
"""The class learnt changes this often."""


def prepare(options: dict[str, Any]) -> Ready:
    """See `worker.serve`; options: engine, checkpoint, frames, steps, learn_every (None infers),
    update_every, heard (the layers whose votes are wanted; None: all) and streams (1 if left out),
    stepped together, each at another place of the frames.

    The engine `convolutions` is torch's convolutions of the preset `paper` and nothing else.
    """
    frames = np.load(options["frames"])
    if options["engine"] == "convolutions":
        return _convolutions(options, frames)
    return _engine(options, frames)


def _engine(options: dict[str, Any], frames: npt.NDArray[np.uint8]) -> Ready:
    from models.engine import StreamFrame
    from models.engines import load_engine
    from models.learning_settings import LearningSettings

    every = options["learn_every"]
    learning = None
    if every is not None:
        learning = LearningSettings(
            rate=1e-4, learn_every_steps=every, update_every_steps=options["update_every"]
        )
    engine = load_engine(
        Path(options["checkpoint"]),
        engine=options["engine"],
        device="cpu",
        threads=options["threads"],
        learning=learning,
    )
    if options["heard"] is not None:
        engine.listen(options["heard"])
    classes, steps = engine.settings.classes, options["steps"]
    streams = [0, *(engine.add_stream() for _ in range(1, options.get("streams", 1)))]
    apart = len(frames) // len(streams)
    spikes: list[npt.NDArray[np.int64]] = []

    def step(number: int) -> None:
        target = None if every is None else number // TARGET_STEPS % classes
        brought = [
            StreamFrame(stream, frames[(number + stream * apart) % len(frames)], target)
            for stream in streams
        ]
        spikes.append(engine.step_together(brought)[0].spikes)

    def run_block(number: int) -> dict[str, Any]:
        spikes.clear()
        # Whole updates, so that blocks follow each other without a gap and none is cut.
        cycle = 1 if every is None else options["update_every"]
        count = -(-steps // cycle) * cycle
        times_ns = time_steps(step, number * count, count, cycle)
        mean = np.mean(spikes, axis=0).tolist()
        return {"times_ns": times_ns, "spikes": mean}

    return Ready(run_block)


def _convolutions(options: dict[str, Any], frames: npt.NDArray[np.uint8]) -> Ready:
    import torch
    from torch.nn.functional import conv2d

    from models.presets import preset
    from models.torch_engine import prepare_torch

    prepare_torch(options["threads"])
    settings = preset("paper").network
    shapes = settings.shapes()
    random = torch.Generator().manual_seed(0)
    weights, inputs, work = [], [], 0
    for layer, shape in zip(settings.layers, shapes, strict=True):
        size = (layer.channels, shape.inputs[0], layer.kernel, layer.kernel)
        weights.append(torch.rand(size, generator=random) - 0.5)
        inputs.append(torch.rand((1, *shape.inputs), generator=random))
        work += int(np.prod(size)) * shape.membrane[1] * shape.membrane[2]
    inputs[0] = torch.from_numpy(frames[0]).float().unsqueeze(0)

    def step(_number: int) -> None:
        for x, weight, layer in zip(inputs, weights, settings.layers, strict=True):
            conv2d(x, weight, padding=layer.padding)

    def run_block(number: int) -> dict[str, Any]:
        with torch.inference_mode():
            return {"times_ns": time_steps(step, number, options["steps"])}

    return Ready(run_block, note=f"{work / 1e6:.0f} M multiply-adds, no neurons, no readouts")


if __name__ == "__main__":
    serve(prepare)
