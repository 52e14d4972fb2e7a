"""Findings as people read them, and as JSON."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.atomic_file import write_atomically
from pipeline.benchmarks.machine import Machine
from pipeline.benchmarks.rows import Row, Table

if TYPE_CHECKING:
    from rich.console import Console


@dataclass(frozen=True, slots=True)
class Finding:
    """What one benchmark found."""

    benchmark: str
    tables: tuple[Table, ...]
    load_before: float
    load_after: float


def print_table(table: Table, console: Console) -> None:
    """A table where there is a terminal, plain lines elsewhere."""
    if console.is_terminal:
        _print_rich(table, console)
    else:
        for line in plain_lines(table):
            print_line(line, console)
    if table.versions:
        print_line(f"  with {versions_text(table.versions)}", console)
    for note in table.notes:
        print_line(f"  {note}", console)


def plain_lines(table: Table) -> Iterator[str]:
    """The table as lines that need no terminal."""
    yield table.title
    names = max((len(row.name) for row in table.rows), default=0)
    for row in table.rows:
        name, figure, spread, runs, ratio, said = cells(row)
        ratio = f"{ratio} x {table.reference}" if ratio else ""
        parts = (f"{name:{names}}", f"{figure:>14}", f"[{spread}]", runs, ratio, said)
        yield "  " + "  ".join(part for part in parts if part)


def cells(row: Row) -> tuple[str, str, str, str, str, str]:
    """Name, median with unit, quartiles, runs, ratio and what it is, as texts."""
    ratio = "" if row.ratio is None else _number(row.ratio)
    said = f"{row.what}; {row.note}" if row.note else row.what
    spread = f"{_number(row.low)} to {_number(row.high)}"
    return row.name, f"{_number(row.median)} {row.unit}", spread, f"n={row.runs}", ratio, said


def versions_text(versions: Mapping[str, str]) -> str:
    """Packages with their versions."""
    return ", ".join(f"{name} {number}" for name, number in versions.items())


def print_line(text: str, console: Console) -> None:
    """One line, whatever its length, nothing in it marked up."""
    console.print(text, markup=False, highlight=False, soft_wrap=True)


def write_json(path: Path, machine: Machine, findings: Sequence[Finding]) -> None:
    """Everything that was found, whole or not at all; raises `InputError`."""
    text = json.dumps(as_json(machine, findings), indent=2)
    write_atomically(path, text.encode() + b"\n")


def as_json(machine: Machine, findings: Sequence[Finding]) -> Mapping[str, Any]:
    """The object in that file: `machine` and `findings`, fields as in the classes."""
    return {
        "machine": asdict(machine),
        "findings": [asdict(finding) for finding in findings],
    }


def _print_rich(table: Table, console: Console) -> None:
    from rich.markup import escape
    from rich.table import Table as RichTable

    reference = f"x {table.reference}" if table.reference else "ratio"
    shown = RichTable(title=escape(table.title), title_justify="left")
    for heading in ("", "median", "quartiles", "runs", reference):
        shown.add_column(heading, justify="right" if heading else "left", no_wrap=True)
    shown.add_column("what", ratio=1)
    for row in table.rows:
        shown.add_row(*(escape(cell) for cell in cells(row)))
    console.print(shown)


def _number(value: float) -> str:
    """Three digits that count, no exponents."""
    if value == 0:
        return "0"
    size = abs(value)
    digits = 0 if size >= 100 else 1 if size >= 10 else 2 if size >= 1 else 3
    return f"{value:,.{digits}f}"
