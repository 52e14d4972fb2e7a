"""Films, moving pictures and contact sheets, written and read back."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Self

import cv2
import numpy as np
import pytest
from PIL import Image, ImageSequence

from drivers.errors import InputError
from drivers.events import EVENT_DTYPE, EventPacket, Events, SensorSize
from pipeline.chosen_views import ChosenView, Square
from pipeline.view import ViewSettings, render_recording, render_source
from pipeline.view_canvas import BRIGHT
from pipeline.view_labels import Annotations, Recognised, read_annotations
from pipeline.view_picture import BACKGROUND, OFF_COLOUR, ON_COLOUR, EventSurface
from recordings.aedat4_writer import Aedat4Writer
from recordings.labels import GestureInterval, write_label_file

T0 = 5_000_000
SENSOR = SensorSize(16, 12)
SCALE = 20
ON_PIXEL = (3, 2)
OFF_PIXEL = (12, 9)


def blinking(length_ms: int = 300) -> Events:
    """One ON and one OFF pixel, each firing once a millisecond."""
    events = np.zeros(2 * length_ms, dtype=EVENT_DTYPE)
    events["t"] = T0 + np.arange(2 * length_ms) * 500
    for offset, (x, y) in enumerate((ON_PIXEL, OFF_PIXEL)):
        events["x"][offset::2], events["y"][offset::2] = x, y
    events["on"][::2] = True
    return events


class Source:
    """Events in memory, given out in packets of `packet_us`, which may end in damage."""

    name = "memory"

    def __init__(self, events: Events, packet_us: int = 7_000, breaks: bool = False) -> None:
        self.sensor = SENSOR
        self._events = events
        self._packet_us = packet_us
        self._breaks = breaks

    def __iter__(self) -> Iterator[EventPacket]:
        t_us, seq = T0, 0
        while len(self._events) and t_us <= self._events["t"][-1]:
            end_us = t_us + self._packet_us
            inside = (self._events["t"] >= t_us) & (self._events["t"] < end_us)
            yield EventPacket(self._events[inside], self.sensor, self.name, seq, t_us, end_us)
            t_us, seq = end_us, seq + 1
        if self._breaks:
            raise InputError(what="x", got="half a packet", allowed="a whole one", todo="copy it")

    def close(self) -> None:
        """Nothing to free."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None: ...


def film_pictures(path: Path) -> list[np.ndarray]:
    """All pictures of a film, RGB."""
    film = cv2.VideoCapture(str(path))
    pictures: list[np.ndarray] = []
    while True:
        there, picture = film.read()
        if not there:
            film.release()
            return pictures
        pictures.append(picture[:, :, ::-1].astype(int))


def gif_pictures(path: Path) -> list[np.ndarray]:
    """All pictures of a GIF, RGB."""
    with Image.open(path) as image:
        frames = ImageSequence.Iterator(image)
        return [np.asarray(frame.convert("RGB")).astype(int) for frame in frames]


def centre(pixel: tuple[int, int]) -> tuple[int, int]:
    """Row and column of the middle of a sensor pixel in an enlarged picture."""
    return pixel[1] * SCALE + SCALE // 2, pixel[0] * SCALE + SCALE // 2


def test_a_film_has_the_colours_of_on_and_off_where_the_events_were(tmp_path: Path) -> None:
    """Every picture of an mp4 shows ON and OFF in their colours and the rest dark."""
    out = tmp_path / "film.mp4"
    report = render_source(lambda: Source(blinking()), out, ViewSettings(fps=20.0, scale=SCALE))
    pictures = film_pictures(out)
    # 300 ms, rounded up to whole packets of 7 ms, at 50 ms a picture.
    assert report.pictures == len(pictures) == 7
    assert (report.width, report.height) == (pictures[0].shape[1], pictures[0].shape[0])
    assert report.events == 600
    for picture in pictures[:6]:
        # The film's compression shifts colours a little.
        assert abs(picture[centre(ON_PIXEL)] - ON_COLOUR).max() < 40
        assert abs(picture[centre(OFF_PIXEL)] - OFF_COLOUR).max() < 40
        assert abs(picture[centre((7, 5))] - BACKGROUND).max() < 25


def test_a_gif_keeps_the_exact_colours_and_repeats_for_ever(tmp_path: Path) -> None:
    """A GIF holds the events' colours exactly, one picture per period of its own clock."""
    out = tmp_path / "film.gif"
    report = render_source(lambda: Source(blinking()), out, ViewSettings(fps=30.0, scale=SCALE))
    pictures = gif_pictures(out)
    assert report.pictures == len(pictures) == 11
    assert tuple(pictures[3][centre(ON_PIXEL)]) == ON_COLOUR
    assert tuple(pictures[3][centre(OFF_PIXEL)]) == OFF_COLOUR
    assert tuple(pictures[3][centre((7, 5))]) == BACKGROUND
    with Image.open(out) as image:
        assert image.info["loop"] == 0
        assert image.info["duration"] == 30


@pytest.mark.parametrize("packet_us", [500, 7_000, 1_000_000])
def test_pictures_do_not_depend_on_packets(tmp_path: Path, packet_us: int) -> None:
    """The same events in packets of any size give the same pictures."""
    events = blinking(200)
    settings = ViewSettings(fps=25.0, scale=4, stop_s=0.2)
    reference, other = tmp_path / "reference.gif", tmp_path / "other.gif"
    render_source(lambda: Source(events), reference, settings)
    render_source(lambda: Source(events, packet_us), other, settings)
    assert other.read_bytes() == reference.read_bytes()


def test_what_the_model_looks_at_is_drawn_round(tmp_path: Path) -> None:
    """A line of one pixel around the view of that moment, which may move; the rest as without."""
    size = SensorSize(64, 40)

    class Larger(Source):
        """The same events on a sensor with room for a view."""

        def __init__(self) -> None:
            super().__init__(blinking())
            self.sensor = size

    out = tmp_path / "film.gif"
    views = (ChosenView(Square(10, 4, 34)), ChosenView(Square(30, 0, 32), T0 + 150_000))
    render_source(Larger, out, ViewSettings(fps=10.0, scale=4, views=views))
    looking = gif_pictures(out)
    render_source(Larger, out, ViewSettings(fps=10.0, scale=4))
    plain = gif_pictures(out)
    for picture, without, (left, top) in zip(
        looking, plain, [(11, 5), (30, 0), (30, 0), (30, 0)], strict=False
    ):
        rows = slice(4 * top, 4 * (top + 32))
        columns = slice(32 + 4 * left, 32 + 4 * (left + 32))  # the picture is wider than the sensor
        inside = picture[rows, columns]
        line = np.ones(inside.shape[:2], np.bool_)
        line[1:-1, 1:-1] = False
        assert (inside[line] == BRIGHT).all()
        picture[rows, columns][line] = without[rows, columns][line]
        assert (picture == without).all()


def test_an_event_fades_by_the_stated_law() -> None:
    """A pixel's brightness falls as exp(-age / fade), and its latest event decides the colour."""
    surface = EventSurface(SENSOR, fade_ms=10.0)
    events = np.array([(T0, 3, 2, False), (T0, 3, 2, True), (T0, 99, 2, True)], dtype=EVENT_DTYPE)
    surface.add(events)
    for age_ms in (0, 5, 10, 30):
        drawn = surface.draw(T0 + age_ms * 1000)[2, 3].astype(float)
        share = (drawn - BACKGROUND) / (np.array(ON_COLOUR) - BACKGROUND)
        assert share[:2] == pytest.approx(np.exp(-age_ms / 10.0), abs=0.03)
    assert surface.off_sensor == 1


def test_start_stop_and_speed_choose_the_part_and_its_length(tmp_path: Path) -> None:
    """Half a part at half speed gives as many pictures as the whole part at full speed."""
    whole = render_source(
        lambda: Source(blinking()), tmp_path / "a.gif", ViewSettings(fps=50.0, stop_s=0.2)
    )
    slow = render_source(
        lambda: Source(blinking()),
        tmp_path / "b.gif",
        ViewSettings(fps=50.0, start_s=0.1, stop_s=0.2, speed=0.5),
    )
    assert whole.pictures == slow.pictures == 10
    assert (whole.events, slow.events) == (400, 200)
    assert (slow.t_begin_us, slow.t_end_us) == (T0 + 100_000, T0 + 200_000)


def test_labels_change_the_footer_and_nothing_else(tmp_path: Path) -> None:
    """Truth is written on the left, what was recognised on the right, green if it is right."""

    def footer(recognised_class: int, label: str) -> np.ndarray:
        annotations = Annotations(
            truth=(GestureInterval(T0, T0 + 1_000_000, 2),),
            recognised=(Recognised(T0, label, recognised_class, 0.9),),
        )
        out = tmp_path / "labels.gif"
        settings = ViewSettings(fps=20.0, scale=SCALE)
        render_source(lambda: Source(blinking(100)), out, settings, annotations)
        picture = gif_pictures(out)[1]
        assert tuple(picture[centre(ON_PIXEL)]) == ON_COLOUR
        return picture[SENSOR.height * SCALE :]

    right = footer(2, "right hand wave")
    wrong = footer(3, "left hand wave")
    unsure = footer(0, "unsure")
    middle = right.shape[1] // 2
    assert np.array_equal(right[:, : middle - 30], wrong[:, : middle - 30])

    def green(picture: np.ndarray) -> int:
        return int(((picture[..., 1] - picture[..., 0]) > 80).sum())

    def red(picture: np.ndarray) -> int:
        # Amber, the colour of the word ON, is red too, but its green is high.
        return int(((picture[..., 0] > 200) & (picture[..., 1] < 120)).sum())

    assert green(right[:, middle:]) > 50
    assert green(wrong) == green(unsure) == 0
    assert red(wrong[:, middle:]) > 50
    assert red(right) == red(unsure) == 0


def test_a_sheet_shows_the_middle_of_every_performance(tmp_path: Path) -> None:
    """With a label file a sheet has one moment per performance, without one it has twelve."""
    truth = tuple(
        GestureInterval(T0 + begin, T0 + begin + 50_000, number)
        for number, begin in enumerate((0, 60_000, 120_000, 180_000, 240_000), start=1)
    )
    labelled = render_source(
        lambda: Source(blinking()),
        tmp_path / "labelled.png",
        ViewSettings(scale=SCALE),
        Annotations(truth=truth),
    )
    plain = render_source(
        lambda: Source(blinking()), tmp_path / "plain.png", ViewSettings(scale=SCALE)
    )
    assert (labelled.pictures, plain.pictures) == (5, 12)
    with Image.open(tmp_path / "plain.png") as image:
        assert image.size == (plain.width, plain.height)
        picture = np.asarray(image.convert("RGB"))
    on = (picture == ON_COLOUR).all(axis=2)
    assert on.sum() == 12 * SCALE * SCALE


def test_both_kinds_of_labels_are_found_by_content(tmp_path: Path) -> None:
    """A label file and label lines are told apart whatever they are called."""
    truth, lines = tmp_path / "one.txt", tmp_path / "two.txt"
    write_label_file(truth, [GestureInterval(10, 20, 4)])
    said = [(5, 0, "unsure", 0.1), (12, 4, "right arm clockwise", 0.7)]
    lines.write_text(
        "".join(
            json.dumps({"t_us": t, "class": c, "label": n, "confidence": p, "changed": True}) + "\n"
            for t, c, n, p in said
        )
        + '{"summary":{"frames":12}}\n'
    )
    annotations = read_annotations([lines, truth])
    assert [annotations.truth_at(t) for t in (9, 10, 19, 20)] == [0, 4, 4, 0]
    found = [annotations.recognised_at(t) for t in (4, 5, 11, 12, 99)]
    assert [item.gesture_class if item else None for item in found] == [None, 0, 0, 4, 4]
    with pytest.raises(InputError, match="second file of true labels"):
        read_annotations([truth, truth])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"t_us": 1, "class": 2}\n', "line 1"),
        ('{"t_us":1,"class":2,"label":"a","confidence":1.0}\n{"t_us"\n', "line 2"),
        ("time,gesture\n1,2\n", "line 1"),
    ],
)
def test_a_file_that_holds_no_labels_is_refused(tmp_path: Path, text: str, message: str) -> None:
    """Neither kind of label: the error names file and line."""
    path = tmp_path / "labels"
    path.write_text(text)
    with pytest.raises(InputError, match=message):
        read_annotations([path])


@pytest.mark.parametrize("name", ["film.avi", "film", "film.mp4.txt"])
def test_an_unknown_ending_is_refused(tmp_path: Path, name: str) -> None:
    """Only .mp4, .gif and .png say what to make."""
    with pytest.raises(InputError, match=r"\.mp4, \.gif, \.png"):
        render_source(lambda: Source(blinking()), tmp_path / name)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("ending", ["mp4", "gif", "png"])
def test_a_folder_that_is_not_there_is_refused(tmp_path: Path, ending: str) -> None:
    """Nothing can be written into a missing folder, and the error says so."""
    with pytest.raises(InputError, match="folder"):
        render_source(lambda: Source(blinking(50)), tmp_path / "missing" / f"x.{ending}")


@pytest.mark.parametrize("ending", ["mp4", "gif", "png"])
def test_a_source_without_events_is_refused(tmp_path: Path, ending: str) -> None:
    """No events in the time asked for: an error, and no file."""
    out = tmp_path / f"x.{ending}"
    empty = np.empty(0, dtype=EVENT_DTYPE)
    with pytest.raises(InputError, match="none"):
        render_source(lambda: Source(empty), out)
    with pytest.raises(InputError, match="none in the time asked for"):
        render_source(lambda: Source(blinking()), out, ViewSettings(start_s=60.0))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("ending", ["mp4", "gif", "png"])
def test_a_damaged_source_is_drawn_as_far_as_it_goes(tmp_path: Path, ending: str) -> None:
    """Damage after the first event is reported, and everything before it is drawn."""
    report = render_source(
        lambda: Source(blinking(100), breaks=True), tmp_path / f"x.{ending}", ViewSettings(scale=4)
    )
    assert report.damage is not None
    assert "half a packet" in report.damage
    assert report.events == 200
    assert [path.name for path in tmp_path.iterdir()] == [f"x.{ending}"]


def test_a_failure_leaves_the_earlier_file_as_it_was(tmp_path: Path) -> None:
    """A source that breaks while it is drawn leaves neither half a film nor a temporary file."""
    out = tmp_path / "x.gif"
    out.write_bytes(b"before")
    opened = iter([Source(blinking()), Source(blinking(50), breaks=True)])
    with pytest.raises(InputError, match="half a packet"):
        render_source(lambda: next(opened), out)
    assert out.read_bytes() == b"before"
    assert [path.name for path in tmp_path.iterdir()] == ["x.gif"]


def test_a_film_of_unreasonable_length_is_refused(tmp_path: Path) -> None:
    """A wrong time stamp must not fill the disk."""
    with pytest.raises(InputError, match="length of the film"):
        render_source(
            lambda: Source(blinking()), tmp_path / "x.mp4", ViewSettings(fps=120.0, speed=0.0001)
        )


@pytest.mark.parametrize(
    "settings",
    [{"fps": 0.0}, {"fade_ms": float("nan")}, {"scale": 0}, {"speed": -1.0}, {"stop_s": 0.0}],
)
def test_settings_out_of_range_are_refused(settings: dict[str, float]) -> None:
    """Each setting names itself, what it got and what is allowed."""
    with pytest.raises(InputError, match="allowed"):
        ViewSettings(**settings)  # type: ignore[arg-type]


def write_recording(path: Path, count: int) -> None:
    """An AEDAT4 file of a 128x128 sensor: one event a millisecond from 1 s on."""
    events = np.zeros(count, dtype=EVENT_DTYPE)
    events["t"] = 1_000_000 + np.arange(count) * 1_000
    events["x"], events["y"], events["on"] = 70, 60, np.arange(count) % 2 == 1
    with Aedat4Writer(path, SensorSize(128, 128)) as writer:
        writer.write(events)


def test_a_recording_is_drawn_with_its_labels_and_the_usual_rights(tmp_path: Path) -> None:
    """A file becomes a film with the usual rights, its label drawn while it holds."""
    src, labels, out = tmp_path / "x.aedat4", tmp_path / "x.csv", tmp_path / "x.mp4"
    write_recording(src, 400)
    write_label_file(labels, [GestureInterval(1_000_000, 1_200_000, 1)])
    report = render_recording(src, out, labels=labels, fps=20, scale=3)
    pictures = film_pictures(out)
    assert report.events == 400
    assert report.pictures == len(pictures) == 8
    label_line = slice(3 * 128, 3 * 128 + 26)
    assert pictures[3][label_line].max() > 150
    assert pictures[4][label_line].max() < 100
    mask = os.umask(0)
    os.umask(mask)
    assert out.stat().st_mode & 0o777 == 0o666 & ~mask


def test_a_truncated_recording_is_drawn_and_its_damage_said(tmp_path: Path) -> None:
    """Of a file cut short, the whole packets are drawn, and the report names the file."""
    src = tmp_path / "x.aedat4"
    write_recording(src, 40_000)
    src.write_bytes(src.read_bytes()[: src.stat().st_size // 2])
    report = render_recording(src, tmp_path / "x.png", fps=20)
    assert report.pictures == 12
    assert 0 < report.events < 40_000
    assert report.damage is not None
    assert str(src) in report.damage
