"""Users written as numbers and ranges."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.errors import InputError
from recordings.user_range import parse_user_range, user_range_text


@given(st.sets(st.integers(1, 60), min_size=1))
def test_users_listed_one_by_one_are_read_back(users):
    """A comma between numbers lists users."""
    assert parse_user_range(",".join(map(str, users))) == sorted(users)


@given(st.sets(st.integers(1, 60), min_size=1))
def test_users_are_written_as_they_are_read(users):
    """In ranges where they follow each other."""
    assert parse_user_range(user_range_text(users)) == sorted(users)
    assert user_range_text([7, 1, 3, 2]) == "1-3,7"


def test_ranges_of_users_include_both_ends():
    """As in 24-29; single numbers and lists work too."""
    assert parse_user_range("24-29") == [24, 25, 26, 27, 28, 29]
    assert parse_user_range(" 1-3, 9 ,2") == [1, 2, 3, 9]


@pytest.mark.parametrize(
    "text", ["", "0", "5-3", "a", "1-", "-4", "1--2", "1,,2", "²", "1-999999", "9" * 5000]
)
def test_other_text_is_no_range_of_users(text):
    """The error says how users are written."""
    with pytest.raises(InputError, match="24-29"):
        parse_user_range(text)
