"""Which engine runs a checkpoint: the plain torch one, or the fast one for a CPU core."""

from __future__ import annotations

from pathlib import Path

from models.checkpoint import load_checkpoint
from models.engine import Engine
from models.errors import ModelError
from models.settings import EngineName, LearningSettings
from models.torch_engine import choose_device, prepare_torch
from models.torch_engine import load_engine as load_torch_engine


def load_engine(
    checkpoint: Path,
    *,
    engine: EngineName = "auto",
    device: str = "auto",
    threads: int = 1,
    learning: LearningSettings | None = None,
) -> Engine:
    """An engine with a checkpoint's weights; `auto` takes `events` on a CPU and `torch` on cuda.

    `events` runs on one CPU core, whatever `threads` says. Its first start on a machine compiles,
    and says so through `logging` at INFO. Raises `ModelError`.
    """
    if engine not in ("auto", "torch", "events"):
        raise ModelError(f"engine: got {engine!r}; allowed: auto, torch, events")
    if engine == "events" and device == "auto":
        device = "cpu"
    chosen = choose_device(device)
    if engine == "events" and chosen != "cpu":
        raise ModelError(f"engine: got 'events' with device {device!r}; allowed: auto, cpu")
    if engine == "torch" or chosen != "cpu":
        return load_torch_engine(checkpoint, device=chosen, threads=threads, learning=learning)
    prepare_torch(threads)
    # Here and not above: the compiled code takes time to load, which other engines save.
    from models.events_engine import EventsEngine

    return EventsEngine(load_checkpoint(checkpoint, device=chosen), learning)
