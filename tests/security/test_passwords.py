"""Passwords are hashed slowly on purpose, and a rush of logins does not fill the memory."""

import subprocess
import sys

import pytest

from mprelease.security import passwords

RUSH = """
from pathlib import Path
from concurrent.futures import ThreadPoolExecutor
from mprelease.security import passwords

def peak():
    # Of this program alone; what getrusage tells begins with what its parent was before it.
    return int(Path("/proc/self/status").read_text().split("VmHWM:")[1].split()[0]) // 1024

passwords.hashed("once, so that everything is loaded")
before = peak()
with ThreadPoolExecutor(12) as pool:
    list(pool.map(passwords.hashed, map(str, range(12))))
print(peak() - before)
"""
ONE_HASH = 64  # MiB, by RFC 9106's second recommendation


def test_a_password_is_told_from_another() -> None:
    stored = passwords.hashed("correct horse")
    assert passwords.matches("correct horse", stored)
    assert not passwords.matches("correct hors", stored)
    assert not passwords.matches("correct horse", "what an older version wrote")
    assert passwords.hashed("correct horse") != stored


@pytest.mark.lasting
def test_never_more_than_two_are_hashed_at_once() -> None:
    """Twelve at once would hold 768 MiB; beyond the one before the rush, two need one more."""
    command = (sys.executable, "-c", RUSH)
    more = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    assert ONE_HASH // 2 < int(more) < ONE_HASH * 2
