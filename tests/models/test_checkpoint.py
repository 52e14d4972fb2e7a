"""Checkpoints come back exactly, or not at all."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from models.checkpoint import load_checkpoint, save_checkpoint
from models.errors import ModelError
from models.network import Network
from models.presets import PRESETS
from models.settings import NetworkSettings

NAMES = ("a", "b", "c", "d")


@pytest.fixture
def saved(tiny: NetworkSettings, tmp_path: Path) -> Path:
    """A checkpoint of the tiny network."""
    path = tmp_path / "tiny.safetensors"
    save_checkpoint(path, Network(tiny), NAMES, parent="cafe", record={"why": "test"})
    return path


def test_what_is_saved_comes_back(saved: Path, tiny: NetworkSettings) -> None:
    """Settings, names, parent, record and every tensor are the same after a round trip."""
    found = load_checkpoint(saved)
    assert found.network.settings == tiny
    assert (found.class_names, found.parent, found.record) == (NAMES, "cafe", {"why": "test"})
    expected = Network(tiny).tensors()
    got = found.network.tensors()
    assert all(torch.equal(got[name], expected[name]) for name in expected)


def test_version_follows_the_weights(tiny: NetworkSettings, tmp_path: Path) -> None:
    """Equal networks have equal versions; one changed weight changes it."""
    network = Network(tiny)
    path = tmp_path / "x.safetensors"
    first = save_checkpoint(path, network, NAMES, parent=None, record={})
    again = save_checkpoint(path, Network(tiny), NAMES, parent=None, record={"other": 1})
    network.layers[0].weight[0, 0, 0, 0] += 1e-3
    changed = save_checkpoint(path, network, NAMES, parent=None, record={})
    assert first == again != changed


def test_a_failed_save_keeps_the_old_file(saved: Path, tiny: NetworkSettings) -> None:
    """Where the folder is gone the error says so, and no temporary file is left elsewhere."""
    with pytest.raises(ModelError, match="allowed: a folder that can be written"):
        save_checkpoint(saved.parent / "no" / "x", Network(tiny), NAMES, parent=None, record={})
    assert [path.name for path in saved.parent.iterdir()] == [saved.name]


def test_a_save_goes_through_a_link_and_not_over_a_pipe(saved: Path, tiny: NetworkSettings) -> None:
    """Links and pipes stay what they are."""
    link, pipe = saved.with_name("link"), saved.with_name("pipe")
    link.symlink_to("target")
    save_checkpoint(link, Network(tiny), NAMES, parent=None, record={})
    assert link.is_symlink()
    assert saved.with_name("target").is_file()
    os.mkfifo(pipe)
    with pytest.raises(ModelError, match="got a device or a pipe"):
        save_checkpoint(pipe, Network(tiny), NAMES, parent=None, record={})
    assert pipe.is_fifo()


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_damage_is_always_noticed(saved: Path, data: st.DataObject) -> None:
    """Cut anywhere or with any byte changed, a checkpoint loads unchanged or raises ModelError."""
    whole = saved.read_bytes()
    position = data.draw(st.integers(0, len(whole) - 1))
    if data.draw(st.booleans()):
        damaged = whole[:position]
    else:
        flip = data.draw(st.integers(1, 255))
        damaged = whole[:position] + bytes([whole[position] ^ flip]) + whole[position + 1 :]
    path = saved.with_name("damaged.safetensors")
    path.write_bytes(damaged)
    try:
        found = load_checkpoint(path)
    except ModelError:
        return
    expected = load_checkpoint(saved)
    assert found.version == expected.version
    tensors = found.network.tensors()
    assert all(
        torch.equal(tensors[name], value) for name, value in expected.network.tensors().items()
    )


def test_a_newer_format_is_refused(saved: Path) -> None:
    """The error names the format found and the one that this version reads."""
    tensors = load_file(saved)
    save_file(tensors, saved, metadata={"wigwag": json.dumps({"format": 99})})
    with pytest.raises(ModelError, match="got format 99; allowed: 1"):
        load_checkpoint(saved)


def test_foreign_safetensors_are_refused(tmp_path: Path) -> None:
    """Somebody else's tensors are not taken for a network."""
    path = tmp_path / "foreign.safetensors"
    save_file({"x": torch.zeros(3)}, path)
    with pytest.raises(ModelError, match="without wigwag metadata"):
        load_checkpoint(path)


@pytest.mark.parametrize(
    ("name", "tensor", "message"),
    [
        ("layers.0.bias", None, r"got \['layers.0.bias'\] missing or too many"),
        ("layers.0.bias", torch.zeros(9), r"got shape \(9,\); allowed: \(3,\)"),
        ("layers.0.bias", torch.full((3,), torch.nan), "got NaN or infinity"),
        ("layers.0.bias", torch.zeros(3, dtype=torch.float64), "got float64 numbers"),
        ("layers.0.bias", torch.zeros(3, dtype=torch.bfloat16), "numbers that numpy does not have"),
    ],
)
def test_unfit_tensors_are_refused(
    saved: Path, name: str, tensor: torch.Tensor | None, message: str
) -> None:
    """Missing, of another shape, not finite, or of another precision: each is said."""
    with safe_open(saved, framework="pt") as file:
        metadata = file.metadata()
    tensors = load_file(saved)
    del tensors[name]
    if tensor is not None:
        tensors[name] = tensor
    save_file(tensors, saved, metadata=metadata)
    with pytest.raises(ModelError, match=message):
        load_checkpoint(saved)


def test_a_missing_file_is_one_clear_error(tmp_path: Path) -> None:
    """The path is named."""
    with pytest.raises(ModelError, match=r"nowhere\.safetensors"):
        load_checkpoint(tmp_path / "nowhere.safetensors")


def test_a_folder_is_called_a_folder(tmp_path: Path) -> None:
    """And not what the system says of one that is mapped into memory."""
    with pytest.raises(ModelError, match=f"checkpoint {tmp_path}: got a folder; allowed: "):
        load_checkpoint(tmp_path)


@pytest.mark.parametrize("name", sorted(PRESETS))
def test_presets_survive_a_round_trip(name: str) -> None:
    """Settings become JSON and come back equal."""
    network = PRESETS[name].network
    assert NetworkSettings.from_dict(json.loads(json.dumps(network.to_dict()))) == network
