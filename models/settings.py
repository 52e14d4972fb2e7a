"""What a network is made of: frozen settings, checked when made."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any, Literal, Self, get_args

from models.checks import MOST_SEED, finite, is_seed, one_of, require
from models.errors import ModelError

InputFrames = Literal["binary", "counts"]
"""What a cell of a frame holds: whether it had an event in its millisecond, as in the paper, or how
many it had."""
Activation = Literal["spiking", "sigmoid", "relu"]
"""What a layer hands up: spikes, or sigmoid(u) or relu(u), the paper's ablation."""
ReadoutInput = Literal["activity", "spikes"]
"""What the readouts of spiking layers see: sigmoid(u), as in the paper, or the spikes."""
Reading = Literal["votes", "softmax"]
"""How readouts are read: the largest one's class counts 1, as in the paper, or each its softmax."""
OverTime = Literal["sum", "product"]
"""How shares of the classes add up over a gesture: summed, as votes are, or multiplied, as pieces
of evidence that do not depend on each other."""


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
        require(1 <= self.channels <= 4096, "layer channels", self.channels, "1 to 4096")
        require(1 <= self.pool <= 16, "layer pool", self.pool, "1 to 16")
        require(1 <= self.kernel <= 128, "layer kernel", self.kernel, "1 to 128")
        require(0 <= self.padding < self.kernel, "layer padding", self.padding, "0 to kernel - 1")
        one_of(Activation, "layer activation", self.activation)


@dataclass(frozen=True, slots=True)
class NetworkSettings:
    """Everything that fixes a network's equations and shapes; one step is 1 ms."""

    layers: tuple[LayerSettings, ...]
    classes: int = 11
    input_channels: int = 2
    """ON and OFF."""
    input_frames: InputFrames = "binary"
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
        require(1 <= len(self.layers) <= 16, "layers", len(self.layers), "1 to 16")
        require(2 <= self.classes <= 1024, "classes", self.classes, "2 to 1024")
        require(
            1 <= self.input_channels <= 4096, "input channels", self.input_channels, "1 to 4096"
        )
        require(1 <= self.input_copies <= 64, "input copies", self.input_copies, "1 to 64")
        for name in ("height", "width"):
            require(1 <= getattr(self, name) <= 1024, name, getattr(self, name), "1 to 1024")
        for name in ("tau_m_ms", "tau_s_ms"):
            low, high = getattr(self, name)
            require(
                finite(low) and finite(high) and 1.0 <= low <= high <= 10_000.0,
                name,
                (low, high),
                "1 <= low <= high <= 10000",
            )
        require(0 <= self.tau_pairs <= 4096, "tau pairs", self.tau_pairs, "0 to 4096")
        directions = self.known_directions
        require(0 <= directions <= 4096, "known directions", directions, "0 to 4096")
        for name, low, high in (
            ("gain", 1e-6, 1e6),
            ("refractory_weight", 0.0, 1e6),
            ("weight_scale", 0.0, 1e3),
        ):
            value = getattr(self, name)
            require(finite(value) and low <= value <= high, name, value, f"{low} to {high}")
        require(
            finite(self.refractory_decay) and 0.0 <= self.refractory_decay < 1.0,
            "refractory decay",
            self.refractory_decay,
            "0 <= decay < 1",
        )
        one_of(InputFrames, "input frames", self.input_frames)
        one_of(ReadoutInput, "readout input", self.readout_input)
        one_of(Reading, "reading", self.reading)
        count, chosen = len(self.layers), self.read_layers
        require(
            all(isinstance(layer, int) and -count <= layer < count for layer in self.reading_layers)
            and 1 <= len(chosen) == len(self.reading_layers),
            "reading layers",
            self.reading_layers,
            f"one or more different ones of {-count} to {count - 1}",
        )
        one_of(OverTime, "over time", self.over_time)
        require(
            isinstance(self.other_class, int) and 0 <= self.other_class <= self.classes,
            "other class",
            self.other_class,
            f"1 to {self.classes}, the number of classes, or 0 for none",
        )
        require(
            finite(self.other_share) and 0.0 < self.other_share < 1.0,
            "other share",
            self.other_share,
            "above 0, below 1",
        )
        require(is_seed(self.seed), "seed", self.seed, f"0 to {MOST_SEED}")
        self.shapes()

    @property
    def counts_events(self) -> bool:
        """Whether frames are to hold numbers of events."""
        return self.input_frames == "counts"

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
            require(
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
            ("input_frames", "binary"),
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


EngineName = Literal["auto", "torch", "events", "graph"]
"""What runs a network; see `models.engines`."""
TrainingEngineName = Literal["auto", "events", "graph"]
"""What trains a network; see `models.engines.trainer_for`."""
ENGINES: tuple[EngineName, ...] = get_args(EngineName)
