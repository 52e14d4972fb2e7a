"""Event cameras on the USB bus, as Linux lists them: neither package nor permission needed.

Ids are those in the drivers themselves: libcaer (152a), neuromorphic-drivers 0.18 (the others and
its own udev rules). 04b4 is Cypress, whose chips others use too: such a device may be another.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

SYSFS = Path("/sys/bus/usb/devices")
BUS_FILES = Path("/dev/bus/usb")


@dataclass(frozen=True, slots=True)
class Model:
    """What a vendor and product id stand for."""

    name: str
    kinds: tuple[str, ...]
    """Kinds of `--camera` that open it, the first choice first."""


_INIVATION_VENDOR = 0x152A
_INIVATION_PRODUCTS = range(0x8400, 0x8420)
_EVK = Model("Prophesee EVK3 or EVK4 (or another device with an FX3 chip)", ("prophesee",))
_MODELS = {
    (0x152A, 0x8400): Model("iniVation DVS128", ("inivation",)),
    (0x152A, 0x8419): Model("iniVation DVXplorer", ("inivation", "prophesee")),
    (0x152A, 0x841A): Model("iniVation DAVIS (USB 3, as the 346)", ("inivation", "prophesee")),
    (0x152A, 0x841B): Model("iniVation DAVIS (USB 2, as the 240)", ("inivation",)),
    (0x04B4, 0x00F4): _EVK,
    (0x04B4, 0x00F5): _EVK,
    (0x31F7, 0x0002): Model("CenturyArks SilkyEvCam VGA", ("prophesee",)),
    (0x31F7, 0x0003): Model("CenturyArks SilkyEvCam HD", ("prophesee",)),
    (0x31F7, 0x0004): Model("CenturyArks SilkyEvCam", ("prophesee",)),
    (0x03FD, 0x5832): Model("CenturyArks SilkyEvCam VGA", ("prophesee",)),
    (0x1409, 0x8E00): Model("IDS uEye XCP-E", ("prophesee",)),
}


@dataclass(frozen=True, slots=True)
class UsbCamera:
    """An event camera that is plugged in."""

    vendor: int
    product: int
    model: Model
    serial: str | None
    port: str
    """Name of its directory under /sys, such as `2-1.4`."""
    file: Path
    """Its device file, which a container may lack."""


def usb_is_there(sysfs: Path = SYSFS) -> bool:
    """Whether this machine has a USB bus: every bus has a root hub, named `usb1`, `usb2`..."""
    return sysfs.is_dir() and any(sysfs.glob("usb*"))


def find_usb_cameras(sysfs: Path = SYSFS, bus_files: Path = BUS_FILES) -> list[UsbCamera]:
    """All event cameras whose ids are known, by port; empty where there is no USB bus."""
    if not sysfs.is_dir():
        return []
    found = []
    for folder in sorted(sysfs.iterdir()):
        ids = _number(folder / "idVendor", 16), _number(folder / "idProduct", 16)
        if ids[0] is None or ids[1] is None:  # an interface, or unplugged while we look
            continue
        model = _model(ids[0], ids[1])
        if model is None:
            continue
        bus, device = _number(folder / "busnum", 10), _number(folder / "devnum", 10)
        file = bus_files / f"{bus or 0:03d}" / f"{device or 0:03d}"
        found.append(
            UsbCamera(
                vendor=ids[0],
                product=ids[1],
                model=model,
                serial=_text(folder / "serial"),
                port=folder.name,
                file=file,
            )
        )
    return found


def udev_rule(camera: UsbCamera) -> str:
    """The rule that lets every user of this machine open cameras of this kind."""
    return (
        f'SUBSYSTEM=="usb", ATTRS{{idVendor}}=="{camera.vendor:04x}", '
        f'ATTRS{{idProduct}}=="{camera.product:04x}", MODE="0666"'
    )


def udev_command(camera: UsbCamera) -> str:
    """The command that installs the rule and applies it to what is plugged in."""
    file = f"/etc/udev/rules.d/65-wigwag-{camera.vendor:04x}-{camera.product:04x}.rules"
    return (
        f"echo '{udev_rule(camera)}' | sudo tee {file} "
        "&& sudo udevadm control --reload-rules && sudo udevadm trigger"
    )


def _model(vendor: int, product: int) -> Model | None:
    known = _MODELS.get((vendor, product))
    if known is None and vendor == _INIVATION_VENDOR and product in _INIVATION_PRODUCTS:
        return Model("iniVation camera", ("inivation",))
    return known


def _text(file: Path) -> str | None:
    try:
        return file.read_text(encoding="utf-8", errors="replace").strip() or None
    except OSError:
        return None


def _number(file: Path, base: int) -> int | None:
    try:
        return int(_text(file) or "", base)
    except ValueError:
        return None
