"""Commands that are one process each, to be put together by hand: source, brain, watch."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from drivers.errors import InputError
from pipeline.commands import options as o
from pipeline.commands.brain_options import brain_settings, check_files
from pipeline.commands.source_options import refuse_recording

Connect = Annotated[
    str, typer.Option("--connect", metavar="ADDR", help="ipc://PATH or tcp://HOST:PORT.")
]


def register(app: typer.Typer) -> None:
    """Add the commands to the program."""
    for command in (source, brain, watch):
        app.command()(command)


def source(
    bind: Annotated[str, typer.Option("--bind", metavar="ADDR", help="Where events go out.")],
    file: Annotated[
        Path | None, typer.Argument(help="A recording in any format wigwag reads.")
    ] = None,
    camera: Annotated[
        str | None,
        typer.Option(
            "--camera",
            metavar="KIND[:OPTION=VALUE,...]",
            help="A camera instead: simulated, webcam, the path of a film, or what is installed.",
        ),
    ] = None,
    speed: o.Speed = "1",
    loop: o.Loop = False,
    start: o.Start = None,
    stop: o.Stop = None,
    paused: Annotated[
        bool, typer.Option("--paused", help="Wait for resume or step on the control address.")
    ] = False,
    hurry: Annotated[
        float,
        typer.Option(
            "--hurry",
            min=0.0,
            max=o.MOST_S,
            help="Give out the first seconds as fast as it goes: to catch up.",
        ),
    ] = 0.0,
    control: Annotated[
        str | None,
        typer.Option(
            "--control",
            metavar="ADDR",
            help="status, pause, resume, step, seek, filters, stop.",
        ),
    ] = None,
    name: Annotated[str | None, typer.Option("--name", help="The source's name.")] = None,
    backpressure: Annotated[
        o.Backpressure,
        typer.Option(
            "--backpressure",
            help="block: wait for slow readers, lose nothing. drop: the newest events matter, "
            "losses are counted.",
        ),
    ] = o.Backpressure.block,
    subscribers: Annotated[
        int, typer.Option("--subscribers", min=1, help="How many readers to wait for.")
    ] = 1,
    hot_pixels: o.HotPixelsOption = None,
    noise_ms: o.NoiseMs = None,
    insecure: o.Insecure = False,
    secret_key: o.SecretKey = None,
) -> None:
    """Give out the events of a recording or a camera on the bus, in time."""
    if (file is None) == (camera is None):
        raise InputError(
            what="source",
            got="a recording and a camera" if file else "neither a recording nor a camera",
            allowed="one of the two",
            todo="name a recording, or a camera with --camera",
        )
    if camera is not None:
        refuse_recording(camera, "leave out --camera: recordings are named without")
    from pipeline.source import SourceSettings, run_source

    report = run_source(
        SourceSettings(
            bind=bind,
            recording=file,
            camera=camera,
            name=name,
            control=control,
            speed=o.parse_speed(speed),
            loop=loop,
            paused=paused,
            hurry_us=round(hurry * 1e6),
            start_us=_microseconds(start),
            stop_us=_microseconds(stop),
            policy="drop" if backpressure is o.Backpressure.drop else "block",
            subscribers=subscribers,
            hot_pixels=hot_pixels,
            noise_ms=noise_ms,
            secret_key=secret_key,
            insecure=insecure,
        )
    )
    raise typer.Exit(130 if report.ended == "interrupted" else 0)


def brain(
    connect: Annotated[
        list[str],
        typer.Option(
            "--connect",
            metavar="ADDR",
            help="ipc://PATH or tcp://HOST:PORT of a source; once for each of several.",
        ),
    ],
    checkpoint: o.Checkpoint = None,
    labels: o.Labels = None,
    learn: o.Learn = None,
    teach: Annotated[
        bool, typer.Option("--teach", help="Learn from targets sent to the control address.")
    ] = False,
    session: Annotated[
        Path | None,
        typer.Option("--session", help="New folder that keeps all that is taught; as --teach."),
    ] = None,
    replay_session: Annotated[
        Path | None,
        typer.Option("--replay-session", help="Do again what this folder's log has, and compare."),
    ] = None,
    separate: o.Separate = False,
    rehearse: o.Rehearse = None,
    save: o.Save = None,
    save_folder: o.SaveFolder = None,
    latest: Annotated[
        Path | None,
        typer.Option(
            "--latest",
            help="Where lessons are given: keep the weights here every few seconds while they "
            "change, and begin from them where the file is there already.",
        ),
    ] = None,
    publish: Annotated[
        str | None,
        typer.Option("--publish", metavar="ADDR", help="Labels and telemetry for watchers."),
    ] = None,
    control: Annotated[
        str | None,
        typer.Option(
            "--control", metavar="ADDR", help="Where it is asked and taught: docs/control.md."
        ),
    ] = None,
    metrics: Annotated[
        str | None,
        typer.Option("--metrics", metavar="HOST:PORT", help="Figures for Prometheus, over HTTP."),
    ] = None,
    seed: o.Seed = 0,
    threads: o.Threads = 1,
    device: o.DeviceOption = o.Device.auto,
    engine: o.EngineOption = o.Engine.auto,
    rate: o.Rate = None,
    learn_every: o.LearnEvery = None,
    update_every: o.UpdateEvery = None,
    window_ms: o.WindowMs = 500,
    threshold: o.Threshold = 0.5,
    min_events_per_s: o.MinEvents = 1000.0,
    layer: o.Layer = -1,
    view: o.Views = None,
    when_behind: Annotated[
        o.WhenBehind,
        typer.Option(
            "--when-behind",
            help="wait: every frame is stepped. skip (live): beyond 20 ms behind, learning is "
            "left out, beyond 500 ms frames are; both are counted.",
        ),
    ] = o.WhenBehind.wait,
    keep_running: Annotated[
        bool, typer.Option("--keep-running", help="After a stream's end wait for the next.")
    ] = False,
    as_json: o.AsJson = False,
    insecure: o.Insecure = False,
    server_key: o.ServerKey = None,
    secret_key: o.SecretKey = None,
    stand_by: Annotated[bool, typer.Option("--stand-by", hidden=True)] = False,
) -> None:
    """Recognise the gestures of a source's events, and learn on the way.

    Several sources are stepped together, each with a state and labels of its own.
    """
    settings = brain_settings(
        connect=connect,
        checkpoint=checkpoint,
        labels=labels,
        learn=learn,
        save=save,
        seed=seed,
        threads=threads,
        device=device,
        engine=engine,
        rate=rate,
        learn_every=learn_every,
        update_every=update_every,
        window_ms=window_ms,
        threshold=threshold,
        min_events_per_s=min_events_per_s,
        layer=layer,
        views=view,
    )
    settings = replace(
        settings,
        teach=teach,
        session=session,
        replay=replay_session,
        separate=separate,
        rehearse=rehearse,
        save_folder=save_folder,
        latest=latest,
        publish=publish,
        control=control,
        metrics=metrics,
        skip_when_behind=when_behind is o.WhenBehind.skip,
        keep_running=keep_running,
        as_json=as_json,
        insecure=insecure,
        server_key=server_key,
        secret_key=secret_key,
    )
    check_files(settings, {})
    if stand_by:
        from pipeline.standby import stand_by as wait_for_a_part

        wait_for_a_part(settings)
    from pipeline.brain import run_brain

    summary = run_brain(settings)
    raise typer.Exit(130 if summary.ended == "interrupted" else 0)


def watch(
    connect: Connect,
    telemetry: Annotated[
        bool, typer.Option("--telemetry/--no-telemetry", help="Also how the brain is doing.")
    ] = True,
    as_json: o.AsJson = False,
    insecure: o.Insecure = False,
    server_key: o.ServerKey = None,
    secret_key: o.SecretKey = None,
) -> None:
    """Print the labels and telemetry of a running brain (its --publish address)."""
    from pipeline.watch import Watcher, WatchSettings

    settings = WatchSettings(
        connect=connect,
        telemetry=telemetry,
        as_json=as_json,
        insecure=insecure,
        server_key=server_key,
        secret_key=secret_key,
    )
    counts = Watcher(settings).run()
    if counts.missed or counts.refused:
        sys.stderr.write(
            f"wigwag: {counts.missed} messages missed, {counts.refused} not understood\n"
        )
    raise typer.Exit(130)


def _microseconds(seconds: float | None) -> int | None:
    return None if seconds is None else round(seconds * 1e6)
