import json
from base64 import b64encode

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from alipay_samples import TOOL_ID
from mprelease.domain.errors import Refused
from mprelease.domain.problems import Problem
from mprelease.platforms.alipay.api import opened, read_credential
from mprelease.platforms.alipay.driver import AlipayDriver


def given(key: str, tool_id: str = TOOL_ID) -> bytes:
    return json.dumps({"toolId": tool_id, "privateKey": key}).encode()


def forms_of(pem: str) -> dict[str, str]:
    key = load_pem_private_key(pem.encode(), None)
    return {
        f"{shape} {encoding}": text
        for shape, form in (
            ("PKCS#1", PrivateFormat.TraditionalOpenSSL),
            ("PKCS#8", PrivateFormat.PKCS8),
        )
        for encoding, text in (
            ("PEM", key.private_bytes(Encoding.PEM, form, NoEncryption()).decode()),
            ("bare", b64encode(key.private_bytes(Encoding.DER, form, NoEncryption())).decode()),
        )
    }


def test_every_form_of_a_key_becomes_the_one_that_the_tool_reads(key: str) -> None:
    for form, text in forms_of(key).items():
        read = opened(read_credential(given(text)))
        assert read.tool_id == TOOL_ID, form
        assert read.private_key == key.strip(), form


def test_windows_line_ends_and_a_byte_order_mark_do_no_harm(key: str) -> None:
    content = b"\xef\xbb\xbf" + given(key.replace("\n", "\r\n"))
    assert opened(read_credential(content)).private_key == key.strip()


def test_a_key_is_not_shown_by_accident(key: str) -> None:
    assert "PRIVATE" not in repr(opened(read_credential(given(key))))


@pytest.mark.parametrize("tool_id", ["", "a b", "../x", "a\nb"])
def test_what_is_no_tool_id_is_refused(key: str, tool_id: str) -> None:
    with pytest.raises(Refused) as refused:
        read_credential(given(key, tool_id))
    assert refused.value.problem_detail.problem is Problem.KEY_SHAPE


def test_a_key_of_another_kind_is_refused() -> None:
    curve = generate_private_key(SECP256R1())
    pem = curve.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    for text in (pem, "AAAA", "no base64!", ""):
        with pytest.raises(Refused) as refused:
            read_credential(given(text))
        assert refused.value.problem_detail.problem is Problem.KEY_SHAPE


def test_the_key_is_a_secret_and_the_id_of_the_tool_is_none(key: str) -> None:
    credential = read_credential(given(key))
    (secret,) = AlipayDriver().secrets_in(credential)
    assert secret == opened(credential).private_key
    assert AlipayDriver().secrets_in("") == ("",)
