"""What only the plain engine and trainer can do, so that the fast ones refuse it."""

from __future__ import annotations

from models.errors import ModelError
from models.settings import LearningSettings, NetworkSettings

_USUAL = LearningSettings()
_LEARNING = (
    "optimiser",
    "optimiser_options",
    "loss",
    "loss_options",
    "surrogate",
    "error_threshold",
    "error_rate",
)


def plain_only(network: NetworkSettings, learning: LearningSettings | None) -> list[str]:
    """The settings, as `name = value`, that are beyond the engines `events` and `graph`."""
    found = [
        f"layer {number} activation = {layer.activation}"
        for number, layer in enumerate(network.layers, start=1)
        if layer.activation != "spiking"
    ]
    if network.readout_input != "activity":
        found.append(f"readout_input = {network.readout_input}")
    if learning is not None:
        found += [
            f"{name} = {getattr(learning, name)}"
            for name in _LEARNING
            if getattr(learning, name) != getattr(_USUAL, name)
        ]
    return found


def refuse_plain_only(
    engine: str, network: NetworkSettings, learning: LearningSettings | None, allowed: str
) -> None:
    """Raise `ModelError` where an engine cannot do what is set; `allowed` names one that can."""
    beyond = plain_only(network, learning)
    if beyond:
        raise ModelError(
            f"engine: got {engine!r} with {', '.join(beyond)}; allowed: {allowed}, the plain one"
        )
