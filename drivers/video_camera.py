"""A webcam or a film as an event camera, through OpenCV."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from drivers.closing import Closing
from drivers.errors import InputError
from drivers.events import EventPacket, Events, SensorSize, empty_events
from drivers.frame_events import FrameEvents, FrameEventSettings, Picture

LARGEST = SensorSize(346, 260)
"""Larger pictures are reduced to fit: events of finer detail are lost in binning anyway."""
_QUIET = -8
"""FFmpeg's AV_LOG_QUIET."""
USUAL_FRAMES_PER_S = 30.0
"""Where a film does not say."""


class VideoCamera(Closing):
    """Events that an event camera would have given before the same scene. Not a real one's.

    Frames of a film keep the film's time from 0 on; those of a webcam are timed when they come.
    """

    def __init__(
        self,
        what: Path | int,
        *,
        packet_us: int = 1000,
        settings: FrameEventSettings | None = None,
    ) -> None:
        """Open a film, or the webcam of this number; raises `InputError` where it cannot be."""
        if packet_us < 1:
            raise InputError(
                what="packet length",
                got=f"{packet_us} us",
                allowed="1 us or more",
                todo="choose a longer one",
            )
        self.name = what.stem if isinstance(what, Path) else f"webcam{what}"
        self.live = not isinstance(what, Path)
        """Whether packets come at their own pace."""
        self.frames_without_time = 0
        """Frames left out because their time was not later than that of the one before."""
        self.events_left_out = 0
        """Beyond what one pixel gives between two frames."""
        self.damage: str | None = None
        """Set at the end of a film that has fewer pictures than it says."""
        self._what = what
        self._packet_us = packet_us
        self._settings = settings or FrameEventSettings()
        self._capture = _open(what)
        picture = self._read()
        if picture is None:
            self.close()
            raise InputError(
                what=_called(what),
                got="no picture",
                allowed="a film with pictures, or a webcam that gives some",
                todo="see whether another program can show it, or uses it right now",
            )
        self._first = picture
        self.sensor = SensorSize(picture.shape[1], picture.shape[0])
        self._closed = False

    def __iter__(self) -> Iterator[EventPacket]:
        """Packets from the first frame on; a film begins anew each time."""
        pixels = FrameEvents(self.sensor, self._settings)
        waiting: list[Events] = []
        begin_us, seq = 0, 0
        self.events_left_out = 0
        for t_us, picture in self._timed():
            waiting.append(pixels.see(picture, t_us))
            self.events_left_out = pixels.left_out
            ready = np.concatenate(waiting)
            while begin_us + self._packet_us <= t_us:
                if self._closed:
                    return
                end_us = begin_us + self._packet_us
                count = int(np.searchsorted(ready["t"], end_us))
                yield self._packet(ready[:count], seq, begin_us, end_us)
                ready, begin_us, seq = ready[count:], end_us, seq + 1
            waiting = [ready]
        rest = np.concatenate(waiting) if waiting else empty_events()
        if rest.size:
            yield self._packet(rest, seq, begin_us, int(rest["t"][-1]) + 1)

    def left_out(self) -> Iterator[str]:
        """What was not given out, in words."""
        for number, text in (
            (self.frames_without_time, "pictures without a time of their own, left out"),
            (self.events_left_out, "events of too sudden a change of light, left out"),
        ):
            if number:
                yield f"{number:,} {text}"

    def close(self) -> None:
        """Give the webcam or file back."""
        self._closed = True
        self._capture.release()

    def _packet(self, events: Events, seq: int, begin_us: int, end_us: int) -> EventPacket:
        return EventPacket(
            events=events,
            sensor=self.sensor,
            source=self.name,
            seq=seq,
            t_begin_us=begin_us,
            t_end_us=end_us,
            received_ns=time.time_ns(),
        )

    def _timed(self) -> Iterator[tuple[int, Picture]]:
        """Pictures with their times in microseconds, which only grow."""
        film = isinstance(self._what, Path)
        if film:
            self._capture.set(cv2.CAP_PROP_POS_FRAMES, 0)
        else:
            yield 0, self._first
        begun_ns = time.monotonic_ns()
        rate = self._capture.get(cv2.CAP_PROP_FPS)
        frame_us = 1e6 / (rate if rate > 0 else USUAL_FRAMES_PER_S)
        last_us, number = -1 if film else 0, 0
        self.frames_without_time, self.damage = 0, None
        while not self._closed and (picture := self._read()) is not None:
            if film:
                # A film with frames of unequal length says when; others say 0 throughout.
                said_us = round(1000 * self._capture.get(cv2.CAP_PROP_POS_MSEC))
                t_us = said_us if said_us > 0 else round(number * frame_us)
            else:
                t_us = (time.monotonic_ns() - begun_ns) // 1000
            number += 1
            if t_us <= last_us:
                self.frames_without_time += 1
                continue
            last_us = t_us
            yield t_us, picture
        promised = self._capture.get(cv2.CAP_PROP_FRAME_COUNT) if film else 0.0
        # What a file says is often an estimate, from its length in time.
        if not self._closed and number < 0.98 * promised - 2:
            self.damage = (
                f"{_called(self._what)}: ended after {number:,} of {promised:,.0f} pictures"
            )

    def _read(self) -> Picture | None:
        """The next picture in grey, reduced to fit `LARGEST`; None at the end."""
        found, picture = self._capture.read()
        if not found:
            return None
        if picture.ndim == 3:
            picture = cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY)
        height, width = picture.shape
        share = min(1.0, LARGEST.width / width, LARGEST.height / height)
        if share < 1.0:
            size = (max(1, round(width * share)), max(1, round(height * share)))
            picture = cv2.resize(picture, size, interpolation=cv2.INTER_AREA)
        return np.asarray(picture, np.uint8)


def _open(what: Path | int) -> Any:
    if isinstance(what, Path) and not what.is_file():
        raise InputError(
            what=_called(what),
            got="no such file",
            allowed="an existing film",
            todo="check the path",
        )
    # What cannot be opened or read is told by us, in one line.
    os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", str(_QUIET))
    cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)
    capture = _capture(what)
    if not capture.isOpened():
        raise InputError(
            what=_called(what),
            got="nothing that OpenCV can open",
            allowed="a film in a format that OpenCV reads, or a webcam that is plugged in",
            todo="convert the film to MP4, or see what is plugged in",
        )
    return capture


def _capture(what: Path | int) -> Any:
    """What OpenCV makes of it, opened or not."""
    if not isinstance(what, Path):
        return cv2.VideoCapture(what)
    # OpenCV's own reader of AVI, which is tried next, prints what is wrong whatever it is set to.
    with_ffmpeg = cv2.CAP_FFMPEG in cv2.videoio_registry.getStreamBackends()
    return cv2.VideoCapture(str(what), cv2.CAP_FFMPEG if with_ffmpeg else cv2.CAP_ANY)


def _called(what: Path | int) -> str:
    return f"film {what}" if isinstance(what, Path) else f"webcam {what}"
