import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)

from mprelease.domain.errors import Refused
from mprelease.domain.problems import Problem
from mprelease.platforms.wechat.api import read_key


def test_both_forms_of_pem_are_read(key: str) -> None:
    private = load_pem_private_key(key.encode(), password=None)
    for form in (PrivateFormat.TraditionalOpenSSL, PrivateFormat.PKCS8):
        pem = private.private_bytes(Encoding.PEM, form, NoEncryption())
        assert read_key(pem) == pem.decode()


def test_a_byte_order_mark_and_windows_line_ends_are_taken_off(key: str) -> None:
    assert read_key(b"\xef\xbb\xbf\r\n" + key.replace("\n", "\r\n").encode()) == key


def test_a_public_key_is_refused(key: str) -> None:
    public = load_pem_private_key(key.encode(), password=None).public_key()
    with pytest.raises(Refused) as refused:
        read_key(public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    assert refused.value.problem_detail.problem is Problem.KEY_SHAPE


def test_a_key_of_another_kind_is_refused() -> None:
    curve = generate_private_key(SECP256R1())
    pem = curve.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    with pytest.raises(Refused) as refused:
        read_key(pem)
    assert refused.value.problem_detail.problem is Problem.KEY_SHAPE
