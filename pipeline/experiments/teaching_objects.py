"""Real objects on a turntable, each in turn unknown to a network that is taught it live."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from drivers.errors import InputError
from models.checkpoint import save_checkpoint
from models.events_trainer import EventsTrainer
from models.known_directions import KNOWN_FROM_CROPS, find_known_directions
from models.network import Network
from models.presets import KNOWN_DIRECTIONS
from models.torch_engine import prepare_torch
from pipeline.clips import CLIP_FRAMES, GIVEN_CLIPS, Clip
from pipeline.experiments.best_settings import TRAINED, with_bank
from pipeline.experiments.figures import need_matplotlib, new_figure, save_figure
from pipeline.experiments.report import Report
from pipeline.experiments.schedule import cosine
from pipeline.experiments.settings import ExperimentSettings, Say
from pipeline.experiments.simulated_gestures import SIDE
from pipeline.experiments.tasks import BATCH, objects_task, three_layers
from pipeline.experiments.taught_network import Performed, TaughtNetwork
from pipeline.experiments.turns import turn_steps, was_shown
from pipeline.object_recordings import ObjectRecording, read_object_recordings
from pipeline.real_data import find
from pipeline.variation import Variation

BURN_IN_MS = 40
"""Nothing is learnt from the first steps of a crop."""
LEARNT_SHARE = 0.5
"""Of each known recording; clips to rehearse come from there too."""
TESTED_FROM = 2 / 3
SHOWN, NEW = "views in the lesson", "other views"
"""The lesson is a part of a turn, and most of what is tested another part."""


@dataclass(frozen=True, slots=True)
class TeachingObjectsSettings:
    """The protocol."""

    seeds: int = 3
    samples: int = 1200
    """Crops of 200 ms that the network learns the known objects from."""
    lesson_s: float = 10.0
    """From the beginning of the unknown object's recording."""
    trial_s: float = 1.2
    """Pieces of last thirds, side by side: the test."""
    pause_s: float = 15.0
    """After the lesson: clips are rehearsed while nothing moves."""
    variation: Variation = field(
        default_factory=lambda: Variation(shift_cells=1, rotate_up_to_degrees=5.0, speed_up_to=1.15)
    )
    """Of crops that are learnt from."""


def run(settings: ExperimentSettings, say: Say) -> dict[str, Any]:
    """Every class of the folder in turn; `--samples`: crops that the others are learnt from."""
    need_matplotlib()
    prepare_torch(settings.threads)
    recordings = read_object_recordings(find(settings.data, "dvs128_objects"), side=SIDE)
    regime = TeachingObjectsSettings()
    if settings.samples is not None:
        regime = replace(regime, samples=settings.samples)
    return teach_objects(recordings, regime, settings, say)


def teach_objects(
    recordings: Sequence[ObjectRecording],
    regime: TeachingObjectsSettings,
    settings: ExperimentSettings,
    say: Say,
) -> dict[str, Any]:
    """The experiment on recordings of three classes or more."""
    names = sorted({recording.class_name for recording in recordings})
    if len(names) < 3:
        raise InputError(
            what="recordings of objects",
            got=f"the classes {', '.join(names)}",
            allowed="three classes or more: one is taught to a network that knows the others",
            todo="name a folder with more of them",
        )
    report = Report(
        "teaching-objects", settings, data="real turntable recordings, DVS128", simulated=False
    )
    turn = turn_steps(recordings)
    say("no turn found" if turn is None else f"a turn takes {turn / 1000:.1f} s")
    found: list[dict[str, Any]] = []
    for seed in range(settings.seed, settings.seed + regime.seeds):
        for name in names:
            late = settings.minutes is not None and report.elapsed_s > 60 * settings.minutes
            if late:
                say(f"time is up before: seed {seed}, {name}")
                continue
            one = _teach(name, recordings, regime, seed, turn, settings.out)
            found.append(one)
            say(
                f"seed {seed}, {name}: {one['new_before']:.1%} right, {one['new_after']:.1%} after "
                f"{regime.lesson_s:g} s ({_by_views(one)}); the others "
                f"{one['earlier_before']:.1%}, then {one['earlier_after']:.1%}; "
                f"first label after {one['first_label_ms']} ms"
            )
    summary = _summary(found, names)
    results = {"regime": asdict(regime), "turn_ms": turn, "taught": found, "summary": summary}
    for name, row in summary.items():
        say(f"{name}: {row}")
    draw(summary, settings)
    report.write(results)
    return results


def _teach(
    name: str,
    recordings: Sequence[ObjectRecording],
    regime: TeachingObjectsSettings,
    seed: int,
    turn: int | None,
    out: Path,
) -> dict[str, Any]:
    """Learn the other objects offline, then this one by one lesson, as `wigwag adapt` does."""
    known = [recording for recording in recordings if recording.class_name != name]
    unknown = [recording for recording in recordings if recording.class_name == name]
    checkpoint = out / "known_objects.safetensors"
    _learn(known, regime, seed, checkpoint)
    earlier = [trial for recording in known for trial in _trials(recording, regime)]
    tests = [trial for recording in unknown for trial in _trials(recording, regime)]
    lesson_steps = round(1000 * regime.lesson_s)
    lesson = _performed(unknown[0], 0, lesson_steps)
    views = _views(unknown[0], regime, lesson_steps, turn)
    with TaughtNetwork(checkpoint, _clips(known), seed=seed) as network:
        before = network.accuracy(earlier)
        network.teacher.add_class(name)
        new_before = network.accuracy(tests)[name]
        effect = network.lesson(lesson, 0, len(lesson.bits))
        network.rest(regime.pause_s)
        after, new_after = network.accuracy(earlier), network.accuracy(tests)[name]
        by_views = {
            view: [network.accuracy(pieces)[name], len(pieces)] for view, pieces in views.items()
        }
    return {
        "seed": seed,
        "object": name,
        "new_before": new_before,
        "new_after": new_after,
        "new_after_by_views": by_views,
        "earlier_before": float(np.mean(list(before.values()))),
        "earlier_after": float(np.mean(list(after.values()))),
        "earlier_by_class": {each: [before[each], after[each]] for each in before},
        "first_label_ms": effect.first_ms,
        "tests": len(tests),
        "earlier_tests": len(earlier),
    }


def _learn(
    known: Sequence[ObjectRecording],
    regime: TeachingObjectsSettings,
    seed: int,
    checkpoint: Path,
) -> None:
    names = sorted({recording.class_name for recording in known})
    shape = with_bank(three_layers(side=known[0].side, classes=len(names)))
    network = Network(
        replace(
            shape,
            reading="softmax",
            reading_layers=(-2, -1),
            known_directions=KNOWN_DIRECTIONS,
            seed=seed,
        )
    )
    trainer = EventsTrainer(
        network, replace(TRAINED, seed=seed), batch=BATCH, burn_in_ms=BURN_IN_MS
    )
    draw_minibatch = objects_task(known).drawing(seed, regime.variation)
    minibatches = max(regime.samples // BATCH, 1)
    for number in range(minibatches):
        frames, classes = draw_minibatch()
        trainer.run(frames, classes, rate_factor=cosine(number / minibatches))
    known_crops = (draw_minibatch()[0] for _ in range(KNOWN_FROM_CROPS // BATCH))
    find_known_directions(network, known_crops, burn_in_ms=BURN_IN_MS)
    record = {"experiment": "teaching-objects", "simulated": False, "seed": seed}
    save_checkpoint(checkpoint, network, tuple(names), parent=None, record=record)


def _performed(recording: ObjectRecording, begin: int, end: int) -> Performed:
    return Performed(recording.class_name, list(recording.bits[begin:end]))


def _views(
    recording: ObjectRecording, regime: TeachingObjectsSettings, lesson_steps: int, turn: int | None
) -> dict[str, list[Performed]]:
    """The pieces of the recording that is taught from, by whether its lesson showed their views."""
    found: dict[str, list[Performed]] = {}
    if turn is None:
        return found
    for begin, trial in _trials_at(recording, regime):
        shown = was_shown(begin, len(trial.bits), learnt_steps=lesson_steps, turn=turn)
        found.setdefault(SHOWN if shown else NEW, []).append(trial)
    return found


def _by_views(one: dict[str, Any]) -> str:
    return ", ".join(
        f"{share:.0%} of {pieces} pieces {view}"
        for view, (share, pieces) in one["new_after_by_views"].items()
    )


def _trials(recording: ObjectRecording, regime: TeachingObjectsSettings) -> list[Performed]:
    return [trial for _, trial in _trials_at(recording, regime)]


def _trials_at(
    recording: ObjectRecording, regime: TeachingObjectsSettings
) -> list[tuple[int, Performed]]:
    """With the frame that each begins at."""
    steps, frames = round(1000 * regime.trial_s), len(recording.bits)
    begins = range(round(TESTED_FROM * frames), frames - steps + 1, steps)
    return [(begin, _performed(recording, begin, begin + steps)) for begin in begins]


def _clips(known: Sequence[ObjectRecording]) -> list[Clip]:
    """A second each, spread over what was learnt: as many to a class as are kept."""
    found = []
    by_class: dict[str, list[ObjectRecording]] = {}
    for recording in known:
        by_class.setdefault(recording.class_name, []).append(recording)
    for name, same in by_class.items():
        for number in range(GIVEN_CLIPS):
            recording = same[number % len(same)]
            last = max(round(LEARNT_SHARE * len(recording.bits)) - CLIP_FRAMES, 0)
            begin = round(last * number / max(GIVEN_CLIPS - 1, 1))
            found.append(Clip(name, 0, recording.bits[begin : begin + CLIP_FRAMES]))
    return found


def _summary(found: Sequence[dict[str, Any]], names: Sequence[str]) -> dict[str, dict[str, float]]:
    """Means over seeds by object, and over all."""
    summary = {}
    for name in (*names, "mean"):
        rows = [one for one in found if name in (one["object"], "mean")]
        if rows:
            keys = ("new_before", "new_after", "earlier_before", "earlier_after")
            means = {key: float(np.mean([row[key] for row in rows])) for key in keys}
            labelled = [row["first_label_ms"] is not None for row in rows]
            summary[name] = means | {"labelled_in_lesson": float(np.mean(labelled))}
            for view in (SHOWN, NEW):
                pieces = [row["new_after_by_views"].get(view, (0.0, 0)) for row in rows]
                number = sum(count for _, count in pieces)
                if number:
                    right = sum(share * count for share, count in pieces)
                    summary[name][f"new_after, {view}"] = right / number
    return summary


def draw(summary: dict[str, dict[str, float]], settings: ExperimentSettings) -> None:
    """Of each object: it, and the others before and after."""
    figure, axes = new_figure(width=6.5, height=3.4)
    places = np.arange(len(summary))
    for shift, (name, key) in enumerate(
        (
            ("the object, after its lesson", "new_after"),
            ("the others before", "earlier_before"),
            ("the others after", "earlier_after"),
        )
    ):
        values = [100 * row[key] for row in summary.values()]
        axes.bar(places + 0.27 * (shift - 1), values, 0.25, label=name)
    axes.set_xticks(places, list(summary))
    axes.set(ylabel="right, pieces of last thirds (%)", ylim=(0, 118), yticks=range(0, 101, 20))
    axes.set_title("real objects, one taught live from its first 10 s", fontsize=9)
    axes.legend(fontsize=7, loc="upper center", ncol=3, handlelength=1.0, columnspacing=1.0)
    save_figure(figure, settings.out / "teaching-objects.png")
