"""The source process: a recording, or any other source of events, given out on the bus in time."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import msgspec

from drivers.camera_health import CameraHealth
from drivers.cameras import open_camera
from drivers.errors import InputError
from drivers.events import EventPacket, EventSource
from pipeline import event_filters
from pipeline.bus import SEND_HWM, EventPublisher
from pipeline.control import ControlServer, Request
from pipeline.event_filters import EventFilters
from pipeline.filter_settings import FilterSettings
from pipeline.logs import say
from pipeline.loss_notice import LossNotice
from pipeline.memory import keep_freed_memory
from pipeline.process_guard import exit_with_parent, restarts_before, stopping_on_signals
from pipeline.security import CurveServer
from pipeline.telemetry import StageTelemetry
from pipeline.wire import StreamTotals, check_name, encode_end, encode_json, encode_packet, topic
from recordings.pacing import PacedSource
from recordings.recording import Recording

STAGE = "source"
_PATIENCE_S = 10.0
MOST_SEEK_S = 1e9
_FAREWELL_S = 1.0
"""After an interruption readers have this long to take in what they were given, and the end."""
_LINGER_S = 0.2
"""After that, what is queued has this long to leave."""

Ending = Literal["end of recording", "stopped", "interrupted"]


@dataclass(frozen=True, slots=True)
class SourceSettings:
    """What a source process is asked to do."""

    bind: str
    """Where events go out."""
    recording: Path | None = None
    """What to replay; not needed where there is a camera or `run_source` is given a source."""
    camera: str | None = None
    """A camera instead of a recording, as `drivers.cameras.open_camera` takes it."""
    name: str | None = None
    """The source's name on the bus; by default that of the recording."""
    control: str | None = None
    """Where requests are answered: status, pause, resume, step, seek, filters, stop."""
    speed: float | None = 1.0
    """Times real time; None is as fast as it goes."""
    loop: bool = False
    paused: bool = False
    """Wait for resume or step before the first packet."""
    hurry_us: int = 0
    """So much from the beginning is given out as fast as it goes, whatever the speed."""
    start_us: int | None = None
    stop_us: int | None = None
    """Half-open part `[start_us, stop_us)`, as `open_recording` takes it."""
    policy: Literal["block", "drop"] = "block"
    subscribers: int = 1
    """How many to wait for before the first packet."""
    send_hwm: int = SEND_HWM
    """Packets that wait for each subscriber."""
    hot_pixels: bool | None = None
    """Whether hot pixels are found and left out; None: where the source is a real sensor."""
    noise_ms: float | None = None
    """Time of the background-activity filter; None is off."""
    secret_key: Path | None = None
    """CURVE key file of the addresses bound here."""
    insecure: bool = False


@dataclass(frozen=True, slots=True)
class SourceReport:
    """How a source process ended."""

    totals: StreamTotals
    ended: Ending


def run_source(
    settings: SourceSettings,
    source: EventSource | None = None,
    stop: threading.Event | None = None,
) -> SourceReport:
    """Give out a source to its end, a stop request, SIGINT or SIGTERM; then say the totals.

    Damage and losses are also said on standard error. Raises `InputError` for settings or a
    recording that cannot be used; damage after the first packet ends the stream instead.
    """
    exit_with_parent()
    keep_freed_memory()
    stop = stop or threading.Event()
    with stopping_on_signals(stop), source or _open(settings) as opened:
        return _SourceRun(settings, opened, stop).run()


def _open(settings: SourceSettings) -> EventSource:
    if settings.camera is not None:
        return open_camera(settings.camera)
    # Here, because the readers bring large libraries that a camera does not need.
    from recordings.formats import open_recording

    if settings.recording is None:
        raise InputError(
            what="source",
            got="no recording",
            allowed="the path of a recording",
            todo="name one",
        )
    # In time, a millisecond of the clock a packet; otherwise whatever is fastest to read.
    packet_us = None if settings.speed is None else max(1000, round(1000 * settings.speed))
    opened: EventSource = open_recording(
        settings.recording,
        packet_us=packet_us,
        start_us=settings.start_us,
        stop_us=settings.stop_us,
    )
    return opened


class _SourceRun:
    """One source on its way through one publisher."""

    def __init__(
        self, settings: SourceSettings, source: EventSource, stop: threading.Event
    ) -> None:
        self._settings = settings
        self._source = source
        self._stop = stop
        self._stop_requested = False
        self._name = check_name(settings.name or source.name)
        self._telemetry = StageTelemetry(STAGE)
        self._telemetry_seq = 0
        self._packets = 0
        self._events = 0
        self._lost = 0
        self._losses = LossNotice(self._say)
        self._unsaid_lost = 0
        self._unsaid_filters: FilterSettings | None = None
        self._t_end_us = 0
        self._filters = EventFilters(source.sensor, _filters(settings, source))
        if getattr(source, "live", False):
            event_filters.warm_up()  # they may be switched on while a camera does not wait
        self._health: CameraHealth | None = getattr(source, "health", None)
        self._paced = PacedSource(
            source,
            speed=None if getattr(source, "live", False) else settings.speed,
            loop=settings.loop,
            paused=settings.paused,
            hurry_us=settings.hurry_us,
            stop=stop,
            on_wait=self._tell,
        )

    def run(self) -> SourceReport:
        """Bind, wait for subscribers, give everything out, close."""
        settings = self._settings
        keys = CurveServer(settings.secret_key) if settings.secret_key else None
        with EventPublisher(
            settings.bind,
            policy=settings.policy,
            topic=topic("events", self._name),
            send_hwm=settings.send_hwm,
            security=keys,
            insecure=settings.insecure,
            stop=self._stop,
            on_wait=self._tell,
        ) as self._publisher:
            if settings.control is None:
                return self._run()
            with ControlServer(
                settings.control, self._answer, security=keys, insecure=settings.insecure
            ).start():
                return self._run()

    def _run(self) -> SourceReport:
        damage: str | None = None
        if self._publisher.wait_for_subscribers(self._settings.subscribers):
            try:
                for packet in self._paced:
                    self._give_out(self._filters.apply(packet))
                    self._tell()
            except InputError as error:
                if not self._packets:
                    raise
                damage = str(error)
        damage = damage or getattr(self._source, "damage", None)
        totals = StreamTotals(
            events=self._events,
            packets=self._packets,
            damage=damage,
            lost=self._lost,
            t_end_us=self._t_end_us,
            removed=self._filters.counts.removed,
        )
        end = encode_end(self._name, self._source.sensor, totals, time.time_ns())
        if self._publisher.deliver(end, after_stop_s=_FAREWELL_S):
            self._publisher.wait_until_left(
                _PATIENCE_S,
                lambda: self._say("all sent; waiting for readers to leave"),
                after_stop_s=_FAREWELL_S,
            )
            self._publisher.close(_LINGER_S)
        else:
            self._publisher.offer(end)
            self._publisher.close(_LINGER_S)
        if damage:
            self._say(damage)
        for text in getattr(self._source, "left_out", tuple)():
            self._say(text)
        for filter_name, count in self._filters.counts.removed.items():
            self._say(f"{count:,} events removed: {filter_name}")
        if self._lost:
            self._say(f"{self._lost:,} events lost")
        if self._health is not None:
            self._say_health(self._health)
        return SourceReport(totals, self._ending())

    def _say(self, text: str) -> None:
        say(f"source {self._name}: {text}", "warning")

    def _say_notices(self) -> None:
        """What the camera has to tell since the last look."""
        while self._health is not None and self._health.notices:
            self._say(self._health.notices.popleft())

    def _say_health(self, health: CameraHealth) -> None:
        self._say_notices()
        if health.losses_of_unknown_size:
            self._say(
                f"{health.losses_of_unknown_size:,} times more events were lost; "
                "the camera does not say how many"
            )
        if health.events_held:
            self._say(f"{health.events_held:,} events came late, held at the latest time")
        if health.times_away:
            self._say(
                f"{health.times_away:,} times without camera, {health.away_us / 1e6:.1f} s in all"
            )

    def _ending(self) -> Ending:
        if self._stop_requested:
            return "stopped"
        return "interrupted" if self._stop.is_set() else "end of recording"

    def _give_out(self, packet: EventPacket) -> None:
        count = len(packet.events)
        self._lost += packet.lost_before
        said = replace(
            packet, source=self._name, lost_before=packet.lost_before + self._unsaid_lost
        )
        self._unsaid_filters = self._filters.take_change() or self._unsaid_filters
        message = encode_packet(said, time.time_ns(), filters=self._unsaid_filters)
        if self._publisher.publish(message, events=count):
            self._events += count
            self._unsaid_lost = 0
            self._unsaid_filters = None
        elif self._settings.policy == "drop":
            self._lost += count
            self._unsaid_lost += count + packet.lost_before
        else:  # stopped while waiting: not lost, but never given out, like all that follows
            return
        self._packets = packet.seq + 1
        self._t_end_us = packet.t_end_us
        self._telemetry.lost = self._lost
        self._telemetry.removed_hot = self._filters.counts.removed_hot
        self._telemetry.removed_noise = self._filters.counts.removed_noise
        if self._health is not None:
            self._telemetry.losses_of_unknown_size = self._health.losses_of_unknown_size
            self._telemetry.times_away = self._health.times_away
        self._telemetry.backlog_ns = self._paced.late_ns
        self._telemetry.add(count, time.time_ns() - packet.received_ns)

    def _tell(self) -> None:
        """Telemetry, once a second, to whoever listens and has room; notices of the camera at once,
        of losses now and then.
        """
        if self._health is not None and self._health.notices:
            self._say_notices()
        self._losses.look(self._lost)
        if not self._telemetry.snapshot_is_due():
            return
        payload = msgspec.json.encode(self._telemetry.snapshot())
        self._publisher.offer(
            encode_json("telemetry", STAGE, self._telemetry_seq, payload, time.time_ns())
        )
        self._telemetry_seq += 1

    def _answer(self, request: Request) -> dict[str, Any]:
        """The answer to a request, which comes in a thread of its own."""
        command = request.get("command")
        if command == "pause":
            self._paced.pause()
        elif command == "resume":
            self._paced.resume()
        elif command == "step":
            self._paced.step(_packets_of(request))
        elif command == "seek":
            self._seek(request.get("s"))
        elif command == "filters":
            self._filters.ask(request)
        elif command == "stop":
            self._stop_requested = True
            self._stop.set()
        elif command != "status":
            raise InputError(
                what="control request",
                got=f"command {command!r}",
                allowed="status, pause, resume, step, seek, filters, stop",
                todo="send one of these",
            )
        return {
            "source": self._name,
            "paused": self._paced.paused,
            "packets": self._packets,
            "events": self._events,
            "lost": self._lost,
            "t_end_us": self._t_end_us,
            "filters": self._filters.status(),
            "position_us": self._position_us(),
            "restarts": restarts_before(),
        }

    def _position_us(self) -> int | None:
        """How far into a recording it is; None for a camera and before the first packet."""
        latest_us = self._paced.latest_us
        if not isinstance(self._source, Recording) or latest_us is None:
            return None
        return latest_us - (self._source.t_first_us or 0)

    def _seek(self, seconds: object) -> None:
        if not isinstance(self._source, Recording) or (
            isinstance(seconds, bool)
            or not isinstance(seconds, (int, float))
            or not abs(seconds) <= MOST_SEEK_S
        ):
            raise InputError(
                what="seek",
                got=f"{seconds!r:.40} in {self._name}",
                allowed='"s": seconds from the beginning of a recording, up to a thousand million',
                todo="give such a number; cameras have no past",
            )
        self._source.seek(round(seconds * 1e6))
        self._paced.begin_anew()


def _filters(settings: SourceSettings, source: EventSource) -> FilterSettings:
    """A real sensor has hot pixels; what was recorded or made up stays as it is unless asked."""
    hot_pixels = settings.hot_pixels
    if hot_pixels is None:
        hot_pixels = bool(getattr(source, "real_sensor", False))
    return FilterSettings(hot_pixels=hot_pixels, noise_ms=settings.noise_ms)


def _packets_of(request: Request) -> int:
    packets = request.get("packets", 1)
    if not isinstance(packets, int) or isinstance(packets, bool) or not 1 <= packets <= 10**6:
        raise InputError(
            what="control request",
            got=f"step of {packets!r:.40} packets",
            allowed="1 to 1,000,000",
            todo="leave packets out to go one on",
        )
    return packets
