"""How a network learns: frozen settings, checked when made."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

from models.checks import MOST_SEED, finite, is_seed, one_of, require

ReadoutStep = Literal["centred", "normalised"]
"""How a trained readout learns: by the optimiser, from what differs from its usual input, or in
proportion to its error, from what its input differs in from that of a layer at rest."""
DropoutPlace = Literal["input", "output"]
"""Whether dropout leaves out some of what a readout reads, or some of its readings."""
Surrogate = Literal["sigmoid", "boxcar"]
"""The postsynaptic factor of spiking layers: a(1 - a), as in the paper, or [abs(u) <= 0.5]."""


@dataclass(frozen=True, slots=True)
class LearningSettings:
    """How weights change while a target is set (Eq. 5)."""

    rate: float = 2e-4
    """Adamax step of a weight."""
    beta2: float = 0.95
    """Decay of Adamax's running maximum; its momentum (beta1) is 0. Other optimisers have none."""
    optimiser: str = "Adamax"
    """A class of `torch.optim`; see `models.optimisers`."""
    optimiser_options: dict[str, Any] = field(default_factory=dict)
    """Its further arguments."""
    loss: str = "SmoothL1Loss"
    """A loss of `torch.nn`, of the readout against the one-hot class; see `models.losses`."""
    loss_options: dict[str, Any] = field(default_factory=dict)
    """Its further arguments."""
    readout_rate: float = 0.0
    """Step of a readout's numbers, by the readout's own error; 0: fixed, as in the paper."""
    readout_step: ReadoutStep = "centred"
    """`normalised`: an error's step changes the reading it comes from by `readout_rate` of it."""
    readout_decay: float = 0.0
    """An update takes `readout_rate` times this share off every trained readout's weights."""
    average_decay: float | None = None
    """Training leaves a running mean of what was learnt, this much of which an update keeps; it
    rests on the last 1 / (1 - decay) updates or so. None: what was learnt last."""
    surrogate: Surrogate = "sigmoid"
    error_threshold: float | None = None
    """Learn from an error where it is larger, by its sign (Eq. 6); None: from all (Eq. 5)."""
    error_rate: float | None = None
    """Adapt each layer's threshold so that this share of the errors are larger; 0 to 1."""
    learn_every_steps: int | None = None
    """While learning, one step in so many gives a gradient. It is worked off in parts over these
    steps, and counts from the last of them on. None: as `live_learning` says."""
    update_every_steps: int = 1
    """Gradients of this many learning steps add up to one update, that of one at least."""
    dropout: float = 0.5
    """Share left out while learning; what is left makes up for it."""
    dropout_place: DropoutPlace = "input"
    """`input`: before the readout, as in the paper; `output`: after it, on the readings that the
    loss sees, as in its authors' first code."""
    regularisation: float = 1e-3
    """r: 20 r mean(relu(u + 0.01)) + 0.1 r relu(0.1 - mean(A)), per layer."""
    seed: int = 0
    """Of dropout."""

    def __post_init__(self) -> None:
        require(finite(self.rate) and 0 <= self.rate <= 10, "learning rate", self.rate, "0 to 10")
        require(finite(self.beta2) and 0 <= self.beta2 < 1, "beta2", self.beta2, "0 <= beta2 < 1")
        for name, most in (("readout_rate", 10), ("readout_decay", 100)):
            value = getattr(self, name)
            fits = finite(value) and 0 <= value <= most
            require(fits, name.replace("_", " "), value, f"0 to {most}")
        decay = self.average_decay
        require(
            decay is None or (finite(decay) and 0 <= decay < 1),
            "average decay",
            decay,
            "0 <= decay < 1",
        )
        for name in ("learn_every_steps", "update_every_steps"):
            value = getattr(self, name)
            fits = value is None or 1 <= value <= 100_000
            require(fits, name.replace("_", " "), value, "1 to 100000")
        require(finite(self.dropout) and 0 <= self.dropout < 1, "dropout", self.dropout, "0 to < 1")
        require(
            finite(self.regularisation) and 0 <= self.regularisation <= 10,
            "regularisation",
            self.regularisation,
            "0 to 10",
        )
        require(is_seed(self.seed), "seed", self.seed, f"0 to {MOST_SEED}")
        one_of(DropoutPlace, "dropout place", self.dropout_place)
        one_of(Surrogate, "surrogate", self.surrogate)
        one_of(ReadoutStep, "readout step", self.readout_step)
        for name, value in (("optimiser", self.optimiser), ("loss", self.loss)):
            require(value.isidentifier(), name, value, "the name of a class")
        threshold, rate = self.error_threshold, self.error_rate
        require(
            threshold is None or (finite(threshold) and 0 < threshold <= 1e6),
            "error threshold",
            threshold,
            "above 0, to 1000000",
        )
        require(
            rate is None or (finite(rate) and 0 < rate < 1), "error rate", rate, "between 0 and 1"
        )


BURN_IN_MS = 50
"""Nothing is learnt from the first steps of a sequence: traces still hold the one before."""
LONGEST_CROP_MS = 100_000
"""Of a sequence to learn from."""

ADAMAX_EPSILON = 1e-10
"""Well below the gradients of a single stream (1e-7 and up), so that it changes no step."""

MEAN_DECAY = 0.99
"""Of an update: the mean that a trained readout's input is taken from rests on the last hundred."""

LEAST_SQUARED = 1e-6
"""Added to the squared length of what a normalised step learns from: at rest there is none."""
