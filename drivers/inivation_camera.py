"""Cameras of iniVation through dv-processing: DVS128, DAVIS240 and 346, DVXplorer.

dv-processing drops what its buffers do not hold without saying so: of such losses nothing is
known here. It is imported by this module only, when a camera is asked for.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import dv_processing as dv
import numpy as np

from drivers.camera_health import CameraHealth
from drivers.camera_options import Region, check_bias, read_biases, read_region, unknown_bias
from drivers.closing import Closing
from drivers.errors import CameraGoneError, InputError
from drivers.events import EVENT_DTYPE, EventPacket, SensorSize
from drivers.live_packets import LivePackets, Reading, nothing

PACKET_MS = 1
"""The library's own is 10 ms."""
MOST_PLAIN_BIAS = (1 << 24) - 1
"""Of a DVS128: 24 bits a bias."""
MOST_COARSE_FINE = 7 * 256 + 255
"""Of a DAVIS: three bits and eight."""
MOST_CONTRAST_THRESHOLD = 255
"""Of a DVXplorer: a byte; the library may allow less, and says so."""
_IDLE_S = 0.0003
"""The library does not wait for events: between two looks at it."""
_UNREAD = (
    "setFramesRunning",
    "setImuRunningAccelerometer",
    "setImuRunningGyroscope",
    "setImuRunningTemperature",
)
"""Switched off where a model has them: what is not read fills the library's buffers."""


class InivationCamera(Closing):
    """Events of an open camera, as they come. Its clock is that of the stream."""

    live = True
    real_sensor = True

    def __init__(self, device: Any) -> None:
        """`device` is what `dv_processing.io.camera.open` gives, or any input of its kind."""
        self.name = str(device.getCameraName())
        width, height = device.getEventResolution()
        self.sensor = SensorSize(width, height)
        self.health = CameraHealth()
        self._device: Any = device

    def __iter__(self) -> Iterator[EventPacket]:
        """Packets until it is closed; raises `CameraGoneError` when the camera is unplugged."""
        make = LivePackets(self.name, self.sensor, self.health)
        while (device := self._device) is not None:
            packet = make.packet(self._read(device))
            if packet is not None:
                yield packet

    def close(self) -> None:
        """Give the camera back: the library does so when nobody holds it any more."""
        self._device = None

    def _read(self, device: Any) -> Reading:
        try:
            batch = device.getNextEventBatch()
            running = batch is not None or device.isRunning()
        except RuntimeError as error:
            raise CameraGoneError(self.name, first_line(error)) from error
        if not running:
            raise CameraGoneError(self.name, "dv-processing says that it no longer runs")
        if batch is None or batch.isEmpty():
            time.sleep(_IDLE_S)
            return nothing()
        raw = batch.numpy()
        events = np.empty(raw.size, EVENT_DTYPE)
        for ours, theirs in (("t", "timestamp"), ("x", "x"), ("y", "y"), ("on", "polarity")):
            events[ours] = raw[theirs]
        return Reading(events)


def open_inivation(serial: str = "", biases: str = "", roi: str = "") -> InivationCamera:
    """The first camera of iniVation, or the one with this serial number."""
    try:
        found = [one for one in dv.io.camera.discover() if serial in ("", one.serialNumber)]
    except RuntimeError as error:
        raise _cannot_open(first_line(error)) from error
    if not found:
        raise _cannot_open(f"none with serial number {serial}" if serial else "none plugged in")
    try:
        device = dv.io.camera.open(found[0])
    except (RuntimeError, IndexError) as error:
        raise _cannot_open(first_line(error)) from error
    camera = InivationCamera(device)
    try:
        configure(
            device,
            camera.name,
            read_biases(camera.name, biases),
            read_region(camera.name, roi, camera.sensor),
        )
    except InputError:
        raise
    except (RuntimeError, ValueError, IndexError, TypeError) as error:
        # What the library says of values that it does not take depends on the model.
        raise _cannot_open(first_line(error)) from error
    return camera


def configure(device: Any, name: str, biases: dict[str, int], region: Region | None) -> None:
    """Have a camera send events only, every millisecond, with these biases, of this region.

    A bias of a DAVIS is 256 times its coarse value plus the fine one; a DVXplorer has `on` and
    `off`, its contrast thresholds; a DVS128 has plain numbers. Raises `InputError` for others.
    """
    device.setTimeInterval(timedelta(milliseconds=PACKET_MS))
    for setter in _UNREAD:
        if hasattr(device, setter):
            getattr(device, setter)(False)
    for bias, value in biases.items():
        _set_bias(device, name, bias, value)
    if region is not None:
        device.setCropArea((region.x, region.y, region.width, region.height))


def first_line(error: Exception) -> str:
    """What an error of dv-processing says: the line after its place, without the stack it adds."""
    lines = [line for line in str(error).splitlines() if line.strip()]
    said = next((line for line in lines if line.startswith(type(error).__name__)), "")
    return said.partition(": ")[2] or (lines[0] if lines else type(error).__name__)


def _set_bias(device: Any, name: str, bias: str, value: int) -> None:
    model = dv.io.camera
    if hasattr(device, "setContrastThresholdOn"):
        setters = {"on": device.setContrastThresholdOn, "off": device.setContrastThresholdOff}
        if bias not in setters:
            raise unknown_bias(name, bias, tuple(setters))
        check_bias(name, bias, value, MOST_CONTRAST_THRESHOLD)
        setters[bias](value)
    elif hasattr(device, "setBias"):
        place = _member(name, model.DVS128.Bias, bias)
        check_bias(name, bias, value, MOST_PLAIN_BIAS)
        device.setBias(place, value)
    elif "346" in device.getSensorModel().name:
        place = _member(name, model.DAVIS.Davis346BiasCF, bias)
        check_bias(name, bias, value, MOST_COARSE_FINE)
        device.setDavis346BiasCoarseFine(place, *divmod(value, 256))
    else:
        place = _member(name, model.DAVIS.Davis240BiasCF, bias)
        check_bias(name, bias, value, MOST_COARSE_FINE)
        device.setDavis240BiasCoarseFine(place, *divmod(value, 256))


def _member(name: str, kinds: Any, bias: str) -> Any:
    known = kinds.__members__
    if bias not in known:
        raise unknown_bias(name, bias, tuple(known))
    return known[bias]


def _cannot_open(got: str) -> InputError:
    return InputError(
        what="camera inivation",
        got=got,
        allowed="a camera of iniVation that is plugged in and may be opened",
        todo="see `wigwag devices`",
    )
