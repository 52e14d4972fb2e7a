from pipeline.commands.source_options import camera_names


def test_several_cameras_are_told_apart_by_number() -> None:
    """Kinds and files alike; one alone says its name itself."""
    assert camera_names(["simulated:user=31"]) == [None]
    cameras = ["simulated:user=31", "simulated", "films/wave.mp4"]
    assert camera_names(cameras) == ["simulated-1", "simulated-2", "wave-3"]
