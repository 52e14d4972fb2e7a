"""The experiments there are, by name; importing this costs nothing."""

from __future__ import annotations

EXPERIMENTS: dict[str, str] = {
    "gestures": "pipeline.experiments.gestures",
    "mnist": "pipeline.experiments.mnist",
    "nmnist": "pipeline.experiments.nmnist",
    "objects": "pipeline.experiments.objects",
    "regression": "pipeline.experiments.regression",
    "scaling": "pipeline.experiments.scaling",
}
"""Name on the command line, and the module whose `run(settings, say)` does it."""
