"""The paper's protocol on small simulated sets."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from drivers.errors import InputError
from models.checkpoint import load_checkpoint, save_checkpoint
from models.errors import ModelError
from models.network import Network
from models.settings import LayerSettings, NetworkSettings
from models.trainer import count_votes
from pipeline.datasets import GestureFolder
from pipeline.evaluation import Evaluation, evaluate_checkpoint, evaluate_trials
from pipeline.trials import TrialFrames, load_trials
from recordings.dvsgesture import read_gesture_set
from recordings.labels import write_label_file
from recordings.simulated_set import write_simulated_set


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, simulated_set: Path) -> Path:
    """User 24 with four short gestures, user 25 with one that is longer than the protocol."""
    folder = tmp_path_factory.mktemp("test") / "set"
    shutil.copytree(simulated_set, folder)
    write_simulated_set(folder, [25], lights=("led",), gestures=(2,), seconds=1.9)
    return folder


@pytest.fixture(scope="module")
def found(tiny_checkpoint: Path, folder: Path) -> Evaluation:
    """Of an untrained network: no figure here depends on what has been learnt."""
    return evaluate_checkpoint(tiny_checkpoint, GestureFolder(folder))


@pytest.fixture(scope="module")
def given(tiny_checkpoint: Path, folder: Path) -> tuple[np.ndarray, list[TrialFrames]]:
    """The class that each layer gives each trial, and the trials."""
    trials = load_trials(read_gesture_set(folder).of("test"), rows=16, columns=16)
    return evaluate_trials(load_checkpoint(tiny_checkpoint).network, trials), trials


def test_the_confusion_matrix_holds_every_gesture(
    found: Evaluation, given: tuple[np.ndarray, list[TrialFrames]]
) -> None:
    """Row: performed, column: recognised by the top layer; its diagonal is the accuracy."""
    classes, trials = given
    expected = np.zeros((11, 11), dtype=int)
    for trial, got in zip(trials, classes[-1], strict=True):
        expected[trial.gesture_class - 1, got - 1] += 1
    assert np.array_equal(found.confusion, expected)
    assert expected.sum() == found.trials == 5
    assert np.array_equal(expected.sum(axis=1), [0, 3, 0, 0, 0, 0, 0, 2, 0, 0, 0])
    assert found.accuracy == np.trace(expected) / 5


def test_every_layer_has_its_accuracy(
    found: Evaluation, given: tuple[np.ndarray, list[TrialFrames]]
) -> None:
    """The share of gestures that the layer's votes name rightly, from the lowest up."""
    classes, trials = given
    true = [trial.gesture_class for trial in trials]
    assert found.layer_accuracy == tuple((layer == true).mean() for layer in classes[:-1])
    assert found.accuracy == found.layer_accuracy[-1]


def test_users_and_lights_add_up_to_the_whole(found: Evaluation) -> None:
    """Accuracies by user and by light, weighted with their gestures, give that of all."""
    assert found.users == (24, 25)
    assert set(found.accuracy_by_user) == {"24", "25"}
    assert set(found.accuracy_by_light) == {"led", "natural"}
    by_user, by_light = found.accuracy_by_user, found.accuracy_by_light
    assert (4 * by_user["24"] + by_user["25"]) / 5 == pytest.approx(found.accuracy)
    assert (3 * by_light["led"] + 2 * by_light["natural"]) / 5 == pytest.approx(found.accuracy)


def test_gestures_shorter_than_the_protocol_are_counted(found: Evaluation) -> None:
    """Four of 0.3 s; the fifth has its 1,800 ms."""
    assert found.trials_shorter_than_protocol == 4


def test_the_protocol_counts_the_votes_from_50_to_1800_ms(
    tiny_checkpoint: Path, given: tuple[np.ndarray, list[TrialFrames]]
) -> None:
    """What comes later does not matter, and silence follows a gesture that ends earlier."""
    classes, trials = given
    network = load_checkpoint(tiny_checkpoint).network
    for number in (0, 4):
        frames = np.zeros((1800, 1, 2, 16, 16), dtype=np.uint8)
        whole = trials[number].unpack(0, trials[number].frames)[:1800]
        frames[: len(whole), 0] = whole
        votes = count_votes(network, frames, burn_in_ms=50)
        assert (votes.sum(axis=2) == 1750).all()
        assert np.array_equal(votes.argmax(axis=2)[:, 0] + 1, classes[:-1, number])


def test_events_are_counted_where_the_network_wants_it(
    tiny_checkpoint: Path, folder: Path, tmp_path: Path
) -> None:
    """The checkpoint says how its frames were made, and is judged by such."""
    loaded = load_checkpoint(tiny_checkpoint)
    network = Network(replace(loaded.network.settings, input_frames="counts"))
    network.load_tensors(loaded.network.tensors())
    path = tmp_path / "counting"
    save_checkpoint(path, network, loaded.class_names, parent=None, record={})
    found = evaluate_checkpoint(path, GestureFolder(folder))
    trials = load_trials(read_gesture_set(folder).of("test"), rows=16, columns=16, counts=True)
    true = [trial.gesture_class for trial in trials]
    classes = evaluate_trials(load_checkpoint(path).network, trials)
    assert max(trial.unpack(0, trial.frames).max() for trial in trials) > 1
    assert found.layer_accuracy == tuple((layer == true).mean() for layer in classes[:-1])
    assert found.model_version != loaded.version


def test_more_gestures_than_are_looked_at_together(
    tiny_checkpoint: Path, given: tuple[np.ndarray, list[TrialFrames]]
) -> None:
    """A gesture's answer does not depend on its neighbours, and progress is told."""
    classes, trials = given
    told: list[tuple[int, int]] = []
    network = load_checkpoint(tiny_checkpoint).network
    many = evaluate_trials(
        network, trials * 6, progress=lambda done, total: told.append((done, total))
    )
    assert np.array_equal(many, np.tile(classes, 6))
    assert told == [(24, 30), (30, 30)]


def test_the_training_part_can_be_evaluated(tiny_checkpoint: Path, folder: Path) -> None:
    """The other part of the set holds its own users."""
    assert evaluate_checkpoint(tiny_checkpoint, GestureFolder(folder), split="train").users == (1,)


def test_a_part_without_gestures_is_refused(
    tiny_checkpoint: Path, simulated_set: Path, tmp_path: Path
) -> None:
    """Neither no recordings nor recordings without labels can be judged by."""
    folder = tmp_path / "set"
    shutil.copytree(simulated_set, folder)
    for name in ("user24_led", "user24_natural"):
        write_label_file(folder / f"{name}_labels.csv", [])
    with pytest.raises(InputError, match="no labelled gestures to test"):
        evaluate_checkpoint(tiny_checkpoint, GestureFolder(folder))
    (folder / "trials_to_test.txt").write_text("")
    with pytest.raises(InputError, match="no labelled gestures to test"):
        evaluate_checkpoint(tiny_checkpoint, GestureFolder(folder))


def test_a_checkpoint_that_does_not_fit_is_refused(
    tiny_checkpoint: Path, simulated_set: Path, tmp_path: Path
) -> None:
    """Fewer classes than the set has, one polarity, no checkpoint at all, and no set are one error
    each.
    """
    settings = NetworkSettings(layers=(LayerSettings(4, pool=4),), height=16, width=16, classes=4)
    few = tmp_path / "few.safetensors"
    save_checkpoint(few, Network(settings), ("a", "b", "c", "d"), parent=None, record={})
    with pytest.raises(InputError, match="class 8"):
        evaluate_checkpoint(few, GestureFolder(simulated_set))
    one = tmp_path / "one.safetensors"
    grey = Network(replace(settings, input_channels=1))
    save_checkpoint(one, grey, ("a", "b", "c", "d"), parent=None, record={})
    with pytest.raises(InputError, match="1 input channels"):
        evaluate_checkpoint(one, GestureFolder(simulated_set))
    with pytest.raises(ModelError, match="absent"):
        evaluate_checkpoint(tmp_path / "absent", GestureFolder(simulated_set))
    with pytest.raises(InputError, match="nowhere"):
        evaluate_checkpoint(tiny_checkpoint, GestureFolder(tmp_path / "nowhere"))


def test_some_users_can_be_evaluated(tiny_checkpoint: Path, folder: Path) -> None:
    """Only the gestures of the users named count; a stranger to that part is refused."""
    assert evaluate_checkpoint(tiny_checkpoint, GestureFolder(folder), users=[25]).users == (25,)
    with pytest.raises(InputError, match="user 1;"):
        evaluate_checkpoint(tiny_checkpoint, GestureFolder(folder), users=[1, 25])
