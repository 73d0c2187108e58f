"""Version numbers: the shapes that the vendors' tools take, and the number of the day."""

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mprelease.domain.errors import Refused
from mprelease.domain.problems import Problem
from mprelease.domain.versions import (
    VersionForm,
    automatic,
    automatic_shared,
    checked,
    is_greater,
    of_day,
)

FIFTH_OF_JANUARY = date(2026, 1, 5)

wechat_versions = st.lists(st.integers(0, 10**6), min_size=2, max_size=4).map(
    lambda parts: ".".join(map(str, parts))
)


def test_the_first_upload_of_a_day_ends_with_zero() -> None:
    assert automatic(VersionForm.WORDS, FIFTH_OF_JANUARY, []) == "26.01.05.0"


def test_alipay_and_douyin_get_no_leading_zero() -> None:
    assert automatic(VersionForm.THREE_NUMBERS, FIFTH_OF_JANUARY, []) == "26.105.0"
    assert automatic(VersionForm.THREE_NUMBERS, date(2026, 12, 31), []) == "26.1231.0"


def test_the_next_upload_of_a_day_counts_on() -> None:
    assert automatic(VersionForm.WORDS, FIFTH_OF_JANUARY, ["26.01.05.0", "26.01.05.1"]) == (
        "26.01.05.2"
    )


def test_a_new_day_begins_with_zero_again() -> None:
    assert automatic(VersionForm.WORDS, FIFTH_OF_JANUARY, ["26.01.04.7"]) == "26.01.05.0"


def test_a_number_beyond_today_is_continued() -> None:
    assert automatic(VersionForm.WORDS, FIFTH_OF_JANUARY, ["30.1.1"]) == "30.1.2"


@given(st.lists(wechat_versions), st.dates(date(2024, 1, 1), date(2099, 12, 31)))
def test_an_automatic_number_is_greater_than_all_before_and_has_a_shape_the_platform_takes(
    used: list[str], today: date
) -> None:
    version = automatic(VersionForm.WORDS, today, used)
    assert checked(VersionForm.WORDS, version) == version
    assert all(is_greater(version, earlier) for earlier in used)


def test_numbers_are_compared_as_numbers() -> None:
    assert is_greater("1.10.0", "1.9.9")
    assert not is_greater("1.9.9", "1.10.0")
    assert not is_greater("1.0.0", "1.0.0")


@pytest.mark.parametrize("version", ["", ".1", "1 0", "1.0.0\n", "版本", "1" * 65])
def test_other_shapes_are_refused_with_an_example(version: str) -> None:
    with pytest.raises(Refused) as refused:
        checked(VersionForm.WORDS, version)
    assert refused.value.problem_detail.problem is Problem.VERSION_SHAPE
    assert refused.value.problem_detail.parameters["example"] == "26.01.05.0"


@pytest.mark.parametrize("version", ["1", "v1.2.3-beta", "1.0.0", "26.01.05.0", "a_b"])
def test_wechat_takes_words_as_well(version: str) -> None:
    """Issue 12, number 21."""
    assert checked(VersionForm.WORDS, version) == version


def test_only_automatic_numbers_of_the_day_are_counted() -> None:
    used = ["26.01.05.3", "26.105.4", "26.01.04.9", "10.0.0", "v1", "26.01.05.x", "26.01.05"]
    assert of_day(used, FIFTH_OF_JANUARY) == ["26.01.05.3", "26.105.4"]


@pytest.mark.parametrize("version", ["26.0105.0", "1.0", "1.0.0.0"])
def test_alipay_refuses_what_its_tool_would(version: str) -> None:
    with pytest.raises(Refused):
        checked(VersionForm.THREE_NUMBERS, version)


def test_a_shared_number_has_the_form_that_all_platforms_accept() -> None:
    forms = list(VersionForm)
    assert automatic_shared(forms, FIFTH_OF_JANUARY, ["26.01.05.3", "26.104.7"]) == "26.105.0"
    assert automatic_shared(forms, FIFTH_OF_JANUARY, ["26.01.05.3", "26.105.0"]) == "26.105.1"


def test_a_shared_number_for_one_platform_keeps_its_form() -> None:
    both = [VersionForm.WORDS, VersionForm.WORDS]
    assert automatic_shared(both, FIFTH_OF_JANUARY, ["26.01.05.3"]) == "26.01.05.4"


def test_after_a_shared_number_wechat_continues_in_the_shared_form() -> None:
    sixth = date(2026, 1, 6)
    assert automatic(VersionForm.WORDS, FIFTH_OF_JANUARY, ["26.105.0"]) == "26.105.1"
    assert automatic(VersionForm.WORDS, sixth, ["26.01.05.0", "26.105.1"]) == "26.106.0"
    assert automatic(VersionForm.WORDS, date(2027, 1, 6), ["26.106.0"]) == "27.01.06.0"


@given(st.lists(wechat_versions), st.dates(date(2024, 1, 1), date(2099, 12, 31)))
def test_a_shared_number_is_greater_than_all_before_and_every_platform_accepts_it(
    used: list[str], today: date
) -> None:
    version = automatic_shared(list(VersionForm), today, used)
    assert all(checked(form, version) == version for form in VersionForm)
    assert all(is_greater(version, earlier) for earlier in used)
