"""Several processes that train the same weights, each on its part of every minibatch.

Each process (replica) holds all weights and its own streams; gradients are averaged before every
update, so that all weights stay equal and are those of one process with the whole minibatch, to
the rounding of sums.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import timedelta

import torch
import torch.distributed as distributed
from torch import Tensor

from models.errors import ModelError

PATIENCE = timedelta(hours=2)
"""How long replicas wait for one another: one may be cutting recordings for all of them."""


@dataclass(frozen=True, slots=True)
class Replicas:
    """One process, the one asking, among `size`; all methods but `part` are called by each."""

    rank: int = 0
    size: int = 1

    @property
    def leads(self) -> bool:
        """Whether this is the one that writes files and tells progress."""
        return self.rank == 0

    def part(self, batch: int) -> slice:
        """Which of the minibatch's sequences are this one's; raises `ModelError` for odd parts."""
        if batch % self.size:
            raise ModelError(
                f"minibatch: got {batch} sequences for {self.size} processes; allowed: equal parts"
            )
        each = batch // self.size
        return slice(self.rank * each, (self.rank + 1) * each)

    def mean(self, value: Tensor) -> Tensor:
        """The mean of a tensor over all replicas, element by element."""
        if self.size == 1:
            return value
        total = value.contiguous().clone()
        distributed.all_reduce(total)
        return total.div_(self.size)

    def join(self, value: Tensor) -> Tensor:
        """What the replicas hold of a minibatch, along the first dimension, in their order."""
        if self.size == 1:
            return value
        parts = [
            torch.empty(value.shape, dtype=value.dtype, device=value.device)
            for _ in range(self.size)
        ]
        distributed.all_gather(parts, value.contiguous())
        return torch.cat(parts)

    def largest(self, *values: int) -> tuple[int, ...]:
        """Each value's maximum over all replicas."""
        if self.size == 1:
            return values
        device = "cuda" if distributed.get_backend() == "nccl" else "cpu"
        found = torch.tensor(values, dtype=torch.int64, device=device)
        distributed.all_reduce(found, op=distributed.ReduceOp.MAX)
        return tuple(int(value) for value in found)

    def wait(self) -> None:
        """Until all replicas have come here."""
        if self.size > 1:
            self.largest(0)


ALONE = Replicas()


def join_replicas(device: str) -> Replicas:
    """Join the processes that torchrun started; `ALONE` where it started none.

    `device` is `cpu` or `cuda`: replicas of one host take one CUDA device each. Raises `ModelError`
    for more of them than devices.
    """
    size = int(os.environ.get("WORLD_SIZE", "1"))
    if "RANK" not in os.environ or size == 1:
        return ALONE
    local = int(os.environ.get("LOCAL_RANK", "0"))
    if device == "cuda":
        if local >= torch.cuda.device_count():
            raise ModelError(
                f"processes of torchrun: got more than the {torch.cuda.device_count()} CUDA "
                "devices of this host; allowed: one for each; set --nproc-per-node"
            )
        torch.cuda.set_device(local)
    backend = "nccl" if device == "cuda" else "gloo"
    distributed.init_process_group(backend, timeout=PATIENCE)
    return Replicas(int(os.environ["RANK"]), size)


def leave_replicas(replicas: Replicas) -> None:
    """The end of what `join_replicas` began."""
    if replicas.size > 1:
        # Together: one that is gone while another still talks to it ends that one by an abort.
        distributed.barrier()
        distributed.destroy_process_group()
