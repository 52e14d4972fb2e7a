from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from models.checkpoint_file import read_checkpoint, version_of, write_checkpoint
from models.engine import Engine
from models.engines import load_engine
from models.errors import ModelError
from models.learning_settings import LearningSettings
from models.settings import EngineName, LayerSettings, NetworkSettings
from models.teaching import teaching_of

from .events_networks import frames_of, save_firing

NETWORK = NetworkSettings(
    layers=(
        LayerSettings(channels=6, pool=2, kernel=5),
        LayerSettings(channels=8, pool=1, kernel=3, padding=1),
        LayerSettings(channels=8, pool=2, kernel=3, padding=1),
    ),
    classes=4,
    height=16,
    width=16,
    gain=5.0,
)
ENGINES: tuple[EngineName, ...] = ("events", "torch")


@pytest.fixture(scope="module", params=["votes", "softmax"])
def path(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small random checkpoint that fires; its readouts stay, or learn on."""
    network = replace(NETWORK, reading=request.param)
    return save_firing(network, tmp_path_factory.mktemp("teaching"))


def _engine(path: Path, name: EngineName, every: int = 1) -> Engine:
    learning = LearningSettings(rate=1e-3, update_every_steps=7, learn_every_steps=every, seed=3)
    return load_engine(path, engine=name, device="cpu", learning=learning)


def _run(engine: Engine, begin: int, end: int, target: int | None) -> list[list[int]]:
    frames = frames_of(NETWORK, end, 20.0)
    return [engine.step(frame, target).votes.tolist() for frame in frames[begin:end]]


def _version(engine: Engine) -> str:
    return version_of(engine.settings, teaching_of(engine).keep().tensors(), engine.class_names)


@pytest.mark.parametrize("every", [1, 5])
@pytest.mark.parametrize("name", ENGINES)
def test_going_back_restores_weights_optimiser_and_gathered_gradients(
    path: Path, name: EngineName, every: int
) -> None:
    """From the middle of an update, what is learnt after going back is what was learnt before."""
    engine = _engine(path, name, every)
    teaching = teaching_of(engine)
    _run(engine, 0, 38, 1)
    kept, before = teaching.keep(), _version(engine)
    engine.reset()
    first = _run(engine, 0, 60, 2)
    learnt = _version(engine)
    teaching.go_back(kept)
    assert _version(engine) == before
    engine.reset()
    assert _run(engine, 0, 60, 2) == first
    assert _version(engine) == learnt != before


@pytest.mark.parametrize("name", ENGINES)
def test_a_new_class_is_read_out_and_nothing_else_changes(path: Path, name: EngineName) -> None:
    """Two engines, one with a fifth class: the readings of the four old classes go on alike, and
    the new one can be learnt and kept in a checkpoint.
    """
    plain, grown = _engine(path, name), _engine(path, name)
    for engine in (plain, grown):
        _run(engine, 0, 40, 1)
    teaching_of(grown).add_class("wink")
    assert grown.class_names == (*plain.class_names, "wink")
    before, after = teaching_of(plain).keep().tensors(), teaching_of(grown).keep().tensors()
    for key, tensor in before.items():
        np.testing.assert_array_equal(after[key][: len(tensor)], tensor)
    assert after["layers.0.readout"].shape[0] == 5
    assert np.abs(after["layers.0.readout"][4]).max() > 0
    for old, new in zip(_run(plain, 40, 80, None), _run(grown, 40, 80, None), strict=True):
        assert all(b in (a, 4) for a, b in zip(old, new, strict=True))
    learnt = _run(grown, 0, 300 if grown.settings.reading == "votes" else 600, 4)
    assert sum(votes[-1] == 4 for votes in learnt[-100:]) > 80


@pytest.mark.parametrize("name", ENGINES)
def test_going_back_beyond_a_new_class_keeps_it(path: Path, name: EngineName) -> None:
    """The class is there, with the row that it was given first."""
    engine = _engine(path, name)
    teaching = teaching_of(engine)
    _run(engine, 0, 40, 1)
    kept = teaching.keep()
    teaching.add_class("wink")
    fresh = teaching.keep().tensors()
    _run(engine, 0, 40, 4)
    teaching.go_back(kept)
    found = teaching.keep().tensors()
    assert {key: tensor.tolist() for key, tensor in found.items()} == {
        key: tensor.tolist() for key, tensor in fresh.items()
    }


@pytest.mark.parametrize("name", ENGINES)
def test_a_version_of_fewer_classes_is_loaded(path: Path, name: EngineName, tmp_path: Path) -> None:
    """Weights are those of the file; learning goes on as from a start with it."""
    engine = _engine(path, name)
    teaching = teaching_of(engine)
    kept = teaching.keep()
    write_checkpoint(
        tmp_path / "one", engine.settings, kept.tensors(), engine.class_names, parent=None,
        record={},
    )  # fmt: skip
    teaching.add_class("wink")
    grown = teaching.keep().tensors()
    _run(engine, 0, 60, 4)
    teaching.load(read_checkpoint(tmp_path / "one"))
    found = teaching.keep().tensors()
    assert all((found[key] == grown[key]).all() for key in grown)
    engine.reset()
    votes = _run(engine, 0, 60, 1)
    assert np.isfinite(teaching.keep().tensors()["layers.0.weight"]).all()
    assert len(votes) == 60


def test_names_that_cannot_be_are_refused(path: Path) -> None:
    """No text, one that is taken, a number, too long."""
    engine = _engine(path, "events")
    for name in ("", "c1", "12", "unsure", "x" * 65, 5, "a\nb"):
        with pytest.raises(ModelError, match="class name"):
            teaching_of(engine).add_class(name)  # type: ignore[arg-type]  # as JSON may have it
