"""Regression (P 4.1, Fig. 1): three layers learn a ramp and two sinusoids from a frozen input."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from models.layer import LayerStep
from models.learning_rule import local_gradient
from models.learning_settings import ADAMAX_EPSILON
from models.network import Network
from models.settings import LayerSettings, NetworkSettings
from models.torch_engine import prepare_torch
from pipeline.experiments.figures import need_matplotlib, new_figure, save_figure
from pipeline.experiments.report import Report
from pipeline.experiments.schedule import cosine
from pipeline.experiments.settings import ExperimentSettings, Say

Series = npt.NDArray[np.float32]
TARGETS = ("ramp", "fast sinusoid", "slow sinusoid")
SHOWN_NEURONS = 40
"""Of a layer's raster."""


@dataclass(frozen=True, slots=True)
class RegressionSettings:
    """Sizes and length are the paper's; rates, gain, time constants and periods are not said there.

    Layer 2 sees the input through layer 1, which learns a ramp: with time constants of U(10, 35) ms
    both traces together are slower than the fast sinusoid, and it is learnt in part only.

    Gradients of every step of a pass add up to one update: the optimiser's steps hardly depend on
    how large a gradient is, and one at every millisecond follows the target instead of learning it.
    """

    neurons: int = 512
    """Of each layer, and of the input: fully connected, as a 1x1 kernel on a map of one cell."""
    steps: int = 500
    input_rate_hz: float = 20.0
    fast_hz: float = 10.0
    slow_hz: float = 4.0
    passes: int = 300
    rate: float = 3e-4
    gain: float = 60.0
    tau_m_ms: tuple[float, float] = (5.0, 20.0)
    tau_s_ms: tuple[float, float] = (3.0, 10.0)
    regularisation: float = 1e-4


def run(settings: ExperimentSettings, say: Say) -> dict[str, Any]:
    """The experiment as in the paper; `--samples` is the number of passes."""
    need_matplotlib()
    prepare_torch(settings.threads)
    usual = RegressionSettings()
    passes = settings.samples or usual.passes
    return regress(RegressionSettings(passes=passes), settings, say)


def regress(regime: RegressionSettings, settings: ExperimentSettings, say: Say) -> dict[str, Any]:
    """Learn over and over from one frozen Poisson input, then record a pass without learning."""
    report = Report("regression", settings, data="a frozen Poisson input, drawn", simulated=True)
    rng = np.random.default_rng(settings.seed)
    chance = regime.input_rate_hz / 1000.0
    frozen = rng.random((regime.steps, 1, regime.neurons, 1, 1), np.float32) < chance
    inputs = torch.from_numpy(frozen.astype(np.float32))
    targets = targets_of(regime)
    network = Network(
        NetworkSettings(
            layers=tuple(
                LayerSettings(channels=regime.neurons, pool=1, kernel=1, padding=0) for _ in TARGETS
            ),
            classes=2,
            input_channels=regime.neurons,
            height=1,
            width=1,
            gain=regime.gain,
            tau_m_ms=regime.tau_m_ms,
            tau_s_ms=regime.tau_s_ms,
            seed=settings.seed,
        )
    )
    losses = []
    learner = _Regression(network, regime)
    for number in range(1, regime.passes + 1):
        losses.append(
            learner.run(inputs, targets, rate_factor=cosine((number - 1) / regime.passes))
        )
        late = settings.minutes is not None and report.elapsed_s > 60 * settings.minutes
        if number % 50 == 0 or number == regime.passes or late:
            errors = ", ".join(f"{value:.4f}" for value in losses[-1])
            say(f"pass {number}, {report.elapsed_s / 60:.1f} minutes: loss by layer {errors}")
        if late:
            break
    recorded = learner.record(inputs)
    error = [
        float(np.sqrt(np.mean((output - target) ** 2)))
        for output, target in zip(recorded["output"], targets, strict=True)
    ]
    spread = [float(target.std()) for target in targets]
    firing = [float(spikes.mean()) for spikes in recorded["spikes"]]
    say(
        "root mean square error: "
        + ", ".join(
            f"{name} {value:.3f} (its sd {sd:.3f})"
            for name, value, sd in zip(TARGETS, error, spread, strict=True)
        )
    )
    results = {
        "regime": asdict(regime),
        "rms_error": dict(zip(TARGETS, error, strict=True)),
        "sd_of_target": dict(zip(TARGETS, spread, strict=True)),
        "firing_rate_per_step": firing,
        "loss_by_pass": np.array(losses),
    }
    draw(frozen[:, 0, :, 0, 0], recorded, targets, settings)
    report.write(results)
    return results


def targets_of(regime: RegressionSettings) -> list[Series]:
    """Ramp, fast and slow sinusoid between 0 and 1, each of shape (steps,)."""
    t_s = np.arange(regime.steps) / 1000.0

    def wave(hz: float) -> Series:
        return (0.5 + 0.5 * np.sin(2 * np.pi * hz * t_s)).astype(np.float32)

    ramp = np.linspace(0.0, 1.0, regime.steps, dtype=np.float32)
    return [ramp, wave(regime.fast_hz), wave(regime.slow_hz)]


class _Regression:
    """Eq. 5 with a target of its own for each layer and step, on both of its readouts."""

    def __init__(self, network: Network, regime: RegressionSettings) -> None:
        self._network = network
        self._regime = regime
        self._optimisers = [
            torch.optim.Adamax(
                [layer.weight, layer.bias],
                lr=regime.rate,
                betas=(0.0, 0.95),
                eps=ADAMAX_EPSILON,
            )
            for layer in network.layers
        ]

    @torch.no_grad()
    def run(
        self, inputs: torch.Tensor, targets: list[Series], *, rate_factor: float
    ) -> list[float]:
        """One pass from silence, then an update; gives each layer's mean loss."""
        states = self._network.initial_state(1)
        traces: list[list[torch.Tensor]] = [[] for _ in states]
        steps: list[list[LayerStep]] = [[] for _ in states]
        for x in inputs:
            for number, step in enumerate(self._network.step(states, x, learning=True)):
                traces[number].append(states[number].p_padded.clone())
                steps[number].append(step)
        losses = []
        for number, (layer, target) in enumerate(zip(self._network.layers, targets, strict=True)):
            own = steps[number]
            gradient = local_gradient(
                layer,
                torch.cat(traces[number]),
                LayerStep(
                    u=torch.cat([step.u for step in own]),
                    argmax=None,
                    spikes=torch.cat([step.spikes for step in own]),
                    activity=torch.cat([step.activity for step in own]),
                ),
                torch.from_numpy(target)[:, None].repeat(1, 2),
                regularisation=self._regime.regularisation,
                dropout_mask=None,
            )
            optimiser = self._optimisers[number]
            optimiser.param_groups[0]["lr"] = self._regime.rate * rate_factor
            layer.weight.grad, layer.bias.grad = gradient.weight, gradient.bias
            optimiser.step()
            losses.append(float(gradient.loss))
        return losses

    @torch.no_grad()
    def record(self, inputs: torch.Tensor) -> dict[str, list[npt.NDArray[Any]]]:
        """A pass with weights at rest: by layer, spikes, potentials and traces, and the output."""
        states = self._network.initial_state(1)
        found: dict[str, list[list[npt.NDArray[Any]]]] = {
            name: [[] for _ in states] for name in ("spikes", "u", "p", "q", "r", "output")
        }
        for x in inputs:
            steps = self._network.step(states, x, learning=False)
            for number, (layer, state, step) in enumerate(
                zip(self._network.layers, states, steps, strict=True)
            ):
                for name, value in (
                    ("spikes", step.spikes),
                    ("u", step.u),
                    ("p", state.p),
                    ("q", state.q),
                    ("r", state.r),
                    ("output", layer.read_out(step.activity)[:, :1]),
                ):
                    found[name][number].append(value.flatten().numpy().copy())
        stacked = {name: [np.stack(rows) for rows in layers] for name, layers in found.items()}
        stacked["output"] = [rows[:, 0] for rows in stacked["output"]]
        return stacked


def draw(
    frozen: npt.NDArray[np.bool_],
    recorded: dict[str, list[npt.NDArray[Any]]],
    targets: list[Series],
    settings: ExperimentSettings,
) -> None:
    """As the right of Fig. 1: outputs with targets, and the states of the top layer."""
    figure, axes = new_figure(8, 1, width=7.0, height=9.5)
    top = len(targets) - 1
    busiest = int(recorded["spikes"][top].sum(0).argmax())
    presynaptic = int(recorded["spikes"][top - 1].sum(0).argmax())
    for number in range(top, -1, -1):
        panel = axes[top - number]
        panel.plot(targets[number], "k--", lw=1, label="target")
        panel.plot(recorded["output"][number], lw=1, label="output y")
        panel.set_ylabel(f"layer {number + 1}\n{TARGETS[number]}", fontsize=8)
        panel.set_ylim(-0.1, 1.1)
        panel.legend(fontsize=7, loc="upper right")
    _raster(axes[3], recorded["spikes"][top][:, :SHOWN_NEURONS], "spikes\nlayer 3")
    axes[4].plot(recorded["u"][top][:, busiest], lw=0.8)
    axes[4].axhline(0.0, color="grey", lw=0.6)
    axes[4].set_ylabel("membrane u", fontsize=8)
    axes[5].plot(recorded["r"][top][:, busiest], lw=0.8)
    axes[5].set_ylabel("refractory R", fontsize=8)
    axes[6].plot(recorded["q"][top][:, presynaptic], lw=0.8, label="Q")
    axes[6].plot(recorded["p"][top][:, presynaptic], lw=0.8, label="P")
    axes[6].legend(fontsize=7, loc="upper right")
    axes[6].set_ylabel("traces of\none input", fontsize=8)
    _raster(axes[7], frozen[:, :SHOWN_NEURONS], "input")
    for panel in axes:
        panel.set_xlim(0, len(frozen))
    for panel in axes[:-1]:
        panel.set_xticklabels([])
    axes[7].set_xlabel("time (ms); learning is off")
    save_figure(figure, settings.out / "regression.png")


def _raster(panel: Any, spikes: npt.NDArray[Any], label: str) -> None:
    t, neuron = np.nonzero(spikes)
    panel.plot(t, neuron, "k|", ms=2)
    panel.set_ylabel(label, fontsize=8)
