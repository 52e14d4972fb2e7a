"""Measures the engine `graph` on a GPU in under 8 minutes: right, deterministic, how fast.

    python benchmarks/gpu.py [--json FILE] [--decolle FOLDER]

Needs torch 2.11 or later with CUDA, and numpy; no network, no other package, nothing installed.
Contenders take turns, round by round. A section that fails or runs out of its time is reported in
the table, and the next one begins. `--device cpu --quick` tries the script itself out.
"""

from __future__ import annotations

import argparse
import json
import platform
import statistics
import sys
import time
import traceback
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import numpy as np
import torch
from gpu_contenders import (
    Contender,
    NeedsCudaError,
    Plain,
    decolle,
    plain,
    random_frames,
    stepper,
    stretch,
)

from models.graph_settings import GraphSettings, arithmetic
from models.graph_stepper import GraphStepper
from models.graph_trainer import GraphTrainer
from models.learning_settings import LearningSettings
from models.network import Network
from models.presets import preset
from models.settings import LayerSettings, NetworkSettings

TOTAL_S = 450.0
PAPER_SAMPLES = 324_000
"""4,500 minibatches of 72 sequences of 500 ms (P 4.3)."""
PAPER_BATCH = 72
LEARNING = LearningSettings(rate=3e-5)
QUICK = NetworkSettings(
    layers=(LayerSettings(channels=4), LayerSettings(channels=6, pool=1)), height=16, width=16
)


@dataclass(frozen=True)
class Row:
    """One figure."""

    section: str
    what: str
    value: float | str
    unit: str = ""
    note: str = ""


@dataclass(frozen=True)
class Run:
    """What sections are told."""

    device: str
    quick: bool
    decolle: Path | None
    deadline: float

    @property
    def network(self) -> NetworkSettings:
        """The paper's network, or a toy one to try the script out."""
        return QUICK if self.quick else preset("paper").network

    @property
    def batch(self) -> int:
        """The paper's minibatch, or three streams."""
        return 3 if self.quick else PAPER_BATCH

    def time_left(self) -> bool:
        """Whether the section may begin another round."""
        return time.monotonic() < self.deadline


Section = Callable[[Run], Iterator[tuple[str, float | str, str, str]]]


def synchronise(device: str) -> None:
    """Wait until the device has done all that was queued."""
    if device == "cuda":
        torch.cuda.synchronize()


def need_cuda(run: Run) -> None:
    """Raise where there are no CUDA graphs."""
    if run.device != "cuda":
        raise NeedsCudaError


def machine(run: Run) -> Iterator[tuple[str, float | str, str, str]]:
    """Device and versions."""
    yield "python, torch", f"{platform.python_version()}, {torch.__version__}", "", ""
    if run.device == "cuda":
        cudnn: Any = torch.backends.cudnn
        yield "device", torch.cuda.get_device_name(), "", ""
        yield "CUDA, cuDNN", f"{torch.version.cuda}, {cudnn.version()}", "", ""


def precision(run: Run) -> Iterator[tuple[str, float | str, str, str]]:
    """Relative error of a convolution against float64: 1e-6 in float32, 1e-3 in TF32."""
    generator = torch.Generator().manual_seed(0)
    x = torch.randn((4, 64, 19, 19), generator=generator).to(run.device)
    w = torch.randn((128, 64, 7, 7), generator=generator).to(run.device)
    exact = torch.nn.functional.conv2d(x.double(), w.double())
    for tf32 in (False, True):
        settings = GraphSettings(tf32=tf32)
        with arithmetic(settings):
            got = torch.nn.functional.conv2d(x, w).double()
        error = float((got - exact).abs().max() / exact.abs().max())
        yield f"convolution, {settings.precision}", error, "relative", ""


def correct(run: Run) -> Iterator[tuple[str, float | str, str, str]]:
    """Graph against the plain engine on the same device: votes, spikes, weights."""
    need_cuda(run)
    learning = replace(LEARNING, rate=1e-4, dropout=0.0)
    steps = 300
    for name in ("small", "paper"):
        settings = preset(name).network
        for batch, every in ((1, 1), (1, 20), (8, 1)):
            # Over gathered steps the plain learner regularises by their mean: left out there.
            own = replace(
                learning, update_every_steps=every, regularisation=1e-3 if every == 1 else 0.0
            )
            reference = Plain(settings, own, batch=batch, device="cuda")
            network = Network(settings, device="cuda")
            made = GraphStepper(network, own, batch=batch, settings=GraphSettings())
            frames = random_frames(settings, steps, batch)
            targets, same, spikes = np.arange(batch) % settings.classes, [], [0, 0]
            for t, frame in enumerate(frames):
                wanted = targets if t >= 50 else None
                votes, fired = reference.step(frame, wanted)
                result = made.step(frame, wanted)
                same.append(float((votes == result.votes).mean()))
                spikes[0] += sum(fired)
                spikes[1] += int(result.spikes.sum())
            what = f"{name}, batch {batch}, update every {every}"
            yield f"{what}: equal votes", 100 * statistics.fmean(same), "%", f"{steps} steps"
            yield f"{what}: spikes, graph to torch", spikes[1] / max(spikes[0], 1), "ratio", ""
            differences = [
                float((ours.weight - theirs.weight).abs().mean())
                for ours, theirs in zip(network.layers, reference.network.layers, strict=True)
            ]
            note = f"a step is {own.rate:g}"
            yield f"{what}: weights, mean difference", max(differences), "", note


def deterministic(run: Run) -> Iterator[tuple[str, float | str, str, str]]:
    """Two runs from the same start, dropout included: the same bits."""
    need_cuda(run)
    settings = preset("paper").network
    for batch in (1, PAPER_BATCH):
        frames = random_frames(settings, 60, batch)
        for tf32 in (False, True):
            ends: list[list[Any]] = []
            for _ in range(2):
                network = Network(settings, device="cuda")
                made = GraphStepper(network, LEARNING, batch=batch, settings=GraphSettings(tf32))
                votes = [made.step(f, np.arange(batch) % settings.classes).votes for f in frames]
                tensors = [layer.weight.cpu().numpy() for layer in network.layers]
                ends.append([*votes, *tensors])
            equal = all(np.array_equal(a, b) for a, b in zip(*ends, strict=True))
            name = f"batch {batch}, {GraphSettings(tf32).precision}"
            yield name, "bit-identical" if equal else "DIFFERENT", "", "60 learning steps"


def measure(ready: list[Contender], run: Run, rounds: int) -> dict[str, tuple[float, float]]:
    """Median wall-clock and device time of one step by name, in microseconds, round by round."""
    calls = 1 if run.quick else 20
    wall: dict[str, list[float]] = {item.name: [] for item in ready}
    busy: dict[str, list[float]] = {item.name: [] for item in ready}
    cuda: Any = torch.cuda
    for number in range(rounds + 1):
        for item in ready:
            synchronise(run.device)
            events = [cuda.Event(enable_timing=True) for _ in range(2 * (run.device == "cuda"))]
            start = time.perf_counter_ns()
            if events:
                events[0].record()
            for _ in range(calls):
                item.call()
            if events:
                events[1].record()
            synchronise(run.device)
            if number == 0:
                continue  # the first round warms up
            elapsed = (time.perf_counter_ns() - start) / 1e3
            wall[item.name].append(elapsed / calls / item.steps)
            if events:
                elapsed = events[0].elapsed_time(events[1]) * 1e3
            busy[item.name].append(elapsed / calls / item.steps)
        if number >= 2 and not run.time_left():
            break
    return {name: (statistics.median(wall[name]), statistics.median(busy[name])) for name in wall}


def attempt(
    makers: list[tuple[str, Callable[[], Contender]]],
) -> Iterator[Contender | tuple[str, str, str, str]]:
    """Each contender after its first call, or the row that says why there is none."""
    for what, make in makers:
        try:
            made = make()
            made.call()
            yield made
        except NeedsCudaError:
            yield what, "needs CUDA", "", ""
        except Exception as error:
            yield what, "failed", "", f"{type(error).__name__}: {str(error)[:160]}"


def contenders(
    run: Run, batch: int, learning: LearningSettings | None, *, fused: bool
) -> list[tuple[str, Callable[[], Contender]]]:
    """What to time at a batch, by name: graph engines and stretches, the torch engine, decolle."""
    made: list[tuple[str, Callable[[], Contender]]] = []

    def add(what: str, make: Any, *given: Any, **named: Any) -> None:
        named |= {"batch": batch, "device": run.device}
        made.append((what, partial(make, run.network, learning, *given, **named)))

    kinds = ("patches", "planes", "channels_last") if batch == 1 else ("planes", "channels_last")
    for tf32 in (False, True) if run.device == "cuda" else (False,):
        choices = GraphSettings(tf32, fused)
        word = choices.precision
        add(f"graph {word}", stepper, choices)
        add(f"graph of several {word}", stretch, choices)
        if fused:
            continue
        add(f"torch {word}", plain, tf32=tf32)
        add(f"decolle {word}", decolle, tf32=tf32, folder=run.decolle)
        for kind in kinds:
            if kind != choices.convolution_for(batch):
                add(f"graph {word} {kind}", stepper, replace(choices, convolution=kind))
    return made


def times(run: Run, batch: int, *, fused: bool) -> Iterator[tuple[str, float | str, str, str]]:
    """Time of one step at a batch, inferring and learning."""
    for mode, learning in (("infer", None), ("learn", LEARNING)):
        ready: list[Contender] = []
        for made in attempt(contenders(run, batch, learning, fused=fused)):
            if isinstance(made, Contender):
                ready.append(made)
            else:
                what, *rest = made
                yield f"{mode}: {what}", *rest
        # Half of the section's time is for learning.
        now = time.monotonic()
        share = 0.5 if learning is None else 1.0
        own = replace(run, deadline=now + share * (run.deadline - now))
        found = measure(ready, own, 2 if run.quick else 15) if ready else {}
        peers = {name: wall for name, (wall, _) in found.items() if name.startswith("decolle")}
        for name, (wall, busy) in found.items():
            against = peers.get(f"decolle {'TF32' if 'TF32' in name else 'float32'}")
            note = f"device {busy:.1f} us" if run.device == "cuda" else ""
            if against and name.startswith("graph"):
                note += f"; {against / wall:.1f} times decolle"
            yield f"{mode}: {name}", wall, "us a step", note


def training(run: Run) -> Iterator[tuple[str, float | str, str, str]]:
    """Samples a second through the trainer; the paper's training is extrapolated from it."""
    need_cuda(run)
    settings = run.network
    frames = random_frames(settings, 500, run.batch, share=0.02)
    labels = np.arange(run.batch) % settings.classes
    for tf32 in (False, True):
        network = Network(settings, device=run.device)
        choices = GraphSettings(tf32)
        made = GraphTrainer(network, LEARNING, batch=run.batch, settings=choices)
        made.run(frames, labels)
        spent = []
        for _ in range(5):
            start = time.perf_counter()
            made.run(frames, labels)
            spent.append(time.perf_counter() - start)
            if not run.time_left():
                break
        rate = run.batch / statistics.median(spent)
        yield f"training, {choices.precision}", rate, "samples/s", f"{len(spent)} minibatches"
        minutes = PAPER_SAMPLES / rate / 60
        what = f"{PAPER_SAMPLES} samples, {choices.precision}"
        yield what, minutes, "min", "EXTRAPOLATED from the row above"


def memory(run: Run) -> Iterator[tuple[str, float | str, str, str]]:
    """Device memory that torch holds while a stepper is there."""
    need_cuda(run)
    for batch in (1, run.batch):
        torch.cuda.empty_cache()
        before = torch.cuda.memory_reserved()
        made = stepper(run.network, LEARNING, GraphSettings(), batch=batch, device=run.device)
        made.call()
        held = (torch.cuda.memory_reserved() - before) / 2**20
        yield f"batch {batch}, learning", held, "MiB", ""
        del made


SECTIONS: tuple[tuple[str, float, Section], ...] = (
    ("machine", 5, machine),
    ("precision", 10, precision),
    ("correct", 60, correct),
    ("deterministic", 50, deterministic),
    ("batch 1", 70, lambda run: times(run, 1, fused=False)),
    ("batch 72", 90, lambda run: times(run, run.batch, fused=False)),
    ("training", 50, training),
    ("memory", 15, memory),
    ("batch 1, fused", 50, lambda run: times(run, 1, fused=True)),
    ("batch 72, fused", 50, lambda run: times(run, run.batch, fused=True)),
)
"""Name and seconds; torch.compile comes last, for it may take long or not be there."""


def report(rows: list[Row]) -> str:
    """The table."""
    lines = []
    for row in rows:
        value = f"{row.value:.4g}" if isinstance(row.value, float) else row.value
        lines.append(f"{row.section:16s} {row.what:52s} {value:>14s} {row.unit:10s} {row.note}")
    return "\n".join(lines) + "\n"


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", type=Path, help="write the rows here too")
    parser.add_argument("--device", choices=("cuda", "cpu"), default="cuda")
    parser.add_argument("--quick", action="store_true", help="toy shapes, hardly any rounds")
    parser.add_argument("--decolle", type=Path, help="folder that holds the package decolle")
    arguments = parser.parse_args()
    if arguments.device == "cuda" and not torch.cuda.is_available():
        parser.error("torch sees no CUDA device here; --device cpu --quick tries the script out")
    if arguments.device == "cpu":
        torch.set_num_threads(1)
    rows: list[Row] = []
    begin = time.monotonic()
    for name, seconds, section in SECTIONS:
        now = time.monotonic()
        if now - begin > TOTAL_S - 20:
            rows.append(Row(name, "", "left out", "", "no time left"))
            continue
        run = Run(
            arguments.device,
            arguments.quick,
            arguments.decolle,
            min(now + seconds, begin + TOTAL_S),
        )
        try:
            for found in section(run):
                rows.append(Row(name, *found))
                sys.stderr.write(report(rows[-1:]))
        except NeedsCudaError:
            rows.append(Row(name, "", "needs CUDA"))
        except Exception as error:
            sys.stderr.write(traceback.format_exc())
            rows.append(Row(name, "", "failed", "", f"{type(error).__name__}: {error}"))
        if arguments.device == "cuda":
            torch.cuda.empty_cache()
        if arguments.json is not None:
            arguments.json.write_text(json.dumps([asdict(row) for row in rows], indent=1))
    sys.stdout.write(report(rows))
    sys.stdout.write(f"took {time.monotonic() - begin:.0f} s\n")


if __name__ == "__main__":
    main()
