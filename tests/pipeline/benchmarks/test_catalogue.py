import io
import sys
from collections.abc import Iterator
from types import ModuleType

import pytest
from rich.console import Console

from drivers.errors import InputError
from pipeline.benchmarks.catalogue import run_benchmarks
from pipeline.benchmarks.names import BENCHMARKS
from pipeline.benchmarks.rows import Table, row_of
from pipeline.benchmarks.settings import BenchSettings


def test_tables_are_printed_and_kept_with_the_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each benchmark's tables come as they are ready, after the machine and before the load."""

    def measure(settings: BenchSettings) -> Iterator[Table]:
        for number in range(settings.blocks):
            yield Table(f"table {number}", (row_of("row", "work", "ms", [1.0, 2.0, 3.0]),))

    module = ModuleType("pipeline.benchmarks.trial")
    module.measure = measure  # type: ignore[attr-defined]  # a benchmark is a module
    monkeypatch.setitem(sys.modules, module.__name__, module)
    out = io.StringIO()
    machine, (finding,) = run_benchmarks(["trial"], BenchSettings(blocks=2), Console(file=out))
    assert [table.title for table in finding.tables] == ["table 0", "table 1"]
    lines = out.getvalue().splitlines()
    assert f"{machine.cores} cores" in lines[0]
    assert f"numpy {machine.versions['numpy']}" in lines[1]
    assert lines[2:6:2] == ["table 0", "table 1"]
    assert lines[-1].startswith("trial: load ")


def test_every_name_is_a_module_that_measures() -> None:
    """What `--help` offers can be run."""
    for name in BENCHMARKS:
        module = __import__(f"pipeline.benchmarks.{name}", fromlist=["measure"])
        assert callable(module.measure)


@pytest.mark.parametrize(("name", "value"), [("blocks", 0), ("scale", 0.0), ("threads", 0)])
def test_settings_out_of_range_are_refused(name: str, value: float) -> None:
    """The option and what it may be are named."""
    with pytest.raises(InputError, match=f"--{name}"):
        BenchSettings(**{name: value})  # type: ignore[arg-type]  # bad on purpose
