import pytest

from drivers.errors import InputError
from recordings.dvsgesture import labels_path, read_gesture_set, recording_name
from recordings.labels import GestureInterval, write_label_file


@pytest.fixture
def folder(tmp_path):
    """A small set: two users to train, one to test; the reader opens no recording."""
    for user in (1, 2, 24):
        path = tmp_path / recording_name(user, "led")
        path.write_bytes(b"")
        write_label_file(
            labels_path(path),
            [GestureInterval(0, 10, 1), GestureInterval(20, 30, 8), GestureInterval(40, 50, 8)],
        )
    (tmp_path / "trials_to_train.txt").write_text("user02_led.aedat\nuser01_led.aedat\n\n")
    (tmp_path / "trials_to_test.txt").write_text("user24_led.aedat\r\n")
    return tmp_path


def test_recordings_come_in_the_order_of_their_lists(folder):
    """Each recording has its user, light, part and labels."""
    found = read_gesture_set(folder)
    assert [(item.user, item.light, item.split) for item in found.recordings] == [
        (2, "led", "train"),
        (1, "led", "train"),
        (24, "led", "test"),
    ]
    assert found.recordings[0].path == folder / "user02_led.aedat"
    assert [item.gesture_class for item in found.recordings[2].intervals] == [1, 8, 8]


def test_trials_are_all_labelled_gestures_of_a_part(folder):
    """Every row of every label file is a trial."""
    found = read_gesture_set(folder)
    assert len(list(found.trials())) == 9
    test = list(found.trials("test"))
    assert [trial.interval.gesture_class for trial in test] == [1, 8, 8]
    assert {trial.recording.user for trial in test} == {24}


def test_what_was_found_is_counted(folder):
    """Recordings, users and trials of each part and in all."""
    counts = read_gesture_set(folder).counts()
    assert counts["train_recordings"] == counts["train_users"] == 2
    assert counts["test_trials"] == 3
    assert (counts["recordings"], counts["users"], counts["trials"]) == (3, 3, 9)


def test_one_list_is_enough(folder):
    """A set that is only for testing has no list to train."""
    (folder / "trials_to_train.txt").unlink()
    assert read_gesture_set(folder).of("train") == ()


def test_lights_may_have_underscores(folder):
    """DvsGesture has a light called fluorescent_led."""
    path = folder / recording_name(24, "fluorescent_led")
    path.write_bytes(b"")
    write_label_file(labels_path(path), [GestureInterval(0, 10, 11)])
    (folder / "trials_to_test.txt").write_text(f"{path.name}\n")
    assert read_gesture_set(folder).of("test")[0].light == "fluorescent_led"


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda folder: (folder / "user24_led.aedat").unlink(), "trials_to_test.txt, line 1"),
        (lambda folder: (folder / "user24_led_labels.csv").unlink(), "user24_led_labels.csv"),
        (
            lambda folder: (folder / "trials_to_test.txt").write_text("user01_led.aedat\n"),
            "each recording once",
        ),
        (lambda folder: (folder / "trials_to_test.txt").write_text("../x.aedat\n"), "line 1"),
        (
            lambda folder: (folder / "user01_led_labels.csv").write_text(
                "class,startTime_usec,endTime_usec\n12,0,5\n"
            ),
            "class 12",
        ),
        (
            lambda folder: [
                (folder / f"trials_to_{part}.txt").write_text("") for part in ("train", "test")
            ],
            "no recordings",
        ),
        (
            lambda folder: [
                (folder / f"trials_to_{part}.txt").unlink() for part in ("train", "test")
            ],
            "trials_to_train.txt",
        ),
    ],
)
def test_a_damaged_set_is_refused_with_the_place(folder, change, told):
    """One line names the file, and the line where there is one."""
    change(folder)
    with pytest.raises(InputError, match=told):
        read_gesture_set(folder)


def test_a_missing_folder_is_named(tmp_path):
    """A wrong path is said to be one."""
    with pytest.raises(InputError, match="no such folder"):
        read_gesture_set(tmp_path / "nowhere")


def test_a_part_can_be_narrowed_to_some_users(folder):
    """Users of the other part, and strangers, are refused by number."""
    whole = read_gesture_set(folder).of("train")
    users = {item.user for item in whole}
    chosen = min(users)
    narrowed = read_gesture_set(folder).of("train", [chosen])
    assert narrowed == tuple(item for item in whole if item.user == chosen)
    with pytest.raises(InputError, match="user 24, 99"):
        read_gesture_set(folder).of("train", [chosen, 99, 24])
