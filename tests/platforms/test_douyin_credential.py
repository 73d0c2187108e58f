import json

import pytest

from douyin_samples import EMAIL, LOGIN_CREDENTIAL, PASSWORD, TOKEN, TOKEN_CREDENTIAL
from mprelease.domain.errors import Refused
from mprelease.domain.problems import Problem, ProblemDetail
from mprelease.platforms.douyin.api import Login, Token, opened, read_credential
from mprelease.platforms.douyin.driver import DouyinDriver
from mprelease.process.mask import MASK, Mask


def problem_detail_of(content: bytes) -> ProblemDetail:
    with pytest.raises(Refused) as refused:
        read_credential(content)
    return refused.value.problem_detail


def test_a_token_is_read() -> None:
    credential = read_credential(b'\xef\xbb\xbf{"token": "%s"}\r\n' % TOKEN.encode())
    assert credential == TOKEN_CREDENTIAL
    assert opened(credential) == Token(TOKEN)


def test_an_e_mail_address_with_its_password_is_read() -> None:
    content = json.dumps({"email": EMAIL, "password": PASSWORD})
    assert read_credential(content.encode()) == LOGIN_CREDENTIAL
    assert opened(LOGIN_CREDENTIAL) == Login(EMAIL, PASSWORD)


def test_a_token_goes_before_a_login() -> None:
    content = json.dumps({"email": EMAIL, "password": PASSWORD, "token": TOKEN})
    assert read_credential(content.encode()) == TOKEN_CREDENTIAL


@pytest.mark.parametrize(
    "content",
    [
        {"token": ""},
        {"token": "a\nb"},
        {"email": EMAIL},
        {"email": "lin", "password": PASSWORD},
        {"email": EMAIL, "password": " "},
        {"email": EMAIL, "password": None},
        {"password": PASSWORD},
    ],
)
def test_half_a_credential_is_refused(content: object) -> None:
    assert problem_detail_of(json.dumps(content).encode()) == ProblemDetail(Problem.KEY_SHAPE)


def test_json_that_is_too_deep_is_refused() -> None:
    assert problem_detail_of(b"[" * 100_000) == ProblemDetail(Problem.KEY_SHAPE)


@pytest.mark.parametrize("credential", [TOKEN_CREDENTIAL, LOGIN_CREDENTIAL])
def test_each_secret_is_masked_where_it_stands_alone(credential: str) -> None:
    secret = credential.splitlines()[-1]
    assert Mask([credential])(f"x-cli-token: {secret}!") == f"x-cli-token: {MASK}!"


def test_no_secret_shows_in_a_representation() -> None:
    assert TOKEN not in repr(Token(TOKEN))
    assert PASSWORD not in repr(Login(EMAIL, PASSWORD))


def test_each_of_its_secrets_is_known_by_itself() -> None:
    assert DouyinDriver().secrets_in(TOKEN_CREDENTIAL) == (TOKEN,)
    assert DouyinDriver().secrets_in(LOGIN_CREDENTIAL) == (EMAIL, PASSWORD)
    assert DouyinDriver().secrets_in("") == ()
