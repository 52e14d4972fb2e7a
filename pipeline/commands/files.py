"""Commands about recordings at rest: info, convert, record, view, simulate."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from pipeline.commands import options as o

Recording = Annotated[Path, typer.Argument(help="A recording in any format wigwag reads.")]


def register(app: typer.Typer) -> None:
    """Add the commands to the program."""
    for command in (info, convert, record, view, simulate):
        app.command()(command)


def info(
    file: Annotated[
        Path,
        typer.Argument(help="A recording in any format wigwag reads, or a folder of a set."),
    ],
    as_json: o.AsJson = False,
) -> None:
    """Say what is in a recording: format, size, events, times, polarity, damage; or in a set."""
    import msgspec

    from recordings.inspect import inspect_recording

    if file.is_dir():
        from recordings.dvsgesture import read_gesture_set
        from recordings.gesture_set_report import report_lines

        gestures = read_gesture_set(file)
        lines = report_lines(gestures)
        figures = msgspec.json.encode(gestures.counts() | {"found": lines}).decode()
        sys.stdout.write(figures + "\n" if as_json else "".join(f"{line}\n" for line in lines))
        return
    found = msgspec.to_builtins(inspect_recording(file), str_keys=True)
    if as_json:
        sys.stdout.write(msgspec.json.encode(found).decode() + "\n")
        return
    for name, value in found.items():
        shown = "; ".join(value) if isinstance(value, list | tuple) else value
        sys.stdout.write(f"{name.replace('_', ' ')}: {'none' if shown in (None, '') else shown}\n")


def convert(
    file: Recording,
    out: Annotated[Path, typer.Argument(help="OUT.aedat4, or OUT.aedat for AEDAT 3.1.")],
) -> None:
    """Write a recording anew as AEDAT4 or AEDAT 3.1."""
    from recordings.convert import convert_recording

    report = convert_recording(file, out)
    sys.stdout.write(f"{report.path}: {report.format.value}, {report.events:,} events\n")
    for count, what in (
        (report.events_off_sensor, "events off the sensor, not written"),
        (report.time_reversals, "events with times that went back, written with the later time"),
    ):
        if count:
            sys.stderr.write(f"wigwag: {count:,} {what}\n")
    if report.damage:
        sys.stderr.write(f"wigwag: {report.damage}\n")


def record(
    out: Annotated[Path, typer.Argument(help="OUT.aedat4, a new file.")],
    connect: Annotated[
        str, typer.Option("--connect", metavar="ADDR", help="The source to record.")
    ],
    source: Annotated[
        str | None, typer.Option("--source", help="Its name, if several are heard.")
    ] = None,
    insecure: o.Insecure = False,
    server_key: o.ServerKey = None,
    secret_key: o.SecretKey = None,
) -> None:
    """Write the events of a running source to a file, until it ends or Ctrl-C."""
    from pipeline.recorder import run_recorder

    report = run_recorder(
        connect, out, source=source, server_key=server_key, secret_key=secret_key, insecure=insecure
    )
    if report.source is None:
        sys.stdout.write(f"{report.path}: nothing came, so there is no file\n")
    else:
        sys.stdout.write(f"{report.path}: {report.events:,} events\n")
    for problem in report.problems:
        sys.stderr.write(f"wigwag: {problem}\n")
    raise typer.Exit(0 if report.complete else 130)


def view(
    file: Recording,
    out: Annotated[Path, typer.Option("-o", "--output", help="OUT.mp4, OUT.gif or OUT.png.")],
    labels: Annotated[
        list[Path] | None,
        typer.Option(
            "--labels", help="Label file (performed) or label lines (recognised) to draw in."
        ),
    ] = None,
    fps: Annotated[float, typer.Option("--fps", help="Pictures a second.")] = 30.0,
    scale: Annotated[
        int | None, typer.Option("--scale", help="Side of the square drawn for a pixel.")
    ] = None,
    start: o.Start = None,
    stop: o.Stop = None,
    fade_ms: Annotated[float, typer.Option("--fade-ms", help="Fading time of an event.")] = 30.0,
    speed: Annotated[
        float, typer.Option("--speed", help="Recording time per film time; 0.1: slow motion.")
    ] = 1.0,
    look: o.Views = None,
) -> None:
    """Draw a recording as people like to see events: a film, or a sheet of pictures."""
    from pipeline.view import render_recording
    from recordings.outputs import check_outputs

    check_outputs({"--output": out}, [file, *(labels or ())])

    report = render_recording(
        file,
        out,
        labels=labels,
        fps=fps,
        scale=scale,
        start_s=start,
        stop_s=stop,
        fade_ms=fade_ms,
        speed=speed,
        views=look or (),
    )
    sys.stdout.write(
        f"{report.path}: {report.pictures} pictures, {report.width}x{report.height}, "
        f"{report.events:,} events\n"
    )
    if report.off_sensor:
        sys.stdout.write(f"events off the sensor, not drawn: {report.off_sensor:,}\n")
    if report.damage:
        sys.stderr.write(f"wigwag: {report.damage}\n")


def simulate(
    context: typer.Context,
    out: Annotated[Path, typer.Argument(help="OUT.aedat4, or a folder with --layout.")],
    gesture: Annotated[
        str, typer.Option("--gesture", help="A gesture's name or number, or all.")
    ] = "all",
    user: Annotated[int, typer.Option("--user", min=1, help="Who performs.")] = 24,
    light: Annotated[o.Light, typer.Option("--light", help="Of the scene.")] = o.Light.led,
    seconds: Annotated[
        float, typer.Option("--seconds", min=0.1, max=3600.0, help="Length of each gesture.")
    ] = 3.0,
    seed: o.Seed = 0,
    session: Annotated[
        int, typer.Option("--session", min=0, help="Another performance by the same person.")
    ] = 0,
    layout: Annotated[
        o.Layout | None, typer.Option("--layout", help="Write a whole set of recordings.")
    ] = None,
    users: Annotated[
        str, typer.Option("--users", help="With --layout: such as 24-29 or 1-5,9.")
    ] = "1-29",
    processes: Annotated[
        int, typer.Option("--processes", min=1, help="With --layout: working at the same time.")
    ] = 1,
) -> None:
    """Make a simulated recording with its label file, or a whole simulated set."""
    if layout is None:
        o.refuse(context, ("users", "processes"), "without --layout", "add --layout dvsgesture")
    else:
        one = ("gesture", "user", "light", "seconds", "session")
        o.refuse(context, one, "with --layout", "a set's gestures and lights are fixed")
    from recordings.simulated_set import (
        SimulatedRecording,
        write_simulated_recording,
        write_simulated_set,
    )
    from recordings.user_range import parse_user_range

    if layout is not None:

        def show(recording: SimulatedRecording, done: int, total: int) -> None:
            sys.stderr.write(f"{done} of {total}: {recording.path.name}\n")

        written = write_simulated_set(out, parse_user_range(users), seed, processes, show)
        events = sum(recording.events for recording in written)
        sys.stdout.write(f"{out}: {len(written)} simulated recordings, {events:,} events\n")
        return
    from drivers.gestures import GESTURE_NAMES, gesture_class
    from recordings.dvsgesture import labels_path
    from recordings.outputs import check_new, check_new_recording

    check_new_recording(out)
    check_new(labels_path(out))
    everything = range(1, len(GESTURE_NAMES) + 1)
    gestures = list(everything) if gesture == "all" else [gesture_class(gesture)]
    recording = write_simulated_recording(
        out, gestures, user, light.value, seconds, seed, session=session
    )
    sys.stdout.write(
        f"{recording.path}: simulated, {recording.events:,} events, "
        f"{recording.duration_us / 1e6:.2f} s\n"
    )
