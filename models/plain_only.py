"""What only the plain engine and trainer can do, so that the fast ones refuse it."""

from __future__ import annotations

from dataclasses import fields

from models.errors import ModelError
from models.learning_settings import LearningSettings
from models.settings import NetworkSettings

EVENTS_LOSSES = ("SmoothL1Loss", "CrossEntropyLoss")
"""Those that `events` knows, without options."""
_USUAL = LearningSettings()
_USUAL_NETWORK = {item.name: item.default for item in fields(NetworkSettings)}
_LEARNING = (
    "optimiser",
    "optimiser_options",
    "loss",
    "loss_options",
    "surrogate",
    "dropout_place",
    "error_threshold",
    "error_rate",
)
_READING = ("reading", "reading_layers", "over_time", "other_class")
"""What takes shares, which `graph` does not give."""
_GRAPH = ("readout_rate", "readout_step", "readout_decay", "average_decay")
"""What `events` can do, and `graph` cannot."""


def plain_only(
    network: NetworkSettings, learning: LearningSettings | None, *, engine: str = "events"
) -> list[str]:
    """The settings, as `name = value`, that are beyond the engine `events` or `graph`."""
    found = [
        f"layer {number} activation = {layer.activation}"
        for number, layer in enumerate(network.layers, start=1)
        if layer.activation != "spiking"
    ]
    if network.counts_events:
        found.append(f"input_frames = {network.input_frames}")
    if network.readout_input != "activity":
        found.append(f"readout_input = {network.readout_input}")
    if engine == "graph" and not network.reads_as_published:
        found += [
            f"{name} = {getattr(network, name)}"
            for name in _READING
            if getattr(network, name) != _USUAL_NETWORK[name]
        ]
    if learning is not None:
        names = _LEARNING if engine == "events" else _LEARNING + _GRAPH
        found += [
            f"{name} = {getattr(learning, name)}"
            for name in names
            if getattr(learning, name) != getattr(_USUAL, name)
            and not (engine == "events" and name == "loss" and learning.loss in EVENTS_LOSSES)
        ]
    return found


def refuse_plain_only(
    engine: str, network: NetworkSettings, learning: LearningSettings | None, allowed: str
) -> None:
    """Raise `ModelError` where an engine cannot do what is set; `allowed` names one that can."""
    kind = "graph" if engine == "graph" else "events"
    beyond = plain_only(network, learning, engine=kind)
    if beyond:
        raise ModelError(
            f"engine: got {engine!r} with {', '.join(beyond)}; allowed: {allowed}, the plain one"
        )
