from dataclasses import fields

import numpy as np
import pytest

from drivers.errors import InputError
from drivers.subject import draw_subject


def test_a_user_is_the_same_person_every_time():
    """User and seed decide everything about a person."""
    assert draw_subject(5, 3) == draw_subject(5, 3)
    assert draw_subject(5, 3) != draw_subject(5, 4)


def test_users_differ_in_everything():
    """No trait is the same for all users."""
    people = [draw_subject(user, 0) for user in range(1, 40)]
    for field in fields(people[0]):
        assert len({getattr(person, field.name) for person in people}) > 1, field.name


def test_skin_and_shirt_can_be_told_from_the_wall():
    """Nobody is dressed in the colour of the wall."""
    for user in range(1, 200):
        person = draw_subject(user, 0)
        for luminance in (person.skin, person.shirt):
            assert 0 < luminance <= 1
            assert abs(np.log(luminance / person.background)) >= 0.499


@pytest.mark.parametrize(("user", "seed"), [(0, 0), (-1, 0), (1, -1)])
def test_numbers_below_the_first_user_or_seed_are_refused(user, seed):
    """Wrong numbers end in one line that says what is allowed."""
    with pytest.raises(InputError, match="allowed"):
        draw_subject(user, seed)
