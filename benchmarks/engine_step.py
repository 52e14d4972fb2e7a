"""Time of one step, plain torch engine against events engine: one stream, one thread, one CPU.

Both engines see the same frames, a block of steps each in turn, so that other work on the machine
hits both alike. Prints medians and means over steps, ratios and spikes a step.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch

from models.checkpoint import load_checkpoint, save_checkpoint
from models.engines import load_engine
from models.network import Network
from models.settings import LearningSettings, preset

BLOCK = 50
"""Steps that one engine makes before it is the other's turn."""


def machine() -> str:
    """Cores and CPU model."""
    try:
        text = Path("/proc/cpuinfo").read_text()
    except OSError:
        text = ""
    names = [line.split(":", 1)[1].strip() for line in text.splitlines() if "model name" in line]
    return f"{os.cpu_count()} cores, {names[0] if names else 'CPU unknown'}"


def make_frames(shape: tuple[int, int, int], steps: int, active: float) -> npt.NDArray[np.uint8]:
    """Binary frames with about `active` cells a step, half of them in a spot that moves about."""
    rng = np.random.default_rng(0)
    rows, columns = np.arange(shape[1])[:, None], np.arange(shape[2])[None, :]
    frames = np.empty((steps, *shape), np.uint8)
    for t in range(steps):
        row, column = (
            shape[1] * (0.5 + 0.3 * np.sin(t / 40)),
            shape[2] * (0.5 + 0.3 * np.cos(t / 57)),
        )
        spot = np.exp(-((rows - row) ** 2 + (columns - column) ** 2) / (0.02 * shape[1] ** 2))
        rate = spot / spot.sum() / shape[0] + 1 / np.prod(shape)
        frames[t] = rng.random(shape) < rate * active / 2
    return frames


def random_checkpoint(path: Path, name: str, tau_pairs: int, share: float) -> None:
    """A random network whose biases are moved until about `share` of each layer's neurons fire."""
    settings = replace(preset(name).network, tau_pairs=tau_pairs)
    network = Network(settings)
    frames = make_frames((settings.input_channels, settings.height, settings.width), 160, 25.0)
    for layer in sorted([*range(len(network.layers))] * 4):
        states, seen = network.initial_state(1), []
        for t, frame in enumerate(frames):
            steps = network.step(states, torch.from_numpy(frame)[None].float(), learning=False)
            if t >= 80:
                seen.append(torch.logit(steps[layer].activity.double()).numpy())
        network.layers[layer].bias.sub_(float(np.quantile(np.concatenate(seen), 1 - share)))
    names = tuple(f"class {number}" for number in range(settings.classes))
    save_checkpoint(path, network, names, parent=None, record={"note": "random weights"})


def measure(checkpoint: Path, steps: int, active: float, every: int | None) -> None:
    """Print the rows of one mode: inferring where `every` is None, else steps per update."""
    learning = None if every is None else LearningSettings(rate=1e-4, update_every_steps=every)
    engines = {
        name: load_engine(checkpoint, engine=name, device="cpu", learning=learning)
        for name in ("torch", "events")
    }
    settings = engines["torch"].settings
    shape = (settings.input_channels, settings.height, settings.width)
    frames = make_frames(shape, steps + BLOCK, active)
    times: dict[str, list[int]] = {name: [] for name in engines}
    spikes: dict[str, list[npt.NDArray[np.int64]]] = {name: [] for name in engines}
    for begin in range(0, steps + BLOCK, BLOCK):
        for name, engine in engines.items():
            for t in range(begin, min(begin + BLOCK, steps + BLOCK)):
                start = time.perf_counter_ns()
                result = engine.step(frames[t], t // 100 % settings.classes)
                if begin:  # the first block warms up
                    times[name].append(time.perf_counter_ns() - start)
                    spikes[name].append(result.spikes)
    mode = "infer" if every is None else f"learn, update/{every}"
    medians = {name: float(np.median(values)) / 1e6 for name, values in times.items()}
    means = {name: float(np.mean(values)) / 1e6 for name, values in times.items()}
    for name in engines:
        fired = " ".join(f"{count:.0f}" for count in np.mean(spikes[name], axis=0))
        ratios = (medians["torch"] / medians[name], means["torch"] / means[name])
        sys.stdout.write(
            f"{mode:17s} {name:7s} {medians[name]:9.3f} {means[name]:9.3f} "
            f"{ratios[0]:7.1f} {ratios[1]:7.1f}   {fired}\n"
        )


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--checkpoint", type=Path, help="else a random network")
    parser.add_argument("--preset", default="small", help="of the random network")
    parser.add_argument("--tau-pairs", type=int, default=4, help="of the random network")
    parser.add_argument("--share", type=float, default=0.08, help="of neurons to fire, likewise")
    parser.add_argument("--active", type=float, default=25.0, help="active input cells a step")
    parser.add_argument("--steps", type=int, default=500)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        path = arguments.checkpoint
        what = str(path)
        if path is None:
            path = Path(folder) / "random.safetensors"
            random_checkpoint(path, arguments.preset, arguments.tau_pairs, arguments.share)
            what = f"random weights, preset {arguments.preset}, {arguments.tau_pairs} tau pairs"
        layers = load_checkpoint(path).network.layers
        neurons = " ".join(str(layer.shape.readout_inputs) for layer in layers)
        sys.stdout.write(
            f"{what}; {machine()}, load {os.getloadavg()[0]:.1f}, one thread, batch 1\n"
            f"{'mode':17s} {'engine':7s} {'median ms':>9s} {'mean ms':>9s} "
            f"{'ratio':>7s} {'of mean':>7s}   spikes a step (of {neurons})\n"
        )
        for every in (None, 10, 1):
            measure(path, arguments.steps, arguments.active, every)


if __name__ == "__main__":
    main()
