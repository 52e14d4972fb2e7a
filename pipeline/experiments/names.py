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
_TESTS = ("checkpoint", "test")
WITHOUT_EFFECT: dict[str, tuple[str, ...]] = {
    "regression": ("data", *_TESTS, "peers"),
    "mnist": (*_TESTS, "peers"),
    "nmnist": ("samples",),
    "objects": ("minutes", "samples", "peers"),
    "gestures": ("test", "peers"),
    "error-triggered": (*_TESTS, "peers"),
    "ablation": (*_TESTS, "peers"),
    "scaling": ("minutes", "samples", "data", *_TESTS, "peers"),
    "teaching": ("minutes", "data", "test", "peers"),
    "teaching-objects": (*_TESTS, "peers"),
    "best": (*_TESTS, "peers"),
    ALL: ("data", *_TESTS),
}
"""Options that mean nothing to an experiment: refused where it is done by its name."""
