import sys
from contextlib import ExitStack, closing
from pathlib import Path

import pytest

from pipeline.benchmarks.worker_process import WorkerError, WorkerProcess, Workers

WORKER = """
import os, sys
from pipeline.benchmarks.worker import Ready, serve

def prepare(options):
    print("a library that prints")
    if options.get("fails") == "at once":
        import no_such_package
    def run_block(number):
        if options.get("fails") == number:
            sys.exit("gave up")
        return {"times_ns": [number, options["threads"]], "told": os.environ["OMP_NUM_THREADS"]}
    return Ready(run_block, {"fake": "1.0"}, "only a trial")

serve(prepare)
"""


@pytest.fixture
def script(tmp_path: Path) -> Path:
    """A program that speaks the protocol, and fails where it is told to."""
    path = tmp_path / "fake_peer.py"
    path.write_text(WORKER)
    return path


def test_a_worker_runs_blocks_with_the_threads_it_was_told(script: Path) -> None:
    """Times, versions, note and further answers come back, whatever libraries print."""
    command = [sys.executable, str(script)]
    with closing(WorkerProcess("fake", "work", command, {}, threads=2)) as worker:
        worker.wait_until_ready()
        assert worker.run_block(5) == [5.0, 2.0]
        assert (worker.note, worker.versions) == ("only a trial", {"fake": "1.0"})
        assert [answer["told"] for answer in worker.answers] == ["2"]


def test_a_worker_that_dies_says_why(script: Path) -> None:
    """What it wrote last on standard error is in the error."""
    command = [sys.executable, str(script)]
    with closing(WorkerProcess("fake", "work", command, {"fails": 1})) as worker:
        worker.wait_until_ready()
        with pytest.raises(WorkerError, match="fake: ended with: gave up"):
            worker.run_block(1)
        with pytest.raises(WorkerError, match="fake: ended with: gave up"):
            worker.run_block(2)


def test_what_cannot_start_is_a_note(script: Path) -> None:
    """A missing package, program or environment is said, and the others are measured."""
    with ExitStack() as stack:
        workers = Workers(stack, peers=Path(sys.executable), threads=1)
        workers.add("one", "", [sys.executable, str(script)], {"fails": "at once"})
        workers.add("two", "", [sys.executable, str(script)], {})
        workers.add("three", "", ["/no/such/program"], {})
        workers.add_peer("four", "", "no_such_script.py", {})
        workers.wait_until_ready()
        assert [worker.name for worker in workers.started] == ["two"]
        assert workers.versions == {"fake": "1.0"}
    program, peer, absent = workers.notes
    assert absent == "not measured: one: ModuleNotFoundError: No module named 'no_such_package'"
    assert "/no/such/program" in program
    assert "make peers" in peer
