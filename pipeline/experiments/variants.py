"""One variant of network and rule, learnt and tested on a task: what is compared."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from models.learning_settings import LearningSettings
from models.network import Network
from models.settings import NetworkSettings
from models.trainer import Trainer, count_votes
from pipeline.experiments.schedule import cosine
from pipeline.experiments.tasks import BATCH, Task
from pipeline.variation import Variation

LEARNT_SHARES = ("share_of_errors_learnt", "share_of_updates")
"""Of all errors, those that spiked; of the learning steps of a sequence in a layer, those that
changed weights, any of its errors having spiked."""


@dataclass(frozen=True, slots=True)
class Variant:
    """What is different from the rest."""

    name: str
    network: NetworkSettings
    learning: LearningSettings
    learn_every_ms: int = 5


def try_seeds(
    variant: Variant, tasks: Sequence[Task], *, samples: int, first_seed: int
) -> dict[str, Any]:
    """`try_variant` on one task a seed: means over seeds, their spread, and every run.

    The seed is that of weights, dropout and crops; the task of each is made with it too.
    """
    runs = []
    for seed, task in enumerate(tasks, first_seed):
        seeded = replace(
            variant,
            network=replace(variant.network, seed=seed),
            learning=replace(variant.learning, seed=seed),
        )
        runs.append(try_variant(seeded, task, samples=samples, seed=seed))
    right = np.array([run["accuracy_by_layer"] for run in runs])
    return {
        "variant": variant.name,
        "accuracy_by_layer": right.mean(0),
        "sd_of_seeds": right.std(0, ddof=1) if len(runs) > 1 else np.zeros(right.shape[1]),
        **{name: float(np.mean([run[name] for run in runs])) for name in LEARNT_SHARES},
        "seconds": float(sum(run["seconds"] for run in runs)),
        "runs": runs,
    }


def spread_text(result: dict[str, Any]) -> str:
    """Mean and spread of seeds, layer by layer."""
    pairs = zip(result["accuracy_by_layer"], result["sd_of_seeds"], strict=True)
    return " / ".join(f"{100 * mean:.1f} ± {100 * sd:.1f}" for mean, sd in pairs) + " %"


def try_variant(variant: Variant, task: Task, *, samples: int, seed: int) -> dict[str, Any]:
    """Accuracy of votes by layer, firing rates, time taken, and `LEARNT_SHARES`.

    Every variant of a task sees the same minibatches. Without a threshold on errors these shares
    are 1; with one they are means over layers and the last learning steps of all minibatches.
    """
    begin_s = time.monotonic()
    draw = task.drawing(seed, Variation())
    network = Network(variant.network)
    trainer = Trainer(
        network,
        variant.learning,
        batch=BATCH,
        burn_in_ms=40,
        learn_every_ms=variant.learn_every_ms,
    )
    shares: list[tuple[float, float]] = []
    firing: tuple[float, ...] = ()
    minibatches = max(samples // BATCH, 1)
    for number in range(minibatches):
        frames, classes = draw()
        firing = trainer.run(frames, classes, rate_factor=cosine(number / minibatches)).firing_rate
        shares += [
            (1.0, 1.0) if trigger is None else (trigger.share, trigger.updates_share)
            for trigger in trainer.learner.triggers
        ]
    right = np.concatenate(
        [count_votes(network, frames).argmax(2) == classes for frames, classes in task.tests()],
        axis=1,
    )
    return {
        "variant": variant.name,
        "accuracy_by_layer": right.mean(1),
        **dict(zip(LEARNT_SHARES, np.mean(shares, axis=0).tolist(), strict=True)),
        "firing_rate": firing,
        "learn_every_ms": variant.learn_every_ms,
        "update_every_steps": variant.learning.update_every_steps,
        "updates": trainer.learner.updates,
        "samples": minibatches * BATCH,
        "test_sequences": right.shape[1],
        "seconds": round(time.monotonic() - begin_s, 1),
    }
