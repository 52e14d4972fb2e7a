"""`wigwag replay --session`: the programs and options that do a session again."""

from __future__ import annotations

from pathlib import Path

import typer

from drivers.errors import InputError
from pipeline.commands import options as o
from pipeline.commands.brain_options import arguments

_WITHOUT_EFFECT = (
    "loop", "start", "stop", "step", "checkpoint", "labels", "learn", "seed", "threads", "device",
    "engine", "rate", "learn_every", "update_every", "window_ms", "threshold", "min_events_per_s",
    "layer",
)  # fmt: skip


def replay_of(
    context: typer.Context,
    path: Path,
    speed: str,
    *,
    save: Path | None,
    output: Path | None,
    summary: Path | None,
) -> int:
    """Replay the session in a folder; returns the exit status. Raises `InputError`."""
    from pipeline.session import Session, SessionSettings
    from pipeline.session_folder import SessionFolder
    from pipeline.session_log import read_session_log
    from recordings.outputs import check_outputs

    o.refuse(context, _WITHOUT_EFFECT, "a session's own settings", "leave it out")
    o.parse_speed(speed)
    check_outputs({"--save": save, "--output": output, "--summary": summary}, path.rglob("*"))
    folder = SessionFolder(path)
    options = dict(folder.read_settings()["options"])
    streams = read_session_log(folder.log).of("stream")
    if not streams or not folder.events.is_file():
        raise InputError(
            what=f"session {path}",
            got="no events" if streams else f"no stream in {folder.log}",
            allowed="a session that kept events, and said so in its log",
            todo="record one with `wigwag adapt --session`",
        )
    given = path / "clips" / "given.npz"
    options |= {
        "checkpoint": folder.checkpoint,
        "replay-session": path,
        "rehearse": given if given.is_file() else None,
        "save": save,
    }
    return Session(
        SessionSettings(
            sources=(
                (
                    "source",
                    str(folder.events),
                    *arguments({"speed": speed, "name": streams[0]["source"]}),
                ),
            ),
            brain_arguments=arguments(options),
            threads=int(options["threads"]),
            after_kill="begin anew",
            standing_by=o.replay_stand_bys(speed),
            as_json=bool(context.params.get("as_json")),
            output=output,
            summary=summary,
        )
    ).run()
