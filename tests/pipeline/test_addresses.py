import os
import socket
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from drivers.errors import InputError
from pipeline.addresses import (
    MAX_IPC_PATH_BYTES,
    check_address,
    check_free,
    ipc_address,
    leaves_this_host,
    private_run_directory,
)

ROOT = Path(__file__).resolve().parents[2]


def test_run_directory_is_private_and_never_shared() -> None:
    """Each call gives a folder of its own that nobody else may enter."""
    first, second = private_run_directory(), private_run_directory()
    assert first != second
    for folder in (first, second):
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        assert folder.stat().st_uid == os.getuid()


def test_run_directory_goes_with_its_process() -> None:
    """Nothing is left behind, sockets included."""
    code = (
        "from pipeline.addresses import private_run_directory as d\n"
        "folder = d(); (folder / 'socket').touch(); print(folder)"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, cwd=ROOT, check=True, text=True
    )
    folder = Path(result.stdout.strip())
    assert folder.name.startswith("wigwag-")
    assert not folder.exists()


def test_run_directory_avoids_a_long_temporary_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A folder whose sockets would have too long a path is passed over."""
    long = tmp_path / ("x" * MAX_IPC_PATH_BYTES)
    long.mkdir()
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(long))
    assert long not in private_run_directory().parents


def test_ipc_address_that_is_too_long_is_refused() -> None:
    """The system's limit is met before ZeroMQ meets it."""
    fits = "/" + "x" * (MAX_IPC_PATH_BYTES - 3)
    assert ipc_address(Path(fits), "e") == f"ipc://{fits}/e"
    with pytest.raises(InputError, match="108 bytes"):
        ipc_address(Path(fits), "ev")


@pytest.mark.parametrize(
    "address",
    ["", "ipc://", "tcp://host", "tcp://:1", "tcp://h:70000", "tcp://h:x", "udp://h:1", "/tmp/x"],
)
def test_malformed_address_is_refused(address: str) -> None:
    """What is neither ipc nor tcp with host and port is refused with an example."""
    with pytest.raises(InputError, match="tcp://127"):
        check_address(address)


@pytest.mark.parametrize(
    ("address", "leaves"),
    [
        ("ipc:///run/x", False),
        ("tcp://127.0.0.1:5", False),
        ("tcp://127.8.8.8:5", False),
        ("tcp://localhost:*", False),
        ("tcp://[::1]:5", False),
        ("tcp://*:5", True),
        ("tcp://0.0.0.0:5", True),
        ("tcp://[::]:5", True),
        ("tcp://eth0:5", True),
        ("tcp://192.168.1.4:5", True),
        ("tcp://localhost.example:5", True),
        ("tcp://127.0.0.1.example:5", True),
    ],
)
def test_only_loopback_and_ipc_stay_on_this_host(address: str, leaves: bool) -> None:
    """A name, an interface or a wildcard may lead outside, so it counts as doing so."""
    assert leaves_this_host(address) is leaves


def test_address_in_use_is_refused_and_a_stale_one_is_not() -> None:
    """A socket file counts as taken while somebody listens on it."""
    folder = private_run_directory()
    path = folder / "events"
    check_free(f"ipc://{path}")
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(path))
        listening.listen()
        with pytest.raises(InputError, match="in use"):
            check_free(f"ipc://{path}")
    check_free(f"ipc://{path}")


def test_path_of_another_file_is_refused() -> None:
    """A file is not overwritten by a socket, and a missing folder is named."""
    folder = private_run_directory()
    (folder / "notes").touch()
    with pytest.raises(InputError, match="no socket"):
        check_free(f"ipc://{folder}/notes")
    with pytest.raises(InputError, match="does not exist"):
        check_free(f"ipc://{folder}/missing/events")
