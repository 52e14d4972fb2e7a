"""What cameras this machine has, and for each that cannot be used: why, and what mends it."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from drivers.cameras import EXTRAS, camera_kinds, how_to_install
from drivers.usb_cameras import (
    BUS_FILES,
    SYSFS,
    UsbCamera,
    find_usb_cameras,
    udev_command,
    usb_is_there,
)

DEV = Path("/dev")


def may_open(file: Path) -> bool:
    """Whether this user may read and write a device file."""
    return os.access(file, os.R_OK | os.W_OK)


_PACKAGES = {"inivation": "dv-processing", "prophesee": "neuromorphic-drivers"}


@dataclass(frozen=True, slots=True)
class Device:
    """One camera, or one thing that is missing, with a sentence about it."""

    what: str
    """`camera`, `webcam`, `usb`, `package` or `library`."""
    name: str
    usable: bool
    """Whether `--camera` would find it in order; for a package, whether it is there."""
    text: str
    camera: str | None = None
    """What to give to `--camera`, where it is usable."""
    command: str | None = None
    """What mends it, where something does."""
    serial: str | None = None
    usb: str | None = None
    """Vendor and product id, as `152a:8419`."""


def find_devices(
    sysfs: Path = SYSFS,
    bus_files: Path = BUS_FILES,
    dev: Path = DEV,
    *,
    has_package: Callable[[str], bool] = lambda package: find_spec(package) is not None,
    allowed: Callable[[Path], bool] = may_open,
) -> list[Device]:
    """Cameras first, then what stands in the way of others. Raises nothing.

    The places looked at, and how packages and permissions are, are arguments for tests.
    """
    missing = {kind for kind, package in EXTRAS.items() if not has_package(package)}
    cameras = find_usb_cameras(sysfs, bus_files)
    found = [_camera(camera, missing, allowed) for camera in cameras]
    found += _webcams(dev, allowed)
    if not usb_is_there(sysfs):
        found.append(
            Device(
                "usb",
                "USB bus",
                False,
                f"none ({sysfs} shows no hub), as on a virtual machine or in a container; "
                "event cameras need a host that passes USB on",
            )
        )
    elif not cameras:
        found.append(Device("camera", "event camera", False, "none is plugged into the USB bus"))
    found += [_package(kind, kind in missing) for kind in EXTRAS]
    return found


def ask_libraries(load: Callable[[str], Any] = import_module) -> list[Device]:
    """What the libraries themselves find; one that fails says why. Raises nothing.

    They see cameras whose ids are not known here, and some of them on the network.
    """
    asked: Sequence[tuple[str, Callable[[Any], list[tuple[str, str | None, str | None]]]]] = (
        ("inivation", _ask_inivation),
        ("prophesee", _ask_prophesee),
    )
    found = []
    for kind, ask in asked:
        try:
            library = load(EXTRAS[kind])
        except ImportError:
            continue  # said by `find_devices`
        try:
            seen = ask(library)
        except Exception as error:  # theirs to raise what they like; the user gets a sentence
            said = str(error).strip().splitlines() or [type(error).__name__]
            found.append(Device("library", _PACKAGES[kind], False, f"finds nothing: {said[0]}"))
            continue
        for name, serial, trouble in seen:
            found.append(
                Device(
                    "library",
                    name,
                    trouble is None,
                    f"seen by {_PACKAGES[kind]}" + (f", which says: {trouble}" if trouble else ""),
                    camera=None if trouble else f"{kind}:serial={serial}" if serial else kind,
                    serial=serial,
                )
            )
        if not seen:
            found.append(Device("library", _PACKAGES[kind], False, "finds no camera"))
    return found


def _camera(camera: UsbCamera, missing: set[str], allowed: Callable[[Path], bool]) -> Device:
    usb = f"{camera.vendor:04x}:{camera.product:04x}"
    kinds = [kind for kind in camera.model.kinds if kind not in missing]
    here = f"plugged in at USB port {camera.port}"
    command: str | None
    if not camera.file.exists():
        text = f"{here}, but its device file {camera.file} is not there, as in a container"
        command = None
    elif not allowed(camera.file):
        text = f"{here}, but this user may not open it: there is no udev rule for it"
        command = udev_command(camera)
    elif not kinds:
        kind = camera.model.kinds[0]
        text = f"{here}, but the package {_PACKAGES[kind]} that opens it is missing"
        command = how_to_install(kind, _PACKAGES[kind])
    else:
        # Of others the library reads a serial number of its own.
        known = camera.serial if kinds[0] == "inivation" else None
        given = kinds[0] + (f":serial={known}" if known else "")
        return Device("camera", camera.model.name, True, here, given, serial=camera.serial, usb=usb)
    return Device(
        "camera", camera.model.name, False, text, None, command, serial=camera.serial, usb=usb
    )


def _webcams(dev: Path, allowed: Callable[[Path], bool]) -> list[Device]:
    """Video devices by number. A webcam often has two, the second for metadata only."""
    found = []
    for file in sorted(dev.glob("video*"), key=lambda file: (len(file.name), file.name)):
        number = file.name.removeprefix("video")
        if not number.isdigit():
            continue
        usable = allowed(file)
        found.append(
            Device(
                "webcam",
                str(file),
                usable,
                "a video device" if usable else "a video device that this user may not open",
                camera=f"webcam:device={number}" if usable else None,
                command=None if usable else 'sudo usermod -aG video "$USER"  # then log in again',
            )
        )
    return found or [Device("webcam", "webcam", False, f"none: there is no {dev}/video0")]


def _package(kind: str, missing: bool) -> Device:
    package = _PACKAGES[kind]
    if missing:
        return Device(
            "package",
            package,
            False,
            f"the package {package} is missing: no cameras of kind {kind} without it",
            command=how_to_install(kind, package),
        )
    try:
        there = f"installed, version {version(package)}"
    except PackageNotFoundError:
        there = "installed"
    usable = kind in camera_kinds()
    return Device(
        "package",
        package,
        usable,
        there if usable else f"{there}, but wigwag is older; install wigwag itself again",
    )


def _ask_inivation(library: Any) -> list[tuple[str, str | None, str | None]]:
    return [
        (f"iniVation {one.cameraModel.name}", one.serialNumber or None, None)
        for one in library.io.camera.discover()
    ]


def _ask_prophesee(library: Any) -> list[tuple[str, str | None, str | None]]:
    try:
        listed = library.list_devices()
    except RuntimeError as error:
        if str(error) != "Other error":
            raise
        raise RuntimeError("no USB bus (it says: Other error)") from error
    return [(one.name.value, one.serial, one.error) for one in listed]
