"""Settings of a training run: presets, files, single values, and what is refused."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from drivers.errors import InputError
from drivers.gestures import GESTURE_NAMES
from models.presets import preset
from models.settings import LayerSettings
from pipeline.settings_file import parse_setting, read_settings, write_settings
from pipeline.training_settings import FINAL_RATE_SHARE, TrainingSettings, training_settings


def test_what_is_not_set_is_the_presets() -> None:
    """Without anything given, the small network as it has always been trained."""
    found = training_settings()
    small = preset("small")
    assert (found.network, found.learning) == (small.network, small.learning)
    assert (found.minibatches, found.learn_every_ms, found.engine) == (1200, 7, "auto")
    assert (found.crops.batch, found.crops.steps, found.seed) == (32, 400, 0)


def test_the_later_values_win(tmp_path: Path) -> None:
    """Preset, then file, then command line; what the later ones leave open stays."""
    path = tmp_path / "settings.toml"
    path.write_text('preset = "full"\nseed = 3\n[crops]\nbatch = 5\nsteps = 99\n')
    found = training_settings(
        read_settings(path), parse_setting("crops.batch=6"), {"crops": {"steps": None}}
    )
    assert found.network == preset("full", seed=3).network
    assert (found.crops.batch, found.crops.steps) == (6, 99)


def test_a_seed_is_that_of_everything_unless_set_apart() -> None:
    """Network, dropout and crops follow the one seed; a network's own seed stays."""
    together = training_settings({"seed": 5})
    assert (together.network.seed, together.learning.seed, together.seed) == (5, 5, 5)
    apart = training_settings({"seed": 5}, {"network": {"seed": 1}})
    assert (apart.network.seed, apart.learning.seed, apart.seed) == (1, 5, 5)


def test_layers_are_set_as_a_whole() -> None:
    """A list of layers takes the place of the preset's."""
    found = training_settings(parse_setting("network.layers=[{channels=5, kernel=3}]"))
    assert found.network.layers == (LayerSettings(channels=5, kernel=3),)


def test_a_settings_file_gives_back_what_was_written(tmp_path: Path) -> None:
    """Every field goes through TOML unchanged."""
    changed = training_settings(
        {"preset": "paper", "rate_decay": "steps", "rate_steps": [3, 9], "seed": 2},
        {"learning": {"rate": 1.25e-5, "learn_every_steps": 4}, "network": {"gain": 3}},
    )
    path = tmp_path / "settings.toml"
    write_settings(path, changed.to_dict(), head="one\ntwo")
    assert path.read_text().startswith("# one\n# two\n")
    assert training_settings(read_settings(path)) == changed


def test_what_is_set_back_to_the_usual_stays_so_in_a_settings_file(tmp_path: Path) -> None:
    """Although the preset has it otherwise."""
    usual = {"reading": "votes", "over_time": "sum", "other_class": 0, "known_directions": 0}
    changed = training_settings({"preset": "best", "network": usual})
    assert {name: getattr(changed.network, name) for name in usual} == usual
    path = tmp_path / "settings.toml"
    write_settings(path, changed.to_dict(), head="")
    assert training_settings(read_settings(path)) == changed


def test_the_class_of_all_else_is_the_one_that_is_called_so() -> None:
    """Where the preset has one, and it is not set by itself."""

    def other(names: tuple[str, ...], **network: int) -> tuple[int, int]:
        found = training_settings({"preset": "best", "network": network}, class_names=names)
        return found.network.classes, found.network.other_class

    assert other(GESTURE_NAMES) == (11, 11)
    assert other(("Other_Gestures", "wave", "clap")) == (3, 1)
    assert other(tuple("0123456789")) == (10, 0)
    assert other(("wave", "clap", "none of these"), other_class=3) == (3, 3)
    plain = training_settings({"preset": "paper"}, class_names=GESTURE_NAMES).network
    assert plain.reads_as_published


def test_the_learning_rate_decays_to_its_final_share() -> None:
    """From the whole rate to a hundredth of it, never rising."""
    settings = training_settings({"minibatches": 20})
    factors = [settings.rate_factor(done) for done in range(21)]
    assert factors[0] == 1.0
    assert factors[-1] == pytest.approx(FINAL_RATE_SHARE)
    assert factors == sorted(factors, reverse=True)


def test_the_learning_rate_is_divided_in_steps_or_stays() -> None:
    """By five after so many minibatches, as in the paper; or never."""
    steps = training_settings({"rate_decay": "steps", "rate_steps": [2, 3]})
    factors = [steps.rate_factor(done) for done in range(5)]
    assert factors == pytest.approx([1, 1, 1 / 5, 1 / 25, 1 / 25])
    assert training_settings({"rate_decay": "constant"}).rate_factor(1199) == 1.0


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"minibatches": 0}, "minibatches"),
        ({"learn_every_ms": 0}, "learning interval"),
        ({"crops": {"steps": 50}}, "above 50"),
        ({"crops": {"steps": 100_001}}, "1 to 100000"),
        ({"crops": {"batch": 0}}, "crop batch"),
        (
            {"crops": {"size": 1}},
            r"crops\.size; allowed: crops\.shift_cells, .*crops\.batch, ",
        ),
        ({"epochs": 3}, "epochs; allowed: network"),
        ({"crops": 3}, r"got crops = 3; allowed: a table, such as \[crops\]"),
        ({"learning": [1]}, r"got learning = \[1\]; allowed: a table"),
        ({"network": "small"}, "got network = 'small'; allowed: a table"),
        ({"network": {"layers": [{"chanels": 3}]}}, r"network\.layers\.chanels"),
        ({"minibatches": "many"}, r"minibatches"),
        ({"rate_decay": "sudden"}, "rate_decay|sudden"),
        ({"rate_decay": "steps", "rate_steps": [3, 2]}, "rising"),
        ({"rate_divisor": 0.5}, "rate divisor"),
        ({"learning": {"rate": -1}}, "learning rate"),
        ({"seed": -1}, "seed"),
        ({"seed": 2**63}, "seed: got 9223372036854775808"),
        ({"network": {"seed": 2**64}}, "seed: got 18446744073709551616"),
        ({"engine": "steam"}, "engine"),
    ],
)
def test_settings_out_of_range_are_refused(values: dict[str, Any], said: str) -> None:
    """Unknown names, wrong kinds and numbers out of range give one error that says which."""
    with pytest.raises(InputError, match=said):
        training_settings(values)


@pytest.mark.parametrize("steps", [51, 100_000])
def test_crops_are_as_long_as_the_command_line_allows(steps: int) -> None:
    """Both ends of the range of --crop-ms."""
    assert training_settings({"crops": {"steps": steps}}).crops.steps == steps


def test_a_table_that_is_none_is_refused_whatever_comes_after_it() -> None:
    """As options of the command line always do, with tables of their own."""
    with pytest.raises(InputError, match="got crops = 3"):
        training_settings({"crops": 3}, {"crops": {"batch": None}})


def test_the_network_of_a_checkpoint_to_start_from_is_given(tmp_path: Path) -> None:
    """Naming it as it is, by itself or by its preset, is fine; all else is refused."""
    begun = replace(preset("paper").network, gain=2.0, classes=4, seed=9)

    def found(*layers: dict[str, Any]) -> TrainingSettings:
        return training_settings(*layers, class_names=GESTURE_NAMES, begun=begun)

    assert found({"seed": 3}, {"learning": {"rate": 1e-5}}).network == begun
    assert found({"network": {"gain": 2, "seed": 9}}).network == begun
    assert found({"preset": "paper", "seed": 3, "network": {"gain": 2}}).network == begun
    path = tmp_path / "settings.toml"
    write_settings(path, found({"preset": "paper", "network": {"gain": 2}}).to_dict(), head="")
    assert found(read_settings(path)).network == begun
    for layers, said in (
        ({"network": {"gain": 3}}, r"network\.gain = 3\.0; allowed: its own: network\.gain = 2\.0"),
        ({"preset": "paper"}, r"network\.gain = 1\.0; allowed"),
        ({"preset": "small"}, r"network\.layers = .*network\.height = 16.*--start-from"),
        ({"network": {"seed": 1}}, r"network\.seed = 1; "),
    ):
        with pytest.raises(InputError, match=said):
            found(layers)


def test_settings_nested_beyond_reason_are_one_error(tmp_path: Path) -> None:
    """The parser's recursion ends where Python's does; found by fuzzing."""
    path = tmp_path / "settings.toml"
    path.write_text("a = " + "[" * 20_000)
    for read in (lambda: read_settings(path), lambda: parse_setting(path.read_text())):
        with pytest.raises(InputError) as caught:
            read()
        assert len(str(caught.value)) < 500
