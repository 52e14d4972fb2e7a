"""Rehearsal: clips of earlier lessons go through the network again while nobody teaches it.

What is done depends on frames and lessons alone, not on the clock: one frame of a clip after each
frame of the stream, in rounds of one clip for every class, of which two learn and the third only
counts votes. Where steps are in proportion to errors (readouts read by softmax), all of a clip is
learnt from; elsewhere a clip that is being read wrong, and no longer than it is: what is still
known needs no mending, and would only be learnt too well.
"""

from __future__ import annotations

from collections import deque

from models.engine import Engine
from models.live_learning import LARGE
from pipeline.clips import Clip, ClipMemory
from pipeline.decisions import FRAME_US
from pipeline.gesture_score import GestureScore
from pipeline.targets import BURN_IN_US

ROUNDS_PER_LESSON = 6
"""Rounds after a lesson; the next lesson interrupts them, and begins the count anew."""
TEST_EVERY_ROUNDS = 3
RECENT = 6
"""Clips of a class, of those last tested, that its accuracy is the mean over."""
LARGE_EVERY_FRAMES = 8
"""A large network has time for one frame of a clip in so many of the stream."""
_BURN_IN = BURN_IN_US // FRAME_US


class Rehearsal:
    """One stream of clips beside the live ones."""

    def __init__(self, engine: Engine, memory: ClipMemory, layer: int) -> None:
        self.on = True
        self._engine = engine
        self._stream = engine.add_stream()
        self._memory = memory
        self._layer = layer
        shape = engine.settings
        self._shape = (shape.input_channels, shape.height, shape.width)
        self._every = LARGE_EVERY_FRAMES if shape.multiply_adds >= LARGE else 1
        self._waited = 0
        self._rounds_left = 0
        self._round = 0
        self._queue: deque[Clip] = deque()
        self._clip: Clip | None = None
        self._position = 0
        self._score = GestureScore(engine.settings, layer=layer)
        self._right: dict[str, deque[bool]] = {}

    @property
    def running(self) -> bool:
        """Whether the next frame brings a frame of a clip."""
        return self.on and (self._clip is not None or bool(self._queue) or self._rounds_left > 0)

    @property
    def accuracy(self) -> dict[str, float]:
        """Share of each class's clips last tested that were read right."""
        return {name: sum(right) / len(right) for name, right in self._right.items() if right}

    def begin(self) -> None:
        """A lesson has ended: there is something to hold on to."""
        if self._memory.classes:
            self._rounds_left = ROUNDS_PER_LESSON

    def stop(self) -> None:
        """Leave out what is still to come, until the next lesson has ended."""
        self._rounds_left = 0
        self._queue.clear()
        self._clip = None

    def drop(self, lesson: int) -> None:
        """Leave out the clips of a lesson that is taken back."""
        self._queue = deque(clip for clip in self._queue if clip.lesson != lesson)
        if self._clip is not None and self._clip.lesson == lesson:
            self._clip = None

    def step(self) -> None:
        """Do a frame of a clip, if one is due."""
        if not self.running:
            return
        self._waited += 1
        if self._waited < self._every:
            return
        self._waited = 0
        clip = self._clip or self._next_clip()
        if clip is None:
            return
        learns = self._round % TEST_EVERY_ROUNDS != 0
        if self._position == 0:
            self._engine.reset(self._stream)
            self._score = GestureScore(self._engine.settings, layer=self._layer)
        frame = clip.frame(self._position, self._shape)
        learns_now = learns and self._position >= _BURN_IN and self._teaches(clip)
        target = self._engine.class_names.index(clip.class_name) if learns_now else None
        result = self._engine.step(frame, target, self._stream)
        if self._position >= _BURN_IN:
            self._score.add(result.votes, result.shares)
        self._position += 1
        if self._position == len(clip.bits):
            self._clip = None
            if not learns:
                right = self._right.setdefault(clip.class_name, deque(maxlen=RECENT))
                right.append(not self._is_wrong(clip))

    def _teaches(self, clip: Clip) -> bool:
        if self._engine.settings.reading == "softmax":
            return True
        return self._position >= 2 * _BURN_IN and self._is_wrong(clip)

    def _is_wrong(self, clip: Clip) -> bool:
        """Whether the votes on the clip, so far, go to another class."""
        return self._engine.class_names[self._score.winner] != clip.class_name

    def _next_clip(self) -> Clip | None:
        """The next of the round, or the first of the next round."""
        if not self._queue:
            if not self._rounds_left:
                return None
            self._rounds_left -= 1
            self._round += 1
            for name in self._memory.classes:
                clips = self._memory.of(name)
                self._queue.append(clips[self._round % len(clips)])
        if not self._queue:
            return None
        self._clip = self._queue.popleft()
        self._position = 0
        return self._clip
