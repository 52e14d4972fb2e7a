import json
from typing import Any


def test_the_command_says_it_all_and_exits_well(wigwag: Any) -> None:
    """As lines, and as JSON of the same; without a camera too."""
    (status, out, error), (json_status, json_out, _) = wigwag.run_side_by_side(
        ["devices"], ["devices", "--json", "--no-libraries"]
    )
    assert (status, json_status, error) == (0, 0, "")
    assert "Traceback" not in out
    report = json.loads(json_out)
    assert {"simulated", "webcam", "film"} <= set(report["kinds"])
    for one in report["devices"]:
        assert one["text"] in out
