"""The parts of one running mprelease."""

import pytest

from mprelease.application import opened
from mprelease.settings.settings import load
from mprelease.storage.database import Database


@pytest.mark.usefixtures("call")
def test_what_was_opened_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    closed = []
    close = Database.close
    monkeypatch.setattr(Database, "close", lambda self: (closed.append(self), close(self)))
    application = opened(load())
    databases = [application.services.database, application.leased_services.database]
    application.close()
    assert set(closed) == set(databases)
