"""The page in a real Chromium, before a real brain that sees a simulated session."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from pipeline.control import control_request
from tests.pipeline.console.conftest import Stage

keys = pytest.importorskip("selenium.webdriver.common.keys")
actions = pytest.importorskip("selenium.webdriver.common.action_chains")
TOKEN = "a token of some length"
DEADLINE_S = 20.0
PHONE = {"width": 390, "height": 844, "deviceScaleFactor": 2, "mobile": True}

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

    def fill(self, selector: str, text: str) -> Any:
        """Type in place of what is written in a field; gives the field."""
        box = self.find(selector)
        box.send_keys(keys.Keys.CONTROL, "a", keys.Keys.NULL, keys.Keys.DELETE, text)
        return box

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

    def devtools(self, command: str, **fields: object) -> None:
        """What Chromium's own tools would tell it."""
        self._browser.execute_cdp_cmd(command, fields)

    def touch(self, kind: str, *spots: dict[str, float]) -> None:
        """Fingers come or go."""
        self.devtools("Input.dispatchTouchEvent", type=kind, touchPoints=list(spots))

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
def phone(page: Page) -> Iterator[Page]:
    """The same window, for a while as a phone has it."""
    page.devtools("Emulation.setDeviceMetricsOverride", **PHONE)
    page.devtools("Emulation.setTouchEmulationEnabled", enabled=True)
    yield page
    page.devtools("Emulation.setTouchEmulationEnabled", enabled=False)
    page.devtools("Emulation.clearDeviceMetricsOverride")


@pytest.fixture
def watched(stage: Stage, page: Page, tiny_checkpoint: Path) -> Stage:
    """A page before a brain that is not taught."""
    stage.start_brain("--checkpoint", tiny_checkpoint)
    stage.start_console()
    page.open(stage.address)
    page.until_running()
    return stage


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


def test_the_page_opens_and_its_picture_moves(watched: Stage, page: Page) -> None:
    """Events of both polarities are drawn and fade, rasters scroll, figures and bars are there."""
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
    page.until(lambda: page.text("#source").startswith("simulated-session"), "it names no source")
    assert "/s" in page.text("#figures")
    page.find("#pause").click()
    page.until(lambda: page.text("#state") == "paused", "it does not pause")
    position = page.text("#position")
    page.find("#step").click()
    page.until(lambda: page.text("#position") != position, "it does not step")
    page.find("#to-start").click()
    page.find("#pause").click()
    page.until(lambda: page.text("#state").startswith("running"), "it does not go on")


def test_the_view_is_moved_on_the_picture(watched: Stage, page: Page) -> None:
    """Dragged, by keys, resized and centred; the brain looks there, and the frame stays there."""
    page.until(lambda: watched.ask("status")["view"], "the brain looks nowhere")
    whole = watched.ask("status")["view"]

    def looks(**wanted: int) -> Callable[[], bool]:
        return lambda: watched.ask("status")["view"].items() >= wanted.items()

    page.until(page.find("#smaller").is_enabled, "the page does not know where it looks")
    page.find("#smaller").click()
    cell = whole["cell"] - 1
    side = whole["width"] // whole["cell"] * cell
    page.until(looks(cell=cell, width=side, height=side), "it does not shrink")
    frame = page.find("#view")
    scale = page.find("#screen").size["width"] / 128
    page.until(lambda: frame.size["width"] < scale * (side + 1), "the frame does not shrink")
    page.actions().drag_and_drop_by_offset(frame, round(-30 * scale), round(-3 * scale)).perform()
    page.until(looks(x=0), "it does not follow the pointer")
    y = watched.ask("status")["view"]["y"]
    assert 0 < y < whole["y"] + (whole["height"] - side) // 2
    # All are pressed before the brain has answered the first.
    frame.send_keys(keys.Keys.ARROW_RIGHT, keys.Keys.ARROW_UP, keys.Keys.ARROW_RIGHT)
    page.until(looks(x=2 * cell, y=max(0, y - cell)), "it does not follow the keys")
    left = "return parseFloat(document.querySelector('#view').style.left)"
    page.until(lambda: page.run(left) == 100 * 2 * cell / 128, "the frame is elsewhere")
    page.find("#centred").click()
    page.until(looks(**{name: whole[name] for name in ("x", "y", "cell")}), "it is not centred")


@pytest.mark.usefixtures("watched")
def test_a_key_begins_from_the_answer_and_not_from_an_older_status(page: Page) -> None:
    """A status that was asked for before the view moved may come after it."""
    asked = page.run("""
        return import("/view.js").then(async ({ View }) => {
          const asked = [];
          const view = new View(document.createElement("div"), async (text) => {
            asked.push(text);
            const [x, y, side] = text.split(",").map(Number);
            return { ok: true, x, y, width: side, height: side, cell: 4 };
          });
          const before = { x: 0, y: 0, width: 64, height: 64, cell: 4 };
          view.show({ width: 128, height: 128, shrunk: 1, view: [0, 0, 64, 64] });
          view.tell(before);
          for (const _ of [1, 2]) {
            view.shift(1, 0);
            view.tell(before);
            await new Promise((go) => setTimeout(go));
            view.tell(before);
          }
          view.forget();
          view.tell(before);
          view.shift(0, 1);
          return asked;
        })
    """)
    assert asked == ["4,0,64", "8,0,64", "0,4,64"]


def test_filters_of_the_source_are_switched(watched: Stage, page: Page) -> None:
    """Noise is left out and counted; hot pixels are looked for on request."""

    def filters() -> Any:
        said = control_request(watched.source_control, {"command": "status"}, timeout_s=60)
        return said["filters"]

    page.until(lambda: page.find("#filters").is_displayed(), "no filters are shown")
    page.find("#noise").click()
    page.until(lambda: filters()["noise_ms"] == 10, "the noise filter is not switched on")
    page.until(lambda: "K events left out" in page.text("#removed"), "nothing is left out")
    page.fill("#noise-ms", "2.5").send_keys(keys.Keys.ENTER)
    page.until(lambda: filters()["noise_ms"] == 2.5, "its time is not changed")
    page.find("#noise").click()
    page.until(lambda: filters()["noise_ms"] is None, "the noise filter is not switched off")
    page.find("#find-hot").click()
    page.until(lambda: filters()["hot_pixels"], "hot pixels are not looked for")
    page.until(lambda: page.run("return document.querySelector('#hot-pixels').checked"), "no tick")


def test_what_is_no_number_is_not_sent(taught: Stage, page: Page) -> None:
    """It is marked and said in the field, nothing changes, and leaving it brings the old back."""
    page.until(lambda: page.find("#settings").is_displayed(), "no settings are shown")
    in_sight = (
        "const box = document.querySelector('#trouble').getBoundingClientRect();"
        "return box.top > 0 && box.bottom <= innerHeight"
    )
    for selector, name, typed in (
        ("[name='rate']", "rate", ""),
        ("[name='rate']", "rate", "1e-"),
        ("#noise-ms", "time of the noise filter", "-"),
        ("#lesson-s", "seconds of a lesson", ""),
    ):
        before = page.find(selector).get_property("value")
        box = page.fill(selector, typed)
        assert box.get_attribute("aria-invalid") == "true"
        box.send_keys(keys.Keys.ENTER)
        said = f"{name}: got no number; allowed: a number; {before} is kept"
        page.until(lambda said=said: page.text("#trouble") == said, "it does not say so")
        assert page.run(in_sight)
        box.send_keys(keys.Keys.TAB)
        assert box.get_property("value") == before
        assert box.get_attribute("aria-invalid") == "false"
        page.run("document.querySelector('#trouble').textContent = ''")
    page.fill("[name='threshold']", "0.25").send_keys(keys.Keys.ENTER)
    page.until(lambda: taught.ask("status")["settings"]["threshold"] == 0.25, "it is not sent")
    # What had been sent before would have come before.
    assert taught.ask("status")["settings"]["rate"] == 0.001


def test_a_wrong_token_is_refused_at_the_door(stage: Stage, page: Page) -> None:
    """The page asks for it, says when it is wrong, and lets the right one in; then it is kept."""
    stage.start_console("--token", TOKEN)
    page.open(stage.address)
    page.until(lambda: page.find("#door").is_displayed(), "it does not ask for the token")
    page.find("#token").send_keys("a token of another kind", keys.Keys.ENTER)
    page.until(lambda: page.text("#door-trouble") == "That token is wrong.", "it does not say so")
    page.find("#token").send_keys(TOKEN, keys.Keys.ENTER)
    page.until(lambda: page.text("#state") == "the brain does not answer", "it does not let in")
    assert not page.find("#door").is_displayed()
    page.run("sessionStorage.clear()")
    page.open(f"{stage.address}#{quote(TOKEN)}")
    page.until(
        lambda: page.text("#state") == "the brain does not answer", "the address is not enough"
    )
    assert page.run("return location.href") == stage.address


def test_a_class_is_taught_undone_and_gone_back_to(taught: Stage, page: Page) -> None:
    """Holding a key teaches, and the label follows while it is held; undo takes the lesson back.

    A lesson with the pointer makes a version of its own; loading an older one goes back to it.
    """
    lesson = "air drums"
    page.until(lambda: page.text("#classes").count(lesson) == 1, "the classes do not come")
    page.until(lambda: page.text("#label") != lesson, "it says so before it was taught")
    page.actions().key_down("9").perform()
    page.until(_is(page, lesson), "the label does not follow the lesson")
    assert page.find("button[data-class='9']").get_attribute("aria-pressed") == "true"
    page.actions().key_up("9").perform()
    page.until(lambda: taught.ask("status")["lesson"] is None, "the lesson does not end")
    page.until(lambda: page.find("#undo").is_enabled(), "there is nothing to undo")
    page.find("#undo").click()
    page.until(lambda: taught.ask("status")["undoable"] == 0, "it is not undone")
    page.until(lambda: page.text("#label") != lesson, "undoing does not show")
    button = page.find("button[data-class='9']")
    page.actions().click_and_hold(button).perform()
    page.until(_is(page, lesson), "the label does not follow the pointer's lesson")
    page.actions().release().perform()
    page.until(lambda: "lesson: air drums" in page.text("#versions"), "no version comes of it")
    learnt = taught.ask("status")["version"]
    page.find("button[data-version='0']").click()
    page.until(lambda: taught.ask("status")["version"] == 0, "version 0 is not loaded")
    page.until(lambda: page.text("#label") != lesson, "loading version 0 does not show")
    page.find(f"button[data-version='{learnt}']").click()
    page.until(_is(page, lesson), "loading the version that was learnt does not show")


def test_classes_names_and_lessons_without_hands(taught: Stage, page: Page) -> None:
    """A class is added by its name, a version saved under one, and a lesson ends by itself."""
    page.find("#new-class").send_keys("thumbs up", keys.Keys.ENTER)
    page.until(lambda: "thumbs up" in page.text("#classes"), "the class is not added")
    page.find("#save-name").send_keys("evening", keys.Keys.ENTER)
    page.until(lambda: "evening" in page.text("#versions"), "the version is not saved")
    page.find("#hands-free").click()
    page.run("document.querySelector('#lesson-s').value = 1")
    page.run("document.activeElement.blur()")
    page.actions().key_down("w").key_up("w").perform()
    page.until(lambda: page.text("#lesson") == "get ready: thumbs up", "it does not say get ready")
    page.until(lambda: "lesson: thumbs up" in page.text("#versions"), "the lesson does not end")
    page.until(lambda: page.text("#lesson") == "", "it still says that it teaches")
    page.find("#new-class").send_keys("thumbs up", keys.Keys.ENTER)
    page.until(lambda: "thumbs up" in page.text("#trouble"), "it does not say what is wrong")


def test_who_looks_elsewhere_teaches_nothing(taught: Stage, page: Page) -> None:
    """A lesson held by a key ends when the window loses the eye of whoever holds it."""
    page.until(lambda: "arm roll" in page.text("#classes"), "the classes do not come")
    page.actions().key_down("8").perform()
    page.until(lambda: taught.ask("status")["lesson"], "no lesson begins")
    page.run("window.dispatchEvent(new Event('blur'))")
    page.until(lambda: taught.ask("status")["lesson"] is None, "the lesson does not end")
    page.actions().key_up("8").perform()


def test_none_is_taught_by_holding_its_button(taught: Stage, page: Page) -> None:
    """The brain gets the class while the button is held, and the lesson goes on all the same."""
    page.until(lambda: "arm roll" in page.text("#classes"), "the classes do not come")
    page.actions().click_and_hold(page.find("#none")).perform()
    page.until(lambda: "none" in page.text("#classes"), "the class does not come")
    begun_us = taught.ask("status")["lesson"]["t_us"]
    page.until(lambda: taught.ask("status")["t_us"] > begun_us + 1_000_000, "time stands still")
    assert taught.ask("status")["lesson"]["t_us"] == begun_us
    page.actions().release().perform()
    page.until(lambda: taught.ask("status")["lesson"] is None, "the lesson does not end")
    page.until(lambda: not page.find("#none").is_displayed(), "none is there twice")


def test_a_class_is_taught_by_a_finger_on_a_phone(phone: Page, taught: Stage) -> None:
    """Nothing is wider than the screen; a finger that rests on a class's button teaches it."""
    phone.until_running()
    assert phone.run("return document.documentElement.scrollWidth <= innerWidth")
    assert phone.run("return innerWidth") == PHONE["width"]
    phone.until(lambda: "arm roll" in phone.text("#classes"), "the classes do not come")
    button = "document.querySelector('#classes button')"
    phone.run(f"{button}.scrollIntoView({{block: 'center'}})")
    box = phone.run(f"return {button}.getBoundingClientRect().toJSON()")
    assert box["height"] >= 36, "too small for a finger"
    spot = {"x": box["x"] + box["width"] / 2, "y": box["y"] + box["height"] / 2}
    phone.touch("touchStart", spot)
    phone.until(lambda: taught.ask("status")["lesson"], "a finger does not teach")
    phone.touch("touchEnd")
    phone.until(lambda: taught.ask("status")["lesson"] is None, "it goes on without the finger")
    assert taught.ask("status")["lessons"] == 1


def test_one_of_two_cameras_is_chosen(stage: Stage, page: Page, tiny_checkpoint: Path) -> None:
    """Each learnt apart: what is shown, framed and taught is the chosen one's, and only that."""
    stage.start_brain(
        "--checkpoint", tiny_checkpoint, "--teach", "--separate", cameras=("left", "right")
    )
    stage.start_console()
    page.open(stage.address)
    page.until_running()
    choice = "[...document.querySelectorAll('#sources option')].map((option) => option.value)"
    page.until(lambda: page.run(f"return {choice}") == ["left", "right"], "no choice comes")
    page.find("#sources option[value='right']").click()
    picture = "return document.querySelector('#picture').toDataURL()"
    seen = {page.run(picture)}
    page.until(lambda: seen.add(page.run(picture)) or len(seen) >= 3, "the picture does not move")
    page.find("#smaller").click()
    page.run("document.activeElement.blur()")
    page.actions().key_down("9").perform()

    def of(source: str) -> dict[str, Any]:
        return next(one for one in stage.ask("status")["sources"] if one["source"] == source)

    page.until(lambda: of("right")["lesson"], "no lesson begins")
    assert of("left")["lesson"] is None
    page.actions().key_up("9").perform()
    page.until(lambda: of("right")["lessons"] == 1, "the lesson does not end")
    assert of("left")["lessons"] == 0
    page.until(lambda: of("right")["view"]["cell"] < of("left")["view"]["cell"], "no frame shrinks")
    page.until(lambda: page.find("#undo").is_enabled(), "there is nothing to undo")
    page.find("#undo").click()
    page.until(lambda: of("right")["undoable"] == 0, "it is not undone")
