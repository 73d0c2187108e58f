"""The vault: sealed is sealed."""

from base64 import b64encode
from pathlib import Path

import pytest

from mprelease.domain.errors import Refused
from mprelease.domain.problems import Problem
from mprelease.security.vault import Vault, master_key

VAULT = Vault(bytes(range(32)))


def test_what_is_sealed_opens_for_the_same_purpose() -> None:
    assert VAULT.open(VAULT.seal("秘密", "app:1/credential"), "app:1/credential") == "秘密"


def test_the_secret_is_not_in_what_is_stored() -> None:
    assert b"secret" not in VAULT.seal("secret", "app:1/credential")


def test_sealing_twice_gives_different_bytes() -> None:
    assert VAULT.seal("secret", "x") != VAULT.seal("secret", "x")


def test_a_secret_moved_to_another_row_does_not_open() -> None:
    with pytest.raises(Refused) as refused:
        VAULT.open(VAULT.seal("secret", "app:1/credential"), "app:2/credential")
    assert refused.value.problem_detail.problem is Problem.MASTER_KEY_WRONG


def test_another_master_key_does_not_open() -> None:
    with pytest.raises(Refused):
        Vault(bytes(32)).open(VAULT.seal("secret", "x"), "x")


def test_the_master_key_is_made_once_and_readable_by_its_owner_alone(tmp_path: Path) -> None:
    file = tmp_path / "master.key"
    first = master_key(None, file)
    assert master_key(None, file) == first
    assert len(first) == 32
    assert file.stat().st_mode & 0o777 == 0o600


def test_a_given_master_key_needs_no_file(tmp_path: Path) -> None:
    given = b64encode(bytes(range(32))).decode()
    assert master_key(given, tmp_path / "master.key") == bytes(range(32))
    assert not (tmp_path / "master.key").exists()


@pytest.mark.parametrize("given", ["", "short", "c2hvcnQ=", "!" * 44])
def test_a_master_key_of_another_shape_is_refused(given: str, tmp_path: Path) -> None:
    with pytest.raises(Refused):
        master_key(given, tmp_path / "master.key")


def test_a_fingerprint_tells_secrets_apart_and_depends_on_the_master_key() -> None:
    ours, theirs = Vault(b"a" * 32), Vault(b"b" * 32)
    assert ours.fingerprint("key") == ours.fingerprint("key")
    assert len({ours.fingerprint("key"), ours.fingerprint("Key"), theirs.fingerprint("key")}) == 3
