"""Steps of several streams through the stepper; its capturing needs a CUDA device."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from models.checkpoint import Checkpoint, load_checkpoint
from models.errors import ModelError
from models.graph_capture import capture_cuda, run_directly
from models.graph_engine import GraphEngine
from models.graph_settings import GraphSettings
from models.graph_stepper import GraphStepper
from models.learning_settings import LearningSettings
from models.network import Network
from models.torch_engine import TorchEngine

PLAIN = LearningSettings(rate=1e-3, dropout=0.0, regularisation=0.0)
NAMES = ("a", "b", "c", "d")
NEEDS_CUDA = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")


def stepper_of(settings, learning, *, batch, capture=run_directly, device="cpu"):
    """A stepper and the network that it moves."""
    network = Network(settings, device=device)
    made = GraphStepper(network, learning, batch=batch, settings=GraphSettings(), capture=capture)
    return made, network


@pytest.mark.parametrize("every", [1, 7])
def test_one_stream_is_the_torch_engine(tiny, random_frames, every: int) -> None:
    """Votes, spikes, updates and weights are those of the plain engine, targets coming and going.

    Exactly equal votes hold for these frames; the weights agree within the rounding of sums.
    """
    learning = replace(PLAIN, update_every_steps=every)
    stepper, network = stepper_of(tiny, learning, batch=1)
    plain = Network(tiny)
    engine = TorchEngine(Checkpoint(plain, NAMES, "0"), learning, weigh_spikes=False)
    updated = 0
    for t, frame in enumerate(random_frames(90, 2, 10, 9)):
        target = None if t % 30 < 12 else t // 30
        want = engine.step(frame, target)
        got = stepper.step(frame[None], None if target is None else np.array([target]))
        assert got.votes[:, 0].tolist() == want.votes.tolist()
        assert got.spikes[:, 0].tolist() == want.spikes.tolist()
        sampled = stepper.sample_spikes(10**6)
        assert [int(layer.sum()) for layer in sampled] == want.spikes.tolist()
        assert got.updated == want.updated
        updated += got.updated
    assert stepper.updates == engine.updates == updated == 54 // every
    for name, value in plain.tensors().items():
        assert (network.tensors()[name] - value).abs().mean() < 1e-5, name


def test_streams_do_not_touch_each_other(tiny, random_frames) -> None:
    """Without learning, three streams give what each gives alone."""
    frames = random_frames(40, 3, 2, 10, 9)
    together, _ = stepper_of(tiny, None, batch=3)
    alone = [stepper_of(tiny, None, batch=1)[0] for _ in range(3)]
    for frame in frames:
        got = together.step(frame, None)
        for number, stepper in enumerate(alone):
            want = stepper.step(frame[number : number + 1], None)
            assert got.votes[:, number].tolist() == want.votes[:, 0].tolist()
            assert got.spikes[:, number].tolist() == want.spikes[:, 0].tolist()


def test_reset_forgets_the_state_only(tiny, random_frames) -> None:
    """Weights, updates and the count towards the next update survive a reset."""
    stepper, network = stepper_of(tiny, replace(PLAIN, update_every_steps=4), batch=1)
    frames = random_frames(6, 1, 2, 10, 9)
    updated = [stepper.step(frame, np.array([1])).updated for frame in frames]
    weight = network.layers[0].weight.clone()
    stepper.reset()
    assert torch.equal(network.layers[0].weight, weight)
    updated += [stepper.step(frame, np.array([1])).updated for frame in frames]
    assert [number for number, done in enumerate(updated, 1) if done] == [4, 8, 12]


def test_weights_that_are_not_finite_are_noticed(tiny, random_frames) -> None:
    """They stay so, hence a look every 256 updates misses none; until then no step looks."""
    stepper, network = stepper_of(tiny, PLAIN, batch=1)
    network.layers[1].weight[0, 0, 0, 0] = float("inf")
    frame = random_frames(1, 2, 10, 9)
    for _ in range(255):
        stepper.step(frame, np.array([1]))
    with pytest.raises(ModelError, match="weights that are not finite"):
        stepper.step(frame, np.array([1]))
    with pytest.raises(ModelError, match="weights that are not finite"):
        stepper.check_weights()


def test_wrong_input_is_refused(tiny) -> None:
    """Shapes, classes and settings out of range are named."""
    stepper, _ = stepper_of(tiny, PLAIN, batch=2)
    frames = np.zeros((2, 2, 10, 9), np.uint8)
    with pytest.raises(ModelError, match=r"frames: got shape \(2, 10, 9\)"):
        stepper.step(frames[0], None)
    with pytest.raises(ModelError, match=r"targets: got shape \(1,\); allowed: \(2,\)"):
        stepper.step(frames, np.array([1]))
    with pytest.raises(ModelError, match="target: got class 4; allowed: 0 to 3"):
        stepper.step(frames, np.array([1, 4]))
    with pytest.raises(ModelError, match="graph convolution: got 'fft'"):
        GraphSettings(convolution="fft")  # type: ignore[arg-type]
    with pytest.raises(ModelError, match="got 'patches' for 2 streams"):
        GraphSettings(convolution="patches").convolution_for(2)


@NEEDS_CUDA
@pytest.mark.parametrize("batch", [1, 5])
def test_a_captured_step_is_the_step(tiny, random_frames, batch: int) -> None:
    """Replayed from graphs or run directly on the device: the same votes and weights, bit for bit.

    Dropout is left out, since the generator draws otherwise while capturing.
    """
    learning = replace(PLAIN, update_every_steps=3)
    made = [
        stepper_of(tiny, learning, batch=batch, capture=capture, device="cuda")
        for capture in (capture_cuda, run_directly)
    ]
    targets = np.arange(batch) % 4
    for t, frame in enumerate(random_frames(60, batch, 2, 10, 9)):
        votes = [stepper.step(frame, targets if t > 9 else None).votes for stepper, _ in made]
        assert votes[0].tolist() == votes[1].tolist()
    for name, value in made[0][1].tensors().items():
        assert torch.equal(value, made[1][1].tensors()[name]), name


@NEEDS_CUDA
def test_replay_is_bit_identical(tiny, tmp_path, random_frames) -> None:
    """Dropout included, the same frames and targets give the same votes and checkpoint."""
    runs = []
    for number in range(2):
        network = Network(tiny, device="cuda")
        engine = GraphEngine(
            Checkpoint(network, NAMES, "0"),
            LearningSettings(rate=1e-3, update_every_steps=4),
            GraphSettings(),
        )
        votes = [
            engine.step(frame, None if t % 50 < 10 else t // 50 % 4).votes.tolist()
            for t, frame in enumerate(random_frames(150, 2, 10, 9))
        ]
        version = engine.save(tmp_path / f"{number}.safetensors", {})
        assert load_checkpoint(tmp_path / f"{number}.safetensors").version == version
        runs.append((votes, version))
    assert runs[0] == runs[1]
