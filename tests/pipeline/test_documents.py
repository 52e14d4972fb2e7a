"""What documents and units say alike."""

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PORTS = {"bind": "5555", "publish": "5556", "source-control": "5557", "control": "5558"}
"""As docs/console.md and docs/hosts.md have them; a source's own --control is a source's."""


def test_ports_mean_the_same_everywhere() -> None:
    """Whoever goes from one page to the next asks the stage that he means."""
    files = [
        ROOT / "README.md",
        *(ROOT / "docs").rglob("*.md"),
        *(ROOT / "docs").rglob("*.service"),
    ]
    found, wrong = 0, []
    for file in files:
        for command in file.read_text().replace("\\\n", " ").splitlines():
            for option, port in re.findall(r"--([a-z-]+) tcp://[^\s:]+:(\d+)", command):
                of_source = option == "control" and "wigwag source" in command
                meant = PORTS.get("source-control" if of_source else option, port)
                found += 1
                if port != meant:
                    wrong.append(f"{file.relative_to(ROOT)}: {command.strip()}")
    assert found > 20
    assert not wrong
