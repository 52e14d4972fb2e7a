"""Capturing a piece of work as a CUDA graph, and the alternative that replays nothing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

import torch
from torch import Tensor

from models.graph_network import GraphNetwork, Kind

Work = Callable[[], None]
WARM_UPS = 3
"""Runs before a capture, in which libraries load kernels and take their workspaces."""


class Capture(Protocol):
    """Makes something that can be played again and again from `work`."""

    def __call__(self, work: Work, persistent: list[Tensor], generator: torch.Generator) -> Work:
        """What it returns does what `work` does.

        Making it leaves `persistent`, all tensors that `work` reads and changes, as they were.
        """


def run_directly(
    work: Work,
    persistent: list[Tensor],  # noqa: ARG001 - a `Capture`
    generator: torch.Generator,  # noqa: ARG001 - likewise
) -> Work:
    """Every play runs the work anew: the reference for capturing, on any device."""
    return work


@torch.no_grad()
def capture_cuda(work: Work, persistent: list[Tensor], generator: torch.Generator) -> Work:
    """Warm up on a side stream, undo what that changed, capture once; a play is one launch.

    The generator is registered with the graph, so that every replay draws on from where the one
    before it, of whatever graph, had stopped.
    """
    before = [tensor.clone() for tensor in persistent]
    random_before = generator.get_state()
    cuda: Any = torch.cuda
    stream = cuda.Stream(generator.device)
    stream.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(stream):
        for _ in range(WARM_UPS):
            work()
    torch.cuda.current_stream().wait_stream(stream)
    for tensor, value in zip(persistent, before, strict=True):
        tensor.copy_(value)
    generator.set_state(random_before)
    torch.cuda.synchronize()
    graph: Any = torch.cuda.CUDAGraph()
    graph.register_generator_state(generator)
    # Other threads of the process may use CUDA meanwhile; they are not part of this.
    with torch.cuda.graph(graph, stream=stream, capture_error_mode="thread_local"):
        work()
    play: Work = graph.replay
    return play


class Program:
    """Stretches of steps, each pattern of kinds captured when it is first played."""

    def __init__(
        self,
        work: Callable[[tuple[Kind, ...]], None],
        network: GraphNetwork,
        totals: list[Tensor],
        capture: Capture,
    ) -> None:
        """`work` runs `network`, and may add to `totals`."""
        self._work = work
        self._network = network
        self._totals = totals
        self._capture = capture
        self._captured: dict[tuple[Kind, ...], Work] = {}

    def prepare(self, kinds: tuple[Kind, ...]) -> None:
        """Capture a pattern before it is needed."""
        if kinds in self._captured:
            return
        network = self._network
        with network.arithmetic():
            self._captured[kinds] = self._capture(
                lambda: self._work(kinds),
                network.persistent() + self._totals,
                network.generator,
            )

    def play(self, kinds: tuple[Kind, ...]) -> None:
        """Queue the work for a pattern of kinds."""
        self.prepare(kinds)
        self._captured[kinds]()
