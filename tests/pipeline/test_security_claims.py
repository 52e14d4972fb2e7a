"""What docs/security.md claims of wigwag's own code, looked up in that code and tried."""

import ast
import json
import os
import pickle
import struct
from collections.abc import Iterator
from pathlib import Path

import pytest

from drivers.errors import InputError
from models.checkpoint_file import read_checkpoint
from models.errors import ModelError
from pipeline import wire

ROOT = Path(__file__).resolve().parents[2]
ROOMS = ("drivers", "recordings", "pipeline", "models")
FORBIDDEN_IMPORTS = {"pickle", "marshal", "shelve", "dill", "cloudpickle", "joblib", "yaml"}
FORBIDDEN_CALLS = {"eval", "exec", "compile", "__import__", "os.system", "os.popen", "torch.load"}


def code_that_could_run_data(path: Path) -> Iterator[str]:
    """Places in a module where what was read could become code."""
    for node in ast.walk(ast.parse(path.read_text())):
        where = f"{path.relative_to(ROOT)}:{getattr(node, 'lineno', 0)}"
        names: list[str] = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = [node.module or ""]
        yield from (f"{where}: {name}" for name in names if name.split(".")[0] in FORBIDDEN_IMPORTS)
        if isinstance(node, ast.Call):
            called = ast.unparse(node.func)
            if called in FORBIDDEN_CALLS:
                yield f"{where}: {called}"
            for keyword in node.keywords:
                if (keyword.arg, ast.unparse(keyword.value)) in (
                    ("shell", "True"),
                    ("allow_pickle", "True"),
                ):
                    yield f"{where}: {keyword.arg}"


def test_nothing_that_is_read_becomes_code() -> None:
    """No module unpickles, evaluates or starts a shell."""
    found = [
        line
        for room in ROOMS
        for path in sorted((ROOT / room).rglob("*.py"))
        for line in code_that_could_run_data(path)
    ]
    assert not found


class _Evil:
    """A pickle that makes a folder when it is loaded."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.mkdir, (str(self._folder),)


def test_a_pickle_given_as_checkpoint_does_not_run(tmp_path: Path) -> None:
    """Nor does one inside a file that begins like a checkpoint."""
    mark = tmp_path / "mark"
    evil = pickle.dumps(_Evil(mark))
    header = json.dumps({"__metadata__": {"wigwag": evil.hex()}}).encode()
    for number, data in enumerate((evil, struct.pack("<Q", len(header)) + header + evil)):
        path = tmp_path / f"{number}.safetensors"
        path.write_bytes(data)
        with pytest.raises(ModelError):
            read_checkpoint(path)
    assert not mark.exists()
    pickle.loads(evil)  # it would have worked
    assert mark.is_dir()


@pytest.mark.parametrize("name", ["cam\x1b[2J", "cam\n", "\x00", "cam\x9b2J", "a\x7f"])
def test_names_with_control_characters_are_refused(name: str) -> None:
    """A name from the bus is printed: it must not steer the terminal or forge a line of a log."""
    message = wire.encode_json("telemetry", name, 0, b"{}", 1)
    with pytest.raises(wire.WireError) as refused:
        wire.decode(message)
    assert refused.value.reason == "header"
    with pytest.raises(InputError, match="--name"):
        wire.check_name(name)
