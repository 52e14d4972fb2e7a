"""The experiments there are, by name; importing this costs nothing."""

from __future__ import annotations

ALL = "all"
"""Does all the others."""
EXPERIMENTS: dict[str, str] = {
    name: "pipeline.experiments." + ("everything" if name == ALL else name.replace("-", "_"))
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
        "teaching-objects",
        "best",
        ALL,
    )
}
"""Name on the command line, and the module whose `run(settings, say)` does it."""
