"""The page in a real Chromium, before a real brain that sees a simulated session."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.pipeline.console.conftest import Stage

keys = pytest.importorskip("selenium.webdriver.common.keys")
actions = pytest.importorskip("selenium.webdriver.common.action_chains")
TOKEN = "a token of some length"
DEADLINE_S = 20.0

pytestmark = pytest.mark.timeout(400)


class Page:
    """The console's page as somebody before it sees and uses it."""

    def __init__(self, browser: Any) -> None:
        self._browser = browser

    def open(self, address: str) -> None:
        """Go there, with nothing kept from a page before."""
        self._browser.get("about:blank")
        self._browser.get(address)

    def find(self, selector: str) -> Any:
        """The element there."""
        return self._browser.find_element("css selector", selector)

    def text(self, selector: str) -> str:
        """What is written there."""
        return str(self.run(f"return document.querySelector({selector!r}).textContent"))

    def run(self, script: str) -> Any:
        """What a script gives."""
        return self._browser.execute_script(script)

    def until(self, true: Callable[[], Any], what: str) -> Any:
        """Wait until something holds; gives it."""
        deadline = time.monotonic() + DEADLINE_S
        while not (found := true()):
            assert time.monotonic() < deadline, (
                f"{what}: {self.text('#state')!r}, {self.text('#trouble')!r}"
            )
        return found

    def until_running(self) -> None:
        """Wait for pictures and for the list of classes."""
        self.until(lambda: self.run("return document.body.dataset.previews > 3"), "no preview came")
        self.until(lambda: self.text("#state").startswith("running"), "the state is not running")

    def actions(self) -> Any:
        """Keys and pointers, to be chained."""
        return actions.ActionChains(self._browser)

    def errors(self) -> list[str]:
        """What the browser complains of: scripts, policies, files that are missing."""
        return [entry["message"] for entry in self._browser.get_log("browser")]


@pytest.fixture
def page(chromium) -> Iterator[Page]:
    """The browser's window, left empty; a page that made it complain has failed."""
    shown = Page(chromium)
    yield shown
    found = shown.errors()
    chromium.get("about:blank")
    assert not found


@pytest.fixture
def taught(stage: Stage, page: Page) -> Stage:
    """A page before a brain that learns fast; lessons make versions in its folder."""
    versions = stage.folder / "session"
    stage.start_brain("--session", versions, "--rate", "0.001")
    stage.start_console()
    page.open(stage.address)
    page.until_running()
    return stage


def _is(page: Page, label: str) -> Callable[[], bool]:
    return lambda: page.text("#label") == label


def test_the_page_opens_and_its_picture_moves(
    stage: Stage, page: Page, tiny_checkpoint: Path
) -> None:
    """Events of both polarities are drawn and fade, rasters scroll, figures and bars are there."""
    stage.start_brain("--checkpoint", tiny_checkpoint)
    stage.start_console()
    page.open(stage.address)
    page.until_running()
    picture = "return document.querySelector('#picture').toDataURL()"
    seen = {page.run(picture)}
    page.until(lambda: seen.add(page.run(picture)) or len(seen) >= 5, "the picture does not move")
    colours = page.run(
        "const c = document.querySelector('#picture'); const d = c.getContext('2d')"
        ".getImageData(0, 0, c.width, c.height).data; let on = 0, off = 0;"
        "for (let i = 0; i < d.length; i += 4)"
        "{ on += d[i] > d[i + 2] + 30; off += d[i + 2] > d[i] + 30; }"
        "return [c.width, c.height, on, off]"
    )
    assert colours[:2] == [128, 128]
    assert min(colours[2:]) > 0
    assert page.run("return document.querySelectorAll('#rasters canvas').length") == 3
    assert page.text("#source").startswith("simulated-session")
    assert "/s" in page.text("#figures")
    page.find("#pause").click()
    page.until(lambda: page.text("#state") == "paused", "it does not pause")
    position = page.text("#position")
    page.find("#step").click()
    page.until(lambda: page.text("#position") != position, "it does not step")
    page.find("#to-start").click()
    page.find("#pause").click()
    page.until(lambda: page.text("#state").startswith("running"), "it does not go on")


def test_a_wrong_token_is_refused_at_the_door(stage: Stage, page: Page) -> None:
    """The page asks for it, says when it is wrong, and lets the right one in; then it is kept."""
    address = stage.start_console("--token", TOKEN)
    page.open(stage.address)
    page.until(lambda: page.find("#door").is_displayed(), "it does not ask for the token")
    page.find("#token").send_keys("a token of another kind", keys.Keys.ENTER)
    page.until(lambda: page.text("#door-trouble") == "That token is wrong.", "it does not say so")
    page.find("#token").send_keys(TOKEN, keys.Keys.ENTER)
    page.until(lambda: page.text("#state") == "the brain does not answer", "it does not let in")
    assert not page.find("#door").is_displayed()
    page.run("sessionStorage.clear()")
    page.open(address)
    page.until(
        lambda: page.text("#state") == "the brain does not answer", "the address is not enough"
    )
    assert page.run("return location.href") == stage.address
