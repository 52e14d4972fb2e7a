"""A picture of a training run, from its log; needs the extra `plots`."""

from __future__ import annotations

import importlib.util
import io
from pathlib import Path

import numpy as np
import numpy.typing as npt

from pipeline.atomic_file import write_atomically
from pipeline.training_log import read_log

SMOOTH = 50
"""Minibatches of the running mean that is drawn over the single ones."""
_ROWS = (("loss", "loss"), ("accuracy", "share of crops right"), ("firing_rate", "firing rate"))


def can_draw() -> bool:
    """Whether matplotlib is installed."""
    return importlib.util.find_spec("matplotlib") is not None


def draw_training(log: Path, out: Path) -> None:
    """Draw loss, accuracy and firing rate of every layer by minibatch into a PNG file."""
    from matplotlib.figure import Figure

    found = read_log(log)
    figure = Figure(figsize=(8, 9), layout="constrained")
    for axes, (name, label) in zip(figure.subplots(len(_ROWS), 1, sharex=True), _ROWS, strict=True):
        layers = [column for column in found if column.startswith(f"{name}_")]
        for number, column in enumerate(layers, start=1):
            values = np.array(found[column])
            (line,) = axes.plot(found["minibatch"], values, alpha=0.25, linewidth=0.8)
            axes.plot(
                found["minibatch"],
                running_mean(values, SMOOTH),
                color=line.get_color(),
                label=f"layer {number}",
            )
        axes.set_ylabel(label)
        axes.grid(alpha=0.3)
    figure.axes[0].legend()
    figure.axes[-1].set_xlabel(f"minibatch (lines: mean of the last {SMOOTH})")
    picture = io.BytesIO()
    figure.savefig(picture, format="png", dpi=110)
    write_atomically(out, picture.getvalue())


def running_mean(values: npt.NDArray[np.float64], length: int) -> npt.NDArray[np.float64]:
    """Of the last `length` values at each place, of fewer at the beginning."""
    sums = np.concatenate([[0.0], np.cumsum(values)])
    ends = np.arange(1, len(values) + 1)
    begins = np.maximum(ends - length, 0)
    result: npt.NDArray[np.float64] = (sums[ends] - sums[begins]) / (ends - begins)
    return result
