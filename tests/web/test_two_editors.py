"""Issue 12, number 11: who saves second is told, and what was typed is still there."""

import re
from dataclasses import replace

import pytest

from api_clients import api_client
from databases import KINDS
from mprelease.domain.apps import App
from mprelease.domain.users import Actor, Role
from mprelease.schemas.apps import AppChange
from mprelease.schemas.projects import ProjectChange
from mprelease.security.vault import Vault
from mprelease.services import apps, projects
from web_clients import Site

BOSS = Actor("admin")
APP = {"name": "shop", "platform_app_id": "wx0123456789abcdef", "label": "default"}


def shop(site: Site) -> App:
    with site.services.database.reading() as db:
        return apps.get(db, "shop")


def revision_in(page: str) -> str:
    found = re.search(r'name="revision" value="(\d+)"', page)
    assert found
    return found[1]


@pytest.mark.parametrize("kind", KINDS)
def test_the_second_of_two_forms_of_an_app_is_told_and_may_save_over(site: Site) -> None:
    boss = site.logged_in(Role.SUPER_ADMIN)
    seen = revision_in(boss.client.get("/apps/shop/settings").text)
    apps.edit(site.services, BOSS, "shop", AppChange(output="theirs"))
    mine = APP | {"build_command": "npm run mine", "setting.es6": "false", "robot": "7"}
    page = boss.send("/apps/shop/settings", **mine, output="", revision=seen)
    assert 'role="alert"' in page
    assert 'value="npm run mine"' in page
    assert '<option value="false" selected>' in page
    assert (shop(site).build.output, shop(site).robot) == ("theirs", 1)
    again = boss.send("/apps/shop/settings", **mine, output="", revision=revision_in(page))
    assert 'role="alert"' not in again
    assert (shop(site).build.output, shop(site).robot) == (None, 7)


def test_another_refusal_keeps_the_revision_that_was_seen(site: Site) -> None:
    boss = site.logged_in(Role.SUPER_ADMIN)
    seen = revision_in(boss.client.get("/apps/shop/settings").text)
    apps.edit(site.services, BOSS, "shop", AppChange(output="theirs"))
    page = boss.send("/apps/shop/settings", **APP, robot="99", revision=seen)
    assert 'role="alert"' in page
    assert "99" in page
    assert revision_in(boss.client.get("/apps/shop/settings").text) != seen


@pytest.mark.parametrize("kind", KINDS)
def test_the_second_of_two_forms_of_a_project_is_told(site: Site) -> None:
    boss = site.logged_in(Role.SUPER_ADMIN)
    seen = revision_in(boss.client.get("/projects/web").text)
    projects.edit(site.services, BOSS, "web", ProjectChange(default_branch="theirs"))
    form = {"name": "web", "repository": "/srv/mine.git", "default_branch": "main"}
    page = boss.send("/projects/web", **form, revision=seen)
    assert 'role="alert"' in page
    assert 'value="/srv/mine.git"' in page
    with site.services.database.reading() as db:
        assert projects.get(db, "web").default_branch == "theirs"
    boss.send("/projects/web", **form, revision=revision_in(page))
    with site.services.database.reading() as db:
        assert projects.get(db, "web").default_branch == "main"


def test_a_program_may_say_which_revision_it_has_seen(site: Site) -> None:
    boss = api_client(site, Role.ADMIN)
    seen = boss.call("GET", "/apps/shop/settings")["revision"]
    change = {"robot": 7, "revision": seen}
    assert boss.call("PATCH", "/apps/shop", json=change)["revision"] == seen + 1
    assert boss.call("PATCH", "/apps/shop", 409, json=change)["problem"] == "changed_meanwhile"
    seen = boss.call("GET", "/projects/web")["revision"]
    change = {"default_branch": "dev", "revision": seen}
    assert boss.call("PATCH", "/projects/web", json=change)["revision"] == seen + 1
    assert boss.call("PATCH", "/projects/web", 409, json=change)["problem"] == "changed_meanwhile"


@pytest.mark.parametrize("kind", ["sqlite"])
def test_with_another_master_key_a_program_still_gets_the_settings(
    site: Site, upload_key: str
) -> None:
    """They were answered with 500, and a change after it had been made."""
    changed = replace(site.services, vault=Vault(b"another key of 32 bytes, of a new"[:32]))
    site.app.state.context = replace(site.app.state.context, services=changed)
    boss = api_client(site, Role.ADMIN)
    credential = boss.call("GET", "/apps/shop/settings")["credential"]
    assert credential["fingerprint"] is None
    assert credential["kept_at"]
    assert boss.call("PATCH", "/apps/shop", json={"robot": 7})["robot"] == 7
    anew = boss.call("PATCH", "/apps/shop", json={"credential": upload_key})
    assert anew["credential"]["fingerprint"]
