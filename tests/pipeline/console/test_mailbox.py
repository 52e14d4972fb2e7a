import asyncio
import threading
from pathlib import Path

from pipeline.console.hub import Hub
from pipeline.console.log_tail import LINES, LogTail
from pipeline.console.mailbox import MOST_ANSWERS, Mailbox


def test_the_newest_of_each_kind_waits() -> None:
    """News is replaced and counted, answers keep their order up to a number, and go first."""

    async def run() -> None:
        box = Mailbox()
        for number in range(10_000):
            box.tell("preview", b"%d" % number)
        box.tell("label", "a")
        for number in range(100):
            box.answer(str(number))
        assert (len(box), box.replaced) == (2 + MOST_ANSWERS, 9_999)
        got = [await box.take() for _ in range(len(box))]
        assert got[:MOST_ANSWERS] == [str(n) for n in range(100 - MOST_ANSWERS, 100)]
        assert got[MOST_ANSWERS:] == [b"9999", "a"]

    asyncio.run(run())


def test_taking_waits_for_the_next() -> None:
    """Whoever takes from an empty mailbox gets what comes next, from another thread too."""

    async def run() -> None:
        hub = Hub()
        box = hub.enter()
        taking = asyncio.create_task(box.take())
        threading.Thread(target=hub.hear, args=("label", "x")).start()
        assert await taking == "x"
        assert hub.watched.is_set()
        hub.leave(box)
        assert not hub.watched.is_set()

    asyncio.run(run())


def test_newcomers_get_the_latest_and_the_log() -> None:
    """Who comes while others look on sees what they see; who comes later still sees the log."""

    async def run() -> None:
        hub = Hub()
        first = hub.enter()
        hub.tell("label", "old")
        hub.tell("label", "new")
        hub.log("saved")
        second = hub.enter()
        assert await second.take() == "new"
        assert '"saved"' in str(await second.take())
        for box in (first, second):
            hub.leave(box)
        third = hub.enter()
        assert len(third) == 1
        assert '"saved"' in str(await third.take())

    asyncio.run(run())


def test_the_end_of_a_file_is_read_whenever_it_has_grown(tmp_path: Path) -> None:
    """Whole lines only, the last ones only, and nothing where nothing is new."""
    path = tmp_path / "log.jsonl"
    tail = LogTail(path)
    assert tail.read() is None
    path.write_text("one\ntwo\nhal")
    assert tail.read() == ["one", "two"]
    assert tail.read() is None
    with path.open("a") as file:
        file.write("f a line\n")
    assert tail.read() == ["one", "two", "half a line"]
    with path.open("a") as file:
        file.writelines(f"line {number}\n" for number in range(2 * LINES))
    assert tail.read() == [f"line {number}" for number in range(LINES, 2 * LINES)]
    path.write_text("".join(f"line {number} {'x' * 20_000}\n" for number in range(LINES)))
    late = LogTail(path, without=b"9")
    lines = late.read()
    assert lines is not None
    assert lines[-1].startswith("line 88 ")
    assert all(line.startswith("line ") and line.endswith(" " + "x" * 20_000) for line in lines)
