"""Directions of known activity: what they are, and that steps leave them out."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from models.checkpoint import load_checkpoint, save_checkpoint
from models.checkpoint_file import read_checkpoint
from models.errors import ModelError
from models.known_directions import EVERY_MS, find_known_directions, leading_directions
from models.network import Network
from models.readout_step import NormalisedReadout, normalised_gradient, resting_activity
from models.settings import NetworkSettings


@settings(deadline=None)
@given(
    samples=st.integers(1, 30),
    fan_in=st.integers(1, 30),
    number=st.integers(0, 12),
    scale=st.floats(1e-3, 1e3),
    seed=st.integers(0, 1000),
)
def test_a_step_keeps_of_a_direction_what_ridge_regression_would(
    samples: int, fan_in: int, number: int, scale: float, seed: int
) -> None:
    """N is s_mean (C + s_mean)^-1 on the leading eigenvectors and 1 on all others."""
    generator = torch.Generator().manual_seed(seed)
    evoked = scale * torch.randn((samples, fan_in), generator=generator, dtype=torch.float64)
    found = leading_directions(evoked, number)
    assert found.shape == (number, fan_in)
    covariance = evoked.t() @ evoked / samples
    mean = covariance.trace() / fan_in
    values, vectors = torch.linalg.eigh(covariance)
    kept = torch.where(values > 1e-8 * values[-1], mean / (values + mean), 1.0)
    kept[: max(fan_in - number, 0)] = 1.0
    wanted = vectors @ torch.diag(kept) @ vectors.t()
    torch.testing.assert_close(
        torch.eye(fan_in, dtype=torch.float64) - found.t() @ found, wanted, atol=1e-6, rtol=0
    )


def test_silence_has_no_direction() -> None:
    """Nothing evoked, nothing to spare, and no number that is not finite."""
    assert torch.equal(leading_directions(torch.zeros((5, 7)), 3), torch.zeros((3, 7)))


def known_network(tiny: NetworkSettings, random_frames) -> Network:
    """That knows random input."""
    network = Network(replace(tiny, known_directions=6))
    frames = random_frames(20 * EVERY_MS, 3, 2, 10, 9)
    find_known_directions(network, [frames], burn_in_ms=EVERY_MS)
    return network


def test_a_lesson_changes_its_own_reading_and_that_of_the_known_less(tiny, random_frames) -> None:
    """Against the same step without directions: as much for the lesson, a part for the known."""
    network = known_network(tiny, random_frames)
    generator = torch.Generator().manual_seed(1)
    for layer in network.layers:
        rest, fan_in = resting_activity(layer), layer.known.shape[1]
        # Known input evokes what is along the directions; the lesson evokes that and more.
        along = torch.rand((8, len(layer.known)), generator=generator) @ layer.known
        lesson = along[:1] + 0.3 * torch.randn((1, fan_in), generator=generator)
        error = torch.tensor([[1.0, -0.5, 0.0, -0.5]])
        moved = []
        for known in (layer.known.clone(), layer.known[:0]):
            layer.known = known
            before = layer.readout.clone(), layer.readout_offset.clone()
            layer.readout.grad = normalised_gradient(error, rest + lesson, layer)
            NormalisedReadout(layer).begin_update(1, rate=0.5)
            change = layer.readout - before[0]
            torch.testing.assert_close(lesson @ change.t(), -0.5 * error)
            moved.append(float((along @ change.t()).norm()))
            layer.readout, layer.readout_offset = before
        assert moved[0] < 0.6 * moved[1]


def test_every_layer_has_its_own_and_a_checkpoint_keeps_them(tiny, random_frames, tmp_path) -> None:
    """As found, bit for bit; input that is no longer than the burn-in shows none."""
    network = known_network(tiny, random_frames)
    assert all(layer.known.any(1).all() for layer in network.layers)
    path = tmp_path / "known.safetensors"
    save_checkpoint(path, network, tuple("abcd"), parent=None, record={})
    assert read_checkpoint(path).knows
    loaded = load_checkpoint(path).network
    for layer, again in zip(network.layers, loaded.layers, strict=True):
        assert torch.equal(layer.known, again.known)
    find_known_directions(network, [random_frames(40, 1, 2, 10, 9)], burn_in_ms=50)
    assert not any(layer.known.any() for layer in network.layers)
    save_checkpoint(path, network, tuple("abcd"), parent=None, record={})
    assert not read_checkpoint(path).knows


def test_a_network_without_directions_is_what_it_was_before_there_were_any(tiny) -> None:
    """No tensors and no setting of them: versions of earlier checkpoints stay."""
    assert not [name for name in tiny.tensor_shapes() if "known" in name]
    assert "known_directions" not in tiny.to_dict()
    more = replace(tiny, known_directions=2)
    assert NetworkSettings.from_dict(more.to_dict()) == more
    assert more.tensor_shapes()["layers.2.known"] == (2, tiny.shapes()[2].readout_inputs)
    with pytest.raises(ModelError, match="known directions: got -1; allowed: 0 to 4096"):
        replace(tiny, known_directions=-1)
