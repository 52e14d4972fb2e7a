"""The ear: a thread that hears a brain's labels and previews, while anybody looks on."""

from __future__ import annotations

import threading
from collections import Counter
from typing import Any

from drivers.errors import InputError
from pipeline import preview, wire
from pipeline.bus import EventSubscriber
from pipeline.console.hub import Hub
from pipeline.console.settings import ConsoleSettings
from pipeline.labels import decode_label
from pipeline.security import CurveClient

_WAIT_MS = 50
_RECEIVE_HWM = 8
"""Messages; what is behind these is out of date."""


class Ear:
    """Listens from `start` to `close`; what is not understood is counted in `refused`."""

    def __init__(self, settings: ConsoleSettings, hub: Hub) -> None:
        self.refused: Counter[str] = Counter()
        self._settings = settings
        self._hub = hub
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name="ear", daemon=True)

    def start(self) -> None:
        """Listen from now on."""
        self._thread.start()

    def close(self) -> None:
        """Stop listening."""
        self._closing.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._closing.is_set():
            if self._hub.watched.wait(_WAIT_MS / 1000):
                self._listen()

    def _listen(self) -> None:
        settings = self._settings
        key = CurveClient(settings.server_key, settings.secret_key) if settings.server_key else None
        with EventSubscriber(
            [settings.connect],
            (b"labels/", preview.TOPIC),
            receive_hwm=_RECEIVE_HWM,
            security=key,
            insecure=settings.insecure,
        ) as bus:
            while self._hub.watched.is_set() and not self._closing.is_set():
                parts = bus.receive(_WAIT_MS)
                if parts is not None:
                    self._take(parts)

    def _take(self, parts: list[Any]) -> None:
        try:
            message = wire.decode(parts)
            if not isinstance(message, wire.JsonMessage):
                self.refused["kind"] += 1
            elif message.kind == "preview":
                preview.decode_preview(message.payload)
                self._hub.hear(f"preview {message.source}", message.payload)
            elif message.kind == "label":
                decode_label(message.payload)
                text = message.payload.decode().strip()
                self._hub.hear(f"label {message.source}", f'{{"kind":"label","label":{text}}}')
        except wire.WireError as error:
            self.refused[error.reason] += 1
        except InputError:
            self.refused["payload"] += 1
