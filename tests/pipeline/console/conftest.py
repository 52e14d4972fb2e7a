import re
import shutil
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from subprocess import Popen
from typing import Any

import pytest

from pipeline.addresses import ipc_address, private_run_directory
from pipeline.control import control_request

SAMPLE = Path(__file__).resolve().parents[3] / "recordings/samples/simulated-session.aedat4"


class Stage:
    """A simulated session round and round, a brain that sees it, and a console before it."""

    def __init__(self, wigwag: Any) -> None:
        self._wigwag = wigwag
        self.folder = private_run_directory()
        self.published = ipc_address(self.folder, "said")
        self.control = ipc_address(self.folder, "brain")
        self.source_control = ipc_address(self.folder, "source")
        self.brain: Popen[bytes] | None = None
        self.address = ""
        self.console: Popen[bytes] | None = None

    def start_brain(self, *options: object, cameras: Sequence[str] = ()) -> None:
        """Begin to replay and look; on a busy machine the stream waits, so lessons are learnt.

        With `cameras`, by a source of each of these names.
        """
        connects = []
        for number, name in enumerate(cameras or ("",)):
            events = ipc_address(self.folder, f"events{number}")
            connects += ["--connect", events]
            self._wigwag.start(
                *("source", SAMPLE, "--loop", "--bind", events),
                *(("--name", name) if name else ("--control", self.source_control)),
            )
        self.brain = self._wigwag.start(
            *("brain", *connects, "--publish", self.published, "--json"),
            *("--control", self.control, *options),
        )
        # It would wait for whoever does not read its labels.
        threading.Thread(target=self.brain.stdout.read, daemon=True).start()

    def start_console(self, *options: object) -> str:
        """Serve the page on a free port; gives its address once it can be opened."""
        self.console = self._wigwag.start(
            *("console", "--connect", self.published, "--control", self.control),
            *("--source-control", self.source_control, "--port", "0", *options),
        )
        line = self.console.stderr.readline().decode()
        found = re.search(r"console at (http://\S+/)(\S*)", line)
        assert found, line + self.console.stderr.read().decode()
        self.address = found[1]
        return found[1] + found[2]

    def ask(self, command: str, **fields: Any) -> dict[str, Any]:
        """The brain's answer, past the console."""
        return control_request(self.control, {"command": command, **fields}, timeout_s=60)


@pytest.fixture
def stage(wigwag) -> Stage:
    """Nothing started yet."""
    return Stage(wigwag)


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    """A browser without a window, for all tests of a file."""
    selenium = pytest.importorskip("selenium.webdriver")
    binary = shutil.which("chromium") or shutil.which("chromium-browser")
    driver = shutil.which("chromedriver")
    if binary is None or driver is None:
        pytest.skip("no Chromium here: apt-get install chromium chromium-driver")
    options = selenium.ChromeOptions()
    options.binary_location = binary
    for argument in (
        "--headless=new",
        "--no-sandbox",
        "--disable-dev-shm-usage",
        "--disable-gpu",
        "--window-size=1400,1000",
    ):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    browser = selenium.Chrome(options=options, service=selenium.ChromeService(driver))
    yield browser
    browser.quit()
