"""Which engine runs a checkpoint: the plain torch one, or the fast one of the device.

Which trainer a network gets is chosen likewise.
"""

from __future__ import annotations

import ctypes
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from models.checkpoint_file import read_checkpoint
from models.engine import Engine
from models.errors import ModelError
from models.learning_settings import LearningSettings
from models.plain_only import plain_only, refuse_plain_only
from models.settings import ENGINES, EngineName, TrainingEngineName

if TYPE_CHECKING:
    from models.events_trainer import EventsTrainer
    from models.graph_trainer import GraphTrainer
    from models.network import Network
    from models.reading import SequenceReading
    from models.replicas import Replicas
    from models.trainer import Trainer

# Engines are imported where they are chosen: torch and compiled code both take seconds to load.


def load_engine(
    checkpoint: Path,
    *,
    engine: EngineName = "auto",
    device: str = "auto",
    threads: int = 1,
    learning: LearningSettings | None = None,
) -> Engine:
    """An engine with a checkpoint's weights; `auto` takes `events` on a CPU and `torch` on CUDA,
    where `graph` has not been measured yet.

    `events` runs on one CPU core, whatever `threads` says; its first start on a machine compiles.
    `graph` captures its step at every start, and computes in float32. Both say so through
    `logging` at INFO. What only `torch` can do (`models.plain_only`), `auto` leaves to it and the
    others refuse. Raises `ModelError`.
    """
    if engine not in ENGINES:
        raise ModelError(f"engine: got {engine!r}; allowed: {', '.join(ENGINES)}")
    if threads < 1:
        raise ModelError(f"threads: got {threads}; allowed: 1 or more")
    if learning is not None and learning.average_decay is not None:
        raise ModelError(
            f"average decay: got {learning.average_decay} for learning from one live stream; "
            "allowed: none; averages are for training"
        )
    if engine == "events" and device not in ("auto", "cpu"):
        raise ModelError(f"engine: got 'events' with device {device!r}; allowed: auto, cpu")
    if engine == "events" or (engine == "auto" and runs_on_cpu(device)):
        stored = read_checkpoint(checkpoint)
        if engine == "events" or not plain_only(stored.settings, learning):
            refuse_plain_only(engine, stored.settings, learning, "torch")
            from models.events_engine import EventsEngine

            return EventsEngine(stored, learning)
    return _load_torch_engine(checkpoint, engine, device, threads, learning)


def runs_on_cpu(device: str) -> bool:
    """Whether a device's name stands for the CPU here, without torch where that can be told."""
    if device == "cpu" or (device == "auto" and not _has_cuda_driver()):
        return True
    from models.torch_engine import choose_device

    return choose_device(device) == "cpu"


def _has_cuda_driver() -> bool:
    """Whether a driver for CUDA or ROCm is installed; torch alone can tell if it is of use."""
    for name in ("libcuda.so.1", "nvcuda.dll", "libamdhip64.so"):
        try:
            ctypes.CDLL(name)
        except OSError:
            continue
        return True
    return False


def _load_torch_engine(
    checkpoint: Path,
    engine: EngineName,
    device: str,
    threads: int,
    learning: LearningSettings | None,
) -> Engine:
    from models.torch_engine import choose_device, load_engine, prepare_torch

    chosen = choose_device(device)
    if engine != "graph":
        return load_engine(checkpoint, device=chosen, threads=threads, learning=learning)
    if chosen != "cuda":
        raise ModelError(
            f"engine: got 'graph' with device {device!r}, which is the CPU here; "
            "allowed: a CUDA device that torch sees; take --engine auto"
        )
    from models.checkpoint import load_checkpoint
    from models.graph_engine import GraphEngine
    from models.graph_settings import GraphSettings

    prepare_torch(threads)
    loaded = load_checkpoint(checkpoint, device=chosen)
    refuse_plain_only(engine, loaded.network.settings, learning, "torch")
    return GraphEngine(loaded, learning, GraphSettings())


def trainer_for(
    network: Network,
    learning: LearningSettings,
    *,
    batch: int,
    learn_every_ms: int,
    engine: TrainingEngineName = "auto",
    replicas: Replicas | None = None,
) -> Trainer | GraphTrainer | EventsTrainer:
    """A trainer for a network where it lies; `auto` is the plain one, all sequences at once.

    `events` takes one sequence after the other where spikes are, on one CPU core; `graph` captures
    stretches of steps on a CUDA device. `batch` is that of all `replicas` together (this
    one alone, if left out). Raises `ModelError` where the network is elsewhere, and for replicas
    of another trainer than `auto`.
    """
    device = network.layers[0].weight.device.type
    needed = {"events": "cpu", "graph": "cuda"}.get(engine, device)
    if device != needed:
        raise ModelError(
            f"training engine: got {engine!r} with a network on {device}; allowed: one on "
            f"{needed}; choose another --device, or take --engine auto"
        )
    from models.replicas import ALONE

    replicas = replicas or ALONE
    batch = len(range(batch)[replicas.part(batch)])
    if engine != "auto" and replicas.size > 1:
        raise ModelError(
            f"training engine: got {engine!r} with {replicas.size} processes; allowed: auto"
        )
    if engine != "auto":
        refuse_plain_only(engine, network.settings, learning, "auto")
    if engine == "events":
        from models.events_trainer import EventsTrainer

        return EventsTrainer(network, learning, batch=batch, learn_every_ms=learn_every_ms)
    if engine == "graph":
        from models.graph_settings import GraphSettings
        from models.graph_trainer import GraphTrainer

        return GraphTrainer(
            network,
            learning,
            batch=batch,
            learn_every_ms=learn_every_ms,
            settings=GraphSettings(),
        )
    from models.trainer import Trainer

    return Trainer(network, learning, batch=batch, learn_every_ms=learn_every_ms, replicas=replicas)


def read_sequences(
    network: Network, frames: npt.NDArray[np.uint8], *, burn_in_ms: int
) -> SequenceReading:
    """As `models.trainer.read_sequences`; on a CPU where spikes are, which is faster."""
    if network.layers[0].weight.device.type != "cpu" or plain_only(network.settings, None):
        from models.trainer import read_sequences as read_densely

        return read_densely(network, frames, burn_in_ms=burn_in_ms)
    from models.events_sums import Summing
    from models.reading import SequenceReading

    sums = Summing(network).run(np.moveaxis(frames, 1, 0), burn_in_ms=burn_in_ms)
    return SequenceReading(sums.votes, sums.scores)
