"""The driver of iniVation's cameras, with the types that dv-processing itself returns."""

from __future__ import annotations

import inspect
import re
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from drivers.cameras import open_camera
from drivers.errors import CameraGoneError, InputError
from drivers.events import EventPacket, SensorSize
from recordings.formats import open_recording

dv = pytest.importorskip("dv_processing")
from drivers import inivation_camera  # noqa: E402 - only where the package is
from drivers.camera_options import Region  # noqa: E402
from drivers.inivation_camera import InivationCamera, configure, first_line  # noqa: E402

SAMPLE = Path(__file__).resolve().parents[2] / "recordings" / "samples" / "simulated-session.aedat4"


def drained(camera: InivationCamera) -> list[EventPacket]:
    """All packets until the camera has gone."""
    packets: list[EventPacket] = []
    with pytest.raises(CameraGoneError, match="no longer runs"):
        packets += _noting(camera, packets)
    return packets


def _noting(camera: InivationCamera, packets: list[EventPacket]) -> list[EventPacket]:
    for packet in camera:
        packets.append(packet)  # noqa: PERF402 - those before the error are wanted
    return []


def test_every_event_of_the_library_comes_out_as_it_is() -> None:
    """A recording is an input of the same kind as a camera: the same calls, the same types."""
    device = dv.io.MonoCameraRecording(str(SAMPLE))
    assert {"getNextEventBatch", "isRunning", "getEventResolution", "getCameraName"} <= {
        name for name in dir(dv.io.camera.CameraInputBase) if name in dir(device)
    }
    camera = InivationCamera(device)
    assert camera.sensor == SensorSize(128, 128)
    packets = drained(camera)
    ours = np.concatenate([packet.events for packet in packets])
    with open_recording(SAMPLE) as recording:
        theirs = np.concatenate([packet.events for packet in recording])
    assert all(np.array_equal(ours[name], theirs[name]) for name in ("x", "y", "on"))
    # Read faster than it was recorded, time is ahead of the host's clock; none is held.
    assert camera.health.events_held == 0
    assert (np.diff(ours["t"].astype(np.int64)) == np.diff(theirs["t"].astype(np.int64))).all()


class Strict:
    """Has the methods of a real class of the library and no others; notes what is called.

    Arguments are counted against the signature in the method's own documentation.
    """

    def __init__(self, real: type, **answers: Any) -> None:
        self.calls: dict[str, tuple[Any, ...]] = {}
        self._real, self._answers = real, answers

    def __getattr__(self, name: str) -> Any:
        """The method, if the real class has it."""
        method = getattr(self._real, name)  # AttributeError where it has not
        signature = re.search(rf"{name}\((self[^)]*)\)", method.__doc__ or "")
        assert signature is not None, f"{name} does not say what it takes"

        def call(*arguments: Any) -> Any:
            assert len(arguments) == signature[1].count(":") - 1, signature[0]
            self.calls[name] = arguments
            return self._answers.get(name)

        return call


def test_a_dvs128_gets_plain_biases_and_a_millisecond() -> None:
    """It has no frames and no IMU that could be switched off."""
    device = Strict(dv.io.camera.DVS128)
    configure(device, "cam", {"DIFF_ON": 300}, Region(10, 20, 30, 40))
    assert device.calls == {
        "setTimeInterval": (timedelta(milliseconds=1),),
        "setBias": (dv.io.camera.DVS128.Bias.DIFF_ON, 300),
        "setCropArea": ((10, 20, 30, 40),),
    }


def test_a_davis_gets_coarse_and_fine_and_sends_events_only() -> None:
    """By its own list of biases: a 346 is not a 240."""
    model = dv.io.camera.DAVIS
    device = Strict(model, getSensorModel=model.SensorModel.DAVIS346)
    configure(device, "cam", {"On": 5 * 256 + 28}, None)
    assert device.calls["setDavis346BiasCoarseFine"] == (model.Davis346BiasCF.On, 5, 28)
    assert device.calls["setFramesRunning"] == (False,)
    assert device.calls["setImuRunningGyroscope"] == (False,)
    small = Strict(model, getSensorModel=model.SensorModel.DAVIS240C)
    configure(small, "cam", {"DiffCascode": 256}, None)
    assert small.calls["setDavis240BiasCoarseFine"] == (model.Davis240BiasCF.DiffCascode, 1, 0)
    with pytest.raises(InputError, match=r"'ADCComparator'; allowed: .*DiffCascode"):
        configure(small, "cam", {"ADCComparator": 256}, None)


@pytest.mark.parametrize("value", [-1, 1 << 24])
def test_a_bias_out_of_range_never_reaches_the_camera(value: int) -> None:
    """Whatever the model: what the library would make of it differs from one to the next."""
    camera = dv.io.camera
    sensors = camera.DAVIS.SensorModel
    for device, bias in (
        (Strict(camera.DVS128), "DIFF_ON"),
        (Strict(camera.DAVIS, getSensorModel=sensors.DAVIS346), "On"),
        (Strict(camera.DAVIS, getSensorModel=sensors.DAVIS240C), "DiffCascode"),
        (Strict(camera.DVXplorer), "off"),
    ):
        with pytest.raises(InputError, match=rf"bias {bias}: got {value}; allowed: 0 to "):
            configure(device, "cam", {bias: value}, None)
        assert not any("Bias" in call or "Threshold" in call for call in device.calls)


@pytest.mark.parametrize("model", ["DVXplorer", "DVXplorerM"])
def test_a_dvxplorer_gets_contrast_thresholds(model: str) -> None:
    """Which are all the biases that it has."""
    device = Strict(getattr(dv.io.camera, model))
    configure(device, "cam", {"on": 9, "off": 7}, None)
    assert device.calls["setContrastThresholdOn"] == (9,)
    assert device.calls["setContrastThresholdOff"] == (7,)
    with pytest.raises(InputError, match="'pr'; allowed: on, off"):
        configure(device, "cam", {"pr": 1}, None)


def test_a_region_is_what_the_library_takes_for_one() -> None:
    """The caster of `tuple_xywh` takes the tuple that `configure` gives."""
    assert "tuple_xywh" in dv.io.camera.CameraInputBase.setCropArea.__doc__
    assert dv.EventRegionFilter((10, 20, 30, 40)) is not None


def test_errors_of_the_library_are_said_without_its_stack() -> None:
    """It puts one into the text of every error."""
    with pytest.raises(RuntimeError) as caught:
        dv.io.camera.open("no such serial number")
    assert "Stacktrace" in str(caught.value)
    assert first_line(caught.value) == "Could not find device with given serial number"


def test_no_camera_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    """The library opens nothing here: there is no camera, whatever the bus."""
    assert list(inspect.signature(inivation_camera.open_inivation).parameters) == [
        "serial",
        "biases",
        "roi",
    ]
    if dv.io.camera.discover():
        pytest.skip("there is a camera")
    with pytest.raises(InputError, match=r"got none plugged in; .*wigwag devices"):
        open_camera("inivation")
    with pytest.raises(InputError, match="got none with serial number 7"):
        open_camera("inivation:serial=7")
