import io
import json
from pathlib import Path

from rich.console import Console

from pipeline.benchmarks.machine import describe_machine
from pipeline.benchmarks.report import Finding, print_table, write_json
from pipeline.benchmarks.rows import Row, Table

TABLE = Table(
    title="one step",
    rows=(
        Row("bare", "convolutions [dense]", "ms", 6.25, 6.0, 6.5, 350, 1.0),
        Row("ours", "the same", "ms", 0.512, 0.5, 0.6, 350, 12.2, "sparse"),
    ),
    reference="bare",
    notes=("not measured: other",),
    versions={"torch": "2.13"},
)


def test_without_a_terminal_every_figure_is_on_a_plain_line() -> None:
    """Median, quartiles, runs, ratio, note, versions and what is missing are there to read."""
    out = io.StringIO()
    print_table(TABLE, Console(file=out, width=40))
    title, bare, ours, versions, missing = out.getvalue().splitlines()
    assert title == "one step"
    assert "convolutions [dense]" in bare
    for part in ("ours", "0.512 ms", "[0.500 to 0.600]", "n=350", "12.2 x bare", "sparse"):
        assert part in ours
    assert versions.strip() == "with torch 2.13"
    assert missing.strip() == "not measured: other"


def test_a_terminal_gets_a_table() -> None:
    """The same figures in columns; square brackets in texts are not taken for markup."""
    out = io.StringIO()
    print_table(TABLE, Console(file=out, force_terminal=True, color_system=None, width=160))
    assert "│" in out.getvalue()
    assert "convolutions [dense]" in out.getvalue()


def test_json_holds_machine_and_findings(tmp_path: Path) -> None:
    """The file has the machine, the loads and every row under the names of the fields."""
    path = tmp_path / "found.json"
    machine = describe_machine(1)
    write_json(path, machine, [Finding("step", (TABLE,), 0.5, 1.5)])
    found = json.loads(path.read_text())
    assert found["machine"]["cores"] == machine.cores
    assert found["machine"]["versions"]["numpy"]
    (finding,) = found["findings"]
    assert (finding["benchmark"], finding["load_after"]) == ("step", 1.5)
    assert finding["tables"][0]["rows"][1]["ratio"] == 12.2
