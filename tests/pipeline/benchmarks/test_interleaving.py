from pipeline.benchmarks.interleaving import interleave


class Scribe:
    """A contender that writes down when it was called."""

    what = "writing"
    note = ""

    def __init__(self, name: str, calls: list[tuple[str, int]]) -> None:
        self.name = name
        self._calls = calls

    def run_block(self, number: int) -> list[float]:
        """One value, the block's number."""
        self._calls.append((self.name, number))
        return [float(number)]


def test_contenders_take_turns_block_by_block() -> None:
    """In every block each runs once, another one first each time; block 0 is not kept."""
    calls: list[tuple[str, int]] = []
    times = interleave([Scribe(name, calls) for name in "abc"], 2)
    assert calls == [(name, block) for block, names in enumerate(("abc", "bca", "cab"))
                     for name in names]  # fmt: skip
    assert times == {name: [[1.0], [2.0]] for name in "abc"}
