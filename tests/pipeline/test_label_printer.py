import io

from pipeline.label_printer import LabelPrinter
from pipeline.labels import Label


def _label(source: str, *, changed: bool) -> Label:
    return Label(
        t_us=1_500_000, source=source, label="arm roll", gesture_class=8, confidence=0.75,
        counts=(3,), window_us=500_000, model_version="v", latency_us=1, changed=changed,
    )  # fmt: skip


def test_a_line_comes_when_the_label_changes_and_names_one_of_several_sources() -> None:
    """Plain where there is no terminal."""
    alone, named = io.StringIO(), io.StringIO()
    for stream in (alone, named):
        printer = LabelPrinter(stream, named=stream is named)
        for changed in (True, False):
            printer.show(_label("left", changed=changed))
    assert alone.getvalue() == "      1.500 s  arm roll                       75%\n"
    assert named.getvalue() == "left  " + alone.getvalue()
