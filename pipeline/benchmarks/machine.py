"""Where figures were measured: machine, load, versions."""

from __future__ import annotations

import os
import platform
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

PACKAGES = ("wigwag", "numpy", "torch", "numba", "pyzmq", "aedat")


@dataclass(frozen=True, slots=True)
class Machine:
    """What a figure depends on besides the code."""

    cpu: str
    cores: int
    """That this process may use."""
    memory_gib: float
    system: str
    python: str
    threads: int
    """Told to every contender."""
    versions: dict[str, str] = field(default_factory=dict)

    def lines(self) -> tuple[str, str]:
        """For people."""
        return (
            f"{self.cpu}, {self.cores} cores, {self.memory_gib:.0f} GiB, {self.system}; "
            f"threads told: {self.threads}",
            f"Python {self.python}, "
            + ", ".join(f"{name} {number}" for name, number in self.versions.items()),
        )


def describe_machine(threads: int) -> Machine:
    """The machine this runs on, with the versions of the packages that matter."""
    return Machine(
        cpu=_cpu(),
        cores=len(os.sched_getaffinity(0)),
        memory_gib=os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30,
        system=f"{platform.system()} {platform.machine()}",
        python=platform.python_version(),
        threads=threads,
        versions={name: found for name in PACKAGES if (found := _version(name))},
    )


def load_average() -> float:
    """Processes that ran or wanted to, over the last minute."""
    return os.getloadavg()[0]


def _cpu() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or "CPU unknown"


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None
