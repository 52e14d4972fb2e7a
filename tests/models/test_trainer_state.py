"""Training stopped between minibatches and resumed from a file."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from models.errors import ModelError
from models.events_trainer import EventsTrainer
from models.learning_settings import LearningSettings
from models.network import Network
from models.settings import NetworkSettings
from models.trainer import Trainer
from models.trainer_state import TrainerState, pack, unpack

TRAINED_READOUTS = {
    "readout_rate": 1e-3,
    "readout_decay": 0.1,
    "loss": "CrossEntropyLoss",
    "average_decay": 0.9,
}
LABELS = np.array([0, 3, 1])


def trainer(kind, settings: NetworkSettings, **changes):
    """A trainer of three streams that learns from every third step."""
    learning = LearningSettings(rate=1e-2, **changes)
    return kind(Network(settings), learning, batch=3, burn_in_ms=10, learn_every_ms=3)


def written(path: Path, state: TrainerState) -> TrainerState:
    """The state after a way through a file."""
    path.write_bytes(pack(state, {"minibatch": 1}))
    read, progress = unpack(path)
    assert progress == {"minibatch": 1}
    return read


@pytest.mark.parametrize(
    ("kind", "changes"),
    [
        (Trainer, {}),
        (Trainer, {"update_every_steps": 7}),
        (Trainer, {"optimiser": "NAdam"}),
        (Trainer, {"optimiser": "SGD", "optimiser_options": {"momentum": 0.9}}),
        (Trainer, {"error_rate": 0.3}),
        (Trainer, TRAINED_READOUTS),
        (Trainer, TRAINED_READOUTS | {"update_every_steps": 7}),
        (EventsTrainer, {}),
        (EventsTrainer, TRAINED_READOUTS),
    ],
)
def test_a_resumed_trainer_goes_on_bit_for_bit(tiny, random_frames, tmp_path, kind, changes):
    """Weights, figures and the whole state after two more minibatches are those without a stop."""
    frames = random_frames(40, 3, 2, 10, 9)
    first = trainer(kind, tiny, **changes)
    first.run(frames, LABELS)
    kept = written(tmp_path / "state", first.state())
    # Another seed: nothing of the new trainer's own beginning may be left.
    second = trainer(kind, replace(tiny, seed=3), seed=99, **changes)
    second.load_state(kept)
    for factor in (0.7, 0.3):
        results = [item.run(frames, LABELS, rate_factor=factor) for item in (first, second)]
        assert results[0] == results[1]
    one, two = first.state(), second.state()
    assert one.numbers == two.numbers
    assert set(one.tensors) == set(two.tensors)
    assert all(torch.equal(value, two.tensors[name]) for name, value in one.tensors.items())


def test_a_state_that_does_not_fit_is_refused(tiny, random_frames, tmp_path):
    """Of another batch, of another kind of trainer; nothing is taken silently."""
    first = trainer(Trainer, tiny)
    first.run(random_frames(20, 3, 2, 10, 9), LABELS)
    other = Trainer(Network(tiny), LearningSettings(), batch=2)
    with pytest.raises(ModelError, match=r"0\.q.*allowed: \(2, 2, 10, 9\)"):
        other.load_state(first.state())
    with pytest.raises(ModelError, match="training state: got none of"):
        trainer(EventsTrainer, tiny).load_state(first.state())


def test_a_file_that_is_no_state_is_refused(tmp_path):
    """Missing, damaged, something else, and of a later format: one error each."""
    path = tmp_path / "state"
    with pytest.raises(ModelError, match="No such file"):
        unpack(path)
    whole = pack(TrainerState({"a": torch.zeros(100)}), {})
    for data in (whole[:-10], b"text", whole.replace(b"wigwag-training", b"somebody-elses-")):
        path.write_bytes(data)
        with pytest.raises(ModelError, match="a whole file that wigwag train wrote"):
            unpack(path)
    path.write_bytes(whole.replace(json.dumps('"format": 1').encode()[1:-1], b'\\"format\\": 9'))
    with pytest.raises(ModelError, match="got format 9"):
        unpack(path)
