"""Each silence is said once, and so is its end."""

from __future__ import annotations

import pytest

from pipeline import silence_notice
from pipeline.silence_notice import SilenceNotice


def test_each_silence_is_said_once(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nothing within the first seconds, one line after, one when it is over, and so again."""
    now_s = 100.0
    monkeypatch.setattr(silence_notice.time, "monotonic", lambda: now_s)
    notice = SilenceNotice("events", "ipc:///tmp/source")

    def said_after(passed_s: float) -> str:
        nonlocal now_s
        now_s += passed_s
        notice.look()
        return capsys.readouterr().err

    assert said_after(4.9) == ""
    assert said_after(0.2) == (
        "wigwag: no events from ipc:///tmp/source for 5 s; still waiting (Ctrl-C ends)\n"
    )
    assert said_after(60) == ""
    notice.heard()
    assert capsys.readouterr().err == "wigwag: events again from ipc:///tmp/source\n"
    notice.heard()
    assert capsys.readouterr().err == ""
    assert said_after(4.9) == ""
    assert "no longer any events" in said_after(0.2)
