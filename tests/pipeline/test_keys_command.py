import json
import stat
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import zmq

if TYPE_CHECKING:
    from tests.pipeline.conftest import Wigwag

pytestmark = pytest.mark.skipif(not zmq.has("curve"), reason="this ZeroMQ has no CURVE")


def test_keys_are_made_allowed_listed_and_revoked(wigwag: "Wigwag", tmp_path: Path) -> None:
    """The whole way of a key, as a user goes it."""
    folder = ["--folder", tmp_path]
    for made in wigwag.run_side_by_side(*(("keys", "make", n, *folder) for n in ("brain", "lena"))):
        assert made[0] == 0, made[2]
        assert "secret" in made[1]
    secret = tmp_path / "brain.key_secret"
    assert stat.S_IMODE(secret.stat().st_mode) == 0o600
    text = secret.read_text()
    public = (tmp_path / "lena.key").read_text()
    allowing = ("keys", "allow", secret, tmp_path / "lena.key", "--may", "watch", "--may", "teach")
    assert wigwag.run(*allowing)[0] == 0
    assert stat.S_IMODE((tmp_path / "brain.allowed").stat().st_mode) == 0o600
    status, out, _ = wigwag.run("keys", "list", secret, "--json")
    said = json.loads(out)
    assert (status, said["name"], said["may"]) == (0, "lena", ["watch", "teach"])
    assert said["public_key"] in public
    refused = wigwag.run_side_by_side(
        ("keys", "make", "brain", *folder),
        ("keys", "make", "../brain", *folder),
        ("keys", "allow", secret, tmp_path / "lena.key_secret"),
        ("keys", "allow", secret, tmp_path / "lena.key", "--may", "fly"),
        ("keys", "allow", tmp_path / "brain.key", tmp_path / "lena.key"),
        ("keys", "revoke", secret, "nobody"),
        ("--verbose", "keys", "list", tmp_path / "lena.key" / "x"),
        ("keys", "list", tmp_path / "nosuch"),
        ("keys", "list", tmp_path / "lena.key"),
    )
    assert [status for status, _, _ in refused] == [2] * 9
    secrets = [
        line.split('"')[1]
        for name in ("brain", "lena")
        for line in (tmp_path / f"{name}.key_secret").read_text().splitlines()
        if "secret-key" in line
    ]
    for _, out, error in refused:
        assert not any(key in out + error for key in secrets)
    assert "never overwritten" in refused[0][2]
    assert secret.read_text() == text
    assert wigwag.run("keys", "revoke", secret, "lena")[0] == 0
    nobody, as_json = wigwag.run_side_by_side(
        ("keys", "list", secret), ("keys", "list", secret, "--json")
    )
    assert nobody[:2] == (0, f"nobody: {secret.with_suffix('.allowed')} lets nobody in\n")
    assert as_json[:2] == (0, "")


def test_stages_with_keys_recognise_and_record(
    wigwag: "Wigwag", tmp_path: Path, tiny_checkpoint: Path
) -> None:
    """Source, brain and recorder over CURVE, on an address of all interfaces."""
    from pipeline.key_files import make_key_pair
    from recordings import __path__ as rooms

    sample = sorted((Path(rooms[0]) / "samples").glob("*.aedat*"))[0]
    for name in ("cam", "brain", "disk"):
        make_key_pair(tmp_path, name)
    cam = tmp_path / "cam.key_secret"
    for name in ("brain", "disk"):
        assert wigwag.run("keys", "allow", cam, tmp_path / f"{name}.key")[0] == 0
    with zmq.Context() as context, context.socket(zmq.PUB) as socket:
        port = socket.bind_to_random_port("tcp://127.0.0.1")
    source = wigwag.start(
        *("source", sample, "--bind", f"tcp://0.0.0.0:{port}", "--speed", "max", "--stop", "0.5"),
        *("--subscribers", "2", "--secret-key", cam),
    )
    theirs = ("--connect", f"tcp://127.0.0.1:{port}", "--server-key", tmp_path / "cam.key")
    disk = wigwag.start(
        "record", tmp_path / "kept.aedat4", *theirs, "--secret-key", tmp_path / "disk.key_secret"
    )
    brain = wigwag.start(
        *("brain", *theirs, "--secret-key", tmp_path / "brain.key_secret", "--json"),
        *("--checkpoint", tiny_checkpoint, "--engine", "torch"),
    )
    out, error = brain.communicate(timeout=100)
    summary = json.loads(out.splitlines()[-1])["summary"]
    assert (brain.returncode, summary["ended"]) == (0, "end of stream"), error
    assert summary["events_in"] > 0
    assert summary["events_lost"] == 0
    assert disk.wait(30) == 0
    assert source.wait(30) == 0
