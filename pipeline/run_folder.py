"""The folder of a training run: its settings, checkpoint, log, and what resuming needs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from drivers.errors import InputError, in_words
from models.trainer_state import TrainerState, pack, unpack
from pipeline.atomic_file import write_atomically
from pipeline.settings_file import read_settings, write_settings
from pipeline.shell_words import shell_words
from pipeline.training_settings import TrainingSettings, training_settings
from recordings.outputs import check_outputs


@dataclass(frozen=True, slots=True)
class RunFolder:
    """Where a run keeps what; every file is there whole or not at all."""

    path: Path

    @property
    def settings_file(self) -> Path:
        """Everything that decided the result, as `--settings` takes it."""
        return self.path / "settings.toml"

    @property
    def checkpoint(self) -> Path:
        """The weights as they were saved last."""
        return self.path / "checkpoint.safetensors"

    @property
    def state_file(self) -> Path:
        """What `--resume` goes on from; gone once the run has ended."""
        return self.path / "state.safetensors"

    @property
    def log(self) -> Path:
        """A line for each minibatch."""
        return self.path / "log.csv"

    @property
    def figure(self) -> Path:
        """The log, drawn."""
        return self.path / "figure.png"

    @property
    def tensorboard(self) -> Path:
        """The log as TensorBoard reads it."""
        return self.path / "tensorboard"

    def check_inputs(self, inputs: Iterable[Path | None]) -> None:
        """Raise `InputError` where a file that is read would be written over by a new run."""
        written = (self.settings_file, self.checkpoint, self.state_file, self.log, self.figure)
        check_outputs({f"{path.name} of --run": path for path in written}, inputs)

    def refuse_old(self) -> None:
        """Raise `InputError` where a run is there already, or a file in the folder's way."""
        there = next(place for place in (self.path, *self.path.parents) if place.exists())
        if not there.is_dir():
            raise InputError(
                what=f"run {self.path}",
                got=f"{there}, which is no folder",
                allowed="a folder that can be made",
                todo="name another with --run",
            )
        if self.settings_file.exists():
            raise InputError(
                what=f"run {self.path}",
                got="a run that is there already",
                allowed="a new folder",
                todo="add --resume to go on with it, or name another with --run",
            )

    def make(self) -> None:
        """Make the folder; raises `InputError` where that is impossible."""
        try:
            self.path.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise InputError(
                what=f"run {self.path}",
                got=in_words(error),
                allowed="a folder that can be made",
                todo="name another with --run",
            ) from error

    def begin(self, settings: TrainingSettings, dataset: str, options: Mapping[str, str]) -> None:
        """Write the settings, from when on it is a run: what resuming needs is there before.

        The command that repeats it, with these `options`, stands above them.
        """
        words = ["wigwag", "train", dataset, "--settings", "THIS", "--run", "NEW"]
        words += [word for option in options.items() for word in option]
        head = f"All settings of this run. What repeats it:\n{shell_words(words)}"
        write_settings(self.settings_file, settings.to_dict(), head=head)

    def how_to_go_on(self, dataset: str) -> str:
        """The command that goes on with a run that was stopped; not every engine keeps a state."""
        words: list[object] = ["wigwag", "train", dataset]
        if self.state_file.exists():
            return shell_words([*words, "--run", self.path, "--resume"])
        return shell_words([*words, "--run", "NEW", "--start-from", self.checkpoint])

    def settings(self) -> TrainingSettings:
        """Those that the run began with; raises `InputError` where there is no run."""
        if not self.settings_file.exists():
            raise InputError(
                what=f"run {self.path}",
                got=f"no {self.settings_file.name}",
                allowed="the folder of a run",
                todo="check the path, or leave out --resume to begin a run",
            )
        return training_settings(read_settings(self.settings_file))

    def save_state(self, state: TrainerState, progress: dict[str, Any]) -> None:
        """Write what resuming needs; `progress` holds JSON values."""
        write_atomically(self.state_file, pack(state, progress))

    def load_state(self) -> tuple[TrainerState, dict[str, Any]]:
        """What was saved last; raises `InputError` where a run was not stopped on its way."""
        if not self.state_file.exists():
            raise InputError(
                what=f"run {self.path}",
                got=f"no {self.state_file.name}: it ended, or its engine keeps none (graph)",
                allowed="a run that was stopped on its way, of another engine",
                todo=f"evaluate it, or begin another with --start-from {self.checkpoint}",
            )
        return unpack(self.state_file)
