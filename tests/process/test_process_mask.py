import base64
import time
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mprelease.process.mask import MASK, Mask

TOKEN = "to/ken+secret=1"
PEM = """-----BEGIN PRIVATE KEY-----
MIIEvQIBADANBgkqhkiG9w0
BAQEFAASCBKcw
-----END PRIVATE KEY-----
"""


def test_a_secret_is_hidden_wherever_it_stands() -> None:
    assert Mask([TOKEN])(f"a {TOKEN} b {TOKEN}") == f"a {MASK} b {MASK}"


def test_a_secret_in_a_url_is_hidden() -> None:
    assert Mask([TOKEN])(f"https://{quote(TOKEN, safe='')}@host") == f"https://{MASK}@host"


@pytest.mark.parametrize("user", ["", "u", "ui", "x-access-token:"])
def test_a_secret_in_a_basic_authorization_header_is_hidden(user: str) -> None:
    encoded = base64.b64encode(f"{user}{TOKEN}".encode()).decode()
    shown = Mask([TOKEN])(encoded)
    assert MASK in shown
    assert TOKEN.encode()[2:-2] not in base64.b64decode(shown.replace(MASK, "") + "==")


@pytest.mark.parametrize("line", PEM.splitlines()[1:-1])
def test_each_line_of_a_key_is_hidden(line: str) -> None:
    assert Mask([PEM])(f"> {line}") == f"> {MASK}"


def test_a_key_in_json_is_hidden_line_by_line() -> None:
    shown = Mask([PEM])(PEM.replace("\n", "\\n"))
    assert shown == f"-----BEGIN PRIVATE KEY-----\\n{MASK}\\n{MASK}\\n-----END PRIVATE KEY-----\\n"


def test_of_two_secrets_the_longer_one_is_hidden_whole() -> None:
    assert Mask(["secret", "secret-and-more"])("secret-and-more") == MASK


@pytest.mark.parametrize("secrets", [[], ["", "  "], ["short"]])
def test_what_is_no_secret_stays(secrets: list[str]) -> None:
    assert Mask(secrets)("a short line") == "a short line"


def test_ten_thousand_lines_pass_within_a_second() -> None:
    keys = [base64.encodebytes(bytes([n]) * 1200).decode() for n in range(4)]
    mask = Mask([*keys, TOKEN])
    line = base64.b64encode(bytes(range(75))).decode()
    began = time.monotonic()
    for _ in range(10_000):
        mask(line)
    assert time.monotonic() - began < 1


@given(st.text(min_size=6), st.text(), st.text())
def test_no_secret_remains(secret: str, before: str, after: str) -> None:
    stripped = secret.strip()
    if len(stripped) >= 6 and MASK[0] not in stripped:
        assert stripped not in Mask([secret])(before + stripped + after)
