"""Compare simulated right hand waves with the real DVS128 clips, in figures and in pictures.

Run from the project's root: `python benchmarks/compare_simulated_to_real.py [--write]`.
The real clips are looked for in `../shared/data/dvs128_gesture` or under `$WIGWAG_DATA`.
With `--write` the table in `docs/simulated-set.md` and the pictures in `docs/images` are renewed.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable
from pathlib import Path

import aedat
import numpy as np
import numpy.typing as npt
from numba import njit

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from drivers.events import Events  # noqa: E402  # the project's root must be on the path first
from drivers.gestures import GESTURE_NAMES  # noqa: E402
from drivers.lighting import LIGHT_NAMES  # noqa: E402
from drivers.simulated_camera import SimulatedCamera  # noqa: E402

WAVE = 2
USERS = (1, 2, 3, 4, 24, 25)
SECONDS = 4.0
TWIN_US = 10
"""A DVS128 often reports one event twice within a microsecond or two; simulated pixels never."""
ALONE_US = 10_000

Row = dict[str, float]
COLUMNS: dict[str, tuple[str, Callable[[float], str]]] = {
    "median": ("events/ms, median", lambda value: f"{value:.0f}"),
    "p90": ("p90", lambda value: f"{value:.0f}"),
    "on": ("ON share", lambda value: f"{value:.2f}"),
    "gap": ("time between a pixel's events, median (ms)", lambda value: f"{value:.1f}"),
    "gap_p90": ("p90 (ms)", lambda value: f"{value:.0f}"),
    "area": ("area covered (%)", lambda value: f"{value:.1f}"),
    "alone": ("events alone (%)", lambda value: f"{value:.1f}"),
    "twins": ("twins (%)", lambda value: f"{value:.1f}"),
}


def real_clips() -> dict[str, Events]:
    """The events of every real clip, by file name, times from 0; none where they are absent."""
    data = Path(os.environ.get("WIGWAG_DATA", ROOT.parent / "shared" / "data"))
    clips = {}
    for number, path in enumerate(sorted((data / "dvs128_gesture").glob("*.aedat4")), start=1):
        parts = [packet["events"] for packet in aedat.Decoder(str(path)) if "events" in packet]
        events = np.concatenate(parts)
        events["t"] -= events["t"][0]
        clips[f"real {number}"] = events
    return clips


def simulated_wave(user: int, light: str) -> Events:
    """The labelled part of one simulated right hand wave, times from 0."""
    camera = SimulatedCamera(user, light, [WAVE], SECONDS, packet_us=50_000)
    events = np.concatenate([packet.events for packet in camera])
    _, begin_us, end_us = camera.spans[0]
    events = events[(events["t"] >= begin_us) & (events["t"] < end_us)].copy()
    events["t"] -= np.uint64(begin_us)
    return events


def measure(events: Events) -> Row:
    """The figures of one recording on 128x128 pixels, in the order of COLUMNS.

    Twins (a second event of a pixel within 10 us, share of all events) are set aside first.
    Area: pixels with at least one event a second. Alone: events without another one in the
    3x3 pixels around them in the 10 ms before.
    """
    t = events["t"].astype(np.int64)
    x, y = events["x"].astype(np.int64), events["y"].astype(np.int64)
    twin, alone = _flags(t, x, y)
    kept = ~twin
    t, pixel = t[kept], (y * 128 + x)[kept]
    order = np.lexsort((t, pixel))
    gaps = np.diff(t[order])[np.diff(pixel[order]) == 0]
    per_ms = np.bincount(t // 1000)
    per_pixel = np.bincount(pixel, minlength=128 * 128)
    return {
        "median": float(np.median(per_ms)),
        "p90": float(np.percentile(per_ms, 90)),
        "on": float(events["on"][kept].mean()),
        "gap": float(np.median(gaps)) / 1000,
        "gap_p90": float(np.percentile(gaps, 90)) / 1000,
        "area": 100 * float((per_pixel >= per_ms.size / 1000).mean()),
        "alone": 100 * float(alone[kept].mean()),
        "twins": 100 * float(twin.mean()),
    }


@njit(cache=True)  # type: ignore[untyped-decorator]  # numba ships no types
def _flags(
    t: npt.NDArray[np.int64], x: npt.NDArray[np.int64], y: npt.NDArray[np.int64]
) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.bool_]]:
    last = np.full((130, 130), -1_000_000_000)
    twin, alone = np.zeros(t.size, np.bool_), np.zeros(t.size, np.bool_)
    for i in range(t.size):
        row, column = y[i] + 1, x[i] + 1
        if t[i] - last[row, column] <= TWIN_US:
            twin[i] = True
            continue
        latest = last[row - 1 : row + 2, column - 1 : column + 2].max()
        alone[i] = t[i] - latest > ALONE_US
        last[row, column] = t[i]
    return twin, alone


def table(rows: dict[str, Row]) -> str:
    """The figures as a Markdown table."""
    lines = ["| right hand wave | " + " | ".join(title for title, _ in COLUMNS.values()) + " |"]
    lines.append("|---" * (len(COLUMNS) + 1) + "|")
    for name, row in rows.items():
        cells = (show(row[key]) for key, (_, show) in COLUMNS.items())
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def picture(events: Events, begin_us: int, span_us: int = 40_000) -> npt.NDArray[np.float64]:
    """Events of a window as an RGB picture: blue where more ON, white where more OFF, on dark."""
    here = events[(events["t"] >= begin_us) & (events["t"] < begin_us + span_us)]
    total = np.zeros((128, 128))
    np.add.at(total, (here["y"], here["x"]), np.where(here["on"], 1.0, -1.0))
    image = np.full((128, 128, 3), 0.08)
    image[total > 0] = (0.25, 0.55, 1.0)
    image[total < 0] = (0.95, 0.95, 0.95)
    return image


def draw_comparison(
    real: dict[str, Events], simulated: dict[str, Events], rows: dict[str, Row], path: Path
) -> None:
    """Windows of the clips above windows of simulated waves, and the figures side by side."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    chosen = ("user 1, led", "user 24, fluorescent", "user 25, natural")
    shown = {**real, **{f"simulated {who}": simulated[f"simulated {who}"] for who in chosen}}
    figure, axes = plt.subplots(3, 6, figsize=(15, 8.4), layout="constrained")
    for column, (name, events) in enumerate(shown.items()):
        for row, begin_us in enumerate((1_500_000, 2_700_000)):
            axes[row, column].imshow(picture(events, begin_us))
            axes[row, column].set_axis_off()
        axes[0, column].set_title(name, fontsize=9)
    for axis, key in zip(axes[2], ("median", "p90", "on", "gap", "area", "alone"), strict=True):
        for place, colour, label in ((0, "#d55e00", "real"), (1, "#0072b2", "simulated")):
            values = [row[key] for name, row in rows.items() if name.startswith(label)]
            jitter = place + np.linspace(-0.2, 0.2, len(values))
            axis.plot(jitter, values, "o", color=colour, alpha=0.8)
        axis.set_xticks([0, 1], ["real", "simulated"])
        axis.set_xlim(-0.5, 1.5)
        axis.set_ylim(0, 1 if key == "on" else None)
        axis.set_title({"p90": "events/ms, p90"}.get(key, COLUMNS[key][0]), fontsize=8)
    figure.suptitle(
        "Right hand wave: three real DVS128 clips (left) and simulated users (right), "
        "40 ms of events; blue ON, white OFF"
    )
    figure.savefig(path, dpi=80)
    plt.close(figure)


def draw_gestures(path: Path, user: int = 24, light: str = "natural") -> None:
    """A contact sheet: six moments of each of the eleven simulated gestures."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    camera = SimulatedCamera(user, light, range(1, 12), 2.0, packet_us=50_000)
    events = np.concatenate([packet.events for packet in camera])
    figure, axes = plt.subplots(11, 6, figsize=(8, 10.8))
    figure.subplots_adjust(
        left=0.32, right=0.995, top=0.945, bottom=0.005, wspace=0.04, hspace=0.04
    )
    for row, (number, begin_us, _) in enumerate(camera.spans):
        for column in range(6):
            axis = axes[row, column]
            axis.imshow(picture(events, begin_us + 300_000 + 100_000 * column))
            axis.set_xticks([])
            axis.set_yticks([])
        axes[row, 0].set_ylabel(
            f"{number} {GESTURE_NAMES[number - 1]}", rotation=0, ha="right", va="center"
        )
    figure.suptitle(
        f"SIMULATED gestures: user {user}, {light} light; 40 ms of events, 100 ms apart;\n"
        "blue ON, white OFF; the performer's right is on the left",
        fontsize=11,
    )
    figure.savefig(path, dpi=90)
    plt.close(figure)


def renew_table(page: Path, text: str) -> None:
    """Put the table between the two marks in the page."""
    begin, end = "<!-- table: begin -->\n", "<!-- table: end -->"
    before, rest = page.read_text(encoding="utf-8").split(begin)
    after = rest.split(end)[1]
    page.write_text(f"{before}{begin}{text}\n{end}{after}", encoding="utf-8")


def main() -> None:
    """Measure, print and, where asked, write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--write", action="store_true", help="renew the page and the pictures")
    arguments = parser.parse_args()
    real = real_clips()
    if not real:
        print("the real clips are not here: only simulated figures follow", file=sys.stderr)  # noqa: T201  # a report
    simulated = {
        f"simulated user {user}, {light}": simulated_wave(user, light)
        for user in USERS
        for light in LIGHT_NAMES
    }
    rows = {name: measure(events) for name, events in {**real, **simulated}.items()}
    for label in ("real", "simulated"):
        part = [row for name, row in rows.items() if name.startswith(label)]
        if part:
            rows[f"**{label}, median**"] = {
                key: float(np.median([row[key] for row in part])) for key in COLUMNS
            }
    print(table(rows))  # noqa: T201  # the result of a command
    if arguments.write:
        images = ROOT / "docs" / "images"
        images.mkdir(parents=True, exist_ok=True)
        renew_table(ROOT / "docs" / "simulated-set.md", table(rows))
        draw_gestures(images / "simulated-gestures.png")
        if real:
            draw_comparison(real, simulated, rows, images / "simulated-vs-real.png")


if __name__ == "__main__":
    main()
