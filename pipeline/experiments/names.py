"""The experiments there are, by name; importing this costs nothing."""

from __future__ import annotations

EXPERIMENTS: dict[str, str] = {
    name: f"pipeline.experiments.{name.replace('-', '_')}"
    for name in (
        "regression",
        "mnist",
        "nmnist",
        "objects",
        "gestures",
        "error-triggered",
        "ablation",
        "scaling",
        "teaching",
    )
}
"""Name on the command line, and the module whose `run(settings, say)` does it."""
