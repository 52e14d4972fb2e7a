import os
import subprocess
import sys
from pathlib import Path

from pipeline.addresses import ipc_address, private_run_directory
from pipeline.bus import EventSubscriber
from pipeline.control import control_request
from pipeline.wire import EventsMessage, decode

ROOT = Path(__file__).resolve().parents[2]
DEADLINE_S = 30.0


def test_a_camera_is_given_out_like_a_recording() -> None:
    """A real process with a simulated person: events in order, and an end when it is told to."""
    folder = private_run_directory()
    events, control = ipc_address(folder, "events"), ipc_address(folder, "control")
    process = subprocess.Popen(
        [
            *(sys.executable, "-P", "-m", "pipeline", "source"),
            *("--camera", "simulated:seconds=1", "--bind", events, "--control", control),
        ],
        env=os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"},
    )
    try:
        with EventSubscriber([events]) as subscriber:
            heard = 0
            while heard < 200:
                parts = subscriber.receive(round(1000 * DEADLINE_S))
                assert parts is not None
                message = decode(parts)
                if isinstance(message, EventsMessage):
                    assert message.packet.source == "simulated-user30-led"
                    heard += 1
            control_request(control, {"command": "stop"}, timeout_s=DEADLINE_S)
        assert process.wait(DEADLINE_S) == 0
    finally:
        process.kill()


def test_a_source_is_a_recording_or_a_camera_and_not_both(tmp_path: Path) -> None:
    """Neither and both are refused."""
    for arguments in ([], ["x.aedat4", "--camera", "simulated"]):
        done = subprocess.run(
            [
                *(sys.executable, "-P", "-m", "pipeline", "source", *arguments),
                *("--bind", f"ipc://{tmp_path}/e"),
            ],
            env=os.environ | {"PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 2
        assert "allowed: one of the two" in done.stderr
