"""Until when a QR code can be scanned."""

from mprelease.domain.codes import UNKNOWN, UNLIMITED, Code, Validity, ending, lasting

MINUTE = 60_000


def test_a_lifetime_ends_so_long_after_the_code_was_made_or_when_the_platform_says() -> None:
    assert lasting(minutes=25).end(1000) == 1000 + 25 * MINUTE
    assert lasting(days=6).end(0) == 6 * 24 * 60 * MINUTE
    assert ending(5000).end(1000) == 5000
    assert (UNKNOWN.end(1000), UNLIMITED.end(1000)) == (None, None)


def test_a_code_has_ended_only_when_its_end_is_known() -> None:
    limited = Code(0, Validity.LIMITED, 25 * MINUTE)
    assert not limited.has_ended(25 * MINUTE - 1)
    assert limited.has_ended(25 * MINUTE)
    for validity in (Validity.UNLIMITED, Validity.UNKNOWN):
        assert not Code(0, validity).has_ended(10**15)


def test_the_part_of_its_time_that_is_left() -> None:
    limited = Code(0, Validity.LIMITED, 100)
    assert [limited.left(now) for now in (-5, 0, 25, 100, 300)] == [1, 1, 0.75, 0, 0]
    assert Code(0).left(5) is None
    assert Code(100, Validity.LIMITED, 100).left(99) == 1
