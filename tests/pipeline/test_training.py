"""Training runs, tiny ones, on a simulated set."""

from __future__ import annotations

import importlib.util
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from drivers.errors import InputError
from drivers.gestures import GESTURE_NAMES
from models.checkpoint import load_checkpoint
from models.errors import ModelError
from models.trainer import Trainer
from pipeline import training
from pipeline.datasets import GestureFolder
from pipeline.run_folder import RunFolder
from pipeline.training import TrainingOutcome, resume, train
from pipeline.training_figure import running_mean
from pipeline.training_log import read_log
from pipeline.training_progress import TrainingProgress
from pipeline.training_settings import TrainingSettings, training_settings


def tiny(**changes: Any) -> TrainingSettings:
    """Two minibatches of two short crops each."""
    return training_settings({"minibatches": 2, "crops": {"batch": 2, "steps": 60}} | changes)


def run(folder: Path, out: Path, settings: TrainingSettings, **options: Any) -> TrainingOutcome:
    """A run of a set in the folder `out`."""
    return train(GestureFolder(folder), RunFolder(out), settings, **options)


class Teller:
    """Keeps what it is told, and calls a function after a minibatch."""

    def __init__(self, after: int = 0, call: Callable[[], None] = lambda: None) -> None:
        self.told: list[TrainingProgress] = []
        self._after, self._call = after, call

    def add(self, progress: TrainingProgress) -> None:
        """See `ProgressSink.add`."""
        self.told.append(progress)
        if progress.minibatch == self._after:
            self._call()


def stop_now() -> None:
    """What a power cut is to a run, as far as it can tell."""
    raise RuntimeError("cut short")


def test_the_same_run_gives_the_same_checkpoint(simulated_set: Path, tmp_path: Path) -> None:
    """Data, settings and seed decide every bit; another seed gives other weights."""
    versions = [
        run(simulated_set, tmp_path / name, tiny(seed=seed)).version
        for name, seed in (("one", 4), ("two", 4), ("three", 5))
    ]
    assert versions[0] == versions[1] != versions[2]
    files = [tmp_path / name / "checkpoint.safetensors" for name in ("one", "two")]
    assert files[0].read_bytes() == files[1].read_bytes()


def test_a_network_that_counts_is_trained_on_counts(
    simulated_set: Path, tmp_path: Path, monkeypatch
) -> None:
    """It says so in its checkpoint, so that it is judged and runs on such frames."""
    seen: list[int] = []
    real = Trainer.run

    def looking(self: Trainer, frames: np.ndarray, *rest: Any, **options: Any) -> Any:
        seen.append(int(frames.max()))
        return real(self, frames, *rest, **options)

    monkeypatch.setattr(Trainer, "run", looking)
    run(simulated_set, tmp_path / "one", tiny(network={"input_frames": "counts"}))
    assert max(seen) > 1
    network = load_checkpoint(tmp_path / "one" / "checkpoint.safetensors").network
    assert network.settings.input_frames == "counts"


def test_a_run_is_repeated_from_its_settings_file(simulated_set: Path, tmp_path: Path) -> None:
    """What a run has saved is all of its settings."""
    first = run(simulated_set, tmp_path / "one", tiny(seed=4, learn_every_ms=3))
    again = RunFolder(tmp_path / "one").settings()
    assert again == tiny(seed=4, learn_every_ms=3)
    assert run(simulated_set, tmp_path / "two", again).version == first.version


def test_a_run_of_a_set_with_any_name_is_resumed(simulated_set: Path, tmp_path: Path) -> None:
    """The set's name is in the settings file, in a comment, which must not end early."""
    folder = tmp_path / "two\nlines \x01 \udcff"
    shutil.copytree(simulated_set, folder)
    with pytest.raises(RuntimeError, match="cut short"):
        run(folder, tmp_path / "run", tiny(), sinks=[Teller(1, stop_now)])
    assert resume(GestureFolder(folder), RunFolder(tmp_path / "run")).minibatches_done == 2


def test_a_run_begun_by_an_earlier_version_is_resumed(simulated_set: Path, tmp_path: Path) -> None:
    """Its settings file does not say how it is repeated."""
    with pytest.raises(RuntimeError, match="cut short"):
        run(simulated_set, tmp_path / "run", tiny(), users=[1], sinks=[Teller(1, stop_now)])
    file = RunFolder(tmp_path / "run").settings_file
    lines = [line for line in file.read_text().splitlines() if not line.startswith("#")]
    file.write_text("# Settings of this run, all of them\n" + "\n".join(lines))
    resumed = resume(GestureFolder(simulated_set), RunFolder(tmp_path / "run"))
    assert resumed.minibatches_done == 2


def test_progress_is_told_and_the_record_says_how_it_was_made(
    simulated_set: Path, tmp_path: Path
) -> None:
    """Progress comes after every recording and minibatch; the checkpoint tells its origin."""
    read: list[tuple[int, int]] = []
    teller = Teller()
    outcome = run(
        simulated_set,
        tmp_path / "run",
        tiny(learn_every_ms=3),
        reading=lambda done, total: read.append((done, total)),
        sinks=[teller],
    )
    assert read == [(1, 2), (2, 2)]
    assert [(item.minibatch, item.minibatches) for item in teller.told] == [(1, 2), (2, 2)]
    assert teller.told[-1].left_s == 0.0
    assert 0 <= teller.told[-1].waiting_share == outcome.waiting_share < 1
    assert len(teller.told[-1].result.accuracy) == 3
    assert (outcome.minibatches_done, outcome.stopped_by) == (2, None)

    loaded = load_checkpoint(tmp_path / "run" / "checkpoint.safetensors")
    assert (loaded.version, loaded.class_names) == (outcome.version, GESTURE_NAMES)
    assert loaded.parent is None
    record = loaded.record
    assert record["simulated"] is True
    assert record["users"] == [1]
    assert record["trials"] == 4
    assert record["minibatches_done"] == 2
    assert len(record["training_accuracy"]) == 3
    assert record["training"]["learn_every_ms"] == 3
    assert record["training"]["learning"]["rate"] == 1e-3
    assert record["training"]["crops"] == {
        "batch": 2,
        "steps": 60,
        "shift_cells": 1,
        "rotate_up_to_degrees": 0.0,
        "zoom_up_to": 1.0,
        "speed_up_to": 1.0,
        "drop_up_to": 0.0,
        "mirror": False,
        "backwards": False,
    }


def test_every_minibatch_is_a_line_of_the_log(simulated_set: Path, tmp_path: Path) -> None:
    """Loss, accuracy and firing rate of every layer, to six digits, and the learning rate."""
    teller = Teller()
    run(simulated_set, tmp_path / "run", tiny(), sinks=[teller])
    log = read_log(tmp_path / "run" / "log.csv")
    assert log["minibatch"] == [1, 2]
    for index, told in enumerate(teller.told):
        for what in ("loss", "accuracy", "firing_rate"):
            for layer, value in enumerate(getattr(told.result, what), start=1):
                assert log[f"{what}_{layer}"][index] == pytest.approx(value, rel=1e-5)
    assert log["rate"] == [1e-3, pytest.approx(5.05e-4)]


def test_a_run_is_drawn_and_kept_for_tensorboard(simulated_set: Path, tmp_path: Path) -> None:
    """The figure is a picture, and TensorBoard's own reader finds what the CSV log has."""
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    teller = Teller()
    run(simulated_set, tmp_path / "run", tiny(), sinks=[teller], tensorboard=True)
    with Image.open(tmp_path / "run" / "figure.png") as picture:
        assert picture.format == "PNG"
        assert len(picture.convert("L").getcolors()) > 10
    events = EventAccumulator(str(tmp_path / "run" / "tensorboard")).Reload()
    for what in ("loss", "accuracy", "firing_rate"):
        for layer in (1, 2, 3):
            found = events.Scalars(f"{what.replace('_', ' ')}/layer {layer}")
            told = [getattr(item.result, what)[layer - 1] for item in teller.told]
            assert [item.step for item in found] == [1, 2]
            assert [item.value for item in found] == pytest.approx(told)


def test_a_resumed_run_goes_on_with_its_log_for_tensorboard(
    simulated_set: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Without being told again; where the package is gone, that is said, and the run goes on."""
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    for name in ("one", "two"):
        with pytest.raises(RuntimeError, match="cut short"):
            run(
                simulated_set,
                tmp_path / name,
                tiny(),
                sinks=[Teller(1, stop_now)],
                tensorboard=True,
            )
    resume(GestureFolder(simulated_set), RunFolder(tmp_path / "one"))
    events = EventAccumulator(str(tmp_path / "one" / "tensorboard")).Reload()
    assert [item.step for item in events.Scalars("loss/layer 1")] == [1, 2]
    assert not caplog.records
    monkeypatch.setattr(training, "has_tensorboard", lambda: False)
    resume(GestureFolder(simulated_set), RunFolder(tmp_path / "two"))
    assert "tensorboard: a gap, it needs pip install" in caplog.text


def test_without_matplotlib_a_run_says_so_and_ends_well(
    simulated_set: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """The figure is missing, nothing else; TensorBoard, which was asked for, is an error."""
    found = importlib.util.find_spec
    absent = ("matplotlib", "tensorboard")
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: None if name in absent else found(name)
    )
    run(simulated_set, tmp_path / "run", tiny())
    assert "wigwag[plots]" in caplog.text
    assert not (tmp_path / "run" / "figure.png").exists()
    with pytest.raises(InputError, match=r"wigwag\[tensorboard\]"):
        run(simulated_set, tmp_path / "other", tiny(), tensorboard=True)
    assert not (tmp_path / "other").exists()


def test_the_running_mean_is_of_the_last_values() -> None:
    """Of fewer where there are fewer."""
    assert running_mean(np.array([1.0, 3.0, 5.0, 9.0]), 2).tolist() == [1.0, 2.0, 4.0, 7.0]


@pytest.mark.parametrize("engine", ["auto", "events"])
def test_a_resumed_run_is_as_if_it_had_not_stopped(
    simulated_set: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, engine: str
) -> None:
    """Cut short after its third minibatch, it goes on from the second, where it was saved last.

    What it knows is found at its end, once.
    """
    monkeypatch.setattr(training, "KNOWN_FROM_CROPS", 6)
    settings = tiny(
        minibatches=4, engine=engine, crops={"batch": 2, "steps": 80, "drop_up_to": 0.2},
        network={"known_directions": 3},
    )  # fmt: skip
    whole = run(simulated_set, tmp_path / "whole", settings)

    def save_no_more() -> None:
        monkeypatch.setattr(training, "SAVE_EVERY_S", 1e9)

    monkeypatch.setattr(training, "SAVE_EVERY_S", 0.0)
    saving = Teller(3, save_no_more)
    with pytest.raises(RuntimeError, match="cut short"):
        run(simulated_set, tmp_path / "cut", settings, sinks=[saving, Teller(3, stop_now)])
    teller = Teller()
    resumed = resume(GestureFolder(simulated_set), RunFolder(tmp_path / "cut"), sinks=[teller])
    assert [item.minibatch for item in teller.told] == [3, 4]
    assert resumed.version == whole.version
    checkpoints = [tmp_path / name / "checkpoint.safetensors" for name in ("whole", "cut")]
    assert checkpoints[0].read_bytes() == checkpoints[1].read_bytes()
    assert all(layer.known.any(1).all() for layer in load_checkpoint(checkpoints[0]).network.layers)
    logs = [read_log(tmp_path / name / "log.csv") for name in ("whole", "cut")]
    for log in logs:
        del log["elapsed_s"], log["waiting_s"]
    assert logs[0] == logs[1]


@pytest.mark.parametrize("engine", ["auto", "events"])
def test_a_run_that_was_never_saved_is_resumed_from_its_start(
    simulated_set: Path, tiny_checkpoint: Path, tmp_path: Path, engine: str
) -> None:
    """Cut short after two minibatches, long before it is saved, it gives the same in the end."""
    settings = tiny(minibatches=3, engine=engine, learning={"average_decay": 0.9})
    whole = run(simulated_set, tmp_path / "whole", settings, start_from=tiny_checkpoint)
    with pytest.raises(RuntimeError, match="cut short"):
        run(
            simulated_set,
            tmp_path / "cut",
            settings,
            start_from=tiny_checkpoint,
            sinks=[Teller(2, stop_now)],
        )
    assert not (tmp_path / "cut" / "checkpoint.safetensors").exists()
    teller = Teller()
    resumed = resume(GestureFolder(simulated_set), RunFolder(tmp_path / "cut"), sinks=[teller])
    assert [item.minibatch for item in teller.told] == [1, 2, 3]
    assert resumed.version == whole.version
    checkpoints = [tmp_path / name / "checkpoint.safetensors" for name in ("whole", "cut")]
    assert checkpoints[0].read_bytes() == checkpoints[1].read_bytes()
    assert read_log(tmp_path / "cut" / "log.csv")["minibatch"] == [1, 2, 3]


def test_only_the_same_gestures_are_resumed_on(
    simulated_set: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A label gone from the set is noticed; so is a run that has ended, and one never begun."""
    folder = tmp_path / "set"
    shutil.copytree(simulated_set, folder)
    monkeypatch.setattr(training, "SAVE_EVERY_S", 0.0)
    with pytest.raises(RuntimeError, match="cut short"):
        run(folder, tmp_path / "run", tiny(), sinks=[Teller(2, stop_now)])
    labels = folder / "user01_led_labels.csv"
    labels.write_text("".join(labels.read_text().splitlines(keepends=True)[:-1]))
    with pytest.raises(InputError, match="other gestures than the run began with"):
        resume(GestureFolder(folder), RunFolder(tmp_path / "run"))
    run(folder, tmp_path / "ended", tiny())
    with pytest.raises(InputError, match=r"no state\.safetensors: it ended"):
        resume(GestureFolder(folder), RunFolder(tmp_path / "ended"))
    with pytest.raises(InputError, match=r"no settings\.toml"):
        resume(GestureFolder(folder), RunFolder(tmp_path / "never"))


def test_a_run_is_never_written_over(simulated_set: Path, tmp_path: Path) -> None:
    """A second run in the same folder is refused, and the first one is left alone."""
    first = run(simulated_set, tmp_path / "run", tiny())
    with pytest.raises(InputError, match="--resume"):
        run(simulated_set, tmp_path / "run", tiny(seed=1))
    loaded = load_checkpoint(tmp_path / "run" / "checkpoint.safetensors")
    assert loaded.version == first.version


def test_weights_of_a_checkpoint_are_gone_on_from(
    simulated_set: Path, tiny_checkpoint: Path, tmp_path: Path
) -> None:
    """Its network takes the place of the preset's, in the settings too, and it is the parent."""
    run(simulated_set, tmp_path / "run", tiny(), start_from=tiny_checkpoint)
    begin = load_checkpoint(tiny_checkpoint)
    loaded = load_checkpoint(tmp_path / "run" / "checkpoint.safetensors")
    assert loaded.parent == begin.version
    assert loaded.network.settings == begin.network.settings
    assert RunFolder(tmp_path / "run").settings().network == begin.network.settings


def test_gestures_shorter_than_a_crop_are_said(
    simulated_set: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Those of 300 ms, with crops of 301; with crops of 300 there is nothing to say."""
    for steps, said in ((300, []), (301, ["4 of 4 gestures are shorter than a crop of 301 ms"])):
        settings = tiny(minibatches=1, crops={"batch": 1, "steps": steps})
        with caplog.at_level("WARNING"):
            run(simulated_set, tmp_path / str(steps), settings)
        assert [record.getMessage().split(",")[0] for record in caplog.records] == said


def test_classes_that_cannot_be_mirrored_are_said(
    simulated_set: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """By name, where a mirror was asked for; the gestures of the published set have their names."""
    settings = tiny(minibatches=1, crops={"batch": 4, "steps": 60, "mirror": True})
    plain = tiny(minibatches=1, crops={"batch": 4, "steps": 60})
    versions = []
    for number, (chosen, names) in enumerate(
        ((settings, GESTURE_NAMES), (settings, tuple("abcdefghijk")), (plain, GESTURE_NAMES))
    ):
        dataset = GestureFolder(simulated_set)
        dataset.class_names = names
        caplog.clear()
        with caplog.at_level("WARNING"):
            versions.append(train(dataset, RunFolder(tmp_path / str(number)), chosen).version)
        said = [record.getMessage() for record in caplog.records]
        assert said == (["crops.mirror: " + training.STAYS + ", ".join(names)] * (number == 1))
    assert versions[0] != versions[2]


def test_weights_change_with_every_minibatch(simulated_set: Path, tmp_path: Path) -> None:
    """A second minibatch is learnt from too."""
    one, two = (
        run(simulated_set, tmp_path / str(count), tiny(minibatches=count)).version
        for count in (1, 2)
    )
    assert one != two


def test_only_a_simulated_set_is_called_simulated(simulated_set: Path, tmp_path: Path) -> None:
    """A folder without the notice is not said to be simulated."""
    folder = tmp_path / "set"
    shutil.copytree(simulated_set, folder)
    (folder / "SIMULATED.txt").unlink()
    run(folder, tmp_path / "run", tiny(minibatches=1))
    loaded = load_checkpoint(tmp_path / "run" / "checkpoint.safetensors")
    assert loaded.record["simulated"] is False


def test_what_cannot_be_trained_on_is_one_error(simulated_set: Path, tmp_path: Path) -> None:
    """No set, no training users, an unknown preset, other classes, a file in the folder's place."""
    out = tmp_path / "out"
    with pytest.raises(InputError, match="nowhere"):
        run(tmp_path / "nowhere", out, tiny())
    with pytest.raises(ModelError, match=r"preset.*huge.*small"):
        tiny(preset="huge")
    with pytest.raises(InputError, match=r"11 classes.*network\.classes"):
        run(simulated_set, out, tiny(network={"classes": 4}))
    with pytest.raises(InputError, match=r"2 polarities.*allowed: 1.*network\.input_channels"):
        run(simulated_set, out, tiny(network={"input_channels": 1}))
    folder = tmp_path / "set"
    shutil.copytree(simulated_set, folder)
    (folder / "trials_to_train.txt").write_text("")
    with pytest.raises(InputError, match="no gestures"):
        run(folder, out, tiny())
    with pytest.raises(ModelError, match="optimiser"):
        run(simulated_set, out, tiny(learning={"optimiser": "Adagold"}))
    assert not out.exists()
    out.write_text("a file")
    with pytest.raises(InputError, match="a folder that can be made"):
        run(simulated_set, out, tiny())


def test_a_run_does_not_write_over_what_it_begins_from(
    wigwag, simulated_set: Path, tmp_path: Path, tiny_checkpoint: Path
) -> None:
    """Its folder has files of set names; one of them may be a checkpoint or settings to read."""
    begun = tmp_path / "checkpoint.safetensors"
    shutil.copyfile(tiny_checkpoint, begun)
    status, _, error = wigwag.run(
        *("train", simulated_set, "--run", tmp_path, "--start-from", begun),
        *("--minibatches", 1, "--batch", 1),
    )
    assert (status, error.count("\n")) == (2, 1)
    assert f"checkpoint.safetensors of --run {begun}: got a file that is read" in error
    assert begun.read_bytes() == tiny_checkpoint.read_bytes()


def test_a_run_whose_engine_keeps_no_state_goes_on_from_its_checkpoint(tmp_path: Path) -> None:
    """--resume would be refused there, and says the same; a shell takes it as it is said."""
    folder = RunFolder(tmp_path / "one run")
    assert folder.how_to_go_on("SET") == (
        f"wigwag train SET --run NEW --start-from '{folder.path / 'checkpoint.safetensors'}'"
    )
    folder.path.mkdir()
    folder.state_file.touch()
    assert folder.how_to_go_on("MY SET") == f"wigwag train 'MY SET' --run '{folder.path}' --resume"
