"""What was seen over time, as rows and as a picture."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

from pipeline.benchmarks.memory import hourly

SHORTEST_S = 1200.0
"""A slope over less says nothing about an hour."""
UNITS = {"memory": "MB", "descriptors": "", "latency p99": "ms"}


@dataclass
class Look:
    """At one moment: by stage and quantity a value."""

    at_s: float
    values: dict[tuple[str, str], float]


@dataclass
class Course:
    """All looks of a run."""

    looks: list[Look] = field(default_factory=list)

    def add(self, look: Look) -> None:
        """One more."""
        self.looks.append(look)

    def of(self, key: tuple[str, str]) -> tuple[list[float], list[float]]:
        """Times and values of a stage's quantity."""
        found = [(look.at_s, look.values[key]) for look in self.looks if key in look.values]
        return [at_s for at_s, _ in found], [value for _, value in found]

    @property
    def keys(self) -> list[tuple[str, str]]:
        """Stages and quantities, in the order in which they were first seen."""
        return list(dict.fromkeys(key for look in self.looks for key in look.values))


def rows(course: Course) -> Iterator[tuple[str, ...]]:
    """A row a quantity: medians of the first and last tenth, the slope of the second half."""
    for stage, what in course.keys:
        times_s, values = course.of((stage, what))
        tenth = max(1, len(values) // 10)
        added = hourly(times_s, values) if times_s[-1] > SHORTEST_S else None
        slope = "" if added is None else f"{added:+.2f}"
        unit = UNITS[what]
        begin, end = median(values[:tenth]), median(values[-tenth:])
        yield stage, what, f"{begin:.1f} {unit}".strip(), f"{end:.1f} {unit}".strip(), slope


def draw(course: Course, path: Path) -> None:
    """A picture with a plot for each quantity, a line for each stage."""
    from matplotlib.figure import Figure

    kinds = list(dict.fromkeys(what for _, what in course.keys))
    figure = Figure(figsize=(8, 2.2 * len(kinds)), layout="constrained")
    for axes, what in zip(figure.subplots(len(kinds), squeeze=False)[:, 0], kinds, strict=True):
        for stage in [stage for stage, other in course.keys if other == what]:
            times_s, values = course.of((stage, what))
            axes.plot([at_s / 60 for at_s in times_s], values, label=stage)
        unit = UNITS[what]
        axes.set_ylabel(f"{what}, {unit}" if unit else what)
        axes.set_ylim(bottom=0)
        axes.legend(loc="center left", bbox_to_anchor=(1.0, 0.5), fontsize="small")
    axes.set_xlabel("minutes")
    figure.savefig(path)
