"""What must hold of any control request to a brain or a source, and how to break them.

A case is one msgpack array of the message's parts. The same stages answer one case after the other,
so that what earlier requests have made of them is there too.
"""

from __future__ import annotations

import json
import os
import tempfile
import threading
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from random import Random

import msgspec
import numpy as np
import zmq

from models.engines import load_engine
from models.live_learning import ONLINE
from pipeline.addresses import ipc_address, private_run_directory
from pipeline.brain_control import BrainControl
from pipeline.brain_parts import make_pupil
from pipeline.brain_settings import BrainSettings
from pipeline.bus import EventPublisher, EventSubscriber
from pipeline.control import ControlServer, Request
from pipeline.source import SourceSettings, _SourceRun
from pipeline.teacher import Teacher
from recordings.formats import open_recording
from tests.fuzz.mutations import mutate, mutate_value
from tests.pipeline.conftest import ROOT, save_tiny_network

SAMPLE = ROOT / "recordings/samples/simulated-session.aedat4"


def control_seeds() -> list[bytes]:
    """Requests as programs send them; not `stop`, nor `compare`, which starts a process."""
    requests: tuple[Request, ...] = (
        {"command": "status"},
        {"command": "target", "class": 4, "t_us": 5_000_000, "seconds": 2.5},
        {"command": "target", "class": "arm roll", "source": "cam"},
        {"command": "target", "class": None},
        {"command": "view", "view": "10,20,64@0.5"},
        {"command": "add_class", "name": "thumbs up"},
        {"command": "undo"},
        {"command": "save", "name": "mine"},
        {"command": "versions"},
        {"command": "load", "version": 0},
        {"command": "rehearsal", "on": True},
        {"command": "settings", "rate": 1e-4, "threshold": 0.5, "min_events_per_s": 100},
        {"command": "pause"},
        {"command": "resume"},
        {"command": "step", "packets": 3},
        {"command": "seek", "s": 1.5},
        {"command": "filters", "hot_pixels": "find", "noise_ms": 2.5},
    )
    return [msgspec.msgpack.encode([msgspec.json.encode(request)]) for request in requests]


def mutate_request(seed: bytes, others: Sequence[bytes], random: Random) -> bytes:
    """A request changed as bytes or as JSON, in more parts than one, or one that is as it was."""
    if random.randrange(5) == 0:
        return seed
    parts: list[bytes] = msgspec.msgpack.decode(seed)
    if random.randrange(3):
        value = mutate_value(json.loads(parts[0]), random)
        parts[0] = json.dumps(value).encode("utf-8", "replace")
    else:
        parts[0] = mutate(parts[0], (), random)
    if random.randrange(20) == 0:
        parts = parts * random.choice((0, 2, 5))
    if random.randrange(200) == 0:
        parts = [b"[" * 100_000]
    return msgspec.msgpack.encode(parts)


def check_request(data: bytes, folder: Path) -> bool:
    """Have a brain and a source answer; whether the request was one for either."""
    stages = _stages()
    parts = [zmq.Frame(part) for part in msgspec.msgpack.decode(data)]
    understood = False
    for server in (stages.brain, stages.source):
        answer = msgspec.json.decode(server._answer(parts), type=Request)
        assert isinstance(answer.pop("ok"), bool)
        error = str(answer.get("error", ""))
        assert not error or ("allowed: " in error and "got " in error), error
        understood = understood or not error
    stages.go_on()
    return understood


class _Stages:
    """A brain that is taught, and a source of a recording; neither has a socket in use."""

    def __init__(self) -> None:
        self._stack = ExitStack()
        folder = private_run_directory()
        checkpoint = Path(tempfile.mkdtemp()) / "tiny.safetensors"
        save_tiny_network(checkpoint)
        engine = load_engine(checkpoint, engine="events", learning=ONLINE)
        events = EventSubscriber([ipc_address(folder, "events")])
        settings = BrainSettings(
            connect=("ipc://none",),
            checkpoint=checkpoint,
            teach=True,
            save_folder=checkpoint.parent,
        )
        self._pupil = make_pupil(settings, engine, [], [events], lambda _: True, self._stack)
        control = BrainControl(
            pupils=[self._pupil],
            learning=True,
            save=[None],
            save_folder=checkpoint.parent,
            status=lambda: {"frames": self._frames},
            record=lambda _: {},
        )
        self.brain = ControlServer(ipc_address(folder, "brain"), control.handle)
        recording = open_recording(SAMPLE)
        source = _SourceRun(SourceSettings(bind=""), recording, threading.Event())
        source._publisher = EventPublisher(ipc_address(folder, "given"), policy="drop")
        next(iter(source._paced))
        self.source = ControlServer(ipc_address(folder, "source"), source._answer)
        self._frames = 0

    def go_on(self) -> None:
        """A frame of noise for the brain."""
        teacher, recogniser = self._teacher, self._pupil.lanes[0].recogniser
        rng = np.random.default_rng(self._frames)
        frame = (rng.random((2, 16, 16)) < 0.05).astype(np.uint8)
        teacher.begin_frame(1000 * self._frames)
        recogniser.step(frame, 1000 * self._frames, 0)
        teacher.end_frame(frame)
        teacher.end_step(may_rehearse=True)
        self._frames += 1

    @property
    def _teacher(self) -> Teacher:
        assert self._pupil.session is not None
        return self._pupil.session.teacher


_of_process: dict[int, _Stages] = {}


def _stages() -> _Stages:
    """Those of this process: threads do not live through a fork."""
    if os.getpid() not in _of_process:
        _of_process[os.getpid()] = _Stages()
    return _of_process[os.getpid()]
