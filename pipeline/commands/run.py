"""Commands that do all in one go: replay, live."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from drivers.errors import InputError
from pipeline.commands import options as o
from pipeline.commands.brain_options import arguments, brain_arguments, brain_settings, check_files
from pipeline.commands.console import ConsolePort, WithConsole, beside
from pipeline.commands.session_replay import replay_of
from pipeline.commands.source_options import camera_names, films, filter_arguments, refuse_recording
from pipeline.console.settings import PORT
from pipeline.shell_words import shell_words


def register(app: typer.Typer) -> None:
    """Add the commands to the program."""
    for command in (replay, live):
        app.command()(command)


def replay(
    context: typer.Context,
    file: Annotated[
        Path | None, typer.Argument(help="A recording in any format wigwag reads.")
    ] = None,
    session: Annotated[
        Path | None,
        typer.Option(
            "--session",
            help="Instead: do again what `wigwag adapt` kept here, lessons and all, and compare.",
        ),
    ] = None,
    speed: o.Speed = "1",
    loop: o.Loop = False,
    start: o.Start = None,
    stop: o.Stop = None,
    step: Annotated[
        bool, typer.Option("--step", help="Start paused; s goes one packet on, space runs.")
    ] = False,
    checkpoint: o.Checkpoint = None,
    labels: o.Labels = None,
    learn: o.Learn = None,
    save: o.Save = None,
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
    as_json: o.AsJson = False,
    output: Annotated[
        Path | None, typer.Option("--output", help="Keep every label here, as JSON Lines.")
    ] = None,
    summary: Annotated[
        Path | None, typer.Option("--summary", help="Keep the closing summary here, as JSON.")
    ] = None,
) -> None:
    """Recognise the gestures of a recording: source, bus and brain in one go.

    Space pauses and goes on, s goes one packet on while paused, Ctrl-C ends.
    """
    from pipeline.session import Session, SessionSettings

    if (file is None) == (session is None):
        raise InputError(
            what="what to replay",
            got="a recording and a session" if file else "neither a recording nor a session",
            allowed="one of the two",
            todo="name a recording, or a session's folder with --session",
        )
    if session is not None:
        raise typer.Exit(
            replay_of(context, session, speed, save=save, output=output, summary=summary)
        )
    settings = brain_settings(
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
    check_files(settings, {"--output": output, "--summary": summary}, [file])
    o.parse_speed(speed)
    moving = arguments({"speed": speed, "start": start, "stop": stop})
    switches = [name for name, on in (("--loop", loop), ("--paused", step)) if on]
    run = Session(
        SessionSettings(
            sources=(("source", str(file), *moving, *switches),),
            brain_arguments=brain_arguments(settings),
            threads=threads,
            after_kill="end" if loop else "begin anew",
            standing_by=0 if loop else o.replay_stand_bys(speed),
            endless=loop,
            step=step,
            as_json=as_json,
            output=output,
            summary=summary,
        )
    )
    raise typer.Exit(run.run())


def live(
    camera: Annotated[
        list[str],
        typer.Option(
            "--camera",
            metavar="KIND[:OPTION=VALUE,...]",
            help="simulated, webcam, the path of a film, or what is installed; once for each of "
            "several, which one brain steps together.",
        ),
    ],
    separate: o.Separate = False,
    checkpoint: o.Checkpoint = None,
    save: o.Save = None,
    seed: o.Seed = 0,
    threads: o.Threads = 1,
    device: o.DeviceOption = o.Device.auto,
    engine: o.EngineOption = o.Engine.auto,
    window_ms: o.WindowMs = 500,
    threshold: o.Threshold = 0.5,
    min_events_per_s: o.MinEvents = 1000.0,
    layer: o.Layer = -1,
    view: o.Views = None,
    hot_pixels: o.HotPixelsOption = None,
    noise_ms: o.NoiseMs = None,
    as_json: o.AsJson = False,
    output: Annotated[
        Path | None,
        typer.Option("--output", help="Keep every label here as it comes, as JSON Lines."),
    ] = None,
    summary: Annotated[
        Path | None, typer.Option("--summary", help="Keep the closing summary here, as JSON.")
    ] = None,
    console: WithConsole = False,
    console_port: ConsolePort = PORT,
    save_folder: o.SaveFolder = None,
) -> None:
    """Recognise what cameras see, now: cameras, bus and brain in one go, until Ctrl-C.

    A brain that falls behind leaves frames out, and counts them. Space pauses and goes on. A stage
    that was killed is started again.
    """
    from pipeline.addresses import private_run_directory
    from pipeline.session import Session, SessionSettings

    for one in camera:
        refuse_recording(one, f"replay it: `{shell_words(('wigwag', 'replay', one))}`")
    settings = brain_settings(
        checkpoint=checkpoint,
        save=save,
        seed=seed,
        threads=threads,
        device=device,
        engine=engine,
        window_ms=window_ms,
        threshold=threshold,
        min_events_per_s=min_events_per_s,
        layer=layer,
        views=view,
    )
    # Numbered files of --separate are those of so many sources, wherever these will be.
    numbered = replace(settings, connect=tuple(map(str, range(len(camera)))), separate=separate)
    check_files(numbered, {"--output": output, "--summary": summary}, films(camera))
    addresses, shown = beside(console_port) if console else ((), None)
    # So that a brain that is started again knows what it was taught.
    kept = private_run_directory() / "latest.safetensors" if console else None
    session = Session(
        SessionSettings(
            sources=tuple(
                (
                    *("source", "--camera", one, "--backpressure=drop"),
                    *filter_arguments(hot_pixels, noise_ms),
                    *arguments({"name": name}),
                )
                for one, name in zip(camera, camera_names(camera), strict=True)
            ),
            brain_arguments=(
                *brain_arguments(settings),
                *(("--separate",) if separate else ()),
                "--when-behind=skip",
                *arguments({"save-folder": save_folder}),
                *(("--teach", *addresses, *arguments({"latest": kept})) if console else ()),
            ),
            console_arguments=shown,
            threads=threads,
            after_kill="go on",
            standing_by=1,
            endless=True,
            as_json=as_json,
            output=output,
            summary=summary,
        )
    )
    raise typer.Exit(session.run())
