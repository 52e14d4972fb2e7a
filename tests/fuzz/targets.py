"""The targets of fuzzing, by name: seeds, how they are broken, and what must hold."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from random import Random

from tests.fuzz import files, messages, requests, seeds
from tests.fuzz.aedat4_pieces import mutate_aedat4
from tests.fuzz.mutations import mutate
from tests.fuzz.readers import check_recording

Mutation = Callable[[bytes, Sequence[bytes], Random], bytes]


@dataclass(frozen=True)
class Target:
    """One thing that takes input from outside."""

    name: str
    make_seeds: Callable[[], list[bytes]]
    check: Callable[[bytes, Path], bool]
    """Takes a case and a folder to work in; whether the case was accepted. Whatever it raises
    is a defect."""
    mutations: tuple[Mutation, ...] = (mutate,)

    @cached_property
    def seeds(self) -> list[bytes]:
        """Good inputs."""
        return self.make_seeds()

    def case(self, random: Random) -> bytes:
        """An input that this source of chance decides."""
        mutation = random.choice(self.mutations)
        return mutation(random.choice(self.seeds), self.seeds, random)


TARGETS: dict[str, Target] = {
    target.name: target
    for target in (
        *(
            Target(make.__name__, make, check_recording)
            for make in (seeds.aedat2, seeds.aedat31, seeds.evt2, seeds.evt3, seeds.dat, seeds.es)
        ),
        Target("aedat4", seeds.aedat4, check_recording, (mutate, mutate_aedat4)),
        Target("wire", messages.wire_seeds, messages.check_message, (messages.mutate_message,)),
        Target(
            "control", requests.control_seeds, requests.check_request, (requests.mutate_request,)
        ),
        Target("labels", files.label_seeds, files.check_labels),
        Target("settings", files.settings_seeds, files.check_settings, (files.mutate_settings,)),
        Target(
            "checkpoint",
            files.checkpoint_seeds,
            files.check_checkpoint,
            (files.mutate_checkpoint,),
        ),
    )
}
