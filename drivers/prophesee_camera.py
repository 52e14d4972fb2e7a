"""Cameras that neuromorphic-drivers knows: Prophesee EVK3 and EVK4, DAVIS346, DVXplorer, others.

The library says how far behind its reader is and where packets of the USB bus were dropped, but not
how many events were in them. It is imported by this module only, when a camera is asked for.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields
from typing import Any

import neuromorphic_drivers as nd

from drivers.camera_health import CameraHealth
from drivers.camera_options import (
    Region,
    absent_option,
    read_biases,
    read_region,
    unknown_bias,
)
from drivers.cameras import number
from drivers.closing import Closing
from drivers.errors import CameraGoneError, InputError
from drivers.events import EVENT_DTYPE, EventPacket, SensorSize, empty_events
from drivers.live_packets import LivePackets, Reading, nothing

TIMEOUT_S = 0.001
"""The library gives what it has after this long; without, it would wait for events."""
MOST_BEHIND = 1024
"""Buffers of 128 KiB that may wait (the library has 4096): beyond, they are thrown away."""
_RATE_PERIOD_US = 200
"""Over which a camera counts events for its own limit; its longest."""

MODELS = {name.name.lower(): name for name in nd.Name}
"""Names of the models, each also that of its module in the library."""


class PropheseeCamera(Closing):
    """Events of an open camera, as they come. Its clock is that of the stream."""

    live = True
    real_sensor = True

    def __init__(self, device: Any) -> None:
        """`device` is what `neuromorphic_drivers.open` gives, with an iterator timeout."""
        properties = device.properties()
        self.name = f"{device.name().value} {device.serial()}".replace(" ", "-")
        self.sensor = SensorSize(properties.width, properties.height)
        self.health = CameraHealth()
        self._device: Any = device
        self._dropped = 0

    def __iter__(self) -> Iterator[EventPacket]:
        """Packets until it is closed; raises `CameraGoneError` when the camera is unplugged."""
        make = LivePackets(self.name, self.sensor, self.health)
        while self._device is not None:
            packet = make.packet(self._read(self._device))
            if packet is not None:
                yield packet

    def close(self) -> None:
        """Give the camera back."""
        device, self._device = self._device, None
        if device is not None:
            device.close()

    def _read(self, device: Any) -> Reading:
        try:
            status, packet = next(device)
            if status.ring is not None and status.ring.backlog > MOST_BEHIND:
                device.clear_backlog(until=0)
                self._lost(
                    f"{status.ring.backlog} buffers behind: thrown away, "
                    "with an unknown number of events"
                )
        except (RuntimeError, StopIteration) as error:
            raise CameraGoneError(self.name, str(error) or "it gives no more") from error
        if status.ring is None or packet is None:
            return nothing()
        self._count_drops(status.ring.dropped_packets, packet.polarity_events_overflow_indices)
        events = packet.polarity_events
        if events is None:
            events = empty_events()
        elif events.dtype != EVENT_DTYPE:
            raise InputError(
                what=f"events of camera {self.name}",
                got=str(events.dtype),
                allowed=str(EVENT_DTYPE),
                todo="install the version of neuromorphic-drivers in constraints.txt",
            )
        return Reading(events, until_us=getattr(status.ring, "current_t", None))

    def _count_drops(self, dropped_packets: int, overflows: Any) -> None:
        """Drops of USB packets since the camera was opened; which events follow one."""
        dropped = dropped_packets - self._dropped
        self._dropped = dropped_packets
        places = 0 if overflows is None else len(overflows)
        if dropped or places:
            self._lost(
                f"{dropped} packets of the USB bus dropped, with an unknown number of events"
                if dropped
                else "packets of the USB bus dropped, with an unknown number of events"
            )

    def _lost(self, notice: str) -> None:
        self.health.losses_of_unknown_size += 1
        self.health.notices.append(notice)


def open_prophesee(
    model: str = "", serial: str = "", biases: str = "", roi: str = "", rate: str = ""
) -> PropheseeCamera:
    """The first camera that the library knows, or that of this model or serial number."""
    configuration = None
    if model or biases or roi or rate:
        module = getattr(nd, _module_name(model, serial))
        configuration = configured(module, biases, roi, rate)
    try:
        device = nd.open(
            configuration=configuration, iterator_timeout=TIMEOUT_S, serial=serial or None
        )
    except RuntimeError as error:
        raise _cannot_open(in_plain_words(error)) from error
    return PropheseeCamera(device)


def configured(module: Any, biases: str, roi: str, rate: str) -> Any:
    """A model's `Configuration` with these options; `module` is the model's in the library.

    `rate` is in events per second; beyond it the camera leaves events out by itself, uncounted.
    Raises `InputError` for what the model does not have.
    """
    model = module.Configuration.type()
    sensor = SensorSize(module.Properties().width, module.Properties().height)
    configuration = module.Configuration()
    known = tuple(one.name for one in fields(module.Biases))
    for bias, value in read_biases(model, biases).items():
        if bias not in known:
            raise unknown_bias(model, bias, known)
        setattr(configuration.biases, bias, value)
    region = read_region(model, roi, sensor)
    if region is not None:
        _choose_region(module, configuration, model, region, sensor, roi)
    if rate:
        if not hasattr(module, "RateLimiter"):
            raise absent_option(model, "rate", rate)
        per_s = number(f"camera {model}, rate", rate, 1e4, 1e9)
        configuration.rate_limiter = module.RateLimiter(
            reference_period_us=_RATE_PERIOD_US,
            maximum_events_per_period=max(1, round(per_s * _RATE_PERIOD_US / 1e6)),
        )
    try:
        configuration.serialize()
    except OverflowError as error:
        raise InputError(
            what=f"camera {model}, biases",
            got=f"{biases!r}: {error}",
            allowed="numbers that fit the camera's registers",
            todo="choose smaller ones",
        ) from error
    return configuration


def in_plain_words(error: Exception) -> str:
    """What the library says, and what it means where there is no USB bus at all."""
    said = str(error)
    return f"no USB bus ({said})" if said == "Other error" else said


def _choose_region(
    module: Any, configuration: Any, model: str, region: Region, sensor: SensorSize, roi: str
) -> None:
    if hasattr(configuration, "region_of_interest"):
        configuration.region_of_interest = module.RegionOfInterest(
            left=region.x, top=region.y, width=region.width, height=region.height
        )
        return
    if not hasattr(configuration, "x_mask"):
        raise absent_option(model, "roi", roi)
    mask: Any = nd.RowColumnMask(sensor.width, sensor.height, set=True)
    # The sensor counts its rows from below, the events from above.
    below = sensor.height - region.y - region.height
    mask.clear_rectangle(x=region.x, y=below, width=region.width, height=region.height)
    configuration.x_mask, configuration.y_mask = mask.x_mask(), mask.y_mask()


def _module_name(model: str, serial: str) -> str:
    """The model asked for, or that of the camera plugged in."""
    if model:
        if model not in MODELS:
            raise InputError(
                what="camera prophesee, model",
                got=repr(model),
                allowed=", ".join(MODELS),
                todo="choose one of these, or leave it out",
            )
        return model
    try:
        found = [one for one in nd.list_devices() if serial in ("", one.serial)]
    except RuntimeError as error:
        raise _cannot_open(in_plain_words(error)) from error
    if not found:
        raise _cannot_open(f"none with serial number {serial}" if serial else "none plugged in")
    return str(found[0].name.name.lower())


def _cannot_open(got: str) -> InputError:
    return InputError(
        what="camera prophesee",
        got=got,
        allowed="a camera that neuromorphic-drivers knows, plugged in, that may be opened",
        todo="see `wigwag devices`",
    )
