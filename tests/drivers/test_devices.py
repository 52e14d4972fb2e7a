"""What is plugged in and what is missing, read from trees laid out as Linux does."""

from __future__ import annotations

import importlib
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from drivers.devices import Device, ask_libraries, find_devices
from drivers.usb_cameras import find_usb_cameras, usb_is_there


class Machine:
    """The parts of a machine's /sys and /dev that tell of cameras."""

    def __init__(self, root: Path) -> None:
        self.sysfs, self.bus_files, self.dev = root / "usb", root / "bus", root / "dev"
        self._devices = root / "devices"
        self.dev.mkdir()

    def plug(
        self, port: str, vendor: str, product: str, bus: int, number: int, serial: str | None = None
    ) -> None:
        """A device: a directory of the bus, linked to from the list of all, and its interface."""
        folder = self._devices / f"usb{bus}" / port
        folder.mkdir(parents=True)
        texts = {"idVendor": vendor, "idProduct": product, "busnum": bus, "devnum": number}
        for name, text in (texts | ({"serial": serial} if serial else {})).items():
            (folder / name).write_text(f"{text}\n")
        interface = folder / f"{port}:1.0"
        interface.mkdir()
        (interface / "bInterfaceClass").write_text("ff\n")
        self.sysfs.mkdir(exist_ok=True)
        (self.sysfs / port).symlink_to(folder)
        (self.sysfs / f"{port}:1.0").symlink_to(interface)
        file = self.bus_files / f"{bus:03d}" / f"{number:03d}"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch()

    def plug_hub(self, bus: int) -> None:
        """A root hub: every bus has one."""
        self.plug(f"usb{bus}", "1d6b", "0003", bus, 1)

    def found(self, packages: bool = True, allowed: bool = True) -> list[Device]:
        """What is found on it."""
        return find_devices(
            self.sysfs,
            self.bus_files,
            self.dev,
            has_package=lambda _package: packages,
            allowed=lambda _file: allowed,
        )


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    """Without any bus yet."""
    return Machine(tmp_path)


def named(devices: list[Device], what: str) -> Device:
    """The only one of its sort."""
    (found,) = [one for one in devices if one.what == what]
    return found


def test_no_bus_no_camera_and_no_package_are_three_sentences(machine: Machine) -> None:
    """Each says something else, and none is a stack trace."""
    assert not usb_is_there(machine.sysfs)
    no_bus = named(machine.found(), "usb").text
    machine.plug_hub(1)
    assert usb_is_there(machine.sysfs)
    no_camera = named(machine.found(), "camera").text
    packages = [one for one in machine.found(packages=False) if one.what == "package"]
    assert "container" in no_bus
    assert no_camera == "none is plugged into the USB bus"
    assert [one.command for one in packages] == [
        "pip install 'wigwag[inivation]'",
        "pip install 'wigwag[prophesee]'",
    ]
    assert len({no_bus, no_camera, *(one.text for one in packages)}) == 4


def test_a_camera_in_order_says_how_to_use_it(machine: Machine) -> None:
    """With its serial number, where the library knows it by that."""
    machine.plug_hub(2)
    machine.plug("2-1.4", "152a", "8419", 2, 7, serial="DXA00093")
    camera = named(machine.found(), "camera")
    assert camera.usable
    assert camera.camera == "inivation:serial=DXA00093"
    assert camera.usb == "152a:8419"
    assert camera.text == "plugged in at USB port 2-1.4"


def test_a_camera_without_permission_comes_with_the_rule_that_mends_it(machine: Machine) -> None:
    """One command: the rule, and its effect on what is plugged in already."""
    machine.plug_hub(1)
    machine.plug("1-2", "04b4", "00f5", 1, 12)
    camera = named(machine.found(allowed=False), "camera")
    assert not camera.usable
    assert camera.command is not None
    assert (
        'SUBSYSTEM=="usb", ATTRS{idVendor}=="04b4", ATTRS{idProduct}=="00f5", MODE="0666"'
        in camera.command
    )
    assert camera.command.endswith("sudo udevadm control --reload-rules && sudo udevadm trigger")


def test_a_camera_without_its_package_is_named_and_says_what_to_install(machine: Machine) -> None:
    """The bus tells of it, no package needed."""
    machine.plug_hub(1)
    machine.plug("1-1", "152a", "8400", 1, 3)
    camera = named(machine.found(packages=False), "camera")
    assert camera.name == "iniVation DVS128"
    assert camera.command == "pip install 'wigwag[inivation]'"


def test_a_second_library_opens_what_the_first_one_would(machine: Machine) -> None:
    """A DAVIS 346 can be used with either extra."""
    machine.plug_hub(1)
    machine.plug("1-1", "152a", "841a", 1, 3, serial="00000336")
    found = find_devices(
        machine.sysfs,
        machine.bus_files,
        machine.dev,
        has_package=lambda package: package == "neuromorphic_drivers",
    )
    assert named(found, "camera").camera == "prophesee"


def test_a_container_without_the_device_file_is_told_from_a_missing_rule(machine: Machine) -> None:
    """No rule would help there."""
    machine.plug_hub(1)
    machine.plug("1-1", "31f7", "0003", 1, 3)
    (machine.bus_files / "001" / "003").unlink()
    camera = named(machine.found(), "camera")
    assert "device file" in camera.text
    assert camera.command is None


def test_other_devices_are_left_alone(machine: Machine) -> None:
    """A keyboard, another device of a shared vendor, one that vanishes while it is looked at."""
    machine.plug_hub(1)
    machine.plug("1-1", "046d", "c31c", 1, 2)
    machine.plug("1-2", "152a", "880a", 1, 3)
    machine.plug("1-3", "152a", "8400", 1, 4)
    (machine.sysfs / "1-3" / "idProduct").unlink()
    assert find_usb_cameras(machine.sysfs, machine.bus_files) == []
    machine.plug("1-4", "152a", "841f", 1, 5)
    (unknown,) = find_usb_cameras(machine.sysfs, machine.bus_files)
    assert unknown.model.name == "iniVation camera"


def test_webcams_are_listed_in_order_with_what_permits_them(machine: Machine) -> None:
    """By number, not by letter; others of the folder are not webcams."""
    for name in ("video10", "video2", "video-codec", "null"):
        (machine.dev / name).touch()
    webcams = [one for one in machine.found() if one.what == "webcam"]
    assert [one.camera for one in webcams] == ["webcam:device=2", "webcam:device=10"]
    refused = [one for one in machine.found(allowed=False) if one.what == "webcam"]
    assert all("usermod -aG video" in (one.command or "") for one in refused)
    for name in ("video10", "video2"):
        (machine.dev / name).unlink()
    assert named(machine.found(), "webcam").text.startswith("none")


def test_what_the_installed_libraries_say_becomes_sentences() -> None:
    """Each of them is asked as it is; what it raises, or finds, is said."""
    for one in ask_libraries():
        assert one.what == "library"
        assert "\n" not in one.text
        assert one.usable == (one.camera is not None)


def test_a_library_that_fails_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    """Absent ones have been said already; of the error only its first line is."""

    def load(package: str) -> Any:
        if package == "dv_processing":
            raise ImportError(package)
        return SimpleNamespace(list_devices=lambda: 1 / 0)

    (failed,) = ask_libraries(load)
    assert failed.text == "finds nothing: division by zero"


def test_ids_are_those_that_the_library_has_rules_for(tmp_path: Path) -> None:
    """neuromorphic-drivers brings udev rules: each product they name is known here."""
    udev = pytest.importorskip("neuromorphic_drivers.udev")
    text = Path(importlib.import_module(udev.__name__).__file__ or "").read_text(encoding="utf-8")
    machine = Machine(tmp_path)
    named_products = {"84[0-1]?": ["8400", "841a"], "00f[4-5]": ["00f4", "00f5"]}
    named_products |= {"000[3-4]": ["0003", "0004"], "8e00": ["8e00"]}
    number = 1
    for line in text.splitlines():
        if 'ATTRS{idVendor}=="' not in line:
            continue
        vendor = line.split('ATTRS{idVendor}=="')[1][:4]
        for product in named_products[line.split('ATTRS{idProduct}=="')[1].split('"')[0]]:
            number += 1
            machine.plug(f"1-{number}", vendor, product, 1, number)
    cameras = find_usb_cameras(machine.sysfs, machine.bus_files)
    assert len(cameras) == number - 1 == 7
