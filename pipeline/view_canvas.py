"""The picture around the events: footer, labels, and the contact sheet."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from pipeline.binning import View
from pipeline.view_labels import Annotations, gesture_name
from pipeline.view_picture import (
    BACKGROUND,
    OFF_COLOUR,
    ON_COLOUR,
    Colour,
    Picture,
    enlarge,
)

BRIGHT: Colour = (236, 238, 242)
DIM: Colour = (138, 144, 158)
RIGHT: Colour = (70, 210, 130)
WRONG: Colour = (255, 96, 88)
FOOTER: Colour = (28, 31, 40)
TEXT_COLOURS: tuple[Colour, ...] = (BRIGHT, DIM, RIGHT, WRONG)

_MIN_WIDTH = 320
_MARGIN = 10
_Font = ImageFont.FreeTypeFont | ImageFont.ImageFont


@dataclass(frozen=True, slots=True)
class Moment:
    """One drawn moment of a recording: its events and what is written under them."""

    picture: Picture
    """The sensor, not enlarged."""
    t_us: int
    """Time of the recording at which the moment ends; labels are those known then."""
    shown_s: float
    """The same, in seconds from the recording's beginning."""
    events_per_s: float
    view: View | None = None
    """The part of the sensor that the model looks at then, to be drawn round."""


class Canvas:
    """Lays out the moments of one recording; every picture of a film has the same size."""

    def __init__(self, annotations: Annotations, scale: int) -> None:
        self._annotations = annotations
        self._scale = scale
        self._labelled = annotations.truth is not None or annotations.recognised is not None

    def film_picture(self, moment: Moment) -> Picture:
        """One picture of a film: events, labels, then time, key and event rate."""
        events = self._enlarged(moment)
        size = 18 if events.shape[1] >= 480 else 14
        line = size + 12
        footer = line * (2 if self._labelled else 1) + 6
        # Even sides: the usual film encoders store colour at half resolution.
        width = max(_MIN_WIDTH, events.shape[1])
        width += width % 2
        height = events.shape[0] + footer
        height += height % 2
        image = Image.new("RGB", (width, height), FOOTER)
        image.paste(BACKGROUND, (0, 0, width, events.shape[0]))
        image.paste(Image.fromarray(events), ((width - events.shape[1]) // 2, 0))
        pen = ImageDraw.Draw(image)
        top = events.shape[0] + 3
        if self._labelled:
            self._draw_labels(pen, moment.t_us, (_MARGIN, top, width - _MARGIN, line), size)
            top += line
        middle = top + line // 2
        small = _font(size - 3)
        pen.text((_MARGIN, middle), f"{moment.shown_s:.2f} s", DIM, small, "lm")
        pen.text((width - _MARGIN, middle), _rate(moment.events_per_s), DIM, small, "rm")
        pen.text((width // 2 - 8, middle), "ON", ON_COLOUR, small, "rm")
        pen.text((width // 2 + 8, middle), "OFF", OFF_COLOUR, small, "lm")
        return np.asarray(image, dtype=np.uint8)

    def contact_sheet(self, moments: Sequence[Moment], columns: int) -> Picture:
        """All moments in rows of `columns`, time and labels under each."""
        height, width = (side * self._scale for side in moments[0].picture.shape[:2])
        both = self._annotations.truth is not None and self._annotations.recognised is not None
        line = 24
        caption = line * (1 + self._labelled + both) + 4
        gap = 8
        rows = -(-len(moments) // columns)
        image = Image.new(
            "RGB",
            (columns * (width + gap) + gap, rows * (height + caption + gap) + gap),
            FOOTER,
        )
        pen = ImageDraw.Draw(image)
        for index, moment in enumerate(moments):
            left = gap + index % columns * (width + gap)
            top = gap + index // columns * (height + caption + gap)
            image.paste(Image.fromarray(self._enlarged(moment)), (left, top))
            top += height + 2
            if self._annotations.truth is not None:
                self._draw_truth(pen, moment.t_us, (left, top, left + width, line), 15)
                top += line
            if self._annotations.recognised is not None:
                self._draw_recognised(pen, moment.t_us, (left, top, left + width, line), 15, "l")
                top += line
            middle = top + line // 2
            pen.text((left, middle), f"{moment.shown_s:.2f} s", DIM, _font(13), "lm")
            pen.text((left + width, middle), _rate(moment.events_per_s), DIM, _font(13), "rm")
        return np.asarray(image, dtype=np.uint8)

    def _enlarged(self, moment: Moment) -> Picture:
        picture = enlarge(moment.picture, self._scale)
        if moment.view is not None:
            _draw_round(picture, moment.view, self._scale)
        return picture

    def _draw_labels(
        self, pen: ImageDraw.ImageDraw, t_us: int, box: tuple[int, int, int, int], size: int
    ) -> None:
        """One line: truth on the left, recognised on the right; alone, either has it all."""
        left, top, right, line = box
        middle = (left + right) // 2
        both = self._annotations.truth is not None and self._annotations.recognised is not None
        if self._annotations.truth is not None:
            self._draw_truth(pen, t_us, (left, top, middle - 4 if both else right, line), size)
        if self._annotations.recognised is not None:
            start = middle + 4 if both else left
            side = "r" if both else "l"
            self._draw_recognised(pen, t_us, (start, top, right, line), size, side)

    def _draw_truth(
        self, pen: ImageDraw.ImageDraw, t_us: int, box: tuple[int, int, int, int], size: int
    ) -> None:
        left, top, right, line = box
        gesture_class = self._annotations.truth_at(t_us - 1)
        if not gesture_class:
            return
        name = gesture_name(gesture_class)
        font = _fitting(pen, name, right - left, size)
        pen.text((left, top + line // 2), name, BRIGHT, font, "lm")

    def _draw_recognised(
        self,
        pen: ImageDraw.ImageDraw,
        t_us: int,
        box: tuple[int, int, int, int],
        size: int,
        side: str,
    ) -> None:
        """What was recognised, with a tick or a cross where the truth is known."""
        left, top, right, line = box
        said = self._annotations.recognised_at(t_us)
        if said is None:
            return
        truth = self._annotations.truth_at(t_us - 1)
        name = f"{said.label}  {said.confidence:.0%}" if said.gesture_class else said.label
        marked = bool(truth and said.gesture_class)
        colour = DIM if not said.gesture_class else BRIGHT
        if marked:
            colour = RIGHT if truth == said.gesture_class else WRONG
        mark = line // 2 if marked else 0
        font = _fitting(pen, name, right - left - mark - 6, size)
        text_width = round(pen.textlength(name, font))
        start = right - text_width - mark - 6 if side == "r" else left
        middle = top + line // 2
        if marked:
            _draw_mark(pen, start, middle - mark // 2, mark, truth == said.gesture_class)
            start += mark + 6
        pen.text((start, middle), name, colour, font, "lm")


def _draw_round(picture: Picture, view: View, scale: int) -> None:
    """A line of one pixel, the outermost of what is looked at."""
    left, top = view.x0 * scale, view.y0 * scale
    right = left + view.columns * view.cell * scale - 1
    bottom = top + view.rows * view.cell * scale - 1
    picture[[top, bottom], left : right + 1] = BRIGHT
    picture[top : bottom + 1, [left, right]] = BRIGHT


def _draw_mark(pen: ImageDraw.ImageDraw, left: int, top: int, side: int, tick: bool) -> None:
    """A tick or a cross: two shapes, so that nobody has to tell green from red."""
    right, bottom = left + side, top + side
    if tick:
        corners = [(left, top + side * 0.55), (left + side * 0.38, bottom), (right, top)]
        pen.line(corners, RIGHT, 3, joint="curve")
    else:
        pen.line([(left, top), (right, bottom)], WRONG, 3)
        pen.line([(left, bottom), (right, top)], WRONG, 3)


@cache
def _font(size: int) -> _Font:
    return ImageFont.load_default(size)


def _fitting(pen: ImageDraw.ImageDraw, text: str, width: int, size: int) -> _Font:
    """The font of that size, or the largest smaller one in which the text fits the width."""
    while size > 8 and pen.textlength(text, _font(size)) > width:
        size -= 1
    return _font(size)


def _rate(events_per_s: float) -> str:
    if events_per_s >= 1e6:
        return f"{events_per_s / 1e6:.1f} M events/s"
    if events_per_s >= 1e3:
        return f"{events_per_s / 1e3:.1f} k events/s"
    return f"{events_per_s:.0f} events/s"
