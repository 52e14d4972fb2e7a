"""The watcher: labels and telemetry of a running brain, printed as they come."""

from __future__ import annotations

import signal
import sys
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any

import msgspec

from drivers.errors import InputError
from pipeline import wire
from pipeline.bus import EventSubscriber
from pipeline.label_printer import LabelPrinter
from pipeline.labels import decode_label
from pipeline.security import CurveClient
from pipeline.silence_notice import SilenceNotice

_WAIT_MS = 100


@dataclass(frozen=True, slots=True)
class WatchSettings:
    """Of `run_watch`."""

    connect: str
    """Where the brain publishes."""
    telemetry: bool = True
    as_json: bool = False
    """JSON Lines: `{"label": {...}}` and `{"telemetry": {...}}`."""
    insecure: bool = False
    server_key: Path | None = None
    """Public CURVE key of the brain."""
    secret_key: Path | None = None
    """Secret CURVE key of this watcher, which the brain must let in."""


@dataclass(slots=True)
class WatchCounts:
    """What a watcher got."""

    labels: int = 0
    telemetry: int = 0
    missed: int = 0
    """Messages that the bus dropped because this watcher was slow."""
    refused: int = 0


class Watcher:
    """Prints until it is interrupted; it never holds up the brain."""

    def __init__(self, settings: WatchSettings) -> None:
        self.counts = WatchCounts()
        self._settings = settings
        self._printer = LabelPrinter(sys.stdout)
        self._seen: Counter[str] = Counter()
        self._stop = False

    def run(self) -> WatchCounts:
        """Watch until SIGINT or SIGTERM; raises `InputError` for the address."""
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._interrupt)
        settings = self._settings
        topics = (b"labels/", b"telemetry/") if settings.telemetry else (b"labels/",)
        key = CurveClient(settings.server_key, settings.secret_key) if settings.server_key else None
        with EventSubscriber(
            [settings.connect], topics, security=key, insecure=settings.insecure
        ) as bus:
            silence = SilenceNotice("labels or telemetry", settings.connect)
            while not self._stop:
                parts = bus.receive(_WAIT_MS)
                if parts is None:
                    silence.look()
                else:
                    silence.heard()
                    self._take(parts)
        return self.counts

    def _interrupt(self, _number: int, _frame: FrameType | None) -> None:
        self._stop = True

    def _take(self, parts: list[Any]) -> None:
        try:
            message = wire.decode(parts)
            if not isinstance(message, wire.JsonMessage):
                self.counts.refused += 1
                return
            shown = self._show(message)
        except (InputError, msgspec.DecodeError, UnicodeDecodeError):
            self.counts.refused += 1
            return
        if message.kind in self._seen:
            self.counts.missed += max(0, message.seq - self._seen[message.kind])
        self._seen[message.kind] = message.seq + 1
        if shown:
            sys.stdout.write(shown)
            sys.stdout.flush()

    def _show(self, message: wire.JsonMessage) -> str:
        """What to print of it, if the label printer does not do so itself."""
        if message.kind == "label":
            label = decode_label(message.payload)
            self.counts.labels += 1
            if self._settings.as_json:
                return f'{{"label": {message.payload.decode().strip()}}}\n'
            first = "label" not in self._seen
            # Who joins late wants to know at once what is seen now.
            self._printer.show(msgspec.structs.replace(label, changed=True) if first else label)
            return ""
        figures: dict[str, Any] = msgspec.json.decode(message.payload, type=dict[str, Any])
        self.counts.telemetry += 1
        if self._settings.as_json:
            return f'{{"telemetry": {message.payload.decode().strip()}}}\n'
        return (
            f"{message.source}: "
            + ", ".join(
                f"{name} {value:.1f}" if isinstance(value, float) else f"{name} {value}"
                for name, value in figures.items()
                # What has parts (views, each of several sources) is for --json.
                if value is not None and not isinstance(value, dict | list)
            )
            + "\n"
        )
