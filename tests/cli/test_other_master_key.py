"""Nodes with the master key of another installation do not start (issue 14, bad input)."""

from base64 import b64encode
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mprelease.application import opened
from mprelease.services.context import keep_secret, require_matching_key
from mprelease.settings.settings import load

SENTENCE = "The stored credentials cannot be opened with this master key. Bring back"

Call = Callable[..., Any]


@pytest.mark.parametrize("command", ["serve", "worker"])
def test_a_master_key_of_another_installation_is_refused_at_the_start(
    call: Call, data: Path, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    application = opened(load())
    services = application.services
    with services.database.writing() as db:
        keep_secret(db, services, "project:1", "git_token", "t0ken-t0ken")
    require_matching_key(services)
    application.close()
    other = b64encode(b"o" * 32).decode()
    monkeypatch.setenv("MPRELEASE_MASTER_KEY", other)
    answer = call(command)
    assert (answer.code, answer.out) == (2, "")
    assert answer.err.startswith(SENTENCE)
    assert len(answer.err.splitlines()) <= 2

    # Whoever has lost the key enters the secrets anew, and may then start.
    application = opened(load())
    with application.services.database.writing() as db:
        keep_secret(db, application.services, "project:2", "git_token", "t0ken-t0ken")
    require_matching_key(application.services)
    application.close()
