"""The progress of a training run as TensorBoard reads it; needs the extra `tensorboard`."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

from drivers.closing import Closing
from drivers.errors import InputError
from pipeline.training_progress import TrainingProgress


def has_tensorboard() -> bool:
    """Whether the package is installed."""
    return importlib.util.find_spec("tensorboard") is not None


def require_tensorboard() -> None:
    """Raise `InputError` where the package is not installed."""
    if not has_tensorboard():
        raise InputError(
            what="--tensorboard",
            got="no package tensorboard",
            allowed="an environment that has it",
            todo="pip install 'wigwag[tensorboard]', or leave the option out",
        )


class TensorBoardLog(Closing):
    """Writes event files into a folder: loss, accuracy and firing rate of every layer."""

    def __init__(self, folder: Path, *, done: int) -> None:
        """Go on after `done` minibatches; later ones, of a run that was cut short, are dropped."""
        from torch.utils.tensorboard import SummaryWriter

        self._writer: Any = SummaryWriter(str(folder), purge_step=done + 1)

    def add(self, progress: TrainingProgress) -> None:
        """See `ProgressSink.add`."""
        result, step = progress.result, progress.minibatch
        for what, values in (
            ("loss", result.loss),
            ("accuracy", result.accuracy),
            ("firing rate", result.firing_rate),
        ):
            for layer, value in enumerate(values, start=1):
                self._writer.add_scalar(f"{what}/layer {layer}", value, step)
        self._writer.add_scalar("learning rate", progress.rate, step)
        self._writer.add_scalar("share of time waiting for data", progress.waiting_share, step)

    def close(self) -> None:
        """Write what is waiting, and close."""
        self._writer.close()
