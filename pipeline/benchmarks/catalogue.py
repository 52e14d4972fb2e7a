"""Running benchmarks one after the other.

A benchmark is a module of this package, named in `names.py`, with one function,
`measure(settings) -> Iterator[Table]`.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from typing import TYPE_CHECKING

from pipeline.benchmarks.machine import Machine, describe_machine, load_average
from pipeline.benchmarks.report import Finding, print_line, print_table
from pipeline.benchmarks.settings import BenchSettings

if TYPE_CHECKING:
    from rich.console import Console


def run_benchmarks(
    names: Sequence[str], settings: BenchSettings, console: Console
) -> tuple[Machine, list[Finding]]:
    """Run them, printing every table when it is there; raises `InputError` for bad settings."""
    machine = describe_machine(settings.threads)
    for line in machine.lines():
        print_line(line, console)
    findings = []
    for name in names:
        # Here, because what one benchmark imports would weigh on the others, and on --help.
        module = import_module(f"pipeline.benchmarks.{name}")
        before = load_average()
        tables = []
        for table in module.measure(settings):
            print_table(table, console)
            tables.append(table)
        finding = Finding(name, tuple(tables), before, load_average())
        print_line(
            f"{name}: load {finding.load_before:.1f} before, {finding.load_after:.1f} after",
            console,
        )
        findings.append(finding)
    return machine, findings
