"""What teaching asks of an engine beyond its steps: to go back, a further class, another rate."""

from __future__ import annotations

from typing import Any, Protocol

from models.checkpoint_file import StoredNetwork, Tensors
from models.engine import Engine
from models.errors import ModelError


class Kept(Protocol):
    """A copy of all that learning changes: weights, optimiser state, gradients gathered."""

    @property
    def size_bytes(self) -> int:
        """Memory it takes."""

    @property
    def classes(self) -> int:
        """Classes that the network had."""

    def tensors(self) -> Tensors:
        """As a checkpoint has them; takes a while, and may be asked from another thread."""


class Teaching(Protocol):
    """An engine's other side; whoever steps the engine calls this between steps."""

    def keep(self) -> Kept:
        """Copy all that learning changes."""

    def go_back(self, kept: Any) -> None:
        """Be, bit for bit, what `keep` found; classes that came since get their rows anew."""

    def load(self, stored: StoredNetwork) -> None:
        """Take over the weights of a network of the same shapes, with these classes or the first
        of them; optimiser state begins anew. Raises `ModelError` for any other network.
        """

    def add_class(self, name: str) -> None:
        """Read out one more class; dynamic state goes on. Raises `ModelError` for the name."""

    def largest(self) -> tuple[float, ...]:
        """The largest magnitude among each layer's weights, then among each layer's readouts."""

    def set_rate(self, rate: float) -> None:
        """Change the learning rate from the next update on; that of readouts in the same ratio.

        Raises `ModelError` where it was 0.
        """


def teaching_of(engine: Engine) -> Teaching:
    """The other side of an engine that learns; raises `ModelError` for one that has none."""
    # Imported where it is known which one it is: torch takes seconds.
    kind = type(engine).__name__
    if kind == "EventsEngine":
        from models.events_teaching import EventsTeaching

        return EventsTeaching(engine)
    if kind == "TorchEngine":
        from models.torch_teaching import TorchTeaching

        return TorchTeaching(engine)
    raise ModelError(
        f"engine to teach: got {kind}; allowed: events, torch; take --engine auto or torch"
    )


def rate_factor(rate: float, usual: float) -> float:
    """How many times the usual rate another one is; raises `ModelError` where that is 0."""
    if usual <= 0:
        raise ModelError("learning rate: got a change from 0; allowed: a start with one")
    return rate / usual


def check_fits(stored: StoredNetwork, engine: Engine) -> None:
    """Raise `ModelError` unless a stored network can take the place of an engine's."""
    names = engine.class_names
    same = (stored.settings.layers, stored.settings.input_copies) == (
        engine.settings.layers,
        engine.settings.input_copies,
    )
    if not same or stored.class_names != names[: len(stored.class_names)]:
        raise ModelError(
            f"version {stored.version}: got other layers or classes; "
            f"allowed: those of this session ({', '.join(names)})"
        )
