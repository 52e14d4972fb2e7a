"""What decides the result of a training run, and how a settings file and options make it up."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields, is_dataclass
from typing import Any, Literal, get_args, get_origin, get_type_hints

import msgspec

from drivers.errors import InputError
from drivers.gestures import GESTURE_NAMES
from models.checks import MOST_SEED, is_seed
from models.learning_settings import BURN_IN_MS, LearningSettings
from models.presets import preset
from models.settings import NetworkSettings, TrainingEngineName
from pipeline.crops import CropSettings

FINAL_RATE_SHARE = 0.01
"""Of the learning rate, where the cosine ends."""

_AS_PUBLISHED = {
    "minibatches": 4500,
    "learn_every_ms": 1,
    "rate_decay": "steps",
    "crops": {"batch": 72, "steps": 500, "shift_cells": 0},
}
PROTOCOLS: dict[str, dict[str, Any]] = {
    "paper": _AS_PUBLISHED,
    "decolle": _AS_PUBLISHED,
    "best": {"minibatches": 450},
}
"""How networks of a preset are trained, where that is not as usual: 0.32 million crops (P)."""

OTHER_NAMES = (GESTURE_NAMES[-1], "other gesture", "other", "others")
"""What a class of all else is called, in whatever case."""

RateDecay = Literal["cosine", "steps", "constant"]


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingSettings:
    """One training run; its result depends on these and the data, not on the time it takes."""

    network: NetworkSettings
    learning: LearningSettings
    preset: str = "small"
    """Where what was not set by itself came from."""
    minibatches: int = 1200
    engine: TrainingEngineName = "auto"
    """What works a minibatch off; see `models.engines.trainer_for`."""
    learn_every_ms: int = 7
    """A learning step at every this many ms; the network advances at every one."""
    rate_decay: RateDecay = "cosine"
    """`cosine` falls from 1 to 0.01; `steps` divides by `rate_divisor` at each of `rate_steps`."""
    rate_divisor: float = 5.0
    rate_steps: tuple[int, ...] = (1000, 2000, 3000, 4000)
    """In minibatches done."""
    crops: CropSettings = field(default_factory=CropSettings)
    seed: int = 0
    """Of the crops; unless set by themselves, of the network and of dropout too."""

    def __post_init__(self) -> None:
        for what, got, good, allowed in (
            ("minibatches", self.minibatches, self.minibatches >= 1, "1 or more"),
            ("learning interval", self.learn_every_ms, self.learn_every_ms >= 1, "1 or more"),
            ("seed", self.seed, is_seed(self.seed), f"0 to {MOST_SEED}"),
            (
                "rate decay",
                self.rate_decay,
                self.rate_decay in get_args(RateDecay),
                ", ".join(get_args(RateDecay)),
            ),
            (
                "rate divisor",
                self.rate_divisor,
                math.isfinite(self.rate_divisor) and self.rate_divisor >= 1,
                "1 or more",
            ),
            (
                "rate steps",
                self.rate_steps,
                list(self.rate_steps) == sorted({step for step in self.rate_steps if step > 0}),
                "rising numbers of minibatches",
            ),
        ):
            if not good:
                raise InputError(what=what, got=str(got), allowed=allowed, todo="mend the setting")
        if self.crops.steps <= BURN_IN_MS:
            raise InputError(
                what="crop steps",
                got=str(self.crops.steps),
                allowed=f"above {BURN_IN_MS}: nothing is learnt from the first {BURN_IN_MS} ms",
                todo="take longer crops",
            )

    def rate_factor(self, done: int) -> float:
        """What the learning rate is multiplied by after `done` minibatches."""
        if self.rate_decay == "steps":
            return float(self.rate_divisor ** -sum(done >= step for step in self.rate_steps))
        if self.rate_decay == "constant":
            return 1.0
        turn = 0.5 * (1.0 + math.cos(math.pi * done / self.minibatches))
        return FINAL_RATE_SHARE + (1.0 - FINAL_RATE_SHARE) * turn

    def to_dict(self) -> dict[str, Any]:
        """Plain values, as a settings file has them: all, whatever the preset has."""
        return dict(_without_none(asdict(self)))


def training_settings(
    *layers: Mapping[str, Any],
    class_names: Sequence[str] | None = None,
    begun: NetworkSettings | None = None,
) -> TrainingSettings:
    """The settings that plain values add up to, each mapping going before those left of it.

    What none of them sets, or sets to None, is the preset's, but for the classes where their names
    are given: a preset's class of all else is the one that is called so, if any is. A seed sets
    those of network, dropout and crops, unless they are set by themselves. With `begun`, that of a
    checkpoint to go on from, the network is given: it may be named again, but not otherwise.
    Raises `InputError` for unknown names and values out of range, `ModelError` for an unknown
    preset.
    """
    given: dict[str, Any] = {}
    for values in map(_without_none, layers):
        _refuse_unknown(values, TrainingSettings, "")
        given = _merged(given, values)
    seed = given.get("seed", 0)
    name = str(given.get("preset", "small"))
    chosen = preset(name, seed=seed if is_seed(seed) else 0)
    base = {"network": chosen.network.to_dict(), "learning": asdict(chosen.learning)}
    base |= PROTOCOLS.get(name, {})
    if begun is not None:
        base["network"] = asdict(begun)
        if "preset" in given:
            base["network"] |= _of_preset(chosen.network)
    elif class_names is not None:
        base = _merged(base, {"network": {"classes": len(class_names)}})
        if chosen.network.other_class:
            base = _merged(base, {"network": {"other_class": _other_class(class_names)}})
    try:
        settings = msgspec.convert(_without_none(_merged(base, given)), type=TrainingSettings)
    except msgspec.ValidationError as error:
        raise InputError(
            what="training settings",
            got=str(error),
            allowed="what `wigwag train --help` and docs/training.md list",
            todo="mend the value",
        ) from error
    if begun is not None:
        _refuse_other_network(settings.network, begun)
    return settings


def _of_preset(network: NetworkSettings) -> dict[str, Any]:
    """What naming a preset says of a network: classes are a data set's, the seed is a run's."""
    values = asdict(network)
    return {name: values[name] for name in values.keys() - {"classes", "other_class", "seed"}}


def _refuse_other_network(asked: NetworkSettings, begun: NetworkSettings) -> None:
    """Raise `InputError` where a network is asked for that is not the checkpoint's."""
    names = [item.name for item in fields(begun)]
    different = [name for name in names if getattr(asked, name) != getattr(begun, name)]
    if different:
        got, allowed = (
            ", ".join(f"network.{name} = {getattr(each, name)!r:.60}" for name in different)
            for each in (asked, begun)
        )
        raise InputError(
            what="network of the checkpoint to start from",
            got=f"other settings: {got}",
            allowed=f"its own: {allowed}",
            todo="leave out what sets them (--set, --settings or --preset), or --start-from",
        )


def _other_class(class_names: Sequence[str]) -> int:
    """The class, from 1, that is called other gestures; 0 where none is."""
    plain = [name.lower().replace("_", " ") for name in class_names]
    return next((plain.index(name) + 1 for name in OTHER_NAMES if name in plain), 0)


def _merged(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    result = dict(base)
    for name, value in over.items():
        old = result.get(name)
        both = isinstance(old, Mapping) and isinstance(value, Mapping)
        result[name] = _merged(old, value) if both else value  # type: ignore[arg-type]
    return result


def _without_none(values: Mapping[str, Any]) -> dict[str, Any]:
    """TOML has no null: what is not set is left out."""
    return {
        name: _without_none(value) if isinstance(value, Mapping) else value
        for name, value in values.items()
        if value is not None
    }


def _refuse_unknown(values: Mapping[str, Any], kind: Any, where: str) -> None:
    """Raise `InputError` for a name that `kind`, a dataclass, does not have, at any depth."""
    hints = get_type_hints(kind)
    names = [item.name for item in fields(kind)]
    for name, value in values.items():
        if name not in names:
            raise InputError(
                what="training settings",
                got=f"{where}{name}",
                allowed=", ".join(f"{where}{known}" for known in names),
                todo="mend the name",
            )
        inner = hints[name]
        if is_dataclass(inner):
            if not isinstance(value, Mapping):
                raise InputError(
                    what="training settings",
                    got=f"{where}{name} = {value!r:.80}",
                    allowed=f"a table, such as [{where}{name}]",
                    todo=f"set {where}{name}.NAME",
                )
            _refuse_unknown(value, inner, f"{where}{name}.")
        elif get_origin(inner) is tuple and isinstance(value, list | tuple):
            for item in value:
                if is_dataclass(get_args(inner)[0]) and isinstance(item, Mapping):
                    _refuse_unknown(item, get_args(inner)[0], f"{where}{name}.")
