"""`wigwag view`: a recording as a film, a moving picture or a contact sheet."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from drivers.errors import InputError
from drivers.events import EventSource, SensorSize
from pipeline.chosen_views import ChosenView, read_view, view_at
from pipeline.view_canvas import Canvas, Moment
from pipeline.view_labels import Annotations, read_annotations
from pipeline.view_moments import draw_moments, film_edges, measure, sheet_edges
from pipeline.view_picture import EventSurface, Picture
from pipeline.view_writers import write_gif, write_mp4, write_png
from recordings.formats import open_recording

ENDINGS: tuple[str, ...] = (".mp4", ".gif", ".png")

_PACKET_US = 20_000
_WIDE: dict[str, int] = {".mp4": 640, ".gif": 400, ".png": 300}
"""About how wide the events are drawn where no scale is given; in a sheet, each of them."""
_SHEET_COLUMNS = 4
_COLUMNS, _ROWS = 32, 32
"""Inputs of the models that come with wigwag."""


@dataclass(frozen=True, slots=True)
class ViewSettings:
    """How a recording is drawn."""

    fps: float = 30.0
    """Pictures a second of the film; a GIF takes the nearest its clock (10 ms) can do."""
    scale: int | None = None
    """Side of the square drawn for each pixel of the sensor; None chooses."""
    start_s: float = 0.0
    """From here, counted from the recording's beginning."""
    stop_s: float | None = None
    """Up to here, not included; None is the end."""
    fade_ms: float = 30.0
    """Time in which an event fades to 1/e, in time of the recording."""
    speed: float = 1.0
    """Time of the recording per time of the film: 0.1 is slow motion."""
    views: tuple[ChosenView, ...] = ()
    """What a model of 32x32 inputs is told to look at: drawn round, where there is any."""

    def __post_init__(self) -> None:
        _check("pictures per second", self.fps, 1.0, 120.0, "--fps")
        _check("fading time in ms", self.fade_ms, 0.1, 60_000.0, "--fade-ms")
        _check("speed of the film", self.speed, 0.0001, 10_000.0, "--speed")
        _check("start in s", self.start_s, 0.0, 1e9, "--start")
        if self.scale is not None:
            _check("scale", self.scale, 1, 32, "--scale")
        if self.stop_s is not None and not self.start_s < self.stop_s <= 1e9:
            raise InputError(
                what="stop in s",
                got=f"{self.stop_s:g}",
                allowed=f"above the start of {self.start_s:g}",
                todo="choose another --stop",
            )


@dataclass(frozen=True, slots=True)
class ViewReport:
    """What was drawn."""

    path: Path
    pictures: int
    """Pictures of the film; moments of a contact sheet."""
    width: int
    """Of one picture of the film, or of the whole sheet, in pixels."""
    height: int
    events: int
    """Events drawn from; for a sheet too, all those of the time asked for."""
    off_sensor: int
    """Events that name a pixel the sensor does not have; they are not drawn."""
    t_begin_us: int
    t_end_us: int
    """The span drawn, `[t_begin_us, t_end_us)`, in the recording's own time."""
    damage: str | None
    """What is wrong with the recording after its last readable event; None if nothing is."""


def render_recording(
    src: Path,
    out: Path,
    *,
    labels: Path | Sequence[Path] | None = None,
    fps: float = 30.0,
    scale: int | None = None,
    start_s: float | None = None,
    stop_s: float | None = None,
    fade_ms: float = 30.0,
    speed: float = 1.0,
    views: Sequence[str] = (),
) -> ViewReport:
    """Draw a recording into `out`; its ending (.mp4, .gif, .png) says what is made.

    `labels` are a label file (CSV: what was performed), label lines (JSON Lines: what was
    recognised), or one of each. Start and stop are seconds from the recording's beginning. The
    recording is read twice, a packet at a time: once for its span, once to draw.

    Raises `InputError` for an ending, setting, label file or folder that cannot be used, and
    for a recording without events in the time asked for. A damaged recording is drawn as far
    as it goes; the report's `damage` says what is wrong.
    """
    settings = ViewSettings(
        fps=fps,
        scale=scale,
        start_s=start_s or 0.0,
        stop_s=stop_s,
        fade_ms=fade_ms,
        speed=speed,
        views=tuple(read_view(text) for text in views),
    )
    paths = [labels] if isinstance(labels, Path) else list(labels or ())
    return render_source(
        lambda: open_recording(src, packet_us=_PACKET_US), out, settings, read_annotations(paths)
    )


def render_source(
    open_source: Callable[[], EventSource],
    out: Path,
    settings: ViewSettings | None = None,
    annotations: Annotations | None = None,
) -> ViewReport:
    """Draw any source that can be opened twice and gives the same both times."""
    settings = settings or ViewSettings()
    annotations = annotations or Annotations()
    ending = out.suffix.lower()
    if ending not in ENDINGS:
        raise InputError(
            what=f"output file {out}",
            got=f"the ending {out.suffix!r}",
            allowed=", ".join(ENDINGS),
            todo="choose .mp4 for a film, .gif for a moving picture, .png for a contact sheet",
        )
    span = measure(open_source, settings.start_s, settings.stop_s)
    canvas = Canvas(annotations, settings.scale or _chosen_scale(span.sensor, ending))
    surface = EventSurface(span.sensor, settings.fade_ms)
    size = (0, 0)

    if ending == ".png":
        edges_us = sheet_edges(span, annotations)
        picture_us = 1e6 / settings.fps
        with open_source() as source:
            moments = [
                _looking(moment, settings.views, span.sensor)
                for moment in draw_moments(source, span, surface, edges_us, picture_us)
            ]
        sheet = canvas.contact_sheet(moments, min(_SHEET_COLUMNS, len(moments)))
        write_png(out, sheet)
        pictures, size = len(moments), (sheet.shape[1], sheet.shape[0])
    else:
        period_cs = max(2, round(100.0 / settings.fps))
        picture_us = (period_cs * 1e4 if ending == ".gif" else 1e6 / settings.fps) * settings.speed
        edges_us = film_edges(span, picture_us)

        def film() -> Iterator[Picture]:
            nonlocal size
            with open_source() as source:
                for moment in draw_moments(source, span, surface, edges_us, picture_us):
                    picture = canvas.film_picture(_looking(moment, settings.views, span.sensor))
                    size = (picture.shape[1], picture.shape[0])
                    yield picture

        if ending == ".gif":
            pictures = write_gif(out, film(), period_cs)
        else:
            pictures = write_mp4(out, film(), settings.fps)
    return ViewReport(
        path=out,
        pictures=pictures,
        width=size[0],
        height=size[1],
        events=span.events,
        off_sensor=span.off_sensor + surface.off_sensor,
        t_begin_us=span.t_begin_us,
        t_end_us=span.t_end_us,
        damage=span.damage,
    )


def _looking(moment: Moment, views: Sequence[ChosenView], sensor: SensorSize) -> Moment:
    """The moment with the view of its last frame, where views were given."""
    if not views:
        return moment
    return replace(moment, view=view_at(views, moment.t_us - 1, sensor, _COLUMNS, _ROWS))


def _chosen_scale(sensor: SensorSize, ending: str) -> int:
    return max(1, round(_WIDE[ending] / max(sensor.width, sensor.height)))


def _check(what: str, got: float, least: float, most: float, option: str) -> None:
    if not least <= got <= most:
        raise InputError(
            what=what,
            got=f"{got:g}",
            allowed=f"{least:g} to {most:g}",
            todo=f"choose another {option}",
        )
