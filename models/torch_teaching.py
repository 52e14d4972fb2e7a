"""The plain torch engine's side of teaching: see `models.teaching`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, cast

import torch
from torch import Tensor

from models.checkpoint_file import StoredNetwork, Tensors
from models.engine import Engine
from models.errors import ModelError
from models.learner import Learner
from models.losses import make_loss
from models.new_class import check_new_class, padded_readouts, readout_rows, with_class
from models.teaching import check_fits, rate_factor
from models.torch_engine import TorchEngine
from models.trainer_state import TrainerState


@dataclass(frozen=True, slots=True)
class KeptTorch:
    """See `models.teaching.Kept`."""

    network: dict[str, Tensor]
    learner: TrainerState
    begun: Any
    part: int

    @property
    def size_bytes(self) -> int:
        """Memory it takes."""
        tensors = (*self.network.values(), *self.learner.tensors.values())
        return sum(tensor.numel() * tensor.element_size() for tensor in tensors)

    @property
    def classes(self) -> int:
        """Classes that the network had."""
        return len(self.network["layers.0.readout_offset"])

    def tensors(self) -> Tensors:
        """As a checkpoint has them."""
        return {name: tensor.cpu().numpy() for name, tensor in self.network.items()}


class TorchTeaching:
    """See `models.teaching.Teaching`."""

    def __init__(self, engine: Engine) -> None:
        self._engine = cast(TorchEngine, engine)
        if self._engine._learner is None:
            raise ModelError("engine to teach: got one that does not learn; allowed: one that does")
        self._learner: Learner = self._engine._learner
        learning = self._learner.settings
        if learning.readout_rate > 0 and learning.readout_step == "centred":
            raise ModelError(
                "engine to teach: got readouts trained by centred steps on the plain engine; "
                "allowed: normalised steps, fixed readouts, or --engine events"
            )

    def keep(self) -> KeptTorch:
        """See `Teaching.keep`."""
        self._learner.work_off()
        state = self._learner.state()
        return KeptTorch(
            network={
                name: tensor.clone(memory_format=torch.contiguous_format)
                for name, tensor in self._engine._network.tensors().items()
            },
            learner=TrainerState(
                {name: tensor.clone() for name, tensor in state.tensors.items()},
                dict(state.numbers),
            ),
            begun=self._engine._begun,
            part=self._engine._part,
        )

    @torch.no_grad()
    def go_back(self, kept: KeptTorch) -> None:
        """See `Teaching.go_back`."""
        engine = self._engine
        self._learner.work_off()
        for name, tensor in engine._network.tensors().items():
            tensor[: len(kept.network[name])].copy_(kept.network[name])
        for number in range(kept.classes, engine.settings.classes):
            self._draw_row(number)
        updates = self._learner.updates
        more = engine.settings.classes - kept.classes
        self._learner.load_state(
            TrainerState(
                {
                    name: _padded(tensor, more) if _of_readout(name) else tensor
                    for name, tensor in kept.learner.tensors.items()
                },
                kept.learner.numbers,
            )
        )
        self._learner.updates = updates
        engine._begun, engine._part = kept.begun, kept.part

    @torch.no_grad()
    def load(self, stored: StoredNetwork) -> None:
        """See `Teaching.load`."""
        engine = self._engine
        check_fits(stored, engine)
        self._learner.work_off()
        tensors = padded_readouts(stored.tensors, engine.settings, self._learner.settings.seed)
        for name, tensor in engine._network.tensors().items():
            tensor.copy_(torch.from_numpy(tensors[name]))
        fresh = Learner(engine._network, self._learner.settings).state()
        generator = self._learner.state().tensors["generator"]
        fresh.tensors["generator"] = generator.clone()
        updates = self._learner.updates
        self._learner.load_state(fresh)
        self._learner.updates = updates
        engine._begun, engine._part = None, 0

    def add_class(self, name: str) -> None:
        """See `Teaching.add_class`."""
        engine = self._engine
        name = check_new_class(engine.class_names, name)
        self._learner.work_off()
        settings = with_class(engine.settings)
        engine.settings = engine._network.settings = settings
        engine.class_names = (*engine.class_names, name)
        for layer in engine._network.layers:
            gathered = layer.readout.grad
            layer.readout = _padded(layer.readout, 1)
            layer.readout.grad = None if gathered is None else _padded(gathered, 1)
            layer.readout_offset = _padded(layer.readout_offset, 1)
        self._draw_row(settings.classes - 1)
        engine._one_hot = torch.eye(settings.classes, device=engine._device)
        if engine._begun is not None:
            traces, steps, target = engine._begun
            engine._begun = (traces, steps, torch.nn.functional.pad(target, (0, 1)))
        self._learner._loss = make_loss(self._learner.settings, settings.classes)

    def largest(self) -> tuple[float, ...]:
        """See `Teaching.largest`."""
        layers = self._engine._network.layers
        tensors = [layer.weight for layer in layers] + [layer.readout for layer in layers]
        return tuple(torch.stack([tensor.abs().max() for tensor in tensors]).tolist())

    def set_rate(self, rate: float) -> None:
        """See `Teaching.set_rate`."""
        self._learner.set_rate_factor(rate_factor(rate, self._engine._usual_rate))

    def _draw_row(self, number: int) -> None:
        engine = self._engine
        known = {
            name: tensor[:number].cpu().numpy()
            for name, tensor in engine._network.tensors().items()
            if "readout" in name
        }
        rows = readout_rows(engine.settings, number, self._learner.settings.seed, known)
        for layer, (row, offset) in zip(engine._network.layers, rows, strict=True):
            layer.readout[number] = torch.from_numpy(row)
            layer.readout_offset[number] = float(offset[0])


def _of_readout(name: str) -> bool:
    """Whether this part of a learner's state is a readout's gradient."""
    return name.startswith("gradient.") and "readout" in name


def _padded(rows: Tensor, more: int) -> Tensor:
    """With rows of zeros for so many more classes."""
    return torch.cat([rows, rows.new_zeros((more, *rows.shape[1:]))])
