"""Teaching a live network: a person read badly, a twelfth gesture, and what earlier people lose.

Every person and gesture here is simulated, and nobody was trained on: users 24 and up.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from drivers.gestures import GESTURE_NAMES
from models.checkpoint_file import read_checkpoint
from pipeline.brain_settings import shipped_checkpoint
from pipeline.clips import Clip
from pipeline.experiments.figures import need_matplotlib, new_figure, save_figure
from pipeline.experiments.report import Report
from pipeline.experiments.settings import ExperimentSettings, Say
from pipeline.experiments.simulated_people import (
    TWELFTH,
    as_clips,
    perform,
    perform_twelfth,
    twelfth_kind,
)
from pipeline.experiments.taught_network import Performed, TaughtNetwork

TWELFTHS = {"twelfth": False, "contested": True}
"""A gesture that nobody showed the network, and one that it was trained to call class 11."""
CLASSES = tuple(range(1, len(GESTURE_NAMES) + 1))


@dataclass(frozen=True, slots=True)
class TeachingSettings:
    """The protocol."""

    seeds: int = 3
    gestures: tuple[int, ...] = CLASSES
    candidates: int = 5
    """Newcomers per seed, users 30 and up, of whom the one read worst is taught."""
    lesson_ends_s: tuple[float, ...] = (2.0, 5.0, 10.0)
    """Of each class in all, after so many seconds of which it is tested."""
    trial_s: float = 1.8
    test_sessions: int = 2
    """Of the newcomer, each of all gestures; other performances than those taught."""
    earlier: tuple[int, ...] = (24, 25, 26, 27, 28, 29)
    """People whom the network was judged on."""
    remembered: tuple[int, ...] = (1, 2, 3, 4, 5, 6)
    """Of the training people, whose clips are brought along to be rehearsed."""
    rest_s: float = 1.0
    """After every lesson."""
    pause_s: float = 15.0
    """After every round of lessons, before it is tested."""
    twelfth_lessons: int = 5
    twelfth_lesson_s: float = 2.0
    twelfth_tests: int = 6


def run(settings: ExperimentSettings, say: Say) -> dict[str, Any]:
    """Teach from the shipped checkpoint, or `--checkpoint`; `--samples` is how many people."""
    need_matplotlib()
    regime = TeachingSettings(seeds=settings.samples or TeachingSettings().seeds)
    return teach_people(regime, settings, say)


def teach_people(
    regime: TeachingSettings, settings: ExperimentSettings, say: Say
) -> dict[str, Any]:
    """Both experiments, one person a seed."""
    checkpoint = settings.checkpoint or shipped_checkpoint()
    report = Report("teaching", settings, data="simulated people", simulated=True)
    stored = read_checkpoint(checkpoint)
    side = stored.settings.height
    say("simulating earlier people")
    earlier = [
        trial
        for user in regime.earlier
        for trial in perform(user, regime.gestures, regime.trial_s, session=50, side=side)
    ]
    given = as_clips(
        [
            performed
            for user in regime.remembered
            for performed in perform(user, regime.gestures, 1.0, session=60, side=side)
        ]
    )
    people: list[dict[str, Any]] = []
    summary: dict[str, Any] = {}
    results: dict[str, Any] = {}
    for number in range(regime.seeds):
        seed = settings.seed + number
        user, tests = _read_worst(checkpoint, seed, side, regime)
        say(f"seed {seed}: user {user}")
        person: dict[str, Any] = {"seed": seed, "user": user}
        person["newcomer"] = _newcomer(checkpoint, given, earlier, tests, person, regime, say)
        for key, contested in TWELFTHS.items():
            person[key] = _twelfth(checkpoint, given, earlier, person, regime, contested, say)
        people.append(person)
        summary = _summary(people)
        results = {"version": stored.version, "regime": asdict(regime), "people": people}
        results["summary"] = summary
        # After each person, because it takes long.
        report.write(results)
        draw(people, settings)
    for name, value in summary.items():
        say(f"{name}: {value}")
    return results


def _read_worst(
    checkpoint: Path, seed: int, side: int, regime: TeachingSettings
) -> tuple[int, list[Performed]]:
    """Of a seed's candidates the one read worst in one session; other sessions test."""
    first = 30 + seed * regime.candidates
    found = []
    for user in range(first, first + regime.candidates):
        trials = perform(user, regime.gestures, regime.trial_s, session=10, side=side)
        with TaughtNetwork(checkpoint, [], seed=seed) as network:
            found.append((_mean(network.accuracy(trials)), user))
    user = min(found)[1]
    tests = [
        trial
        for session in range(20, 20 + regime.test_sessions)
        for trial in perform(user, regime.gestures, regime.trial_s, session=session, side=side)
    ]
    return user, tests


def _newcomer(
    checkpoint: Path,
    given: list[Clip],
    earlier: list[Performed],
    tests: list[Performed],
    person: dict[str, Any],
    regime: TeachingSettings,
    say: Say,
) -> dict[str, Any]:
    """Rounds of lessons of all classes, tested after each; and what labels did meanwhile."""
    user, seed = int(person["user"]), int(person["seed"])
    side = read_checkpoint(checkpoint).settings.height
    shown = perform(user, regime.gestures, max(regime.lesson_ends_s), session=30, side=side)
    with TaughtNetwork(checkpoint, given, seed=seed) as network:
        rows = [{"taught_s": 0.0, **_tested(network, tests, earlier)}]
        say("  before: " + _row(rows[0]))
        untaught = [
            network.watch(one, 0, round(1000 * regime.lesson_ends_s[0])).first_ms for one in shown
        ]
        effects: list[int | None] = []
        before_s = 0.0
        order = np.random.default_rng(seed)
        for end_s in regime.lesson_ends_s:
            for index in order.permutation(len(shown)):
                begin, end = round(1000 * before_s), round(1000 * end_s)
                effect = network.lesson(shown[index], begin, end)
                if before_s == 0.0:
                    effects.append(effect.first_ms)
                network.rest(regime.rest_s)
            network.rest(regime.pause_s)
            before_s = end_s
            rows.append({"taught_s": end_s, **_tested(network, tests, earlier)})
            say(f"  {end_s:g} s: " + _row(rows[-1]))
        return {
            "rounds": rows,
            "first_label_ms_in_first_lessons": effects,
            "first_label_ms_without_teaching": untaught,
            "rehearsal": network.teacher.rehearsal.accuracy,
        }


def _twelfth(
    checkpoint: Path,
    given: list[Clip],
    earlier: list[Performed],
    person: dict[str, Any],
    regime: TeachingSettings,
    contested: bool,
    say: Say,
) -> dict[str, Any]:
    """Lessons of a gesture that the network has no class for, added while it runs."""
    user, seed = int(person["user"]), int(person["seed"])
    side = read_checkpoint(checkpoint).settings.height
    kind = twelfth_kind(user, contested=contested)
    lessons, tests = (
        [
            perform_twelfth(user, seconds, session=first + number, side=side, contested=contested)
            for number in range(count)
        ]
        for count, seconds, first in (
            (regime.twelfth_lessons, regime.twelfth_lesson_s, 70),
            (regime.twelfth_tests, regime.trial_s, 90),
        )
    )
    with TaughtNetwork(checkpoint, given, seed=seed) as network:
        network.teacher.add_class(TWELFTH)
        before = _tested(network, tests, earlier)
        effects = []
        for lesson in lessons:
            effect = network.lesson(lesson, 0, round(1000 * regime.twelfth_lesson_s))
            effects.append(effect.first_ms)
            network.rest(regime.rest_s)
        network.rest(regime.pause_s)
        after = _tested(network, tests, earlier)
        of = "others' class 11" if contested else "new"
        say(f"  twelfth ({kind}, {of}): " + _row(after))
        return {
            "kind": kind,
            "before": before,
            "after": after,
            "first_label_ms": effects,
        }


def _tested(
    network: TaughtNetwork, tests: list[Performed], earlier: list[Performed]
) -> dict[str, Any]:
    by_class = network.accuracy(tests)
    return {
        "accuracy": _mean(by_class),
        "earlier_people": _mean(network.accuracy(earlier)),
        "by_class": by_class,
    }


def _mean(by_class: dict[str, float]) -> float:
    return float(np.mean(list(by_class.values())))


def _row(row: dict[str, Any]) -> str:
    return f"{row['accuracy']:.1%} right, earlier people {row['earlier_people']:.1%}"


def _summary(people: list[dict[str, Any]]) -> dict[str, Any]:
    """Means over people."""
    rounds = [person["newcomer"]["rounds"] for person in people]
    effects = [
        ms for person in people for ms in person["newcomer"]["first_label_ms_in_first_lessons"]
    ]
    untaught = [
        ms for person in people for ms in person["newcomer"]["first_label_ms_without_teaching"]
    ]
    seen = [ms for ms in effects if ms is not None]
    return {
        "taught_s": [row["taught_s"] for row in rounds[0]],
        "newcomer": np.mean([[row["accuracy"] for row in rows] for rows in rounds], 0).tolist(),
        "earlier_people": np.mean(
            [[row["earlier_people"] for row in rows] for rows in rounds], 0
        ).tolist(),
        **{
            key: {
                "right": _over(people, key, "after", "accuracy"),
                "earlier_people_before": _over(people, key, "before", "earlier_people"),
                "earlier_people_after": _over(people, key, "after", "earlier_people"),
            }
            for key in TWELFTHS
        },
        "first_lessons_labelled_while_given": f"{len(seen)} of {len(effects)}",
        "labelled_without_teaching": f"{sum(ms is not None for ms in untaught)} of {len(untaught)}",
        "median_ms_to_first_label": float(np.median(seen)) if seen else None,
    }


def _over(people: list[dict[str, Any]], key: str, when: str, what: str) -> float:
    return float(np.mean([person[key][when][what] for person in people]))


def draw(people: list[dict[str, Any]], settings: ExperimentSettings) -> None:
    """Accuracy against seconds of lessons, per person, and of earlier people."""
    figure, (left, right) = new_figure(1, 2, width=9.0, height=3.4)
    for person in people:
        rows = person["newcomer"]["rounds"]
        taught = [row["taught_s"] for row in rows]
        name = f"user {person['user']}"
        left.plot(taught, [100 * row["accuracy"] for row in rows], marker="o", label=name)
        line = [100 * row["earlier_people"] for row in rows]
        left.plot(taught, line, linestyle=":", color="grey")
    left.plot([], [], linestyle=":", color="grey", label="earlier people")
    left.set(xlabel="lessons per class (s)", ylabel="gestures right (%)", ylim=(0, 101))
    left.set_title("a simulated newcomer, read badly at first", fontsize=9)
    left.legend(fontsize=8)
    places = np.arange(len(people))
    for shift, (name, when, key) in enumerate(
        (
            ("twelfth gesture", "after", "accuracy"),
            ("earlier people before", "before", "earlier_people"),
            ("earlier people after", "after", "earlier_people"),
        )
    ):
        values = [100 * person["twelfth"][when][key] for person in people]
        right.bar(places + 0.27 * (shift - 1), values, 0.25, label=name)
    right.set_xticks(places, [f"user {person['user']}" for person in people])
    right.set(ylabel="gestures right (%)", ylim=(0, 118), yticks=range(0, 101, 20))
    right.set_title("a twelfth gesture, five lessons of 2 s", fontsize=9)
    right.legend(fontsize=7, loc="upper center", ncol=3, handlelength=1.0, columnspacing=1.0)
    save_figure(figure, settings.out / "teaching.png")
