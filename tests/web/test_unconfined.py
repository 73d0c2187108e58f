"""Builds that are not confined are told to whoever can change it, on every page."""

import pytest

from api_clients import api_client
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


WHY = "bwrap: No permissions to create new namespace <b>"


@pytest.mark.parametrize(
    ("mode", "why"), [(SandboxMode.USER, WHY), (SandboxMode.OFF, WHY), (SandboxMode.BWRAP, "")]
)
@pytest.mark.parametrize("language", ["zh", "en"])
def test_the_list_of_workers_says_why_there_is_no_stronger_sandbox(
    site: Site, mode: SandboxMode, why: str, language: str
) -> None:
    with site.services.database.writing() as db:
        workers.register(db, "builder-7", ["default"], 2, "0.1.0", sandbox=mode, sandbox_reason=why)
    browser = site.logged_in(Role.ADMIN).client
    page = browser.get("/workers", headers={"Accept-Language": language}).text
    words = {"zh": "为什么不是更强的隔离", "en": "Why no stronger sandbox"}[language]
    assert (words in page, WHY.replace("<b>", "&lt;b&gt;") in page) == (bool(why), bool(why))
    (worker,) = api_client(site, Role.ADMIN).call("GET", "/workers")
    assert (worker["sandbox"], worker["sandbox_reason"]) == (mode, why)
