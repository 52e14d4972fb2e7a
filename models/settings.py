"""What a network and its learning are made of: frozen settings, checked when made."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, field
from typing import Any, Literal, Self, get_args

from models.errors import ModelError


def _require(condition: bool, what: str, got: object, allowed: str) -> None:
    if not condition:
        raise ModelError(f"{what}: got {got!r}; allowed: {allowed}")


def _one_of(names: Any, what: str, got: object) -> None:
    _require(got in get_args(names), what, got, ", ".join(get_args(names)))


def _finite(value: float) -> bool:
    return isinstance(value, int | float) and math.isfinite(value)


Activation = Literal["spiking", "sigmoid", "relu"]
"""What a layer hands up: spikes, or sigmoid(u) or relu(u), the paper's ablation."""
ReadoutInput = Literal["activity", "spikes"]
"""What the readouts of spiking layers see: sigmoid(u), as in the paper, or the spikes."""
Reading = Literal["votes", "softmax"]
"""How readouts are read: the largest one's class counts 1, as in the paper, or each its softmax."""
OverTime = Literal["sum", "product"]
"""How shares of the classes add up over a gesture: summed, as votes are, or multiplied, as pieces
of evidence that do not depend on each other."""
ReadoutStep = Literal["centred", "normalised"]
"""How a trained readout learns: by the optimiser, from what differs from its usual input, or in
proportion to its error, from what its input differs in from that of a layer at rest."""
Surrogate = Literal["sigmoid", "boxcar"]
"""The postsynaptic factor of spiking layers: a(1 - a), as in the paper, or [abs(u) <= 0.5]."""


@dataclass(frozen=True, slots=True)
class LayerSettings:
    """One convolutional spiking layer (Table 2 of the paper).

    A kernel as large as the map, without padding, makes a fully connected layer with 1x1 maps; the
    layers above it are fully connected with a kernel of 1.
    """

    channels: int
    pool: int = 2
    """Side of the max-pooling window after the threshold; 1 leaves pooling out."""
    kernel: int = 7
    padding: int = 2
    activation: Activation = "spiking"

    def __post_init__(self) -> None:
        _require(1 <= self.channels <= 4096, "layer channels", self.channels, "1 to 4096")
        _require(1 <= self.pool <= 16, "layer pool", self.pool, "1 to 16")
        _require(1 <= self.kernel <= 128, "layer kernel", self.kernel, "1 to 128")
        _require(0 <= self.padding < self.kernel, "layer padding", self.padding, "0 to kernel - 1")
        _one_of(Activation, "layer activation", self.activation)


@dataclass(frozen=True, slots=True)
class NetworkSettings:
    """Everything that fixes a network's equations and shapes; one step is 1 ms."""

    layers: tuple[LayerSettings, ...]
    classes: int = 11
    input_channels: int = 2
    """ON and OFF."""
    input_copies: int = 1
    """The first layer sees the input this many times, each copy with time constants of its own."""
    height: int = 32
    width: int = 32
    tau_m_ms: tuple[float, float] = (10.0, 35.0)
    """Membrane trace P: bounds of the uniform distribution, one draw per input channel."""
    tau_s_ms: tuple[float, float] = (10.0, 35.0)
    """Synaptic trace Q: likewise."""
    tau_pairs: int = 0
    """Distinct (tau_m, tau_s) pairs in a layer, channel c taking pair c mod this; 0: one each.

    Few pairs let an engine filter after the convolution, which is exact and far cheaper.
    """
    gain: float = 1.0
    """DC gain of the trace cascade; 1 means a constant input of 1 gives a trace of 1."""
    refractory_decay: float = 0.65
    """a_r; 0.65 is tau_r = 1/(1 - 0.65) = 2.86 ms."""
    refractory_weight: float = 1.0
    """w_rp, taken off the membrane potential by a spike."""
    readout_input: ReadoutInput = "activity"
    reading: Reading = "votes"
    """What a millisecond gives to each class; how this adds up is `over_time`."""
    reading_layers: tuple[int, ...] = (-1,)
    """Layers whose readouts are read, from 0; -1 is the top one, as in the paper."""
    over_time: OverTime = "sum"
    """How the shares of single milliseconds decide on a whole gesture."""
    other_class: int = 0
    """Counted from 1, the class of what is none of the others; 0: there is none."""
    other_share: float = 0.22
    """Named is `other_class` where no class has this share in the mean over a gesture: the
    geometric mean, where shares are multiplied."""
    known_directions: int = 0
    """Of each layer's activity, kept for live lessons to spare: `models.known_directions`."""
    weight_scale: float = 1.1
    """Initial weights are uniform within +- weight_scale / sqrt(fan_in)."""
    seed: int = 0
    """Of the initial weights, readouts and time constants."""

    def __post_init__(self) -> None:
        _require(1 <= len(self.layers) <= 16, "layers", len(self.layers), "1 to 16")
        _require(2 <= self.classes <= 1024, "classes", self.classes, "2 to 1024")
        _require(
            1 <= self.input_channels <= 4096, "input channels", self.input_channels, "1 to 4096"
        )
        _require(1 <= self.input_copies <= 64, "input copies", self.input_copies, "1 to 64")
        for name in ("height", "width"):
            _require(1 <= getattr(self, name) <= 1024, name, getattr(self, name), "1 to 1024")
        for name in ("tau_m_ms", "tau_s_ms"):
            low, high = getattr(self, name)
            _require(
                _finite(low) and _finite(high) and 1.0 <= low <= high <= 10_000.0,
                name,
                (low, high),
                "1 <= low <= high <= 10000",
            )
        _require(0 <= self.tau_pairs <= 4096, "tau pairs", self.tau_pairs, "0 to 4096")
        directions = self.known_directions
        _require(0 <= directions <= 4096, "known directions", directions, "0 to 4096")
        for name, low, high in (
            ("gain", 1e-6, 1e6),
            ("refractory_weight", 0.0, 1e6),
            ("weight_scale", 0.0, 1e3),
        ):
            value = getattr(self, name)
            _require(_finite(value) and low <= value <= high, name, value, f"{low} to {high}")
        _require(
            _finite(self.refractory_decay) and 0.0 <= self.refractory_decay < 1.0,
            "refractory decay",
            self.refractory_decay,
            "0 <= decay < 1",
        )
        _one_of(ReadoutInput, "readout input", self.readout_input)
        _one_of(Reading, "reading", self.reading)
        count, chosen = len(self.layers), self.read_layers
        _require(
            all(isinstance(layer, int) and -count <= layer < count for layer in self.reading_layers)
            and 1 <= len(chosen) == len(self.reading_layers),
            "reading layers",
            self.reading_layers,
            f"one or more different ones of {-count} to {count - 1}",
        )
        _one_of(OverTime, "over time", self.over_time)
        _require(
            isinstance(self.other_class, int) and 0 <= self.other_class <= self.classes,
            "other class",
            self.other_class,
            f"1 to {self.classes}, the number of classes, or 0 for none",
        )
        _require(
            _finite(self.other_share) and 0.0 < self.other_share < 1.0,
            "other share",
            self.other_share,
            "above 0, below 1",
        )
        self.shapes()

    @property
    def read_layers(self) -> tuple[int, ...]:
        """`reading_layers` counted from 0, rising, each once."""
        return tuple(sorted({layer % len(self.layers) for layer in self.reading_layers}))

    @property
    def reads_as_published(self) -> bool:
        """Whether the votes of one layer decide, and nothing else."""
        plain = self.over_time == "sum" and self.other_class == 0
        return plain and self.reading == "votes" and len(self.reading_layers) == 1

    @property
    def reading_text(self) -> str:
        """How the network is read, in words."""
        if self.reads_as_published and self.read_layers == (len(self.layers) - 1,):
            return "top layer"
        layers = " and ".join(str(layer + 1) for layer in self.read_layers)
        text = f"{self.reading} of layer {layers}"
        if self.over_time == "product":
            text += ", multiplied over time"
        if self.other_class:
            text += f"; class {self.other_class} where none has {self.other_share:g}"
        return text

    def shapes(self) -> tuple[LayerShape, ...]:
        """Shapes of every layer, bottom up; raises `ModelError` where one would be empty."""
        shapes: list[LayerShape] = []
        channels = self.input_channels * self.input_copies
        height, width = self.height, self.width
        for number, layer in enumerate(self.layers, start=1):
            rows = height + 2 * layer.padding - layer.kernel + 1
            columns = width + 2 * layer.padding - layer.kernel + 1
            pooled_rows, pooled_columns = rows // layer.pool, columns // layer.pool
            _require(
                pooled_rows >= 1 and pooled_columns >= 1,
                f"layer {number}",
                f"input of {height}x{width} for kernel {layer.kernel} and pool {layer.pool}",
                "an input that leaves at least one output",
            )
            shapes.append(
                LayerShape(
                    inputs=(channels, height, width),
                    membrane=(layer.channels, rows, columns),
                    pooled=(layer.channels, pooled_rows, pooled_columns),
                )
            )
            channels, height, width = layer.channels, pooled_rows, pooled_columns
        return tuple(shapes)

    def layer_tensor_shapes(
        self, shape: LayerShape, layer: LayerSettings
    ) -> dict[str, tuple[int, ...]]:
        """Names and shapes of the tensors that a checkpoint keeps of one layer."""
        channels_in, channels, fan_in = shape.inputs[0], layer.channels, shape.readout_inputs
        directions = min(self.known_directions, fan_in)
        return {
            "weight": (channels, channels_in, layer.kernel, layer.kernel),
            "bias": (channels,),
            "readout": (self.classes, fan_in),
            "readout_offset": (self.classes,),
            "tau_m_ms": (channels_in,),
            "tau_s_ms": (channels_in,),
        } | ({"known": (directions, fan_in)} if directions else {})

    def tensor_shapes(self) -> dict[str, tuple[int, ...]]:
        """Names and shapes of all tensors of a checkpoint: `layers.0.weight` and so on."""
        return {
            f"layers.{number}.{name}": size
            for number, (layer, shape) in enumerate(zip(self.layers, self.shapes(), strict=True))
            for name, size in self.layer_tensor_shapes(shape, layer).items()
        }

    @property
    def multiply_adds(self) -> int:
        """Of one step's convolutions, done densely."""
        return sum(
            math.prod(shape.membrane) * shape.inputs[0] * layer.kernel**2
            for layer, shape in zip(self.layers, self.shapes(), strict=True)
        )

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values.

        What came after the first checkpoints is left out where it is as it was before: a network
        keeps the version (digest) that it had then.
        """
        values = asdict(self)
        if self.readout_input == "activity":
            del values["readout_input"]
        later = (
            ("reading", "votes"),
            ("reading_layers", (-1,)),
            ("over_time", "sum"),
            ("other_class", 0),
            ("other_share", 0.22),
            ("known_directions", 0),
        )
        for name, usual in later:
            if values[name] == usual:
                del values[name]
        for layer in values["layers"]:
            if layer["activation"] == "spiking":
                del layer["activation"]
        return values

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Self:
        """The settings that `to_dict` gave; raises `ModelError` for anything else."""
        try:
            values = dict(values)
            layers = tuple(LayerSettings(**layer) for layer in values.pop("layers"))
            for name in ("tau_m_ms", "tau_s_ms"):
                if name in values:
                    low, high = values[name]
                    values[name] = (low, high)
            if "reading_layers" in values:
                values["reading_layers"] = tuple(values["reading_layers"])
            return cls(layers=layers, **values)
        except ModelError:
            raise
        except (TypeError, ValueError, KeyError, AttributeError) as error:
            raise ModelError(
                f"network settings: got {error}; allowed: the fields of NetworkSettings"
            ) from error


@dataclass(frozen=True, slots=True)
class LayerShape:
    """(channels, height, width) of one layer's input, membrane and pooled output."""

    inputs: tuple[int, int, int]
    membrane: tuple[int, int, int]
    pooled: tuple[int, int, int]

    @property
    def readout_inputs(self) -> int:
        """Fan-in of the layer's local readout."""
        channels, height, width = self.pooled
        return channels * height * width


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
    """On the readout's input, while learning."""
    regularisation: float = 1e-3
    """r: 20 r mean(relu(u + 0.01)) + 0.1 r relu(0.1 - mean(A)), per layer."""
    seed: int = 0
    """Of dropout."""

    def __post_init__(self) -> None:
        _require(_finite(self.rate) and 0 <= self.rate <= 10, "learning rate", self.rate, "0 to 10")
        _require(_finite(self.beta2) and 0 <= self.beta2 < 1, "beta2", self.beta2, "0 <= beta2 < 1")
        for name, most in (("readout_rate", 10), ("readout_decay", 100)):
            value = getattr(self, name)
            fits = _finite(value) and 0 <= value <= most
            _require(fits, name.replace("_", " "), value, f"0 to {most}")
        decay = self.average_decay
        _require(
            decay is None or (_finite(decay) and 0 <= decay < 1),
            "average decay",
            decay,
            "0 <= decay < 1",
        )
        for name in ("learn_every_steps", "update_every_steps"):
            value = getattr(self, name)
            fits = value is None or 1 <= value <= 100_000
            _require(fits, name.replace("_", " "), value, "1 to 100000")
        _require(
            _finite(self.dropout) and 0 <= self.dropout < 1, "dropout", self.dropout, "0 to < 1"
        )
        _require(
            _finite(self.regularisation) and 0 <= self.regularisation <= 10,
            "regularisation",
            self.regularisation,
            "0 to 10",
        )
        _one_of(Surrogate, "surrogate", self.surrogate)
        _one_of(ReadoutStep, "readout step", self.readout_step)
        for name, value in (("optimiser", self.optimiser), ("loss", self.loss)):
            _require(value.isidentifier(), name, value, "the name of a class")
        threshold, rate = self.error_threshold, self.error_rate
        _require(
            threshold is None or (_finite(threshold) and 0 < threshold <= 1e6),
            "error threshold",
            threshold,
            "above 0, to 1000000",
        )
        _require(
            rate is None or (_finite(rate) and 0 < rate < 1), "error rate", rate, "between 0 and 1"
        )


ADAMAX_EPSILON = 1e-10
"""Well below the gradients of a single stream (1e-7 and up), so that it changes no step."""

MEAN_DECAY = 0.99
"""Of an update: the mean that a trained readout's input is taken from rests on the last hundred."""

LEAST_SQUARED = 1e-6
"""Added to the squared length of what a normalised step learns from: at rest there is none."""

EngineName = Literal["auto", "torch", "events", "graph"]
"""What runs a network; see `models.engines`."""
TrainingEngineName = Literal["auto", "events", "graph"]
"""What trains a network; see `models.engines.trainer_for`."""
ENGINES: tuple[EngineName, ...] = get_args(EngineName)
