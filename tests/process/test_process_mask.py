import base64
import json
import re
import textwrap
import time
from collections.abc import Callable
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mprelease.process import mask
from mprelease.process.mask import MASK, Mask

TOKEN = "to/ken+secret=1"
PEM = """-----BEGIN PRIVATE KEY-----
MIIEvQIBADANBgkqhkiG9w0
BAQEFAASCBKcw
-----END PRIVATE KEY-----
"""


def took(work: Callable[[], object]) -> float:
    # The time of this process alone: others may have the processors meanwhile.
    began = time.process_time()
    work()
    return time.process_time() - began


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
    assert took(lambda: [mask(line) for _ in range(10_000)]) < 1


LONG = "".join(f"{number:x}·/+ " for number in range(500, 700))


@pytest.mark.parametrize(
    "written",
    [
        lambda secret: secret.encode().hex(),
        lambda secret: secret.encode().hex().upper(),
        json.dumps,
        lambda secret: json.dumps(secret, ensure_ascii=False).replace("/", "\\/"),
        lambda secret: quote(secret, safe="!~*'()"),
        lambda secret: re.sub("%..", lambda found: found[0].lower(), quote(secret, safe="")),
        lambda secret: base64.b64encode(secret.encode()).decode(),
        lambda secret: base64.urlsafe_b64encode(secret.encode()).decode(),
    ],
)
@pytest.mark.parametrize("secret", ['to/k"en+sec=1', LONG])
def test_a_secret_is_hidden_however_it_is_encoded(
    secret: str, written: Callable[[str], str]
) -> None:
    shown = Mask([secret])(f"a {written(secret)} b")
    # Quotes, and the last characters of Base64, are not decided by the secret alone.
    assert len(shown.replace(MASK, "")) <= len('a "" b') + 2


@pytest.mark.parametrize("width", [60, 64, 76])
def test_a_long_secret_that_is_wrapped_leaves_only_scraps(width: int) -> None:
    key = base64.encodebytes(bytes(range(250)) * 5).decode()
    for secret in (LONG, f"-----BEGIN X-----\n{key}-----END X-----\n"):
        mask = Mask([secret])
        lines = textwrap.wrap(base64.b64encode(secret.encode()).decode(), width)
        rests = [mask(line).replace(MASK, "") for line in lines[1:-1]]
        assert max(map(len, rests)) < 32


def test_a_piece_that_was_cut_out_of_a_long_secret_is_hidden() -> None:
    assert Mask([LONG])(f"> {LONG[33:77]} <") == f"> {MASK} <"


def test_the_first_and_last_line_of_a_key_are_no_secret() -> None:
    assert Mask([PEM])("-----BEGIN PRIVATE KEY-----") == "-----BEGIN PRIVATE KEY-----"


def test_the_first_line_does_not_wait_for_a_secret_of_280_kilobytes() -> None:
    long = base64.b64encode(bytes(range(250)) * 840).decode()
    walking_over_it = min(took(lambda: sum(map(ord, long))) for _ in range(3))
    assert took(lambda: Mask([long])("a line")) < 100 * walking_over_it


@given(st.text(min_size=6), st.text(), st.text())
def test_no_secret_remains(secret: str, before: str, after: str) -> None:
    stripped = secret.strip()
    if len(stripped) >= 6 and MASK[0] not in stripped:
        assert stripped not in Mask([secret])(before + stripped + after)


def test_releases_with_the_same_secrets_share_one_index() -> None:
    before = mask._index_of.cache_info().misses
    first, second = (Mask(["a secret of this test alone"]) for _ in range(2))
    assert first("a secret of this test alone") == second("a secret of this test alone") == MASK
    assert mask._index_of.cache_info().misses == before + 1
