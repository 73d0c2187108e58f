"""Builds that are not confined are told to whoever can change it, on every page."""

import pytest

from mprelease.domain.sandbox import SandboxMode
from mprelease.domain.users import Role
from mprelease.storage import workers
from web_clients import Site


@pytest.mark.parametrize(
    ("mode", "role", "is_shown"),
    [
        (SandboxMode.OFF, Role.ADMIN, True),
        (SandboxMode.OFF, Role.SUPER_ADMIN, True),
        (SandboxMode.OFF, Role.MEMBER, False),
        (SandboxMode.BWRAP, Role.ADMIN, False),
        (SandboxMode.USER, Role.ADMIN, False),
        (None, Role.ADMIN, False),
    ],
)
def test_administrators_are_told_of_workers_that_confine_nothing(
    mode: SandboxMode | None, role: Role, site: Site, *, is_shown: bool
) -> None:
    with site.services.database.writing() as db:
        workers.register(db, "builder-7", ["default"], 2, "0.1.0", sandbox=mode)
    page = site.logged_in(role).client.get("/").text
    assert ("builder-7" in page and "alert-danger" in page) is is_shown
