import sys
from dataclasses import replace

import pytest

from drivers.errors import InputError
from pipeline.console.access import is_host_allowed, is_same_origin, is_token_right
from pipeline.console.settings import ConsoleSettings, page_address
from pipeline.logs import JsonLines


@pytest.mark.parametrize(
    ("host", "allowed"),
    [
        ("127.0.0.1:8765", True),
        ("localhost:8765", True),
        ("[::1]:8765", True),
        ("evil.example:8765", False),
        ("127.0.0.1.evil.example", False),
        ("[::1", False),
        ("", False),
    ],
)
def test_a_console_of_this_host_has_its_names_only(host: str, allowed: bool) -> None:
    """A name that somebody else made point here is refused."""
    assert is_host_allowed({"host": host}, "127.0.0.1", is_local=True) is allowed


@pytest.mark.parametrize(
    ("origin", "same"),
    [
        ("http://127.0.0.1:8765", True),
        ("https://127.0.0.1:8765", True),
        ("http://127.0.0.1:9999", False),
        ("http://evil.example", False),
        ("null", False),
        ("file://127.0.0.1:8765", False),
        ("http://[", False),
        ("", False),
    ],
)
def test_only_pages_of_the_console_may_speak(origin: str, same: bool) -> None:
    """Another port is another page, and no origin is none."""
    assert is_same_origin({"host": "127.0.0.1:8765", "origin": origin}) is same


def test_a_token_is_right_or_not() -> None:
    """Anything but the text itself is wrong; without a token everything is right."""
    for said in ("tokem", "", None, 5, ["token"], "tökeñ"):
        assert not is_token_right(said, "token")
    assert is_token_right("token", "token")
    assert is_token_right(None, None)


def test_beyond_this_host_there_is_always_a_token() -> None:
    """One is made up where none is given, anew every time; on loopback there is none."""

    def of(host: str, token: str | None = None) -> ConsoleSettings:
        return ConsoleSettings("ipc://a", "ipc://b", host=host, token=token)

    tokens = {of("0.0.0.0").needed_token() for _ in range(3)}
    assert len(tokens) == 3
    assert all(token and len(token) >= 32 for token in tokens)
    assert of("192.0.2.1", "x" * 16).needed_token() == "x" * 16
    assert of("127.0.0.1").needed_token() is None
    assert of("::1").needed_token() is None


def test_a_new_token_is_not_logged(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where standard error goes to a log, one must be given."""
    monkeypatch.setattr(sys, "stderr", JsonLines(sys.stderr, "console"))
    settings = ConsoleSettings("ipc://a", "ipc://b", host="0.0.0.0")
    with pytest.raises(InputError, match="WIGWAG_CONSOLE_TOKEN"):
        settings.needed_token()
    assert replace(settings, token="x" * 16).needed_token() == "x" * 16
    assert page_address("::1", 8765, None) == "http://[::1]:8765/"
    assert page_address("192.0.2.1", 1, "abc") == "http://192.0.2.1:1/#abc"
    assert page_address("192.0.2.1", 1, "a b#") == "http://192.0.2.1:1/#a%20b%23"


@pytest.mark.parametrize("wrong", [{"token": "short"}, {"token": "ü" * 16}, {"port": 70000}])
def test_settings_that_make_no_sense_are_refused(wrong: dict[str, object]) -> None:
    """With what would be allowed."""
    with pytest.raises(InputError, match="allowed"):
        ConsoleSettings("ipc://a", "ipc://b", **wrong)
