"""`wigwag adapt`: a camera, a brain that is taught, and a recorder, with everything kept."""

from __future__ import annotations

import json
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from drivers.errors import InputError
from pipeline.commands import options as o
from pipeline.commands.brain_options import arguments, brain_arguments, brain_settings, check_files
from pipeline.commands.console import ConsolePort, WithConsole, beside
from pipeline.commands.source_options import films, filter_arguments, is_recording
from pipeline.console.settings import PORT
from pipeline.shell_words import shell_words

_BAD_INPUT = 2
_BEGINNING_S = 60.0
"""Bad input ends a session before it begins within this time. What was recorded for longer is kept
even where no brain lived to say that it had seen it."""


def register(app: typer.Typer) -> None:
    """Add the command to the program."""
    app.command()(adapt)


def adapt(
    context: typer.Context,
    camera: Annotated[
        str,
        typer.Option(
            "--camera",
            metavar="KIND[:OPTION=VALUE,...]|RECORDING",
            help="simulated, webcam, the path of a film, what is installed, or a recording.",
        ),
    ],
    session: Annotated[
        Path, typer.Option("--session", help="New folder, in which everything is kept.")
    ],
    control: Annotated[
        str | None,
        typer.Option("--control", metavar="ADDR", help="Where to be taught; else one is made."),
    ] = None,
    publish: Annotated[
        str | None,
        typer.Option("--publish", metavar="ADDR", help="Labels and telemetry for watchers."),
    ] = None,
    rehearse: o.Rehearse = None,
    speed: o.Speed = "1",
    checkpoint: o.Checkpoint = None,
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
    hot_pixels: o.HotPixelsOption = None,
    noise_ms: o.NoiseMs = None,
    as_json: o.AsJson = False,
    console: WithConsole = False,
    console_port: ConsolePort = PORT,
    secret_key: o.SecretKey = None,
    insecure: o.Insecure = False,
) -> None:
    """Recognise what a camera sees, and be taught: `wigwag teach` from another terminal.

    Kept are events, lessons, versions, labels, the log and the checkpoint begun with, so that
    `wigwag replay --session` does all of it again. Where a stage is killed, a camera's session goes
    on in a folder beside it, from weights of five seconds ago at most. Ctrl-C ends.
    """
    from pipeline.addresses import check_address, ipc_address, private_run_directory
    from pipeline.atomic_file import write_atomically
    from pipeline.folder_claim import FolderClaim
    from pipeline.logs import say
    from pipeline.session import INTERRUPTED, Session, SessionSettings
    from pipeline.session_folder import SessionFolder

    settings = brain_settings(
        checkpoint=checkpoint,
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
    o.parse_speed(speed)
    for given in (control, publish):
        if given is not None:
            check_address(given)
    if console and secret_key is not None:
        raise InputError(
            what="--console",
            got="a session whose brain asks for keys (--secret-key)",
            allowed="one of the two",
            todo="start `wigwag console` beside it, with a key of its own",
        )
    folder = SessionFolder(session)
    kept = (folder.events, folder.checkpoint, folder.latest, folder.labels, folder.log)
    check_files(
        replace(settings, rehearse=rehearse),
        {f"--session, {path.name}": path for path in kept},
        films([camera]),
    )
    address = control or ipc_address(private_run_directory(), "control")
    addresses, shown = (
        beside(console_port, folder.log, publish=publish, control=address)
        if console
        else (arguments({"publish": publish, "control": address}), None)
    )
    recorded = is_recording(camera)
    if not recorded:
        o.refuse(context, ("speed",), "a camera, which sets its own pace", "leave it out")
    told = (
        ("source", camera, *arguments({"speed": speed}))
        if recorded
        else ("source", "--camera", camera, "--backpressure=drop")
    )

    claims: list[FolderClaim] = []

    def kept_in(folder: SessionFolder, begun: Path, rehearse: Path | None) -> SessionSettings:
        """What the stages do to keep a session, begun with a checkpoint, in a new folder."""
        claims.append(FolderClaim(folder))
        command = {"camera": camera, "command": sys.argv[1:]}
        write_atomically(folder.path / "source.json", json.dumps(command).encode() + b"\n")
        return SessionSettings(
            sources=((*told, *filter_arguments(hot_pixels, noise_ms), "--subscribers=2"),),
            brain_arguments=(
                *brain_arguments(replace(settings, checkpoint=begun)),
                *addresses,
                *arguments(
                    {
                        "session": folder.path,
                        "latest": folder.latest,
                        "rehearse": rehearse,
                        "secret-key": secret_key,
                        "when-behind": "wait" if recorded else "skip",
                    }
                ),
                *(("--insecure",) if insecure else ()),
            ),
            recorder_arguments=(str(folder.events),),
            console_arguments=shown,
            threads=threads,
            # A recording can be begun again by whoever wants it; a camera's moment is gone.
            after_kill="end" if recorded else "go on elsewhere",
            standing_by=0 if recorded else 1,
            elsewhere=lambda: kept_elsewhere(folder),
            endless=not recorded,
            as_json=as_json,
            summary=folder.summary,
            source_control=folder.source_control,
            greeting=f"teach it: wigwag teach CLASS {shell_words(('--session', session))}",
        )

    def kept_elsewhere(before: SessionFolder) -> SessionSettings:
        """The same in the next folder, from what was learnt and is rehearsed in the one before."""
        following = SessionFolder(session).next()
        kept = (before.latest, before.checkpoint)
        begun = next((path for path in kept if path.is_file()), settings.checkpoint)
        say(f"the session goes on in {following.path}, from {begun}", "warning")
        clips = before.path / "clips"
        return kept_in(following, begun, clips if any(clips.glob("*.npz")) else rehearse)

    run: Session | None = None
    status = _BAD_INPUT
    start_s = time.monotonic()
    try:
        run = Session(kept_in(folder, settings.checkpoint, rehearse))
        status = run.run()
    finally:
        # Of a session that never began nothing is left, so that its name can be given again.
        for claim in () if run is not None and run.began else claims:
            early = time.monotonic() - start_s < _BEGINNING_S
            if (status == _BAD_INPUT and early) or not claim.folder.events.is_file():
                claim.take_back()
                if status == INTERRUPTED:
                    say(f"interrupted before it began, {claim.folder.path} was not kept")
    raise typer.Exit(status)
