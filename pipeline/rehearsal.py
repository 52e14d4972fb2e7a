"""Rehearsal: clips of earlier lessons go through the network again while nobody teaches it.

What is done depends on frames and lessons alone, not on the clock: one frame of a clip after each
frame of the stream, in rounds of one clip for every class, of which two learn and the third only
counts votes. Several clips go through at once, each a stream of its own, a frame of each in turn:
so what is learnt in a moment comes from several classes, and no clip's end is what is remembered
best. Where steps are in proportion to errors (readouts read by softmax), all of a clip is
learnt from; elsewhere a clip that is being read wrong, and no longer than it is: what is still
known needs no mending, and would only be learnt too well.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from models.engine import Engine
from models.live_learning import LARGE
from pipeline.clips import Clip, ClipMemory
from pipeline.decisions import FRAME_US, scores_of
from pipeline.targets import BURN_IN_US

ROUNDS_PER_LESSON = 6
"""Rounds after a lesson; the next lesson interrupts them, and begins the count anew."""
TEST_EVERY_ROUNDS = 3
AT_ONCE = 4
"""Clips."""
RECENT = 6
"""Clips of a class, of those last tested, that its accuracy is the mean over."""
LARGE_EVERY_FRAMES = 8
"""A large network has time for one frame of a clip in so many of the stream."""
_BURN_IN = BURN_IN_US // FRAME_US


@dataclass(slots=True, eq=False)
class _Passage:
    """A clip on its way through a stream of its own."""

    clip: Clip
    stream: int
    learns: bool
    counts: npt.NDArray[np.float64]
    position: int = 0


class Rehearsal:
    """Streams of clips beside the live ones."""

    def __init__(self, engine: Engine, memory: ClipMemory, layer: int) -> None:
        self.on = True
        self._engine = engine
        self._memory = memory
        self._layer = layer
        shape = engine.settings
        self._shape = (shape.input_channels, shape.height, shape.width)
        self._every = LARGE_EVERY_FRAMES if shape.multiply_adds >= LARGE else 1
        self._waited = 0
        self._rounds_left = 0
        self._round = 0
        self._queue: deque[tuple[Clip, bool]] = deque()
        """Clips still to come, and whether they are learnt from."""
        self._passages: deque[_Passage] = deque()
        """That whose turn is next first."""
        self._free = [engine.add_stream() for _ in range(AT_ONCE)]
        self._right: dict[str, deque[bool]] = {}

    @property
    def running(self) -> bool:
        """Whether the next frame brings a frame of a clip."""
        return self.on and bool(self._passages or self._queue or self._rounds_left)

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
        for passage in list(self._passages):
            self._end(passage)

    def drop(self, lesson: int) -> None:
        """Leave out the clips of a lesson that is taken back."""
        self._queue = deque(waiting for waiting in self._queue if waiting[0].lesson != lesson)
        for passage in list(self._passages):
            if passage.clip.lesson == lesson:
                self._end(passage)

    def step(self) -> None:
        """Do a frame of a clip, if one is due."""
        if not self.running:
            return
        self._waited += 1
        if self._waited < self._every:
            return
        self._waited = 0
        while self._free and self._begin_next():
            pass
        if not self._passages:
            return
        passage = self._passages[0]
        self._passages.rotate(-1)
        clip = passage.clip
        classes = self._engine.settings.classes
        learns = passage.learns and passage.position >= _BURN_IN and self._teaches(passage)
        target = self._engine.class_names.index(clip.class_name) if learns else None
        frame = clip.frame(passage.position, self._shape)
        result = self._engine.step(frame, target, passage.stream)
        if passage.position >= _BURN_IN:
            scores = scores_of(result, self._layer, classes)
            passage.counts += scores[: len(passage.counts)]
        passage.position += 1
        if passage.position == len(clip.bits):
            self._end(passage)
            if not passage.learns:
                right = self._right.setdefault(clip.class_name, deque(maxlen=RECENT))
                right.append(not self._is_wrong(passage))

    def _teaches(self, passage: _Passage) -> bool:
        if self._engine.settings.reading == "softmax":
            return True
        return passage.position >= 2 * _BURN_IN and self._is_wrong(passage)

    def _is_wrong(self, passage: _Passage) -> bool:
        """Whether the votes on the clip, so far, go to another class."""
        named = self._engine.class_names[int(passage.counts.argmax())]
        return named != passage.clip.class_name

    def _end(self, passage: _Passage) -> None:
        self._passages.remove(passage)
        self._free.append(passage.stream)

    def _begin_next(self) -> bool:
        """Begin with the next clip of the round or, once all of it is done, the first of the next
        round; False: not now.
        """
        if not self._queue:
            if not self._rounds_left or self._passages:
                return False
            self._rounds_left -= 1
            self._round += 1
            learns = self._round % TEST_EVERY_ROUNDS != 0
            for name in self._memory.classes:
                clips = self._memory.of(name)
                self._queue.append((clips[self._round % len(clips)], learns))
        if not self._queue:
            return False
        clip, learns = self._queue.popleft()
        stream = self._free.pop()
        self._engine.reset(stream)
        counts = np.zeros(self._engine.settings.classes)
        self._passages.append(_Passage(clip, stream, learns, counts))
        return True
