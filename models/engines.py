"""Which engine runs a checkpoint: the plain torch one, or the fast one of the device.

Which trainer a network gets is chosen likewise.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Literal

from models.checkpoint import load_checkpoint
from models.engine import Engine
from models.errors import ModelError
from models.graph_engine import GraphEngine
from models.graph_settings import GraphSettings
from models.graph_trainer import GraphTrainer
from models.network import Network
from models.settings import ENGINES, EngineName, LearningSettings
from models.torch_engine import choose_device, prepare_torch
from models.torch_engine import load_engine as load_torch_engine
from models.trainer import Trainer

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
    """An engine with a checkpoint's weights; `auto` takes `events` on a CPU and `graph` on CUDA.

    `events` runs on one CPU core, whatever `threads` says; its first start on a machine compiles.
    `graph` captures its step at every start, and computes in float32. Both say so through
    `logging` at INFO. Raises `ModelError`.
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
    if engine == "torch":
        return load_torch_engine(checkpoint, device=chosen, threads=threads, learning=learning)
    prepare_torch(threads)
    if chosen == "cuda":
        return GraphEngine(load_checkpoint(checkpoint, device=chosen), learning, GraphSettings())
    # Here and not above: the compiled code takes time to load, which other engines save.
    from models.events_engine import EventsEngine

    return EventsEngine(load_checkpoint(checkpoint, device=chosen), learning)


def trainer_for(
    network: Network,
    learning: LearningSettings,
    *,
    batch: int,
    learn_every_ms: int,
    engine: Literal["auto", "events"] = "auto",
) -> Trainer | GraphTrainer | EventsTrainer:
    """A trainer for a network where it lies: stretches of CUDA graphs, or the plain one.

    `events` takes one sequence after the other where spikes are, on one CPU core. Raises
    `ModelError` where the network is not on the CPU.
    """
    if engine == "events":
        if network.layers[0].weight.device.type != "cpu":
            raise ModelError(
                "training engine: got 'events' with a network on CUDA; allowed: a network on the "
                "CPU; add --device cpu, or take --engine auto"
            )
        from models.events_trainer import EventsTrainer

        return EventsTrainer(network, learning, batch=batch, learn_every_ms=learn_every_ms)
    if network.layers[0].weight.device.type == "cuda":
        return GraphTrainer(
            network,
            learning,
            batch=batch,
            learn_every_ms=learn_every_ms,
            settings=GraphSettings(),
        )
    return Trainer(network, learning, batch=batch, learn_every_ms=learn_every_ms)
