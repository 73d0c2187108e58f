"""A page shows the secret of its forms in a shape that no other page shows."""

import pytest

from mprelease.security import csrf, tokens


def test_each_token_is_another_one_and_all_are_of_the_same_secret() -> None:
    secret = tokens.new_token()
    made = [csrf.masked(secret) for _ in range(50)]
    assert len(set(made)) == 50
    assert all(csrf.is_valid(token, secret) for token in made)
    assert not any(secret[:8] in token for token in made)


@pytest.mark.parametrize("token", ["", "A", "AA==", "é", "====", "x" * 10_000, "\ud800"])
def test_what_is_no_token_of_this_secret_is_refused(token: str) -> None:
    secret = tokens.new_token()
    assert not csrf.is_valid(token, secret)
    assert not csrf.is_valid(secret, secret)
    assert not csrf.is_valid(csrf.masked(tokens.new_token()), secret)
    assert not csrf.is_valid(csrf.masked("")[:4], "")
