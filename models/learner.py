"""Local learning of a whole network: gradients added up over steps, applied by an optimiser."""

from __future__ import annotations

import torch
from torch import Tensor

from models.error_trigger import ErrorTrigger
from models.errors import not_finite
from models.layer import Layer, LayerStep
from models.learning_rule import local_gradient
from models.learning_settings import LearningSettings
from models.losses import make_loss
from models.network import Network
from models.optimisers import make_optimiser
from models.readout_step import trained_readout
from models.replicas import ALONE, Replicas
from models.trainer_state import TrainerState, fill, load_optimiser_state, optimiser_state


class Learner:
    """Turns the local losses of all layers into weight changes.

    Every learning step's gradient counts: steps are gathered, and after `update_every_steps` of
    them their gradients, summed, make one update. The gathered steps of up to
    `CHUNK_STREAMS` streams are worked off together, which is exact because weights rest between
    updates.
    """

    CHUNK_STREAMS = 16

    def __init__(
        self, network: Network, settings: LearningSettings, replicas: Replicas = ALONE
    ) -> None:
        self.network = network
        self._replicas = replicas
        self.settings = settings
        device = network.layers[0].weight.device
        self._generator = torch.Generator(device=device).manual_seed(settings.seed)
        self._readout_step = settings.readout_step if settings.readout_rate > 0 else None
        self._optimisers = [
            make_optimiser(
                settings,
                [layer.weight, layer.bias],
                [layer.readout, layer.readout_offset] if self._readout_step == "centred" else [],
            )
            for layer in network.layers
        ]
        self._readouts = [
            trained_readout(layer, settings)
            for layer in network.layers
            if self._readout_step is not None
        ]
        self.set_rate_factor(1.0)
        self._loss = make_loss(settings, network.settings.classes)
        triggered = settings.error_threshold is not None or settings.error_rate is not None
        self.triggers = [ErrorTrigger(settings) if triggered else None for _ in network.layers]
        """Per layer, where learning is triggered by errors."""
        self._waiting: list[tuple[list[Tensor], list[LayerStep], Tensor]] = []
        self._steps_since_update = 0
        self.updates = 0
        self.losses = [0.0] * len(network.layers)
        """Per layer, the mean loss of the steps last worked off."""

    def set_rate_factor(self, factor: float) -> None:
        """Multiply the learning rates of the settings by this, from the next update on."""
        self._rates = self.settings.rate * factor, self.settings.readout_rate * factor
        for optimiser in self._optimisers:
            for group, rate in zip(optimiser.param_groups, self._rates, strict=False):
                group["lr"] = rate

    def learn(self, traces: list[Tensor], steps: list[LayerStep], one_hot: Tensor) -> bool:
        """Take in one step with its target; True when weights were updated.

        `traces` are every layer's P with its rim, as `LayerState.p_padded`; `one_hot` has shape
        (B, classes).
        """
        if self.settings.update_every_steps > 1:
            traces = [trace.clone() for trace in traces]
        self._waiting.append((traces, steps, one_hot))
        self._steps_since_update += 1
        update = self._steps_since_update >= self.settings.update_every_steps
        streams = one_hot.shape[0] * self._replicas.size
        if update or len(self._waiting) * streams >= self.CHUNK_STREAMS:
            self.work_off()
        if update:
            self._average()
            for readout in self._readouts:
                readout.begin_update(self._steps_since_update, self._rates[1])
            for optimiser in self._optimisers:
                optimiser.step()
            for readout in self._readouts:
                readout.end_update()
            for layer in self.network.layers:
                learnt = self._learnt(layer)
                if not all(bool(torch.isfinite(tensor).all()) for tensor in learnt.values()):
                    raise not_finite()
                for tensor in learnt.values():
                    tensor.grad = None
            self._steps_since_update = 0
            self.updates += 1
        return update

    def _learnt(self, layer: Layer) -> dict[str, Tensor]:
        """What learning changes of a layer, by name."""
        learnt = {"weight": layer.weight, "bias": layer.bias}
        if self._readout_step is not None:
            learnt |= {"readout": layer.readout, "readout_offset": layer.readout_offset}
        return learnt

    def _average(self) -> None:
        """Over all replicas, of whose gradients the same ones are there."""
        gradients = [
            parameter.grad
            for layer in self.network.layers
            for parameter in self._learnt(layer).values()
            if parameter.grad is not None
        ]
        if self._replicas.size == 1 or not gradients:
            return
        # One message: a small one takes as long as a large one.
        together = self._replicas.mean(torch.cat([gradient.flatten() for gradient in gradients]))
        parts = torch.split(together, [gradient.numel() for gradient in gradients])
        for gradient, part in zip(gradients, parts, strict=True):
            gradient.copy_(part.view(gradient.shape))

    def state(self) -> TrainerState:
        """Optimisers, gradients gathered and the generator; to be asked after `work_off`.

        Of all replicas, each of which asks.
        """
        kept = TrainerState(numbers={"steps_since_update": self._steps_since_update})
        kept.numbers["updates"] = self.updates
        losses = self._replicas.mean(
            torch.tensor(self.losses, dtype=torch.float64, device=self._generator.device)
        ).tolist()
        kept.numbers.update({f"loss.{number}": loss for number, loss in enumerate(losses)})
        kept.numbers.update(
            {
                f"threshold.{number}": trigger.threshold
                for number, trigger in enumerate(self.triggers)
                if trigger is not None
            }
        )
        for number, readout in enumerate(self._readouts):
            kept.add(f"readout.{number}", readout.state())
        kept.tensors["generator"] = self._generator.get_state()
        for number, (optimiser, layer) in enumerate(
            zip(self._optimisers, self.network.layers, strict=True)
        ):
            kept.add(f"optimiser.{number}", optimiser_state(optimiser))
            for name, parameter in self._learnt(layer).items():
                if parameter.grad is not None:
                    kept.tensors[f"gradient.{number}.{name}"] = self._replicas.mean(parameter.grad)
        return kept

    def load_state(self, state: TrainerState) -> None:
        """Go on from what `state` gave; raises `ModelError` where shapes differ."""
        self._steps_since_update = int(state.numbers["steps_since_update"])
        self.updates = int(state.numbers["updates"])
        self.losses = [state.numbers[f"loss.{number}"] for number in range(len(self.losses))]
        for number, trigger in enumerate(self.triggers):
            if trigger is not None:
                trigger.threshold = state.numbers[f"threshold.{number}"]
        for number, readout in enumerate(self._readouts):
            readout.load_state(state.under(f"readout.{number}"))
        self._generator.set_state(state.tensors["generator"])
        for number, (optimiser, layer) in enumerate(
            zip(self._optimisers, self.network.layers, strict=True)
        ):
            load_optimiser_state(optimiser, state.under(f"optimiser.{number}"))
            gathered = state.under(f"gradient.{number}").tensors
            for name, parameter in self._learnt(layer).items():
                parameter.grad = None
                if name in gathered:
                    parameter.grad = torch.empty_like(parameter)
                    fill(parameter.grad, gathered[name], f"gradient of layer {number}")

    def work_off(self) -> None:
        """Turn the steps gathered so far into gradients, without an update."""
        if not self._waiting:
            return
        count = len(self._waiting)
        one_hot = torch.cat([target for _, _, target in self._waiting])
        keep = 1.0 - self.settings.dropout
        for number, layer in enumerate(self.network.layers):
            step = _joined([steps[number] for _, steps, _ in self._waiting])
            trace = torch.cat([traces[number] for traces, _, _ in self._waiting])
            mask: Tensor | None = None
            on_readings = self.settings.dropout_place == "output"
            if keep < 1.0:
                size = one_hot.shape[1] if on_readings else layer.shape.readout_inputs
                drawn = self._draw(count, one_hot.shape[0] // count, size)
                mask = (drawn < keep).to(trace.dtype).div_(keep)
            gradient = local_gradient(
                layer,
                trace,
                step,
                one_hot,
                regularisation=self.settings.regularisation,
                dropout_mask=None if on_readings else mask,
                readings_mask=mask if on_readings else None,
                loss=self._loss,
                surrogate=self.settings.surrogate,
                trigger=self.triggers[number],
                readout_step=self._readout_step,
                replicas=self._replicas,
            )
            self.losses[number] = float(gradient.loss)
            for name, parameter in self._learnt(layer).items():
                value: Tensor | None = getattr(gradient, name)
                if value is None:
                    continue
                value = value * count if count > 1 else value
                parameter.grad = value if parameter.grad is None else parameter.grad + value
            if gradient.read is not None:
                self._readouts[number].see(gradient.read * count)
        self._waiting.clear()

    def _draw(self, count: int, streams: int, size: int) -> Tensor:
        """Uniform numbers for so many steps of this replica's streams, shape (count B, size).

        Every replica draws those of all of them, as one process would, and takes its own.
        """
        everyone = streams * self._replicas.size
        drawn = torch.rand(
            (count * everyone, size), generator=self._generator, device=self._generator.device
        )
        if self._replicas.size == 1:
            return drawn
        return drawn.view(count, everyone, size)[:, self._replicas.part(everyone)].flatten(0, 1)


def _joined(steps: list[LayerStep]) -> LayerStep:
    if len(steps) == 1:
        return steps[0]
    argmaxes = [step.argmax for step in steps if step.argmax is not None]
    return LayerStep(
        u=torch.cat([step.u for step in steps]),
        argmax=torch.cat(argmaxes) if argmaxes else None,
        spikes=torch.cat([step.spikes for step in steps]),
        activity=torch.cat([step.activity for step in steps]),
    )
