"""Which engine runs a checkpoint: the plain torch one, or the fast one of the device.

Which trainer a network gets is chosen likewise.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from models.checkpoint import load_checkpoint
from models.engine import Engine
from models.errors import ModelError
from models.graph_engine import GraphEngine
from models.graph_settings import GraphSettings
from models.graph_trainer import GraphTrainer
from models.network import Network
from models.plain_only import plain_only, refuse_plain_only
from models.replicas import ALONE, Replicas
from models.settings import ENGINES, EngineName, LearningSettings, TrainingEngineName
from models.torch_engine import TorchEngine, choose_device, prepare_torch
from models.torch_engine import load_engine as load_torch_engine
from models.trainer import BURN_IN_MS, Trainer
from models.trainer import count_votes as count_votes_densely

if TYPE_CHECKING:
    from models.events_trainer import EventsTrainer


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
    if engine == "events" and device == "auto":
        device = "cpu"
    chosen = choose_device(device)
    if engine == "graph" and chosen != "cuda":
        raise ModelError(
            f"engine: got 'graph' with device {device!r}, which is the CPU here; "
            "allowed: a CUDA device that torch sees; take --engine auto"
        )
    if engine == "events" and chosen != "cpu":
        raise ModelError(f"engine: got 'events' with device {device!r}; allowed: auto, cpu")
    if engine == "torch" or (engine == "auto" and chosen == "cuda"):
        return load_torch_engine(checkpoint, device=chosen, threads=threads, learning=learning)
    prepare_torch(threads)
    loaded = load_checkpoint(checkpoint, device=chosen)
    if engine == "auto" and plain_only(loaded.network.settings, learning):
        return TorchEngine(loaded, learning)
    refuse_plain_only(engine, loaded.network.settings, learning, "torch")
    if chosen == "cuda":
        return GraphEngine(loaded, learning, GraphSettings())
    # Here and not above: the compiled code takes time to load, which other engines save.
    from models.events_engine import EventsEngine

    return EventsEngine(loaded, learning)


def trainer_for(
    network: Network,
    learning: LearningSettings,
    *,
    batch: int,
    learn_every_ms: int,
    engine: TrainingEngineName = "auto",
    replicas: Replicas = ALONE,
) -> Trainer | GraphTrainer | EventsTrainer:
    """A trainer for a network where it lies; `auto` is the plain one, all sequences at once.

    `events` takes one sequence after the other where spikes are, on one CPU core; `graph` captures
    stretches of steps on a CUDA device. `batch` is that of all replicas together. Raises
    `ModelError` where the network is elsewhere, and for replicas of another trainer than `auto`.
    """
    device = network.layers[0].weight.device.type
    needed = {"events": "cpu", "graph": "cuda"}.get(engine, device)
    if device != needed:
        raise ModelError(
            f"training engine: got {engine!r} with a network on {device}; allowed: one on "
            f"{needed}; choose another --device, or take --engine auto"
        )
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
        return GraphTrainer(
            network,
            learning,
            batch=batch,
            learn_every_ms=learn_every_ms,
            settings=GraphSettings(),
        )
    return Trainer(network, learning, batch=batch, learn_every_ms=learn_every_ms, replicas=replicas)


def count_votes(
    network: Network, frames: npt.NDArray[np.uint8], *, burn_in_ms: int = BURN_IN_MS
) -> npt.NDArray[np.int64]:
    """As `models.trainer.count_votes`; on a CPU where spikes are, which is faster."""
    if network.layers[0].weight.device.type != "cpu" or plain_only(network.settings, None):
        return count_votes_densely(network, frames, burn_in_ms=burn_in_ms)
    from models.events_streams import count_votes as count_votes_of_spikes

    return count_votes_of_spikes(network, frames, burn_in_ms=burn_in_ms)
