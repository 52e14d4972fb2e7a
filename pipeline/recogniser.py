"""One stream of an engine with its targets, votes and decisions: frames in, labels out."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from drivers.errors import InputError
from models.engine import Engine, StepResult, StreamFrame
from models.errors import ModelError
from pipeline.decisions import FRAME_US, Decision, DecisionSettings, LeakyShares, SlidingVotes
from pipeline.labels import Label, class_label
from pipeline.none_class import shown_class
from pipeline.scoring import TrialVotes
from pipeline.targets import Targets

LABEL_EVERY_FRAMES = 100
"""An unchanged label is repeated every 100 ms of the stream, so that silence is never absence."""


KNOWN_SHARE = 0.9
"""Of the window's votes: a lesson whose class has so many is known, and more of it would only push
other classes out."""


@dataclass(slots=True)
class RecogniserCounts:
    """What the recogniser did so far."""

    frames: int = 0
    frames_skipped: int = 0
    learning_skipped: int = 0
    labels: int = 0
    engine_ns: int = 0


class Recogniser:
    """Steps an engine once per frame, in order, and decides after every step."""

    def __init__(
        self,
        engine: Engine,
        *,
        source: str,
        decisions: DecisionSettings,
        targets: Targets,
        trials: TrialVotes,
        layer: int = -1,
        stream: int = 0,
    ) -> None:
        """`layer` is whose votes decide; -1 reads the network as its settings say: by its top
        layer's votes, or by shares (`models.reading`). `stream` is the engine's for this source.
        """
        layers = len(engine.settings.layers)
        if not -layers <= layer < layers:
            raise InputError(
                what="layer",
                got=str(layer),
                allowed=f"{-layers} to {layers - 1}; -1 is the top",
                todo="choose a layer of this checkpoint",
            )
        self.engine = engine
        self.source = source
        self.stream = stream
        self.targets = targets
        self.counts = RecogniserCounts()
        self.spares_known = False
        """Whether nothing is learnt while what is taught is known anyway: see `KNOWN_SHARE`."""
        self.trials = trials
        self._layer = layer
        # Only labelled gestures are judged by every layer.
        self._by_shares = layer == -1 and not engine.settings.reads_as_published
        read = engine.settings.read_layers if self._by_shares else (layer,)
        engine.listen(range(layers) if trials.intervals else read)
        kind = LeakyShares if self._by_shares else SlidingVotes
        self._votes: LeakyShares | SlidingVotes = kind(len(engine.class_names), decisions)
        self._published = -1
        self._since_label = 0
        self._gaps = 0

    def begin_stream(self, source: str, *, gaps: int) -> None:
        """Forget the dynamic state: another stream begins, its time may start anywhere.

        Labels say `gaps`, how many streams were cut off before it.
        """
        self.source = source
        self._gaps = gaps
        self.engine.reset(self.stream)
        self._votes.clear()
        self.trials.rewind()
        self._published = -1
        self._since_label = 0

    def step(
        self, frame: npt.NDArray[np.uint8], t_us: int, sent_ns: int, *, learn: bool = True
    ) -> tuple[int, Label | None]:
        """Step the engine by `bring`, and `take` what it gives."""
        brought = self.bring(frame, t_us, learn=learn)
        begin_ns = time.perf_counter_ns()
        result = self.engine.step_together((brought,))[0]
        spent_ns = time.perf_counter_ns() - begin_ns
        return self.take(result, brought, t_us, sent_ns, engine_ns=spent_ns)

    def bring(self, frame: npt.NDArray[np.uint8], t_us: int, *, learn: bool = True) -> StreamFrame:
        """The frame, shape (2, height, width), that begins at `t_us`, with what it teaches."""
        target = self.targets.at(t_us)
        if target is not None and not learn:
            self.counts.learning_skipped += 1
            target = None
        if target is not None and self.spares_known and self._is_known(target):
            target = None
        return StreamFrame(self.stream, frame, target)

    def take(
        self, result: StepResult, brought: StreamFrame, t_us: int, sent_ns: int, *, engine_ns: int
    ) -> tuple[int, Label | None]:
        """Take in what the engine gave for the frame that begins at `t_us`, in `engine_ns`.

        `sent_ns` is when the packet that closed the frame was sent. Gives the latency in
        nanoseconds and the label, where one is due: the class changed, or 100 ms went by.
        """
        self.counts.engine_ns += engine_ns
        self.counts.frames += 1
        decision = self._decide(result, t_us, int(np.count_nonzero(brought.frame)))
        latency_ns = max(0, time.time_ns() - sent_ns)
        return latency_ns, self._label_if_due(decision, t_us + FRAME_US, latency_ns)

    def _is_known(self, target: int) -> bool:
        """Whether the window's votes say the class (from 0) already."""
        counts = self._votes.counts
        frames = sum(counts)
        return frames >= self._votes.settings.min_frames and counts[target] >= KNOWN_SHARE * frames

    @property
    def votes(self) -> tuple[int, ...]:
        """Votes in the decision window per class, from class 1 on."""
        return self._votes.counts

    def add_class(self) -> None:
        """The engine has one more class."""
        self._votes.add_class()
        self.trials.add_class()
        self.targets.add_class()

    def decision_settings(self) -> dict[str, float]:
        """How it decides now, as far as `change_decisions` can change it."""
        settings = self._votes.settings
        return {"threshold": settings.threshold, "min_events_per_s": settings.min_events_per_s}

    def change_decisions(self, changes: dict[str, float]) -> None:
        """Decide otherwise from now on; raises `InputError` for what is out of range."""
        settings = self._votes.settings
        threshold = changes.get("threshold", settings.threshold)
        self._votes.change(
            replace(
                settings,
                threshold=threshold,
                margin=min(DecisionSettings().margin, threshold / 2),
                min_events_per_s=changes.get("min_events_per_s", settings.min_events_per_s),
            )
        )

    def _decide(self, result: StepResult, t_us: int, events: int) -> Decision:
        """By the votes of the chosen layer, or as the network is to be read."""
        if isinstance(self._votes, SlidingVotes):
            self.trials.push(t_us, result.votes)
            return self._votes.push(int(result.votes[self._layer]), events)
        if result.shares is None:
            raise ModelError(
                "engine: got none of the shares that this network is to be read by; "
                "allowed: the engines events and torch"
            )
        self.trials.push(t_us, result.votes, result.shares)
        return self._votes.push(result.shares.tolist(), events)

    def _label_if_due(self, decision: Decision, t_us: int, latency_ns: int) -> Label | None:
        self._since_label += 1
        shown = shown_class(self.engine.class_names, decision.gesture_class)
        changed = shown != self._published
        if not changed and self._since_label < LABEL_EVERY_FRAMES:
            return None
        self._published = shown
        self._since_label = 0
        self.counts.labels += 1
        return Label(
            t_us=t_us,
            source=self.source,
            label=class_label(self.engine.class_names, shown),
            gesture_class=shown,
            confidence=decision.confidence,
            counts=self._votes.counts,
            window_us=self._votes.settings.window_ms * FRAME_US,
            model_version=self.engine.version,
            latency_us=latency_ns // 1000,
            changed=changed,
            gaps=self._gaps,
        )
